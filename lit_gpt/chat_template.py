"""A checkpoint's own chat template, or a family's: Jinja that turns a dialogue into text (rendered in a sandbox).

The format is that of Transformers (https://huggingface.co/docs/transformers/chat_templating). The rendered text is cut
at control tokens, such as <|im_start|>, which become their ids; what lies between is encoded as plain text. Control
tokens that a message spells stay text: they are hidden from the template's own, and uncovered after the cut.

An answer is what the template writes for an assistant's turn after the prompt that waits for it, up to the token that
ends the turn. So the ids of a training prompt are those of the same prompt at inference; a template that writes past
turns otherwise than it asks for new ones (dropping thoughts, say) cannot be trained with and is refused.

Not covered: tools, images, today's date (a template that asks for it gets none; most have a default).
"""

import hashlib
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from lit_gpt.errors import UserError
from lit_gpt.example import Message
from lit_gpt.prompts import END, Control, Part, Segment

HIDER = "\ue000"  # of the private use area; one that a message brings along is doubled, and halved again
VERSION_DIGITS = 12


@dataclass(frozen=True)
class TemplateStyle:
    """A prompt style that is a Jinja template.

    control: texts of the tokenizer's control tokens; bos and eos are two of them, or empty
    drops_blank: the tokenizer puts a blank before every text, so the template's own before an answer would be a second
    """

    name: str
    source: str
    control: frozenset[str]
    bos: str = ""
    eos: str = ""
    drops_blank: bool = False
    writes_bos: bool = field(default=True, init=False)  # or leaves it out on purpose

    @property
    def version(self) -> str:
        """Of the rendered text: another template, or another name for BOS, is another version."""
        return hashlib.sha256(repr((self.source, self.bos, self.eos)).encode()).hexdigest()[:VERSION_DIGITS]

    def render(self, messages: Sequence[Message]) -> Iterator[Segment]:
        """Alternating prompts and answers; see the module. UserError where the template does not allow it."""
        done = ""
        for number, message in enumerate(messages):
            if message.role == "assistant":
                asked = self._text(messages[:number], waits=True)
                yield Segment(self._parts(self._rest(asked, done)), is_answer=False)
                answer, done = self._answer(asked, self._text(messages[: number + 1], waits=False), message.content)
                yield Segment(answer, is_answer=True)
        if messages and messages[-1].role != "assistant":
            asked = self._text(messages, waits=True)
            yield Segment(self._parts(self._rest(asked, done)), is_answer=False)

    def _text(self, messages: Sequence[Message], waits: bool) -> str:
        turns = [{"role": message.role, "content": hidden(message.content, self.control)} for message in messages]
        try:
            text: str = _compiled(self.source).render(
                messages=turns, add_generation_prompt=waits, bos_token=self.bos, eos_token=self.eos
            )
        except Exception as error:  # whatever a stranger's template does
            got = f"the chat template on a dialogue of {', '.join(message.role for message in messages)}: {error}"
            raise UserError(got, "a dialogue that it takes", "choose another --prompt_style") from None
        return text

    def _rest(self, text: str, done: str) -> str:
        if not text.startswith(done):
            got = f"a chat template ({self.name}) that writes past turns otherwise than it asks for new ones"
            expected = "the prompt of a turn to begin with the turns before it"
            raise UserError(got, expected, "choose another --prompt_style")
        return text[len(done) :]

    def _answer(self, asked: str, answered: str, content: str) -> tuple[tuple[Part, ...], str]:
        """The parts that are trained on, and all text up to their end."""
        rest = self._rest(answered, asked)
        said = re.match(rf"(\s*){re.escape(hidden(content, self.control).strip())}\s*", rest)
        if said is None:
            got = f"a chat template ({self.name}) that changes an answer"
            raise UserError(got, "the answer as it stands in the data", "choose another --prompt_style")
        end = _cutter(self.control).match(rest, said.end())
        text = said[0] if end else said[0].rstrip()  # blanks before the end of the turn are the template's
        own_blanks = content[: len(content) - len(content.lstrip())]
        plain = shown(text.removeprefix(" ") if self.drops_blank and said[1] != own_blanks else text)
        done = asked + (rest[: end.end()] if end else text)
        return (plain, Control(end[0]) if end else END), done

    def _parts(self, text: str) -> tuple[Part, ...]:
        parts: list[Part] = []
        for number, piece in enumerate(_cutter(self.control).split(text)):
            if piece:
                parts.append(Control(piece) if number % 2 else shown(piece))
        return tuple(parts)


def hidden(content: str, control: Collection[str]) -> str:
    """The content with its control tokens made unlike control tokens."""
    content = content.replace(HIDER, HIDER * 2)
    return _cutter(frozenset(control)).sub(lambda found: found[0][0] + HIDER + found[0][1:], content)


def shown(text: str) -> str:
    """The inverse of `hidden`."""
    return re.sub(f"{HIDER}({HIDER}?)", r"\1", text)


@cache
def _cutter(control: frozenset[str]) -> re.Pattern[str]:
    """Matches any control token, the longest one first; nothing where there is none."""
    longest_first = sorted(control, key=lambda token: (-len(token), token))
    return re.compile("(" + "|".join(map(re.escape, longest_first)) + ")") if control else re.compile("((?!))")


@cache
def _compiled(source: str) -> Any:
    from jinja2 import TemplateSyntaxError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.globals["raise_exception"] = _refuse
    try:
        return environment.from_string(source)
    except TemplateSyntaxError as error:
        raise UserError(
            f"a chat template with an error: {error}", "sound Jinja", "choose another --prompt_style"
        ) from None


def _refuse(message: str) -> None:
    """What templates call when they do not like a dialogue."""
    raise ValueError(message)

"""Prompt styles: the one place that turns a dialogue into text.

A style renders messages into segments. Each segment is encoded by itself, in preparation, training and generation
alike, so the ids of a training prompt are the ids of the same prompt at inference. Answers are segments of their own,
with the token that ends them. A dialogue that ends with the user's turn renders to a prompt that waits for its answer.

Here are the styles that are plain text; later turns repeat the style's instruction and response blocks. Those that are
templates, of a checkpoint or a family, are in chat_template.py; prompt_styles.py finds the one to use.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from lit_gpt.example import Message


class Control(NamedTuple):
    """A control token, by its text; empty for the tokenizer's EOS."""

    token: str


Part = str | Control
END = Control("")


@dataclass(frozen=True)
class Segment:
    """A piece of a dialogue that is encoded on its own: plain text, in which nothing is a control token, and those."""

    parts: tuple[Part, ...]
    is_answer: bool

    @property
    def text(self) -> str:
        """For people."""
        return "".join(part.token if isinstance(part, Control) else part for part in self.parts)


class PromptStyle(Protocol):
    """How dialogues are told to a model.

    version: another one whenever the rendered text changes, so that prepared tokens are not mixed up
    writes_bos: the rendered text has the BOS that it wants; else the tokenizer's custom is followed
    """

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> int | str: ...
    @property
    def writes_bos(self) -> bool: ...
    def render(self, messages: Sequence[Message]) -> Iterator[Segment]:
        """Alternating prompt and answer segments."""
        ...


@dataclass(frozen=True)
class TextStyle:
    """A style of plain text; an answer ends in EOS."""

    name: str
    version: int
    opening: Callable[[Message, str], str]
    later: Callable[[Message], str]
    writes_bos: bool = False

    def render(self, messages: Sequence[Message]) -> Iterator[Segment]:
        """A system message goes into the first prompt."""
        system, turns = _split_system(messages)
        for number, message in enumerate(turns):
            if message.role == "assistant":
                yield Segment((message.content, END), is_answer=True)
            else:
                text = self.opening(message, system) if number == 0 else self.later(message)
                yield Segment((text,), is_answer=False)


def _split_system(messages: Sequence[Message]) -> tuple[str, Sequence[Message]]:
    if messages and messages[0].role == "system":
        return messages[0].content, messages[1:]
    return "", messages


# Stanford Alpaca, train.py, PROMPT_DICT: https://github.com/tatsu-lab/stanford_alpaca
ALPACA_PREAMBLE = (
    "Below is an instruction that describes a task. Write a response that appropriately completes the request."
)
ALPACA_PREAMBLE_WITH_INPUT = (
    "Below is an instruction that describes a task, paired with an input that provides further context. "
    "Write a response that appropriately completes the request."
)


def _alpaca_opening(message: Message, system: str) -> str:
    preamble = ALPACA_PREAMBLE_WITH_INPUT if message.input else ALPACA_PREAMBLE
    return f"{system or preamble}\n\n{_alpaca_blocks(message)}"


def _alpaca_blocks(message: Message) -> str:
    given = f"### Input:\n{message.input}\n\n" if message.input else ""
    return f"### Instruction:\n{message.instruction}\n\n{given}### Response:"


def _chat_opening(message: Message, system: str) -> str:
    return (f"System:\n{system}\n\n" if system else "") + _chat_blocks(message)


def _chat_blocks(message: Message) -> str:
    return f"User:\n{message.content}\n\nAssistant:\n"


def _raw_opening(message: Message, system: str) -> str:
    return f"{system}\n\n{message.content}" if system else message.content


TEXT_STYLES = {
    style.name: style
    for style in (
        TextStyle("alpaca", 1, _alpaca_opening, lambda message: "\n\n" + _alpaca_blocks(message)),
        TextStyle("chat", 1, _chat_opening, lambda message: "\n\n" + _chat_blocks(message)),
        TextStyle("raw", 1, _raw_opening, lambda message: "\n\n" + message.content),
    )
}

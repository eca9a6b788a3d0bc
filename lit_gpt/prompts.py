"""Prompt styles: the one place that turns a dialogue into text.

A style renders messages into segments. Each segment is encoded by itself, in preparation, training and
generation alike, so the ids of a training prompt are the ids of the same prompt at inference. Answers are
segments of their own; whoever encodes one appends EOS. A dialogue that ends with the user's turn renders to
a prompt that waits for its answer.

In a dialogue, every later turn repeats the style's instruction and response blocks.
Not covered yet: the Jinja chat template that comes with a checkpoint.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lit_gpt.errors import UserError, suggestion
from lit_gpt.example import Message
from lit_gpt.files import read_json, write_json

PROMPT_STYLE_FILE = "prompt_style.json"  # beside trained weights: how they were asked, and so how to ask them


@dataclass(frozen=True)
class Segment:
    """A piece of text that is encoded on its own."""

    text: str
    is_answer: bool


@dataclass(frozen=True)
class PromptStyle:
    """`version` rises whenever the rendered text changes, so that prepared tokens are not mixed up."""

    name: str
    version: int
    opening: Callable[[Message, str], str]
    later: Callable[[Message], str]

    def render(self, messages: Sequence[Message]) -> Iterator[Segment]:
        """Alternating prompt and answer segments; a system message goes into the first prompt."""
        system, turns = _split_system(messages)
        for number, message in enumerate(turns):
            if message.role == "assistant":
                yield Segment(message.content, is_answer=True)
            elif number == 0:
                yield Segment(self.opening(message, system), is_answer=False)
            else:
                yield Segment(self.later(message), is_answer=False)


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


STYLES = {
    style.name: style
    for style in (
        PromptStyle("alpaca", 1, _alpaca_opening, lambda message: "\n\n" + _alpaca_blocks(message)),
        PromptStyle("chat", 1, _chat_opening, lambda message: "\n\n" + _chat_blocks(message)),
        PromptStyle("raw", 1, _raw_opening, lambda message: "\n\n" + message.content),
    )
}


def prompt_style(name: str) -> PromptStyle:
    """The style of that name; UserError with the nearest name when there is none."""
    if name not in STYLES:
        remedy = suggestion(name, STYLES) or "choose one of these"
        raise UserError(f"prompt style {name!r}", f"one of {', '.join(STYLES)}", remedy)
    return STYLES[name]


def write_prompt_style(directory: Path, style: PromptStyle) -> None:
    """Leave word beside the weights of the style they were trained with."""
    write_json(directory / PROMPT_STYLE_FILE, {"prompt_style": style.name, "version": style.version})


def read_prompt_style(directory: Path) -> PromptStyle | None:
    """The style that the weights in this directory were trained with; None where nothing says so."""
    path = directory / PROMPT_STYLE_FILE
    if not path.is_file():
        return None
    record = read_json(path)
    style = prompt_style(record["prompt_style"])
    if style.version != record["version"]:
        raise UserError(
            f"{path} asks for version {record['version']} of the prompt style {style.name}",
            f"version {style.version}, the one this program has",
            "choose with --prompt_style, or finetune again",
        )
    return style

"""What is read of a row: of a dialogue, all answers together, and all that is said before and between."""

from collections.abc import Callable
from typing import Literal

from lit_gpt.example import Example

Part = Literal["prompt", "answer", "whole"]


def answer_of(example: Example) -> str:
    """What the assistant says, turns apart by a blank line."""
    return "\n\n".join(message.content for message in example.messages if message.role == "assistant")


def prompt_of(example: Example) -> str:
    """What is said before and between, turns apart by a blank line."""
    return "\n\n".join(message.content for message in example.messages if message.role != "assistant")


def first_request_of(example: Example) -> str:
    """The first request with what was said before it."""
    texts = []
    for message in example.messages:
        if message.role == "assistant":
            break
        texts.append(message.content)
    return "\n\n".join(texts)


def part_of(part: Part) -> Callable[[Example], str]:
    """The text of a row that is compared or embedded."""
    if part == "whole":
        return lambda example: f"{prompt_of(example)}\n\n{answer_of(example)}"
    return prompt_of if part == "prompt" else answer_of

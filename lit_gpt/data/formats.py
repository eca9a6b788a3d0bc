"""The shapes rows come in, as dialogues: three columns (instruction, input, output) and messages ({role, content}).

Text is kept as it is, blanks and line ends included; only the question whether a field is empty is asked of
the stripped text. An input that is blank counts as absent. Fields without a meaning here are not read.
"""

import re
from collections.abc import Iterable
from typing import Any, get_args

from lit_gpt.data.reasons import Rejected
from lit_gpt.data.source import ParsedRow
from lit_gpt.example import Message, Role, user_message

SURROGATE = re.compile("[\ud800-\udfff]")
ROLES: dict[str, Role] = {role: role for role in get_args(Role)}
EMPTY = {"user": "empty_instruction", "assistant": "empty_output"}


def text_field(record: dict[str, Any], name: str) -> str:
    """The text of a field that must be there; it may be empty."""
    if record.get(name) is None:
        raise Rejected("missing_field")
    return clean_text(record[name])


def optional_text_field(record: dict[str, Any], name: str) -> str:
    """The text of a field, empty when it is absent or null."""
    return "" if record.get(name) is None else clean_text(record[name])


def clean_text(value: Any) -> str:
    """The value itself, if it is text that can be stored and encoded."""
    if not isinstance(value, str):
        raise Rejected("non_text_value")
    if "\0" in value:
        raise Rejected("nul_character")
    if SURROGATE.search(value):
        raise Rejected("lone_surrogate")
    return value


def question_and_answer(
    record: dict[str, Any], instruction: str = "instruction", input: str = "input", output: str = "output"
) -> list[Message]:
    """One exchange from three fields, which data sets call by different names; `input` may be absent."""
    material = optional_text_field(record, input)
    question = user_message(text_field(record, instruction), material if material.strip() else "")
    if not question.instruction.strip():
        raise Rejected("empty_instruction")
    return [question, Message("assistant", text_field(record, output))]


def messages_field(record: dict[str, Any], name: str = "messages") -> list[Message]:
    """The turns of a list of {role, content}; a blank system turn says nothing and is left out."""
    turns = record.get(name)
    if turns is None:
        raise Rejected("missing_field")
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        raise Rejected("non_text_value")
    messages = [_message(turn) for turn in turns]
    return messages[1:] if messages and messages[0].role == "system" and not messages[0].content.strip() else messages


def _message(turn: dict[str, Any]) -> Message:
    role = ROLES.get(text_field(turn, "role"))
    if role is None:
        raise Rejected("unknown_role")
    return Message(role, text_field(turn, "content"))


def alternating(texts: Iterable[Any]) -> list[Message]:
    """Turns from bare texts, the user's first."""
    return [Message("assistant" if i % 2 else "user", clean_text(text)) for i, text in enumerate(texts)]


def dialogue(messages: list[Message], category: str = "") -> ParsedRow:
    """The row of a dialogue: checked, and without a last user turn that nobody answered."""
    turns = messages[1:] if messages and messages[0].role == "system" else messages
    if any(turn.role != ("assistant" if i % 2 else "user") for i, turn in enumerate(turns)):
        raise Rejected("wrong_turn_order")
    if len(turns) < 2:
        raise Rejected("no_answer")
    if turns[-1].role == "user":
        return ParsedRow(_not_blank(messages[:-1]), category, notes=("trailing_user_turn_cut",))
    return ParsedRow(_not_blank(messages), category)


def _not_blank(messages: list[Message]) -> tuple[Message, ...]:
    for message in messages:
        if not message.content.strip():
            raise Rejected(EMPTY[message.role])
    return tuple(messages)

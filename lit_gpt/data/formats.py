"""The shapes rows come in, as dialogues: three columns (instruction, input, output), lists of turns, marked text.

Turns are {role, content} (OpenAI, ChatML), {from, value} (ShareGPT) or bare texts, the user's first. Marked text is one
text with `### Human:` and `### Assistant:` before the turns (Guanaco, and QLoRA's Open Assistant files).

Text is kept as it is, blanks and line ends included; only the question whether a field is empty is asked of
the stripped text. An input that is blank counts as absent. Fields without a meaning here are not read.
"""

import json
import re
from collections.abc import Iterable
from typing import Any, get_args

from lit_gpt.data.reasons import Rejected
from lit_gpt.data.source import ParsedRow
from lit_gpt.example import Message, Role, user_message

SURROGATE = re.compile("[\ud800-\udfff]")
ROLES: dict[str, Role] = {role: role for role in get_args(Role)}
# ShareGPT's own names for them, beside ours
SPEAKERS = ROLES | {
    "human": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bing": "assistant",
    "bard": "assistant",
}
MARK = re.compile(r"\s*### (Human|Assistant):[ \n]?")
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
    """The turns of a list; a blank system turn says nothing and is left out."""
    turns = record.get(name)
    if turns is None:
        raise Rejected("missing_field")
    if isinstance(turns, str) and turns.lstrip().startswith("["):
        turns = _from_json(turns)  # how a CSV cell holds a list
    if not isinstance(turns, list):
        raise Rejected("non_text_value")
    if turns and isinstance(turns[0], str):
        return alternating(turns)
    messages = [_message(turn) for turn in turns]
    return messages[1:] if messages and messages[0].role == "system" and not messages[0].content.strip() else messages


def _from_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise Rejected("non_text_value") from None


def _message(turn: Any) -> Message:
    if not isinstance(turn, dict):
        raise Rejected("non_text_value")
    by, content, roles = ("from", "value", SPEAKERS) if "from" in turn else ("role", "content", ROLES)
    role = roles.get(text_field(turn, by))
    if role is None:
        raise Rejected("unknown_role")
    if isinstance(turn.get(content), list):
        return Message(role, "".join(map(_text_part, turn[content])))
    return Message(role, text_field(turn, content))


def _text_part(part: Any) -> str:
    """A piece of a turn in OpenAI's list form; pictures and sounds are not for us."""
    if not isinstance(part, dict) or part.get("type") != "text":
        raise Rejected("non_text_value")
    return text_field(part, "text")


def marked_turns(text: str) -> list[Message]:
    """The turns of a text with `### Human:` and `### Assistant:` before them; blanks around a turn are the marks'."""
    before, *rest = MARK.split(text)
    if before.strip() or not rest:
        raise Rejected("wrong_turn_order")
    pairs = zip(rest[::2], rest[1::2], strict=True)
    return [Message("user" if mark == "Human" else "assistant", clean_text(turn.strip())) for mark, turn in pairs]


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


def document(text: str, category: str = "") -> ParsedRow:
    """Plain text: an answer to nothing, all of it to be learned."""
    if not text.strip():
        raise Rejected("empty_output")
    return ParsedRow((Message("user", ""), Message("assistant", text)), category)


def _not_blank(messages: list[Message]) -> tuple[Message, ...]:
    for message in messages:
        if not message.content.strip():
            raise Rejected(EMPTY[message.role])
    return tuple(messages)

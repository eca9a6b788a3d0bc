"""Which column of a user's rows is what: told by the names that data sets use, or by the user.

A row's form is the first of these that it has: turns (messages, ShareGPT), a question and its answer (Alpaca, prompt
and completion), plain text. Columns that mean nothing here are not read, and are named.
Not handled: values inside nested objects, and pairs of a chosen and a rejected answer.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lit_gpt.data.formats import (
    alternating,
    clean_text,
    dialogue,
    document,
    marked_turns,
    messages_field,
    optional_text_field,
    question_and_answer,
)
from lit_gpt.data.reasons import Rejected
from lit_gpt.data.source import ParsedRow
from lit_gpt.errors import UserError, suggestion
from lit_gpt.example import Message

# the names each field goes by, the most telling first
NAMES = {
    "messages": ("messages", "conversations", "conversation", "dialogue", "dialog", "turns"),
    "instruction": ("instruction", "question", "query", "prompt", "inputs", "problem", "user", "human", "input"),
    "input": ("input", "context", "passage"),
    "output": ("output", "response", "answer", "completion", "targets", "target", "solution", "assistant", "reply"),
    "text": ("text", "document", "content"),
    "system": ("system", "system_prompt"),
    "history": ("history",),
    "category": ("category",),
}
FORMS = (("messages",), ("instruction", "output"), ("text",))
DO = "say which column is which, e.g. --columns "


@dataclass(frozen=True)
class Mapping:
    """Field to column, and the columns that are not read."""

    columns: dict[str, str]
    unread: tuple[str, ...] = ()

    @property
    def forms(self) -> tuple[tuple[str, ...], ...]:
        """The sets of columns a table must have one of."""
        return tuple(
            tuple(self.columns[field] for field in form) for form in FORMS if all(f in self.columns for f in form)
        )

    def __str__(self) -> str:
        pairs = ", ".join(f"{field}={column}" for field, column in self.columns.items())
        return pairs + (f" (not read: {', '.join(self.unread)})" if self.unread else "")

    def parse(self, record: dict[str, Any]) -> ParsedRow:
        """A record as a dialogue, by the first form that it has; Rejected when it has none."""
        fields = {field: record.get(column) for field, column in self.columns.items()}
        category = optional_text_field(fields, "category")
        system = optional_text_field(fields, "system")
        before = [Message("system", system)] if system.strip() else []
        if fields.get("messages") is not None or not {"output", "text"} & set(self.columns):
            return dialogue(_unless_there(before, messages_field(fields)), category)
        if "text" not in fields:
            return dialogue(before + _exchange(fields), category)
        text = clean_text(fields["text"]) if fields["text"] is not None else ""
        if text.lstrip().startswith("### Human:"):
            return dialogue(before + marked_turns(text), category)
        return document(text, category)


def _unless_there(system: list[Message], messages: list[Message]) -> list[Message]:
    return messages if messages and messages[0].role == "system" else system + messages


def _exchange(fields: dict[str, Any]) -> list[Message]:
    """A question and its answer, after the pairs that came before; both may be lists of turns (TRL)."""
    if isinstance(fields.get("instruction"), list) and isinstance(fields.get("output"), list):
        return messages_field(fields, "instruction") + messages_field(fields, "output")
    history = fields.get("history") or []
    if not isinstance(history, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in history):
        raise Rejected("non_text_value")
    return alternating(text for pair in history for text in pair) + question_and_answer(fields)


def parse_columns(text: str) -> dict[str, str]:
    """`instruction=Question,output=Answer` as field to column; UserError where it says something else."""
    pairs = [pair.partition("=") for pair in text.split(",") if pair.strip()]
    given = {field.strip(): column.strip() for field, _, column in pairs}
    for field, column in given.items():
        if field not in NAMES or not column:
            turned = f"turn it round: {column}={field}" if column in NAMES else ""
            remedy = turned or suggestion(field, NAMES) or f"name the fields among {', '.join(NAMES)}"
            raise UserError(f"--columns {text}", "FIELD=COLUMN pairs with commas between", remedy)
    return given


def find_mapping(records: Sequence[dict[str, Any]], given: dict[str, str], file: str) -> Mapping:
    """The mapping of a file by its first records; UserError with what was seen when there is none.

    `given` goes before what is found, and is looked for without regard to capitals.
    """
    seen = list(dict.fromkeys(name for record in records for name in record))
    by_name = {name.strip().lower(): name for name in reversed(seen)}
    columns = {field: _column(column, by_name, seen, file) for field, column in given.items()}
    for field in [field for form in FORMS for field in form] + ["input", "system", "history", "category"]:
        if field not in columns and _is_wanted(field, columns):
            free = [by_name[n] for n in NAMES[field] if n in by_name and by_name[n] not in columns.values()]
            if free and (field != "messages" or _holds_turns(records, free[0])):
                columns[field] = free[0]
    complete = [form for form in FORMS if all(field in columns for field in form)]
    if not complete:
        raise _undetected(records, seen, file)
    useless = {f for form in FORMS if form not in complete for f in form} - {f for form in complete for f in form}
    columns = {field: column for field, column in columns.items() if field not in useless or field in given}
    return Mapping(columns, tuple(name for name in seen if name not in columns.values()))


def _is_wanted(field: str, columns: dict[str, str]) -> bool:
    """Plain text is for rows without anything else; a question is not looked for where the user named text."""
    has_exchange = "instruction" in columns and "output" in columns
    if field == "text":
        return not has_exchange and "messages" not in columns
    return not (field in ("messages", "instruction", "output") and "text" in columns)


def _holds_turns(records: Sequence[dict[str, Any]], column: str) -> bool:
    values = [record[column] for record in records if record.get(column) is not None]
    return any(isinstance(value, list) or str(value).lstrip().startswith("[") for value in values)


def _column(column: str, by_name: dict[str, str], seen: list[str], file: str) -> str:
    if column in seen:
        return column
    if column.lower() in by_name:
        return by_name[column.lower()]
    got = f"--columns with {column!r}, and {file} with the columns: {', '.join(seen)}"
    raise UserError(got, "a column that is there", suggestion(column.lower(), by_name) or "choose one of these")


def _undetected(records: Sequence[dict[str, Any]], seen: list[str], file: str) -> UserError:
    expected = "columns named instruction and output, or messages, or conversations, or prompt and completion, or text"
    texts = [name for name in seen if any(isinstance(record.get(name), str) for record in records)]
    answer = _nearest("output", texts) or (texts[-1] if len(texts) > 1 else "…")
    question = _nearest("instruction", [name for name in texts if name != answer]) or (texts[0] if texts else "…")
    got = f"{file} with the columns: {', '.join(seen[:30]) or 'none'}"
    return UserError(got, expected, f"{DO}'instruction={question},output={answer}'")


def _nearest(field: str, columns: Sequence[str]) -> str:
    """The column whose name is most like one of the field's, or the empty string."""
    for name in NAMES[field]:
        near = difflib.get_close_matches(name, [column.lower() for column in columns], n=1, cutoff=0.6)
        inside = [column for column in columns if name in column.lower()]
        if near or inside:
            return inside[0] if inside else next(column for column in columns if column.lower() == near[0])
    return ""

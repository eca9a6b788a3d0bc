"""LIMA: 1,030 dialogues chosen or written by hand, "Less Is More for Alignment" (https://arxiv.org/abs/2305.11206).

Home: https://huggingface.co/datasets/GAIR/lima, `train.jsonl` and `test.jsonl` (300 prompts without answers). Gated:
its terms must be accepted on that page, and a token of the account that did must be known to huggingface_hub.
Licence: CC BY-NC-SA, or stricter where the terms of a row's own source are. Origin: human (Stack Exchange, wikiHow,
Reddit, Super-Natural Instructions, and the authors).

One row of `train.jsonl` (shortened), and of the Alpaca-field copies that are about:
    {"conversations": ["Can brain cells move? By movement I mean …", "The question is relatively broad …"],
     "source": "stackexchange"}
    {"instruction": "Can brain cells move? …", "input": "", "output": "The question …", "history": []}

Known traps
- 30 rows are dialogues of several turns: `conversations` has 2 to n texts, user first; in the copies the earlier
  turns are pairs in `history` and the last one is instruction and output. They are kept as dialogues.
- A dialogue may end in a user turn; that turn is left out and counted.
- The test prompts are rows with a single text, or with `conversations` a plain string. `read_prompts` reads them.
- One prompt stands both among the training rows and the test prompts.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from lit_gpt.data.formats import alternating, clean_text, dialogue, optional_text_field, question_and_answer
from lit_gpt.data.reading import read_records
from lit_gpt.data.reasons import REASONS
from lit_gpt.data.records import Record, Reject
from lit_gpt.data.source import Home, ParsedRow, Rejected, Source
from lit_gpt.errors import UserError
from lit_gpt.example import Example, Message, Provenance
from lit_gpt.files import sha256_of

NAME = "lima"
LICENCE = "CC-BY-NC-SA-4.0"
HOME = Home("GAIR/lima", ("train.jsonl",), "68958e98267f5fb4a52a03ebcdae4ae59213fa7c")


def source(include_multiturn_conversations: bool = True) -> Source:
    """LIMA's own choices.

    Args:
        include_multiturn_conversations: keep dialogues whole; false keeps their first question and answer
    """
    return Source(
        name=NAME,
        home=HOME,
        licence=LICENCE,
        origin="human",
        parse=_parse if include_multiturn_conversations else _parse_first_pair,
        forms=(("conversations",), ("instruction", "output")),
        options={"include_multiturn_conversations": include_multiturn_conversations},
    )


def _parse(record: dict[str, Any]) -> ParsedRow:
    category = optional_text_field(record, "source")
    if "conversations" in record:
        return dialogue(alternating(_texts(record)), category)
    return dialogue(alternating(_earlier_texts(record)) + question_and_answer(record), category)


def _parse_first_pair(record: dict[str, Any]) -> ParsedRow:
    row = _parse(record)
    if len(row.messages) == 2:
        return row
    return replace(row, messages=row.messages[:2], notes=("later_turns_cut",))


def _texts(record: dict[str, Any]) -> list[Any]:
    conversations = record["conversations"]
    if isinstance(conversations, str):
        return [conversations]
    if not isinstance(conversations, list):
        raise Rejected("missing_field" if conversations is None else "non_text_value")
    return conversations


def _earlier_texts(record: dict[str, Any]) -> list[Any]:
    history = record.get("history") or []
    if not isinstance(history, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in history):
        raise Rejected("non_text_value")
    return [text for pair in history for text in pair]


def read_prompts(path: Path) -> Iterator[Example]:
    """The test prompts: dialogues of one user turn, in order. UserError at a row that is none."""
    revision = f"sha256:{sha256_of(path)[:12]}"
    for row, record in enumerate(read_records(path, lambda columns, file: None)):
        provenance = Provenance(NAME, revision, row, LICENCE, "human")
        yield Example(f"{NAME}-prompt-{row:06d}", (_prompt(record),), provenance)


def _prompt(record: Record | Reject) -> Message:
    try:
        if isinstance(record, Reject):
            raise Rejected(record.reason)
        texts = _texts(record.fields) if "conversations" in record.fields else []
        if not texts:
            raise Rejected("missing_field")
        if not clean_text(texts[0]).strip():
            raise Rejected("empty_instruction")
        return Message("user", texts[0])
    except Rejected as error:
        place = record.place
        raise UserError(
            f"{place.file}, line {place.line}: {REASONS[error.reason]}",
            'a prompt: {"conversations": "text"} or {"conversations": ["text"]}',
            "mend the line or take it out",
        ) from None

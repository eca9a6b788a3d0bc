"""A user's own file: CSV, TSV, JSON, JSON lines or parquet, with three columns or with messages.

Home: the user's disk, or any data set on the hub in one of these forms. Licence and origin: unknown, unless told.

One row in each form:
    {"instruction": "Say hi", "input": "", "output": "hi"}
    {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Say hi"},
                  {"role": "assistant", "content": "hi"}]}

Known traps
- "NA", "null", "None" and "007" are text and stay text.
- `input` may be absent; a `category` is kept; other fields are not read. A row with `messages` is read by them alone.
"""

from typing import Any

from lit_gpt.data.formats import dialogue, messages_field, optional_text_field, question_and_answer
from lit_gpt.data.source import ParsedRow, Source
from lit_gpt.example import Origin


def source(name: str = "csv", licence: str = "unknown", origin: Origin = "unknown", generator: str = "") -> Source:
    """Your own rows.

    Args:
        name: starts the ids of the rows
        licence: what may be done with them, as an SPDX id where there is one
        origin: who wrote them; human only where people wrote prompts and answers, mixed where a model wrote a part
        generator: the language model that wrote them, if one did
    """
    return Source(
        name=name,
        licence=licence,
        origin=origin,
        generator=generator,
        parse=_parse,
        forms=(("instruction", "output"), ("messages",)),
    )


def _parse(record: dict[str, Any]) -> ParsedRow:
    messages = messages_field(record) if "messages" in record else question_and_answer(record)
    return dialogue(messages, optional_text_field(record, "category"))

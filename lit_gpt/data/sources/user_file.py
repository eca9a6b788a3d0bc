"""A user's own file: CSV, TSV, JSON, JSON lines or parquet, in any of the forms that instruction data comes in.

Home: the user's disk, or any data set on the hub. Licence and origin: unknown, unless told. The form is told by the
names of the columns (lit_gpt/data/mapping.py), or with --columns; what was found is printed with the first rows.

One row in each form (Alpaca, messages, ShareGPT, prompt and completion, plain text):
    {"instruction": "Say hi", "input": "", "output": "hi"}
    {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Say hi"},
                  {"role": "assistant", "content": "hi"}]}
    {"conversations": [{"from": "human", "value": "Say hi"}, {"from": "gpt", "value": "hi"}]}
    {"prompt": "Say hi", "completion": "hi"}
    {"text": "Whoever reads this says hi."}

Known traps
- "NA", "null", "None" and "007" are text and stay text.
- `input` may be absent; a `category` and a `system` prompt are kept. A row with `messages` is read by them alone.
- Plain text is the answer to an empty prompt; train on it with --prompt_style raw. Where it starts with `### Human:` it
  is a dialogue.
- Turns of other roles (tools) and dialogues that the assistant opens are rejected, each with its reason.
- Preference data is read for its dialogue alone: whether an answer was liked (`label`, `rejected`) is not looked at.
"""

from dataclasses import replace
from typing import Any

from lit_gpt.data.accounting import say
from lit_gpt.data.formats import dialogue, messages_field, optional_text_field, question_and_answer
from lit_gpt.data.mapping import find_mapping, parse_columns
from lit_gpt.data.source import Layout, ParsedRow, Source
from lit_gpt.example import Origin


def source(
    name: str = "csv",
    licence: str = "unknown",
    origin: Origin = "unknown",
    generator: str = "",
    columns: str = "",
    quotes: bool = True,
    column_names: str = "",
) -> Source:
    """Your own rows.

    Args:
        name: starts the ids of the rows
        licence: what may be done with them, as an SPDX id where there is one
        origin: who wrote them; human only where people wrote prompts and answers, mixed where a model wrote a part
        generator: the language model that wrote them, if one did
        columns: which column is what, where its name does not tell, e.g. instruction=Question,output=Answer
        quotes: in a table, quotes enclose fields; false for TSV files in which they are text like any other
        column_names: the columns of a table without a header line, with commas between
    """
    given = parse_columns(columns)
    names = tuple(column.strip() for column in column_names.split(",") if column.strip())
    choices = {"columns": given, "quotes": quotes, "column_names": list(names)}

    def fit(source: Source, records: list[dict[str, Any]], file: str) -> Source:
        mapping = find_mapping(records, given, file)
        say(f"{file}: columns {mapping}")
        options = {**source.options, "columns": mapping.columns}
        return replace(source, parse=mapping.parse, forms=mapping.forms, options=options)

    return Source(
        name=name,
        licence=licence,
        origin=origin,
        generator=generator,
        parse=_parse,
        forms=(("instruction", "output"), ("messages",)),
        layout=Layout(quotes=quotes, column_names=names),
        fit=fit,
        options=choices,
    )


def _parse(record: dict[str, Any]) -> ParsedRow:
    """By the names as they stand, for rows that nobody has looked at before."""
    messages = messages_field(record) if "messages" in record else question_and_answer(record)
    return dialogue(messages, optional_text_field(record, "category"))

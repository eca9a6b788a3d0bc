"""LongForm: 27,739 long texts by people, most with an instruction that a language model made up for them.

Home: https://huggingface.co/datasets/akoksal/LongForm (https://arxiv.org/abs/2304.08460). Licence: MIT, with OpenAI's
terms for the instructions it wrote. Origin, by the row's `source`: C4 and Wikipedia are mixed (a human text, and an
instruction by text-davinci-003); Stack Exchange, wikiHow and the task sets (NIv2, BIG-bench, BEA-GEC, Enron) are human.

One row (shortened):
    {"input": "Explain how an abacus works.", "output": "An abacus is …", "source": "Wikipedia", "subset": "wikipedia"}

Known traps
- `input` is the instruction; there is no material beside it.
- An LLM-written prompt is LLM output to those who forbid it, so these rows are `mixed` and name their generator.
- A `source` not listed here has an unknown origin.
"""

from typing import Any

from lit_gpt.data.formats import dialogue, optional_text_field, question_and_answer
from lit_gpt.data.source import Home, ParsedRow, Source
from lit_gpt.example import Origin

HOME = Home("akoksal/LongForm", ())
GENERATOR = "text-davinci-003"
LLM_INSTRUCTIONS = {"c4", "wikipedia"}
HUMAN = {"stackexchange", "wikihow", "niv2", "ni", "bigbench", "beagec", "bea", "enron"}


def source() -> Source:
    return Source(
        name="longform",
        home=HOME,
        licence="MIT",
        origin="unknown",
        parse=_parse,
        forms=(("input", "output"), ("instruction", "output")),
    )


def _parse(record: dict[str, Any]) -> ParsedRow:
    instruction = "input" if "instruction" not in record else "instruction"
    category = optional_text_field(record, "source")
    row = dialogue(question_and_answer(record, instruction=instruction, input=""), category)
    origin = _origin(category)
    return ParsedRow(row.messages, category, None, origin, GENERATOR if origin == "mixed" else "", row.notes)


def _origin(name: str) -> Origin:
    plain = "".join(letter for letter in name.lower() if letter.isalnum())
    if plain in LLM_INSTRUCTIONS:
        return "mixed"
    return "human" if plain in HUMAN else "unknown"

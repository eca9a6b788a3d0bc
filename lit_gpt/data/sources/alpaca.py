"""Alpaca: 52,002 instructions and answers by a language model (https://github.com/tatsu-lab/stanford_alpaca).

Home: https://huggingface.co/datasets/tatsu-lab/alpaca, one parquet file; the project's own `alpaca_data.json` has the
same fields. The cleaned version is https://huggingface.co/datasets/yahma/alpaca-cleaned, one JSON file. Licence:
CC BY-NC 4.0. Origin: llm; OpenAI's text-davinci-003 wrote instructions and answers, from 175 human seed tasks, and
OpenAI's terms forbid training competing models on its output.

One row:
    {"instruction": "What are the three primary colors?", "input": "",
     "output": "The three primary colors are red, blue, and yellow."}

Known traps
- Some answers are empty (28 at the hub, 49 in a copy at hand): such rows are dropped as `empty_output`.
- Some inputs say "<noinput>" or "No input" in words, and some answers break off or run into the next task; kept.
- In the cleaned version, mended by hand from April 2023 on, GPT-4 wrote a part of the answers anew; no row says which.
- The hub's file has a fourth column, `text`, with the row already in a template; it is not read.
"""

from typing import Any

from lit_gpt.data.formats import dialogue, question_and_answer
from lit_gpt.data.source import Home, ParsedRow, Source

HOME = Home(
    "tatsu-lab/alpaca",
    ("data/train-00000-of-00001-a09b74b3ef9c3b56.parquet",),
    "dce01c9b08f87459cf36a430d809084718273017",
)
CLEANED = Home("yahma/alpaca-cleaned", ("alpaca_data_cleaned.json",))


def source(cleaned: bool = False) -> Source:
    """Which Alpaca.

    Args:
        cleaned: the version that its users mended
    """
    return Source(
        name="alpaca-cleaned" if cleaned else "alpaca",
        home=CLEANED if cleaned else HOME,
        licence="CC-BY-NC-4.0",
        origin="llm",
        generator="text-davinci-003 or gpt-4" if cleaned else "text-davinci-003",
        parse=_parse,
        forms=(("instruction", "output"),),
    )


def _parse(record: dict[str, Any]) -> ParsedRow:
    return dialogue(question_and_answer(record))

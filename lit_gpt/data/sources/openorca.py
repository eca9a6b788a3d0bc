"""OpenOrca: 4.2 million questions of FLAN with answers and explanations by GPT-4 and GPT-3.5.

Home: https://huggingface.co/datasets/Open-Orca/OpenOrca, two parquet files (https://arxiv.org/abs/2306.02707). Licence:
MIT at the hub. Origin: llm; the file's name says which model wrote the answers, and OpenAI's terms forbid
training competing models on them.

One row (shortened):
    {"id": "niv.242684", "system_prompt": "You are an AI assistant …", "question": "You will be given …",
     "response": "The midrange of …"}

Known traps
- `1M-GPT4-Augmented` is by gpt-4, `3_5M-GPT3_5-Augmented` by gpt-3.5-turbo; a copy under another name cannot tell.
- The id's beginning (flan, t0, cot, niv) says which collection of FLAN the question is from.
- The system prompt is one of 16; it may be empty.
- Questions are FLAN's, so that benchmarks' training rows, and some test rows, are among them.
"""

from collections.abc import Iterator
from typing import Any

from lit_gpt.data.formats import dialogue, optional_text_field, question_and_answer
from lit_gpt.data.source import Home, ParsedRow, Source
from lit_gpt.example import Message

HOME = Home("Open-Orca/OpenOrca", ("1M-GPT4-Augmented.parquet", "3_5M-GPT3_5-Augmented.parquet"))
UNTOLD = "gpt-4 or gpt-3.5-turbo"


def source() -> Source:
    return Source(
        name="openorca",
        home=HOME,
        licence="MIT",
        origin="llm",
        generator=UNTOLD,
        parse=_parse,
        unfold=_unfold,
        forms=(("question", "response"),),
    )


def _unfold(record: dict[str, Any], file: str) -> Iterator[dict[str, Any]]:
    name = file.lower().replace("-", "").replace("_", "")
    yield {**record, "generator": "gpt-4" if "gpt4" in name else "gpt-3.5-turbo" if "gpt35" in name else UNTOLD}


def _parse(record: dict[str, Any]) -> ParsedRow:
    system = optional_text_field(record, "system_prompt")
    before = [Message("system", system)] if system.strip() else []
    collection = optional_text_field(record, "id").partition(".")[0]
    row = dialogue(before + question_and_answer(record, "question", "", "response"), collection)
    return ParsedRow(row.messages, row.category, generator=record["generator"], notes=row.notes)

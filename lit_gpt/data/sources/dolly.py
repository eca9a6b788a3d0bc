"""Dolly 15k: 15,011 instructions and answers written by employees of Databricks in 2023.

Home: https://huggingface.co/datasets/databricks/databricks-dolly-15k, one JSON lines file. Licence: CC BY-SA 3.0.
Origin: human; the writers were asked not to use language models.

One row (shortened) by the hub's names, and by those of Alpaca-field copies:
    {"instruction": "When did Virgin Australia start operating?", "context": "Virgin Australia, the trading name …",
     "response": "Virgin Australia commenced services on 31 August 2000 …", "category": "closed_qa"}
    {"instruction": "How do I start running?", "category": "general_qa", "input": "", "output": "Make sure you …"}

Known traps
- Contexts come from Wikipedia and carry its reference marks, such as [1]; they are kept.
- Eight categories; three of them (closed_qa, information_extraction, summarization) come with a context.
"""

from typing import Any

from lit_gpt.data.formats import dialogue, optional_text_field, question_and_answer
from lit_gpt.data.source import Home, ParsedRow, Source

HOME = Home(
    "databricks/databricks-dolly-15k", ("databricks-dolly-15k.jsonl",), "bdd27f4d94b9c1f951818a7da7fd7aeea5dbff1a"
)


def source() -> Source:
    return Source(
        name="dolly",
        home=HOME,
        licence="CC-BY-SA-3.0",
        origin="human",
        parse=_parse,
        forms=(("instruction", "response"), ("instruction", "output")),
    )


def _parse(record: dict[str, Any]) -> ParsedRow:
    if "response" in record:
        messages = question_and_answer(record, input="context", output="response")
    else:
        messages = question_and_answer(record)
    return dialogue(messages, optional_text_field(record, "category"))

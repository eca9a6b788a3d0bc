"""The seed tasks of Self-Instruct: 175 instructions with an answer each, written by the paper's authors.

Home: https://github.com/yizhongw/self-instruct, `data/seed_tasks.jsonl` (https://arxiv.org/abs/2212.10560); give
--source. Licence: Apache-2.0. Origin: human. (What was generated from these seeds is by GPT-3 and no part of this.)

One row (shortened):
    {"id": "seed_task_1", "name": "antonym_relation", "instruction": "What is the relation between the given pairs?",
     "instances": [{"input": "Night : Day :: Right : Left", "output": "The relation … opposites."}],
     "is_classification": false}

Known traps
- A task has a list of instances, of which each becomes a row.
- `user_oriented_instructions.jsonl` has the same form and is the paper's test set: do not train on it and test with it.
- Code Alpaca's `seed_tasks.jsonl` has the same form, and a licence of its own.
"""

from collections.abc import Iterator
from typing import Any

from lit_gpt.data.formats import dialogue, optional_text_field, question_and_answer
from lit_gpt.data.source import ParsedRow, Rejected, Source


def source() -> Source:
    return Source(
        name="self-instruct-seeds",
        licence="Apache-2.0",
        origin="human",
        parse=_parse,
        unfold=_unfold,
        forms=(("instruction", "instances"),),
    )


def _unfold(record: dict[str, Any], file: str) -> Iterator[dict[str, Any]]:
    instances = record.get("instances")
    if not instances:
        raise Rejected("missing_field")
    if not isinstance(instances, list) or not all(isinstance(instance, dict) for instance in instances):
        raise Rejected("non_text_value")
    for instance in instances:
        yield {"instruction": record.get("instruction"), "category": record.get("name"), **instance}


def _parse(record: dict[str, Any]) -> ParsedRow:
    return dialogue(question_and_answer(record), optional_text_field(record, "category"))

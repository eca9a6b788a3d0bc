"""GSM8K: grade school mathematics, 7,473 problems to train on, with solutions by people.

Home: https://huggingface.co/datasets/openai/gsm8k, and https://github.com/openai/grade-school-math, `train.jsonl`
(https://arxiv.org/abs/2110.14168). Licence: MIT. Origin: human.

One row:
    {"question": "Natalia sold clips to 48 of her …", "answer": "Natalia sold 48/2 = <<48/2=24>>24 clips …\\n#### 72"}

Known traps
- The test rows (1,319) are a benchmark and are not read: the home names the training file alone.
- Solutions carry notes for a calculator, <<48/2=24>>. They are taken out, unless `--calculator_notes true`.
- The answer stands after #### in the last line, which is how it is graded; that line is kept.
- FLAN-CoT has the same rows in other words.
"""

import re
from typing import Any

from lit_gpt.data.formats import dialogue, question_and_answer, text_field
from lit_gpt.data.source import Home, ParsedRow, Source

HOME = Home("openai/gsm8k", ("main/train-00000-of-00001.parquet",))
NOTE = re.compile(r"<<[^<>]*>>")


def source(calculator_notes: bool = False) -> Source:
    """How solutions are written.

    Args:
        calculator_notes: keep the notes for a calculator
    """

    def parse(record: dict[str, Any]) -> ParsedRow:
        answer = text_field(record, "answer")
        fields = {"instruction": record.get("question"), "output": answer if calculator_notes else NOTE.sub("", answer)}
        return dialogue(question_and_answer(fields))

    return Source(
        name="gsm8k",
        home=HOME,
        licence="MIT",
        origin="human",
        parse=parse,
        forms=(("question", "answer"),),
        options={"calculator_notes": calculator_notes},
    )

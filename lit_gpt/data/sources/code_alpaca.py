"""Code Alpaca: 20,022 programming tasks and answers by a language model, in Alpaca's way.

Home: https://huggingface.co/datasets/sahil2801/CodeAlpaca-20k, `code_alpaca_20k.json`, and
https://github.com/sahil280114/codealpaca. Licence: CC BY 4.0 at the hub, CC BY-NC 4.0 in the project's DATA_LICENSE; we
state the stricter one. Origin: llm; OpenAI's text-davinci-003 wrote instructions and answers from 21 seed tasks.

One row:
    {"instruction": "What are the distinct values from the given list?", "input": "dataList = [3, 9, 3, 5, 7, 9, 5]",
     "output": "The distinct values from the given list are 3, 5, 7 and 9."}

Known traps: code without fences, answers that nobody ran, and `"Not applicable"` and the like as an input.
"""

from typing import Any

from lit_gpt.data.formats import dialogue, question_and_answer
from lit_gpt.data.source import Home, ParsedRow, Source

HOME = Home("sahil2801/CodeAlpaca-20k", ("code_alpaca_20k.json",))


def source() -> Source:
    return Source(
        name="code-alpaca",
        home=HOME,
        licence="CC-BY-NC-4.0",
        origin="llm",
        generator="text-davinci-003",
        parse=_parse,
        forms=(("instruction", "output"),),
    )


def _parse(record: dict[str, Any]) -> ParsedRow:
    return dialogue(question_and_answer(record))

"""Open-Platypus: 24,926 questions of science, logic and programming, gathered from eleven data sets.

Home: https://huggingface.co/datasets/garage-bAInd/Open-Platypus, one parquet file (https://arxiv.org/abs/2308.07317).
Licence: each part has its own (MIT, CC BY 4.0, CC BY-NC-SA 4.0, Apache-2.0 …), told below where it is known. Origin, by
the row's `data_source`: two parts are GPT-4's answers, most others people's, and of some nobody says.

One row (shortened):
    {"input": "", "output": "To find the probability …", "instruction": "A board game spinner …",
     "data_source": "MATH/PRM-800K"}

Known traps
- airoboros (jondurbin/airoboros-gpt4-1.4.1) and leetcode_ne (nuprl/leetcode-solutions-python-testgen-gpt4) are GPT-4
  output: `llm`, and no challenge takes them.
- PRM-800K's steps were sampled from a model and rated by people; who wrote the text of these rows is not told. They
  and tigerbot's are `unknown`, and so is any part not listed here.
- A row without a data_source (copies of the first version) is `unknown`.
"""

from typing import Any, NamedTuple

from lit_gpt.data.formats import dialogue, optional_text_field, question_and_answer
from lit_gpt.data.source import Home, ParsedRow, Source
from lit_gpt.example import Origin

HOME = Home(
    "garage-bAInd/Open-Platypus",
    ("data/train-00000-of-00001-4fe2df04669d1669.parquet",),
    "37141edbdb7826378cce118c46a109b813e1f038",
)


class Part(NamedTuple):
    origin: Origin
    licence: str
    generator: str = ""


UNKNOWN = Part("unknown", "unknown")
# by how the part's name starts, in lower case
PARTS = {
    "airoboros": Part("llm", "unknown", "gpt-4"),
    "leetcode_ne": Part("llm", "unknown", "gpt-4"),
    "scienceqa": Part("human", "CC-BY-NC-SA-4.0"),
    "scibench": Part("human", "MIT"),
    "reclor": Part("human", "unknown"),
    "theoremqa": Part("human", "MIT"),
    "arb": Part("human", "CC-BY-4.0"),
    "guanaco": Part("human", "Apache-2.0"),
}


def source() -> Source:
    return Source(
        name="platypus",
        home=HOME,
        licence="unknown",
        origin="unknown",
        parse=_parse,
        forms=(("instruction", "output"),),
    )


def _parse(record: dict[str, Any]) -> ParsedRow:
    name = optional_text_field(record, "data_source")
    part = next((part for start, part in PARTS.items() if name.lower().startswith(start)), UNKNOWN)
    row = dialogue(question_and_answer(record), name)
    return ParsedRow(row.messages, name, part.licence, part.origin, part.generator, row.notes)

"""wikiHow: how-to articles by its community, about 215,000.

Home: https://github.com/mahnazkoupaee/WikiHow-Dataset, `wikihowAll.csv` (https://arxiv.org/abs/1810.09305); the file is
on a drive that asks for a hand to download it, so give --source. Licence: CC BY-NC-SA 3.0, wikiHow's own. Origin:
human. LIMA took 200 articles, one of each category it drew: the title is the question, the article the answer.

One row (shortened):
    {"headline": "\\nKeep related supplies in the same area.,\\nMake an effort …", "title": "How to Be an Artist1",
     "text": "If you're a photographer, keep all the necessary lens, …"}

Known traps
- One article of several methods is several rows, with a number at the end of the title, which is taken off: equal
  questions with different answers stay rows of their own.
- `text` is the paragraphs without their bold first sentences, which are in `headline`. The answer here is both: each
  bold sentence as a numbered step when there are as many of them as paragraphs, else the text alone.
- Sentences are joined by `.,` in `headline`, and lines may start with commas; these are taken off.
- Some rows have no text, and some a title that is NaN in pandas ("nan"); empty ones are rejected, the rest is kept.
"""

import re
from typing import Any

from lit_gpt.data.formats import dialogue, optional_text_field, question_and_answer, text_field
from lit_gpt.data.source import ParsedRow, Source

NUMBER = re.compile(r"(?<=\D)\d{1,2}$")
COMMAS = re.compile(r"(?m)^[ ,;]+|[,;]+[ ]*$")


def source() -> Source:
    return Source(
        name="wikihow",
        licence="CC-BY-NC-SA-3.0",
        origin="human",
        parse=_parse,
        forms=(("title", "text"),),
    )


def _parse(record: dict[str, Any]) -> ParsedRow:
    title = NUMBER.sub("", text_field(record, "title").strip()).strip()
    paragraphs = _lines(text_field(record, "text"))
    steps = _lines(optional_text_field(record, "headline"))
    if len(steps) == len(paragraphs):
        pairs = zip(steps, paragraphs, strict=True)
        paragraphs = [f"{n}. {step} {paragraph}" for n, (step, paragraph) in enumerate(pairs, 1)]
    return dialogue(question_and_answer({"instruction": title, "output": "\n\n".join(paragraphs)}))


def _lines(text: str) -> list[str]:
    lines = (COMMAS.sub("", line).strip() for line in text.splitlines())
    return [line for line in lines if line]

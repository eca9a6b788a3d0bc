"""r/WritingPrompts: prompts and the stories that people of that subreddit wrote for them, about 303,000.

Home: https://huggingface.co/datasets/euclaise/writingprompts, parquet, or Facebook's dump of 2018
(https://arxiv.org/abs/1805.04833). Licence: MIT at the hub for the collection; the stories are their writers'.
Origin: human. LIMA took 150 of them, InstructMining its open-ended rows.

One row (shortened), and one of the dump, whose files `paste train.wp_source train.wp_target > wp.tsv` joins:
    {"prompt": "[ WP ] You've finally managed to …", "story": "So many times have I walked on ruins … <newline> …"}
    [ WP ] You've finally managed to …<TAB>So many times have I walked on ruins … <newline> <newline> …

Known traps
- A prompt starts with its kind, [ WP ], [ EU ], [ CW ] …; it becomes the row's category.
- The dump is tokenised (`do n't`, blanks before punctuation) and writes line breaks as <newline>; the breaks are
  restored, the blanks are not, as nobody can tell which ones the writer made.
- The tsv has neither header nor quotes; this reader knows.
- One prompt has many stories; they are rows of their own.
"""

import re
from typing import Any

from lit_gpt.data.formats import dialogue, question_and_answer, text_field
from lit_gpt.data.source import Home, Layout, ParsedRow, Source

HOME = Home("euclaise/writingprompts", ())
KIND = re.compile(r"\s*\[\s*(\w{2,4})\s*\]\s*")
NEW_LINE = re.compile(r" ?<newline> ?")


def source() -> Source:
    return Source(
        name="writingprompts",
        home=HOME,
        licence="MIT",
        origin="human",
        parse=_parse,
        layout=Layout(quotes=False, column_names=("prompt", "story")),
        forms=(("prompt", "story"),),
    )


def _parse(record: dict[str, Any]) -> ParsedRow:
    prompt = NEW_LINE.sub("\n", text_field(record, "prompt")).strip()
    kind = KIND.match(prompt)
    story = NEW_LINE.sub("\n", text_field(record, "story")).strip()
    fields = {"instruction": prompt[kind.end() :] if kind else prompt, "output": story}
    return dialogue(question_and_answer(fields), kind[1].upper() if kind else "")

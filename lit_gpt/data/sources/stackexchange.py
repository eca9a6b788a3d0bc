"""Stack Exchange: questions with their best answer, as LIMA chose them.

Home: https://huggingface.co/datasets/HuggingFaceH4/stack-exchange-preferences (about 20 GB of parquet; take one site's
folder with --source), Posts.xml of https://archive.org/details/stackexchange, unpacked, or a table that
https://data.stackexchange.com exports, with the columns title, body, answer and score.
Licence: CC BY-SA, 2.5 to 4.0 by the year of the post; a link to it must go with it. Origin: human.

One row of the hub (shortened), and one of an exported table:
    {"qid": 5, "question": "<p>How do I …?</p>", "answers": [{"text": "<p>You …</p>", "pm_score": 4, "selected": true}],
     "metadata": ["https://math.stackexchange.com/questions/5", "https://math.stackexchange.com", "…"]}
    title,body,answer,score
    How do I …?,<p>I have …</p>,<p>You …</p>,12

LIMA's rules for answers (https://arxiv.org/abs/2305.11206, section 2.1), on unless `--lima_rules false`: a score of 10
or more, 1,200 to 4,096 characters, no first person, no word of other answers, no links and images; code and lists stay.

Known traps
- Texts are HTML; they become plain text, with code in fences and lists with dashes. `pm_score` is a rounded log2 of the
  votes plus one for the asker's choice, so LIMA's 10 votes are a `pm_score` of 4 there.
- LIMA balanced sites by drawing them at a temperature of 3; that is a mixture's job.
- Since December 2022 some answers are pasted from language models in spite of the ban; nothing here can tell.
- Titles are in the table alone; the hub's questions have only their text.
"""

import re
from typing import Any

from lit_gpt.data.formats import clean_text, dialogue, optional_text_field, question_and_answer, text_field
from lit_gpt.data.html_text import PlainText, plain_text
from lit_gpt.data.source import Home, ParsedRow, Rejected, Source

HOME = Home("HuggingFaceH4/stack-exchange-preferences", ())
MIN_SCORE, MIN_PM_SCORE = 10, 4
N_CHARS = range(1_200, 4_097)
FIRST_PERSON = re.compile(r"\b(?:I|I'm|I've|I'd|I'll|[Mm]y)\b")
OTHER_ANSWERS = re.compile(
    r"\b(?:as mentioned|other answers?|above answers?|accepted answer|stack ?exchange)\b", re.IGNORECASE
)


def source(lima_rules: bool = True) -> Source:
    """Which answers.

    Args:
        lima_rules: only answers that pass LIMA's rules
    """

    def parse(record: dict[str, Any]) -> ParsedRow:
        question, answer, enough = _of_hub(record) if "answers" in record else _of_table(record)
        if lima_rules:
            _check(answer, enough)
        return dialogue(question_and_answer({"instruction": question, "output": answer.text}), _site(record))

    return Source(
        name="stackexchange",
        home=HOME,
        licence="CC-BY-SA-4.0",
        origin="human",
        parse=parse,
        forms=(("question", "answers"), ("title", "body", "answer", "score")),
        options={"lima_rules": lima_rules},
    )


def _of_hub(record: dict[str, Any]) -> tuple[str, PlainText, bool]:
    """The question, its best answer, and whether its score is LIMA's or better."""
    answers = record["answers"]
    if not isinstance(answers, list) or not all(isinstance(answer, dict) for answer in answers):
        raise Rejected("non_text_value")
    if not answers:
        raise Rejected("no_answer")
    best = max(answers, key=lambda answer: _number(answer.get("pm_score")))
    enough = _number(best["pm_score"]) >= MIN_PM_SCORE
    return plain_text(text_field(record, "question")).text, plain_text(text_field(best, "text")), enough


def _of_table(record: dict[str, Any]) -> tuple[str, PlainText, bool]:
    body = plain_text(optional_text_field(record, "body")).text
    question = "\n\n".join(part for part in (clean_text(text_field(record, "title")).strip(), body) if part)
    return question, plain_text(text_field(record, "answer")), _number(record.get("score")) >= MIN_SCORE


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise Rejected("missing_score") from None


def _check(answer: PlainText, is_enough: bool) -> None:
    """LIMA's rules, each with its reason."""
    if not is_enough:
        raise Rejected("below_quality")
    if len(answer.text) not in N_CHARS:
        raise Rejected("wrong_length")
    if answer.has_link or answer.has_image:
        raise Rejected("link_or_image")
    if FIRST_PERSON.search(answer.prose):
        raise Rejected("first_person")
    if OTHER_ANSWERS.search(answer.prose):
        raise Rejected("cross_reference")


def _site(record: dict[str, Any]) -> str:
    links = record.get("metadata")
    first = str(links[0]) if isinstance(links, list) and links else ""
    return first.split("/")[2] if first.count("/") > 2 else ""

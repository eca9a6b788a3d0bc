"""What each step of a curation left out and why, with rows to read.

Made from the curated set's curation.json alone.
"""

from collections.abc import Mapping
from typing import Any

from lit_gpt.report.formats import count, in_words, significant
from lit_gpt.report.funnel import Stage, funnel
from lit_gpt.report.markup import Child, Html, element, join
from lit_gpt.report.page import Section
from lit_gpt.report.parts import details, heading, note, paragraph, verbatim

SUMMARY_CHARS = 90


def funnel_section(facts: Mapping[str, Any]) -> Section:
    stages = [Stage("rows of the pool", facts["n_pool"])]
    for number, stage in enumerate(facts["stages"], 1):
        lost = {in_words(reason["reason"]): reason["n"] for reason in stage["reasons"]}
        stages.append(Stage(f"after step {number}, {_name(stage)}", stage["n_out"], lost))
    shown = [funnel(stages, "Rows through the steps of the recipe")]
    shown += [_step_examples(number, stage) for number, stage in enumerate(facts["stages"], 1) if stage["reasons"]]
    shown += [join([heading(item["title"]), *(note(line) for line in item["lines"])]) for item in facts["notes"]]
    shown.append(
        note("Every row left out is in rejects.jsonl with its reason and evidence, and whole in dropped.parquet.")
    )
    return Section("funnel", "What each step left out", join(shown))


def _name(stage: Mapping[str, Any]) -> str:
    """A step in words, with the score it goes by."""
    by = f" by {stage['score']}" if stage["score"] else ""
    return in_words(stage["step"]) + by


def _step_examples(number: int, stage: Mapping[str, Any]) -> Html:
    parts: list[Child] = [heading(f"Step {number}, {_name(stage)}: rows it left out")]
    for reason in stage["reasons"]:
        examples = [shown_row(example) for example in reason["examples"]]
        parts.append(
            paragraph(element("strong", in_words(reason["reason"])), f" ({count(reason['n'])}) {reason['meaning']}")
        )
        first = " ".join(reason["examples"][0]["prompt"].split())
        told = first if len(first) <= SUMMARY_CHARS else f"{first[:SUMMARY_CHARS]} …"
        parts.append(details(f"{_examples(len(examples))}: {told}", *examples))
    return join(parts)


def _examples(n: int) -> str:
    return "One example" if n == 1 else f"{n} examples, the first"


def shown_row(example: Mapping[str, Any]) -> Html:
    evidence = [(in_words(name), _value(value)) for name, value in example.get("evidence", {}).items()]
    return element(
        "div",
        note(example["id"]),
        element(
            "dl",
            *(element("div", element("dt", name), element("dd", value)) for name, value in evidence),
            element("div", element("dt", "prompt"), element("dd", verbatim(example["prompt"]))),
            element("div", element("dt", "answer"), element("dd", verbatim(example["answer"]))),
        ),
        class_="row-shown",
    )


def _value(value: Any) -> Child:
    if isinstance(value, list):
        return join((_pairs(one) if isinstance(one, Mapping) else str(one) for one in value), " ")
    if isinstance(value, float):
        return significant(value)
    return count(value) if isinstance(value, int) and not isinstance(value, bool) else verbatim(str(value))


def _pairs(record: Mapping[str, Any]) -> Html:
    lines = (element("li", f"{in_words(name)}: ", verbatim(str(value))) for name, value in record.items())
    return element("ul", *lines, class_="evidence")

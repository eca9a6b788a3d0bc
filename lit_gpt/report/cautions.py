"""Reasons to read a comparison with care, found by comparing hashes and settings of manifests.

A difference is the run's own only where the evaluation before is of the model it started from, the one after of what it
handed out, both asked the same way, about rows it was not trained on. Only what manifests say is judged: an
evaluation whose manifest names nothing raises no caution but that it cannot be tied to the run.
"""

from collections.abc import Iterator

from lit_gpt.report.evaluations import Evaluation
from lit_gpt.report.formats import in_words
from lit_gpt.report.result_sections import Results
from lit_gpt.report.run_record import RunRecord

MODEL = "model"  # an evaluation's method where no baseline answers


def cautions(run: RunRecord, results: Results) -> list[str]:
    """Sentences for the top of the page; none where everything fits together."""
    found: list[str] = []
    for when, evaluation in (("before", results.before), ("after", results.after)):
        if evaluation is not None:
            found += _who_answered(when, evaluation, run)
    if results.before and results.after:
        found += _asked_differently(results.before, results.after)
    if results.either:
        found += _seen_in_training(results.either, run)
    return found


def _who_answered(when: str, evaluation: Evaluation, run: RunRecord) -> Iterator[str]:
    method = evaluation.manifest.settings.get("method", MODEL)
    if method != MODEL:
        yield f"The answers {when} are those of the baseline {method}, not of a model."
        return
    parents = evaluation.manifest.parents
    base, started_from = parents.get("checkpoint"), run.parents.get("checkpoint")
    if when == "before":
        if base and started_from and base != started_from:
            yield (
                f"The model that answered before ({base[:12]}…) is not the one this run started from "
                f"({started_from[:12]}…): the difference is not this run's alone."
            )
        if "adapter" in parents:
            yield "The model that answered before has an adapter already."
    elif run.handed_out.isdisjoint(parents.values()):
        yield "No hash ties the answers after to the best/ or final/ weights of this run."
    elif "adapter" in parents and base and started_from and base != started_from:
        yield f"The adapter answered after on another base model ({base[:12]}…) than it was trained on."


def _asked_differently(before: Evaluation, after: Evaluation) -> Iterator[str]:
    old, new = before.manifest.settings, after.manifest.settings
    changed = sorted(name for name in old.keys() & new.keys() if name != "method" and old[name] != new[name])
    for name in changed:
        yield f"Before and after differ in {in_words(name)}: {_set(old[name])} before, {_set(new[name])} after."
    sets = [evaluation.manifest.parents.get("example_set") for evaluation in (before, after)]
    if all(sets) and sets[0] != sets[1]:
        yield "Before and after were asked about different data sets."


def _set(value: object) -> str:
    return "not set" if value is None else str(value)


def _seen_in_training(evaluation: Evaluation, run: RunRecord) -> Iterator[str]:
    """Rows of the run's own data set that it learnt from, or was chosen by."""
    asked, trained_on = evaluation.manifest.parents.get("example_set"), run.parents.get("example_set")
    if not asked or asked != trained_on:
        return
    if evaluation.split == "train":
        yield "The items are training rows: this run learnt from them."
    elif evaluation.split == "validation":
        yield "The items are validation rows, by whose loss best/ was chosen, so its score may flatter."

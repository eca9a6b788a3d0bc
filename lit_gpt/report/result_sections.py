"""What finetuning did to the answers: exact match by group, kind and level, in charts and in numbers.

Scores and their intervals are those of the evaluations; differences are paired, item by item. Without one of the two
evaluations its numbers are said to be missing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from lit_gpt.report.evaluations import Comparison, Evaluation, Score
from lit_gpt.report.formats import NOTHING, count, percent, percent_range, points, points_range
from lit_gpt.report.interval_chart import Estimate, IntervalRow, interval_chart
from lit_gpt.report.markup import Child, Html, join
from lit_gpt.report.page import Section
from lit_gpt.report.paired import Difference
from lit_gpt.report.parts import Column, heading, missing, note, paragraph, table

SERIES = ("before", "after")
GROUP_WORDS = {
    "trained kinds": "Kinds trained on",
    "new wordings": "New wordings",
    "new kinds": "Kinds never trained on",
}
WHOLE = "all"  # a group or a kind of everything, where nothing is told apart
NO_EVALUATION = "No evaluation {} finetuning was given to this report."
COLUMNS = (
    Column("items"),
    Column("n", True),
    Column("before", True),
    Column("95% interval", True),
    Column("after", True),
    Column("95% interval", True),
    Column("difference, points", True),
    Column("95% interval", True),
)


@dataclass(frozen=True)
class Results:
    """The two evaluations, either of which may be missing."""

    before: Evaluation | None
    after: Evaluation | None

    @cached_property
    def comparison(self) -> Comparison | None:
        return Comparison(self.before, self.after) if self.before and self.after else None

    @property
    def either(self) -> Evaluation | None:
        return self.after or self.before


@dataclass(frozen=True)
class _Row:
    label: str
    before: Score | None
    after: Score | None
    difference: Difference | None
    is_total: bool = False


def exact_match_section(results: Results) -> Section:
    """Charts and a table of every group, kind and level that was scored."""
    anchor, title = "exact-match", "Exact match by kind of task"
    either = results.either
    assert either is not None, "a page without evaluations has no such section"
    kinds = [_total_row(results), *_kind_rows(results, either)]
    levels = _level_rows(results, either)
    absent = [when for when in SERIES if getattr(results, when) is None]
    parts: list[Child] = [missing(NO_EVALUATION.format(when)) for when in absent]
    parts.append(paragraph(_what_was_asked(either)))
    parts += [_chart("Exact match by kind", kinds), _table(kinds, "Exact match by kind, in numbers")]
    if levels:
        parts += [heading("By difficulty"), _chart("Exact match by level", levels)]
        parts.append(_table(levels, "Exact match by level, in numbers"))
    return Section(anchor, title, join([*parts, *_remarks(results)]))


def _what_was_asked(evaluation: Evaluation) -> str:
    split = f", {evaluation.split} split" if evaluation.split else ""
    task = (
        f"{count(evaluation.overall.n)} items of {evaluation.task}{split}, version {evaluation.version} of the scoring"
    )
    return f"{task}. An answer counts when it is exactly what was expected; nothing is given for an almost right one."


def _kind_rows(results: Results, either: Evaluation) -> list[_Row]:
    """Each group, followed by its kinds."""
    rows = []
    there = [*either.groups, *(score.group for score in either.kinds.values())]
    groups = [*(group for group in GROUP_WORDS if group in there), *there]
    for group in dict.fromkeys(groups):
        label = GROUP_WORDS.get(group, group) or "Other items"
        if group in either.groups and group != WHOLE:
            rows.append(_row(results, "groups", group, label, {"group": group}, is_total=True))
        for name, score in either.kinds.items():
            if score.group == group and name != WHOLE:
                kind = score.kind or name
                wanted = {"kind": kind, **({"group": group} if group else {})}
                rows.append(_row(results, "kinds", name, kind if group in either.groups else name, wanted))
    return rows


def _level_rows(results: Results, either: Evaluation) -> list[_Row]:
    ordered = sorted(
        either.levels, key=lambda level: (not level.isdigit(), int(level) if level.isdigit() else 0, level)
    )
    return [_row(results, "levels", level, f"Level {level}", {"level": level}) for level in ordered]


def _row(results: Results, scores: str, name: str, label: str, wanted: dict[str, str], is_total: bool = False) -> _Row:
    """A row of one of an evaluation's tables; `wanted` says which items are its own."""
    before, after = (getattr(e, scores).get(name) if e else None for e in (results.before, results.after))
    comparison = results.comparison
    difference = comparison.difference(**wanted) if comparison else None
    return _Row(label, before, after, difference, is_total)


def _total_row(results: Results) -> _Row:
    before, after = (e.overall if e else None for e in (results.before, results.after))
    comparison = results.comparison
    return _Row("All items", before, after, comparison.difference() if comparison else None, is_total=True)


def _chart(title: str, rows: Iterable[_Row]) -> Html:
    drawn = [IntervalRow(row.label, [_estimate(row.before), _estimate(row.after)], row.is_total) for row in rows]
    return interval_chart(title, SERIES, drawn)


def _estimate(score: Score | None) -> Estimate | None:
    return Estimate(score.value, score.interval, score.n) if score else None


def _table(rows: list[_Row], caption: str) -> Html:
    totals = [number for number, row in enumerate(rows) if row.is_total]
    return table(COLUMNS, [_cells(row) for row in rows], caption, totals)


def _cells(row: _Row) -> list[str]:
    known = row.after or row.before
    cells = [row.label, count(known.n if known else None)]
    for score in (row.before, row.after):
        cells += [percent(score.value if score else None), _interval(score)]
    difference = row.difference
    interval = difference.interval if difference else None
    return [*cells, points(difference.value if difference else None), points_range(*interval) if interval else NOTHING]


def _interval(score: Score | None) -> str:
    return percent_range(*score.interval) if score and score.interval else NOTHING


def _remarks(results: Results) -> list[Html]:
    paired = (
        "Differences are paired: the same items before and after, with the percentile interval of the bootstrap over "
    )
    paired += f"items. {NOTHING} where all items of a row changed alike, or where nothing was measured."
    remarks = [note(paired)] if results.comparison else []
    if results.comparison and results.comparison.n_unshared:
        n_left_out = count(results.comparison.n_unshared)
        remarks.append(note(f"Items that are not the same in both evaluations, and so in no difference: {n_left_out}."))
    for when in SERIES:
        evaluation: Evaluation | None = getattr(results, when)
        n_cut = sum(item.is_cut for item in evaluation.items.values()) if evaluation else 0
        if n_cut:
            remarks.append(
                note(f"Answers {when} finetuning that were cut at the longest length allowed: {count(n_cut)}.")
            )
    return remarks

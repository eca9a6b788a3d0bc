"""A comparison as Markdown tables, for a record or a README: verdicts and costs, and effects by source."""

from collections.abc import Mapping
from typing import Any

from lit_gpt.report.formats import NOTHING
from lit_gpt.report.measure_section import cost_words, gain_range, gain_title, gain_words, is_certain, verdict_words


def comparison_table(results: Mapping[str, Any]) -> str:
    """Candidates with gain, interval and verdict by each measure; then a table for each breakdown of a measure."""
    measures = results["measures"]
    heads = [
        "against random",
        *(part for m in measures for part in (gain_title(m).lower(), "verdict")),
        "choosing cost",
    ]
    lines = [_row(heads), _row(["---"] * len(heads))]
    for name, about in results["candidates"].items():
        cells = [cell for m, found in measures.items() for cell in _cells(m, found["effects"], name)]
        lines.append(_row([name, *cells, cost_words(about)]))
    for measure, found in measures.items():
        for key in ("by_origin", "by_source"):
            if found.get(key):
                lines += ["", *_groups(f"{gain_title(measure).lower()}, {key.replace('_', ' ')}", found[key], measure)]
        if beyond := found.get("beyond_length"):
            lines += ["", *_beyond(measure, beyond)]
    return "\n".join([*lines, ""])


def verdict_lines(results: Mapping[str, Any]) -> list[str]:
    """A line for each candidate and measure: what it gains over the random draw, and the verdict."""
    return [
        f"{name}: {gain_title(measure).lower()} {_gain(measure, each)}, {verdict_words(each, found['effects'])}"
        for measure, found in results["measures"].items()
        for name, each in found["effects"].items()
    ]


def _cells(measure: str, effects: Mapping[str, Any], name: str) -> list[str]:
    found = effects.get(name)
    return [NOTHING, NOTHING] if found is None else [_gain(measure, found), verdict_words(found, effects)]


def _groups(title: str, groups: Mapping[str, Any], measure: str) -> list[str]:
    heads = [title, *(f"{group} ({found['n_items']})" for group, found in groups.items())]
    lines = [_row(heads), _row(["---"] * len(heads))]
    for name in next(iter(groups.values()))["effects"]:
        effects = [found["effects"][name] for found in groups.values()]
        marks = ("**" if is_certain(each) else "" for each in effects)
        lines.append(_row([name, *(f"{m}{_gain(measure, e)}{m}" for m, e in zip(marks, effects, strict=True))]))
    return lines


def _beyond(measure: str, effects: Mapping[str, Any]) -> list[str]:
    heads = ["against random draws of the same lengths", gain_title(measure).lower(), "verdict"]
    return [_row(heads), _row(["---"] * 3), *(_row([name, *_cells(measure, effects, name)]) for name in effects)]


def _gain(measure: str, found: Mapping[str, Any]) -> str:
    return f"{gain_words(measure, found['effect'])} {gain_range(measure, found['interval'])}"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"

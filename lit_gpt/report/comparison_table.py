"""A comparison as Markdown tables, for a record or a README: verdicts and costs, and effects by source."""

from collections.abc import Mapping
from typing import Any

from lit_gpt.report.formats import NOTHING
from lit_gpt.report.measure_section import TITLES, cost_words, gain_range, gain_words, is_certain


def comparison_table(results: Mapping[str, Any]) -> str:
    """Candidates with gain, interval and verdict by each measure; then a table for each breakdown of a measure."""
    measures = results["measures"]
    heads = ["against random", *(part for m in measures for part in (TITLES[m].lower(), "verdict")), "choosing cost"]
    lines = [_row(heads), _row(["---"] * len(heads))]
    for name, about in results["candidates"].items():
        effects = {m: found["effects"].get(name) for m, found in measures.items()}
        cells = [cell for m, each in effects.items() for cell in _cells(m, each)]
        lines.append(_row([name, *cells, cost_words(about)]))
    for measure, found in measures.items():
        for key in ("by_origin", "by_source"):
            if found.get(key):
                lines += ["", *_groups(f"{TITLES[measure].lower()}, {key.replace('_', ' ')}", found[key], measure)]
    return "\n".join([*lines, ""])


def _cells(measure: str, found: Mapping[str, Any] | None) -> list[str]:
    return [NOTHING, NOTHING] if found is None else [_gain(measure, found), found["verdict"]]


def _groups(title: str, groups: Mapping[str, Any], measure: str) -> list[str]:
    heads = [title, *(f"{group} ({found['n_items']})" for group, found in groups.items())]
    lines = [_row(heads), _row(["---"] * len(heads))]
    for name in next(iter(groups.values()))["effects"]:
        effects = [found["effects"][name] for found in groups.values()]
        marks = ("**" if is_certain(each) else "" for each in effects)
        lines.append(_row([name, *(f"{m}{_gain(measure, e)}{m}" for m, e in zip(marks, effects, strict=True))]))
    return lines


def _gain(measure: str, found: Mapping[str, Any]) -> str:
    return f"{gain_words(measure, found['effect'])} {gain_range(measure, found['interval'])}"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"

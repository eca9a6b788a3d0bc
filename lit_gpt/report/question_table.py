"""The answers to the open questions as Markdown tables, from results.json alone."""

from collections.abc import Mapping
from typing import Any

HELD_OUT = "held_out_loss"
TITLES = {HELD_OUT: "held-out loss, nats", "exact_match": "exact match, points"}


def question_table(results: Mapping[str, Any]) -> str:
    """A table for each question, and one for each measure that is broken down."""
    return "\n".join(_one(name, answer) for name, answer in results["questions"].items())


def _one(name: str, answer: Mapping[str, Any]) -> str:
    measures = {m: found for m, found in answer["measures"].items() if m in TITLES}
    titles = [part for m in measures for part in (TITLES[m], f"gain over {answer['first']}", "verdict")]
    lines = [f"### {name}", "", _row(["", "rows", "tokens", *titles]), _row(["---"] * (3 + len(titles)))]
    for arm, (n_rows, n_tokens) in answer["rows_and_tokens"].items():
        cells = [cell for m, found in measures.items() for cell in _cells(m, found, arm)]
        lines.append(_row([arm, f"{n_rows:,}", f"{n_tokens:,}", *cells]))
    for measure, found in measures.items():
        if found.get("by_source"):
            lines += ["", *_by_source(measure, found["by_source"])]
    return "\n".join([*lines, ""])


def _cells(measure: str, found: Mapping[str, Any], arm: str) -> list[str]:
    values = found["by_seed"][arm]
    mean = _number(measure, sum(values) / len(values), signed=False)
    each = found["effects"].get(arm)
    return [mean, "", ""] if each is None else [mean, _gain(measure, each), each["verdict"]]


def _by_source(measure: str, groups: Mapping[str, Any]) -> list[str]:
    arms = list(next(iter(groups.values()))["effects"])
    heads = [f"{group} ({found['n_items']})" for group, found in groups.items()]
    lines = [_row([f"gain, {TITLES[measure]}", *heads]), _row(["---"] * (1 + len(heads)))]
    return lines + [_row([arm, *(_gain(measure, found["effects"][arm]) for found in groups.values())]) for arm in arms]


def _gain(measure: str, found: Mapping[str, Any]) -> str:
    low, high = (_number(measure, end) for end in found["interval"])
    return f"{_number(measure, found['effect'])} [{low}, {high}]"


def _number(measure: str, value: float, signed: bool = True) -> str:
    text = f"{value:+.3f}" if measure == HELD_OUT else f"{100 * value:+.1f}"
    return (text if signed else text.lstrip("+")).replace("-", "−")


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"

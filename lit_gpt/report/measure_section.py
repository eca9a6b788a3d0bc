"""One measure of a comparison as a section: effects drawn, what could have been found, every seed."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lit_gpt.report.effect_chart import EffectRow, effect_chart
from lit_gpt.report.formats import MINUS, NOTHING, count, percent, points, significant
from lit_gpt.report.markup import Child, Html, join
from lit_gpt.report.page import Section
from lit_gpt.report.parts import Column, details, note, table

TITLES = {"held_out_loss": "Held-out loss", "exact_match": "Exact match"}
UNITS = {"held_out_loss": "nats a token less than random", "exact_match": "percentage points more than random"}
CERTAIN = ("better than random", "worse than random")
ABOUT_POWER = (
    "Detectable: the smallest effect that is found with probability 80% with these seeds and {n} items. "
    "Seeds needed: to find an effect of the size measured; out of reach where even 1,000 are too few."
)
ABOUT_BOOTSTRAP = (
    "The bootstrap draws seeds, and items within each. It does not know that all seeds share their items, and few "
    "seeds make it too narrow; verdicts go by the first."
)


def measure_section(results: Mapping[str, Any], measure: str) -> Section:
    found = results["measures"][measure]
    by = 100 if measure == "exact_match" else 1
    rows = [_effect_row(name, each, measure, by) for name, each in found["effects"].items()]
    shown: list[Child] = [effect_chart(f"{TITLES[measure]}: gain against random", UNITS[measure], rows)]
    shown += [_power(found, measure), _bootstrap(found, measure), _every_seed(results, measure)]
    return Section(measure.replace("_", "-"), TITLES[measure], join(shown))


def gain_words(measure: str, gain: float) -> str:
    """A gain with its sign: percentage points, or nats."""
    return points(gain) if measure == "exact_match" else f"{gain:+.3f}".replace("-", MINUS)


def gain_range(measure: str, interval: Sequence[float]) -> str:
    low, high = (gain_words(measure, end) for end in interval)
    return f"[{low}, {high}]"


def _effect_row(name: str, found: Mapping[str, Any], measure: str, by: float) -> EffectRow:
    low, high = found["interval"]
    return EffectRow(
        name,
        by * found["effect"],
        (by * low, by * high),
        [by * value for value in found["by_seed"]],
        found["verdict"] in CERTAIN,
        gain_words(measure, found["effect"]),
    )


def _power(found: Mapping[str, Any], measure: str) -> Html:
    titles = ("p", "p corrected", "detectable", "seeds needed")
    columns = [Column("candidate"), *(Column(title, True) for title in titles)]
    rows = [[name, *_power_cells(each, measure)] for name, each in found["effects"].items()]
    words = ABOUT_POWER.format(n=count(found["n_items"]))
    if found["noise_floor"] is not None:
        words += f" Between two random draws, {gain_words(measure, found['noise_floor'])} would be found."
    return join([table(columns, rows, "What could be found"), note(words)])


def _power_cells(found: Mapping[str, Any], measure: str) -> tuple[str, ...]:
    corrected, needed = found["p_corrected"], found["seeds_needed"]
    out_of_reach = "out of reach" if found["effect"] else NOTHING
    return (
        significant(found["p"], 2),
        NOTHING if corrected is None else significant(corrected, 2),
        gain_words(measure, found["detectable"]),
        count(needed) if needed else out_of_reach,
    )


def _bootstrap(found: Mapping[str, Any], measure: str) -> Html:
    keys = {"interval": "two-way interval", "bootstrap_interval": "hierarchical bootstrap"}
    columns = [Column("candidate"), *(Column(title, True) for title in keys.values())]
    rows = [[name, *(gain_range(measure, each[key]) for key in keys)] for name, each in found["effects"].items()]
    return details("The same by the bootstrap", table(columns, rows, "Two intervals"), note(ABOUT_BOOTSTRAP))


def _every_seed(results: Mapping[str, Any], measure: str) -> Html:
    found = results["measures"][measure]["by_seed"]
    n_seeds = max(map(len, found.values()))
    columns = [Column("trained on"), Column("mean", True), *(Column(f"seed {n}", True) for n in range(n_seeds))]
    show: Callable[[float], str] = percent if measure == "exact_match" else "{:.3f}".format
    rows: list[list[Child]] = [["nothing (the base)", show(results["base"][measure]), *[NOTHING] * n_seeds]]
    for name, values in found.items():
        cells = [show(value) for value in values] + [NOTHING] * (n_seeds - len(values))
        rows.append([name, show(sum(values) / len(values)), *cells])
    return details("Every seed", table(columns, rows, f"{TITLES[measure]} after training"))

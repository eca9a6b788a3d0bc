"""One measure of a comparison as a section: effects drawn, what could have been found, every seed."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lit_gpt.report.effect_chart import EffectRow, effect_chart
from lit_gpt.report.formats import MINUS, NOTHING, count, duration, percent, points, significant
from lit_gpt.report.markup import Child, Html, join
from lit_gpt.report.page import Section
from lit_gpt.report.parts import Column, details, note, table, two_lines

TITLES = {"held_out_loss": "Held-out loss", "exact_match": "Exact match", "judged_style": "Judged style"}
UNITS = {
    "held_out_loss": "nats a token less than random",
    "exact_match": "percentage points more than random",
    "judged_style": "percentage points of comparisons with random's answers won, beyond half",
}
SIGN = "+ is better"
GROUPS = {"by_origin": "By who wrote the rows measured on", "by_source": "By the source of the rows measured on"}
ABOUT_GROUPS = "Filled dot: beyond chance after correction for all cells of this table."
ABOUT_STYLE = (
    "What a judge prefers is style beside exact match, never in its place: an answer can be liked and be wrong. What "
    "changes when the two answers change places counts as a tie."
)
CONFIDENCE = 0.95
CERTAIN = ("better than random", "worse than random")
TOO_FEW = "two draws: too few for a verdict"
NO_DIFFERENCE = "no significant difference"
OWN_SET = "a set of your own; name the recipe under --recipes to measure it"
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
    by = 1 if measure == "held_out_loss" else 100
    rows = [_effect_row(name, each, measure, by) for name, each in found["effects"].items()]
    shown: list[Child] = [effect_chart(f"{TITLES[measure]}: gain against random", UNITS[measure], rows)]
    if measure == "judged_style":
        shown.append(_judge(results["judge"]))
    shown += [_group(found[key], measure, title) for key, title in GROUPS.items() if found.get(key)]
    shown += [_power(found, measure), _bootstrap(found, measure), _every_seed(results, measure)]
    return Section(measure.replace("_", "-"), TITLES[measure], join(shown))


def gain_words(measure: str, gain: float) -> str:
    """A gain with its sign: percentage points, or nats."""
    return f"{gain:+.3f}".replace("-", MINUS) if measure == "held_out_loss" else points(gain)


def gain_range(measure: str, interval: Sequence[float]) -> str:
    low, high = (gain_words(measure, end) for end in interval)
    return f"[{low}, {high}]"


def is_certain(found: Mapping[str, Any]) -> bool:
    """Whether it is beyond chance after correction; of too few draws nothing is, and there is no corrected p."""
    return found["p_corrected"] is not None and found["p_corrected"] <= 1 - CONFIDENCE


def gain_title(measure: str) -> str:
    """The heading of a column of gains, which tells the sign: a loss that fell is a gain above zero."""
    return f"Gain in {TITLES[measure].lower()} ({SIGN})"


def n_corrected(effects: Mapping[str, Mapping[str, Any]]) -> int:
    """For how many candidates the verdicts are corrected."""
    return sum(found["p_corrected"] is not None for found in effects.values())


def verdict_words(found: Mapping[str, Any], effects: Mapping[str, Mapping[str, Any]]) -> str:
    """The verdict, and why where the interval seems to say another: it is not corrected for the others."""
    low, high = found["interval"]
    if found["verdict"] != NO_DIFFERENCE or low <= 0 <= high:
        return str(found["verdict"])
    return f"{NO_DIFFERENCE} (p {significant(found['p_corrected'], 2)} after correction for {n_corrected(effects)})"


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


def _judge(judge: Mapping[str, Any]) -> Html:
    """How the judge behaved, and what asking it cost."""
    said = f"{judge['name']}: {count(judge['read'])} of {count(judge['pairs'])} pairs could be read in both orders"
    if judge["directed"]:
        said += f", {count(judge['directed'])} more were not sent for their words to the judge"
    if judge["share_contradicting"] is not None:
        said += f"; the winner changed with the order in {percent(judge['share_contradicting'])}"
    if judge["share_first"] is not None:
        said += f"; the first place won {percent(judge['share_first'])} of decided calls (50% without a bias)"
    return join([note(f"{said}. Judging cost {calls_words(judge)}."), note(ABOUT_STYLE)])


def calls_words(cost: Mapping[str, Any]) -> str:
    """Paid calls, and what they cost where that is known."""
    if not cost["n_calls"]:
        return "no paid calls"
    money = "" if cost["dollars"] is None else f", ${significant(cost['dollars'], 3)}"
    return f"{count(cost['n_calls'])} paid calls{money}"


def cost_words(about: Mapping[str, Any]) -> str:
    """What choosing a candidate cost: processor time, the clock, paid calls."""
    if not about["cost_is_known"]:
        return f"not known: {OWN_SET}"
    cost = about["cost"]
    calls = f", {calls_words(cost)}" if cost["n_calls"] else ""
    return f"{duration(cost['cpu_s'])} CPU, {duration(cost['wall_s'])} by the clock{calls}"


def _group(found: Mapping[str, Any], measure: str, title: str) -> Html:
    names = list(next(iter(found.values()))["effects"])
    columns = [Column("candidate")]
    columns += [Column(f"{group} ({count(each['n_items'])})", True) for group, each in found.items()]
    rows: list[list[Child]] = [
        [name, *(_cell(each["effects"][name], measure) for each in found.values())] for name in names
    ]
    return join([table(columns, rows, title), note(ABOUT_GROUPS)])


def _cell(found: Mapping[str, Any], measure: str) -> Html:
    sign = "● " if is_certain(found) else ""
    return two_lines(sign + gain_words(measure, found["effect"]), gain_range(measure, found["interval"]))


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
        NOTHING if found["detectable"] is None else gain_words(measure, found["detectable"]),
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
    show: Callable[[float | None], str] = "{:.3f}".format if measure == "held_out_loss" else percent
    rows: list[list[Child]] = [["nothing (the base)", show(results["base"][measure]), *[NOTHING] * n_seeds]]
    for name, values in found.items():
        cells = [show(value) for value in values] + [NOTHING] * (n_seeds - len(values))
        rows.append([name, show(sum(values) / len(values)), *cells])
    return details("Every seed", table(columns, rows, f"{TITLES[measure]} after training"))

"""The report of a study of sizes: loss and exact match against tokens, recipe beside random. Made from results.json."""

from collections.abc import Mapping
from math import log2
from typing import Any

from lit_gpt.report.comparison_cautions import size_cautions
from lit_gpt.report.comparison_report import method_section
from lit_gpt.report.effect_chart import EffectRow, effect_chart
from lit_gpt.report.formats import NOTHING, count, percent
from lit_gpt.report.line_chart import Line, LineChart
from lit_gpt.report.markup import Child, Html, join
from lit_gpt.report.measure_section import TITLES, UNITS, gain_range, gain_words, is_certain
from lit_gpt.report.page import Section, page
from lit_gpt.report.parts import Column, careful, heading, key_values, note, paragraph, table, two_lines
from lit_gpt.report.size_answer import answer

RANDOM = "random"
STYLES = ("line-a", "line-b")
SPENT = {"best_tokens": "best", "tokens_spent": "tokens spent", "n_new_sizes": "new sizes"}
METHOD = (
    "Every recipe and the random draw choose at each size with each seed, and all are trained from the same base with "
    "the same settings. Seen as often, small sizes take fewer steps; trained as long, they are repeated.",
    "All are measured on the same held-out rows of the pool: its tests, or validation rows where it has none.",
    "A gain is the mean over all seeds and rows; its interval knows that both are drawn (a two-way table of random "
    "effects, Student's t with Satterthwaite's degrees of freedom).",
    "Beyond chance needs three draws, and a p-value below 5% after correction for all sizes and candidates (Holm).",
    "A step that is not shown to help may help, too: more seeds tell smaller effects.",
)
ABOUT_HALVES = (
    "Half of the held-out rows chose the size; what is told of it here is of the other half, which chose nothing. The "
    "curves above are of both halves, and flatter a size that one of them chose. Verdicts are corrected for all of "
    "this table (Holm); intervals are of 95%. A dash: the size is the largest itself, or random was not trained on as "
    "many tokens."
)
ABOUT_SPENT = (
    "Spent: the tokens of all trainings that the search asked for. Sizes of the curve were trained already, and cost "
    "nothing more."
)


def size_report(results: Mapping[str, Any]) -> str:
    """The page as text."""
    sections = [_measure(results, measure) for measure in results["measures"]]
    if results["search"]:
        sections.append(_search(results))
    sections.append(method_section(METHOD, results["settings"]))
    title = f"{results['pool']}: how many tokens are worth training on?"
    return page(title, _lead(results), sections, "Rendered from results.json alone.", kicker="Size curve")


def _lead(results: Mapping[str, Any]) -> Html:
    settings = results["settings"]
    alike = "seen as often" if settings["equal"] == "epochs" else "trained as long, small ones repeated"
    pairs: dict[str, Child] = {"Every size": alike, "Seeds": str(settings["seeds"])}
    base = {m: value for m, value in results.get("base", {}).items() if value is not None}  # earlier results have none
    if base:
        told = (f"{TITLES[m].lower()} {_level(m, value)}" for m, value in base.items())
        pairs["The base, not trained"] = ", ".join(told)
    return join([paragraph(answer(results), class_="lede"), careful(size_cautions(results)), key_values(pairs)])


def _measure(results: Mapping[str, Any], measure: str) -> Section:
    curves = results["measures"][measure]
    by = 100 if measure == "exact_match" else 1
    charts = [_chart(name, curves, measure, by) for name in curves if name != RANDOM or len(curves) == 1]
    gains = [_gains(name, curve, measure, by) for name, curve in curves.items() if "against_random" in curve]
    tables = [part for name, curve in curves.items() for part in (heading(name), _table(curve, measure))]
    why = note(
        "A gain is over the size before, and over the random draw of the same size; both with 95% intervals. What is "
        "said to be beyond chance is so after correction for all sizes and candidates (Holm)."
    )
    return Section(measure.replace("_", "-"), TITLES[measure], join([*charts, *gains, *tables, why]))


def _chart(recipe: str, curves: Mapping[str, Any], measure: str, by: float) -> Html:
    """The recipe's curve beside the random draw's; a chart for each recipe, or their lines would hide one another."""
    drawn = {name: curves[name] for name in dict.fromkeys((RANDOM, recipe)) if name in curves}
    least = min(n for curve in drawn.values() for n in curve["tokens"])
    lines = [
        Line(
            name,
            [(log2(n / least), by * mean) for n, mean in zip(curve["tokens"], curve["means"], strict=True)],
            STYLES[name != RANDOM],
            has_dots=True,
        )
        for name, curve in drawn.items()
    ]
    unit = "percent" if measure == "exact_match" else "nats a token"
    names = {log2(n / least): count(n) for curve in drawn.values() for n in curve["tokens"]}
    title, y_title = f"{recipe}: {TITLES[measure].lower()} by size", f"{TITLES[measure]}, {unit}"
    return LineChart(title, "tokens of the subset", y_title, lines, (), names).render()


def _gains(name: str, curve: Mapping[str, Any], measure: str, by: float) -> Html:
    """The gain over the random draw at each size, drawn with its interval."""
    rows = []
    for tokens, gain in zip(curve["tokens"], curve["against_random"], strict=True):
        low, high = (by * end for end in gain["interval"])
        words = gain_words(measure, gain["effect"])
        dots = [by * each for each in gain["by_seed"]]
        rows.append(EffectRow(count(tokens), by * gain["effect"], (low, high), dots, is_certain(gain), words))
    return effect_chart(f"{name}: gain against random, by tokens", UNITS[measure], rows)


def _table(curve: Mapping[str, Any], measure: str) -> Html:
    kinds = {"gain over the size before": [None, *curve["gains"]]}
    if "against_random" in curve:
        kinds["gain over random"] = curve["against_random"]
    columns = [Column("tokens"), *(Column(title, True) for title in ("mean", *kinds))]
    rows = []
    for tokens, mean, *gains in zip(curve["tokens"], curve["means"], *kinds.values(), strict=True):
        rows.append([count(tokens), _level(measure, mean), *(_gain(measure, gain) for gain in gains)])
    return table(columns, rows, f"{TITLES[measure]} by size")


def _level(measure: str, mean: float) -> str:
    return percent(mean) if measure == "exact_match" else f"{mean:.3f}"


def _gain(measure: str, gain: Mapping[str, Any] | None) -> str:
    if gain is None:
        return NOTHING
    return f"{gain_words(measure, gain['effect'])} {gain_range(measure, gain['interval'])}"


def _search(results: Mapping[str, Any]) -> Section:
    found = results["search"]
    shown = [_searched(found), _found(found), note(ABOUT_HALVES), note(ABOUT_SPENT)]
    return Section("search", "The size that a search finds", join(shown))


def _searched(found: Mapping[str, Any]) -> Html:
    """What was tried, and what that took; earlier results do not say."""
    columns = [Column("candidate"), *(Column(title, True) for title in (*SPENT.values(), "sizes tried"))]
    rows = [
        [name, *(count(each.get(key)) for key in SPENT), str(len({t["tokens"] for t in each["tried"]}))]
        for name, each in found.items()
    ]
    return table(columns, rows, "BlendSearch, in tokens")


def _found(found: Mapping[str, Any]) -> Html:
    """The size beside the largest one and beside a random draw, by the half of the rows that chose nothing."""
    titles = ("gain over the largest", "gain over random", "its loss", "loss at the largest")
    columns = [Column("candidate"), *(Column(title, True) for title in titles)]
    rows: list[list[Child]] = []
    for name, each in found.items():
        losses = [sum(each[key]) / len(each[key]) for key in ("final_losses", "final_losses_at_most")]
        gains = [_told(each.get(key)) for key in ("against_largest", "against_random")]
        rows.append([name, *gains, *(f"{loss:.3f}" for loss in losses)])
    return table(columns, rows, "The size found, on the rows that chose nothing")


def _told(found: Mapping[str, Any] | None) -> Child:
    return NOTHING if found is None else two_lines(_gain("held_out_loss", found), found["verdict"])

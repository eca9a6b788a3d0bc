"""The report of a study of sizes: loss and exact match against tokens, recipe beside random. Made from results.json."""

from collections.abc import Mapping
from math import log2
from typing import Any

from lit_gpt.report.formats import NOTHING, count, percent
from lit_gpt.report.line_chart import Line, LineChart
from lit_gpt.report.markup import Child, Html, join
from lit_gpt.report.measure_section import TITLES, gain_range, gain_words
from lit_gpt.report.page import Section, page
from lit_gpt.report.parts import Column, heading, key_values, note, paragraph, table

RANDOM = "random"
STYLES = ("line-a", "line-b")


def size_report(results: Mapping[str, Any]) -> str:
    """The page as text."""
    sections = [_measure(results, measure) for measure in results["measures"]]
    if results["search"]:
        sections.append(_search(results))
    title = f"{results['pool']}: how many tokens are worth training on?"
    return page(title, _lead(results), sections, "Rendered from results.json alone.", kicker="Size curve")


def _lead(results: Mapping[str, Any]) -> Html:
    settings = results["settings"]
    alike = "seen as often" if settings["equal"] == "epochs" else "trained as long, small ones repeated"
    pairs: dict[str, Child] = {"Every size": alike, "Seeds": str(settings["seeds"])}
    return join([paragraph(_answer(results), class_="lede"), key_values(pairs)])


def _answer(results: Mapping[str, Any]) -> str:
    said = []
    for measure, curves in results["measures"].items():
        for name, curve in curves.items():
            back = [count(n) for n, falls in zip(curve["tokens"][1:], curve["falls_back"], strict=True) if falls]
            told = f"is worse at {', '.join(back)} tokens than at the size before" if back else "never falls back"
            said.append(f"By {TITLES[measure].lower()}, {name} {told} beyond chance.")
    return " ".join(said)


def _measure(results: Mapping[str, Any], measure: str) -> Section:
    curves = results["measures"][measure]
    least = min(n for curve in curves.values() for n in curve["tokens"])
    by = 100 if measure == "exact_match" else 1
    lines = [
        Line(
            name,
            [(log2(n / least), by * mean) for n, mean in zip(curve["tokens"], curve["means"], strict=True)],
            STYLES[name != RANDOM],
            has_dots=True,
        )
        for name, curve in curves.items()
    ]
    unit = "percent" if measure == "exact_match" else "nats a token"
    chart = LineChart(TITLES[measure], f"doublings of {count(least)} tokens", f"{TITLES[measure]}, {unit}", lines)
    tables = [part for name, curve in curves.items() for part in (heading(name), _table(curve, measure))]
    why = note("A gain is over the size before, and over the random draw of the same size; both with 95% intervals.")
    return Section(measure.replace("_", "-"), TITLES[measure], join([chart.render(), *tables, why]))


def _table(curve: Mapping[str, Any], measure: str) -> Html:
    titles = ("mean", "gain over the size before", "gain over random")
    columns = [Column("tokens", True), *(Column(title, True) for title in titles)]
    before, random = [None, *curve["gains"]], curve.get("against_random", [None] * len(curve["tokens"]))
    rows = []
    for tokens, mean, *gains in zip(curve["tokens"], curve["means"], before, random, strict=True):
        shown = percent(mean) if measure == "exact_match" else f"{mean:.3f}"
        rows.append([count(tokens), shown, *(_gain(measure, gain) for gain in gains)])
    return table(columns, rows, f"{TITLES[measure]} by size")


def _gain(measure: str, gain: Mapping[str, Any] | None) -> str:
    if gain is None:
        return NOTHING
    return f"{gain_words(measure, gain['effect'])} {gain_range(measure, gain['interval'])}"


def _search(results: Mapping[str, Any]) -> Section:
    columns = [Column("candidate"), *(Column(t, True) for t in ("sizes tried", "best", "its loss", "loss at the most"))]
    rows = []
    for name, found in results["search"].items():
        losses = [sum(found[key]) / len(found[key]) for key in ("final_losses", "final_losses_at_most")]
        cells = [str(len(found["tried"])), count(found["best_tokens"]), *(f"{loss:.3f}" for loss in losses)]
        rows.append([name, *cells])
    words = note("Half of the validation rows chose the size; these losses are of the other half, which chose nothing.")
    return Section("search", "The size that a search finds", join([table(columns, rows, "BlendSearch"), words]))

"""The report of a comparison: is a curated set better than a random one of the same cost?

Made from results.json alone. The first thing said is the verdict on each candidate, "no significant difference" as
plainly as any other.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from lit_gpt.report.comparison_cautions import AGAIN, RANDOM, cautions
from lit_gpt.report.formats import NOTHING, count, percent, significant
from lit_gpt.report.markup import Child, Html, element, join
from lit_gpt.report.measure_section import (
    OWN_SET,
    SIGN,
    TITLES,
    cost_words,
    gain_range,
    gain_title,
    gain_words,
    measure_section,
    n_corrected,
    verdict_words,
)
from lit_gpt.report.page import Section, page
from lit_gpt.report.parts import (
    Column,
    careful,
    code_block,
    details,
    heading,
    key_values,
    note,
    paragraph,
    table,
    two_lines,
    verbatim,
)
from lit_gpt.report.training_charts import training_section

ABOUT_TIME = (
    "The clock counts waiting for other programs and for replies, too. Where a GPU does part of the choosing the clock "
    "is the cost: seconds of the device are not metered, and processor seconds leave them out."
)
METHOD = (
    "Every candidate is trained from the same base, with the same settings, on equally many tokens in equally many "
    "steps. Where one has fewer tokens than the budget its rows are seen more often, where it has more, less often.",
    "An effect is what a candidate does better than the random draw of the same seed on the same item: the mean over "
    "all seeds and items.",
    "Its interval knows that seeds and items are both drawn: a two-way table of random effects, Student's t with "
    "Satterthwaite's degrees of freedom.",
    "A verdict needs three draws, and a p-value below 5% after correction for the number of candidates (Holm).",
    "Random again is another random draw, trained anew: what is found between the two is noise.",
    "Choosing is charged once, with no score at hand: processor seconds, the clock, paid calls.",
    "Exact match and what a judge prefers are different things, and are reported apart; so are measured rows by who "
    "wrote them, where there are several.",
)


def comparison_report(results: Mapping[str, Any]) -> str:
    """The page as text."""
    sections = [
        _verdicts(results),
        *(measure_section(results, measure) for measure in results["measures"]),
        training_section(results),
        _costs(results),
        _length(results),
        _overlap(results),
        _examples(results),
        method_section(METHOD, results["settings"]),
    ]
    title = f"{results['pool']}: is a curated set better than a random one?"
    return page(title, _lead(results), sections, "Rendered from results.json alone.", kicker="Comparison at equal cost")


def _lead(results: Mapping[str, Any]) -> Html:
    n_trainings = results["settings"]["training_seeds"]
    often = "once" if n_trainings == 1 else f"{n_trainings} times"
    pairs: dict[str, Child] = {
        "All alike": f"{count(results['budget'])} {results['unit']} an epoch, {count(results['n_steps'])} steps",
        "Draws": f"{results['n_seeds_done']} of {results['settings']['seeds']}, each trained {often}",
        "Candidates": str(len(results["candidates"])),
    }
    return join([paragraph(_answer(results), class_="lede"), careful(cautions(results)), key_values(pairs)])


def _answer(results: Mapping[str, Any]) -> str:
    """A sentence for each measure."""
    said = []
    for measure, found in results["measures"].items():
        groups: dict[str, list[str]] = {}
        for name, each in found["effects"].items():
            if name != AGAIN:
                groups.setdefault(each["verdict"], []).append(name)
        parts = [f"{verdict} ({', '.join(names)})" for verdict, names in sorted(groups.items())]
        said.append(f"By {TITLES[measure].lower()}, {'; '.join(parts)}.")
    return " ".join(said)


def _verdicts(results: Mapping[str, Any]) -> Section:
    measures = results["measures"]
    columns = [Column("candidate"), *(Column(gain_title(m)) for m in measures), Column("choosing cost", True)]
    rows: list[list[Child]] = []
    for name, about in results["candidates"].items():
        cells = [_verdict_cell(m, measures[m]["effects"], name) for m in measures]
        rows.append([name, *cells, _cost_cell(about)])
    n_asked = max((n_corrected(found["effects"]) for found in measures.values()), default=0)
    caption = f"Gain against a random draw of the same cost ({SIGN}), with 95% interval"
    if n_asked > 1:
        caption += f"; verdicts go by p corrected for {n_asked} candidates (Holm), the intervals are not corrected"
    return Section("verdicts", "The verdicts", table(columns, rows, caption))


def _verdict_cell(measure: str, effects: Mapping[str, Any], name: str) -> Child:
    found = effects.get(name)
    if found is None:
        return "what all are compared with" if name == RANDOM else "not measured"
    words = f"{gain_words(measure, found['effect'])} {gain_range(measure, found['interval'])}"
    return two_lines(words, verdict_words(found, effects))


def _cost_cell(about: Mapping[str, Any]) -> Child:
    if not about["cost_is_known"]:
        return two_lines("not known", OWN_SET)
    cpu, _, others = cost_words(about).partition(", ")
    return two_lines(cpu, others) if others else cpu


def _costs(results: Mapping[str, Any]) -> Section:
    titles = ("rows", "tokens", "times seen", "tokens seen", "CPU s to choose", "by the clock, s")
    candidates = results["candidates"]
    paid = any(each["cost"]["n_calls"] for each in candidates.values())
    columns = [Column(title, True) for title in (*titles, *(("paid calls", "dollars") if paid else ()))]
    rows = [[name, *_seen_cells(each), *_cost_cells(each, paid)] for name, each in candidates.items()]
    notes = [ABOUT_TIME] if paid else [ABOUT_TIME, "No call was paid for."]
    unscored = {name: n for name, each in candidates.items() if (n := each.get("n_unscored"))}
    notes += [f"{name} could not choose {count(n)} rows, which have no score." for name, n in unscored.items()]
    notes += [f"{name} was given up after {n} seeds, by the rule asked for." for name, n in results["stopped"].items()]
    body = [table([Column("candidate"), *columns], rows, "Rows and tokens of the first draw, and cost")]
    return Section("cost", "What is trained on, and what choosing it cost", join([*body, *map(note, notes)]))


def _seen_cells(about: Mapping[str, Any]) -> list[str]:
    cells = [count(about["n_rows"]), count(about["n_tokens"])]
    return [*cells, significant(about["passes"], 3), count(about["tokens_seen"])]


def _cost_cells(about: Mapping[str, Any], paid: bool) -> list[str]:
    cost = about["cost"]
    cells = [significant(cost[key], 3) for key in ("cpu_s", "wall_s")]
    if paid:
        cells += [count(cost["n_calls"]), NOTHING if cost["dollars"] is None else significant(cost["dollars"], 3)]
    return cells if about["cost_is_known"] else [NOTHING] * len(cells)


def _length(results: Mapping[str, Any]) -> Section:
    titles = ("first quarter", "median", "third quarter")
    columns = [Column("candidate"), *(Column(title, True) for title in titles), Column("written by")]
    rows = []
    for name, each in results["candidates"].items():
        origins = ", ".join(f"{who} {count(n)}" for who, n in each["origins"].items())
        rows.append([name, *(count(words) for words in each["answer_words"]), origins])
    why = note(
        "A set of longer answers, or of shorter ones, may win by length alone. The baselines longest and "
        "length-matched tell: random rows of the same lengths have what length brings, and no more of the method."
    )
    return Section(
        "length", "Length", join([table(columns, rows, "Words of the answers"), why, _beyond_length(results)])
    )


def _beyond_length(results: Mapping[str, Any]) -> Html | None:
    """What is left of each gain where the draw has answers as long; None where no such draws were asked for."""
    told = {
        measure: found["beyond_length"] for measure, found in results["measures"].items() if found.get("beyond_length")
    }
    if not told:
        return None
    columns = [Column("candidate"), *(Column(gain_title(measure)) for measure in told)]
    names = list(next(iter(told.values())))
    rows: list[list[Child]] = [[name, *(_verdict_cell(m, each, name) for m, each in told.items())] for name in names]
    return table(
        columns, rows, "Beyond length: against random draws whose answers are as long, corrected among themselves"
    )


def _overlap(results: Mapping[str, Any]) -> Section:
    names, shares = results["overlap"]["names"], results["overlap"]["shares"]
    columns = [Column("rows in common"), *(Column(name, True) for name in names)]
    rows = [[name, *map(percent, line)] for name, line in zip(names, shares, strict=True)]
    words = note("Of the rows that either has, the share that both have; first draw.")
    return Section("overlap", "Do they choose the same?", join([table(columns, rows, "Overlap"), words]))


def _examples(results: Mapping[str, Any]) -> Section:
    shown = []
    for name, about in results["candidates"].items():
        sides = [
            element("div", heading(title), *map(_example, about[key]))
            for title, key in (("Kept", "kept"), ("Left out", "left_out"))
        ]
        shown.append(details(f"{name}: {about['what']}", element("div", *sides, class_="sides")))
    return Section("examples", "What each kept and left out", join(shown))


def _example(row: Mapping[str, str]) -> Html:
    parts = (element("div", element("dt", key), element("dd", verbatim(row[key]))) for key in ("prompt", "answer"))
    return element(
        "div",
        note(f"{row['id']}: {row['why']}" if row["why"] else row["id"]),
        element("dl", *parts),
        class_="row-shown",
    )


def method_section(lines: Iterable[str], settings: Mapping[str, Any]) -> Section:
    """How a study was measured, in sentences, and its settings as flags."""
    listed = element("ul", *(element("li", line) for line in lines))
    flags = [f"--{name} {value}" for name, value in settings.items() if type(value) in (int, str)]
    return Section("method", "How this was measured", join([listed, details("Settings", code_block(flags))]))

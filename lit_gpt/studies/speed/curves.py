"""The training loss of our plain way and of the fast paths on one picture: the same rows, the same numbers.

Made from the benchmark's results alone, for every fixture and precision in which both bars ran.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from lit_gpt.report.line_chart import Line, LineChart
from lit_gpt.report.markup import Html
from lit_gpt.report.page import Section, page
from lit_gpt.report.parts import note, paragraph

PLAIN, FAST = "ours, plain", "ours"


def largest_difference(plain: Sequence[float], fast: Sequence[float]) -> float:
    """Between two losses of the same step, as a share of the plain one. ValueError for runs of unequal length."""
    return max(abs(ours - theirs) / theirs for theirs, ours in zip(plain, fast, strict=True))


def curves_page(results: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """The page as text; `results` are the bars of each fixture and precision, by a name for both."""
    sections = []
    for number, (name, bars) in enumerate(results.items(), 1):
        losses = {bar["bar"]: bar["losses"] for bar in bars if "losses" in bar}
        if {PLAIN, FAST} <= set(losses):
            sections.append(Section(f"curves-{number}", name, _chart(name, losses[PLAIN], losses[FAST])))
    lead = paragraph("Every fast path off, and all of them on: the same base, rows, order and seed.", class_="lede")
    return page("Plain and fast paths", lead, sections, "Rendered from the benchmark's results alone.", kicker="Speed")


def _chart(name: str, plain: Sequence[float], fast: Sequence[float]) -> Html:
    lines = [
        Line("plain", list(enumerate(plain, 1)), "line-b", has_dots=True),
        Line("fast paths", list(enumerate(fast, 1)), "line-a"),
    ]
    chart = LineChart(f"{name}: training loss", "optimizer step", "Training loss, nats a token", lines)
    words = (
        f"Largest difference between two losses of the same step: {largest_difference(plain, fast):.1e} of the loss."
    )
    return Html(chart.render() + note(words))

"""Shares with their 95% intervals, a row each: where several series (before, after) stand, and how sure that is.

Series differ in shape as well as in colour: the first is a ring, the second a disc, the third a diamond.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lit_gpt.report.formats import percent, percent_range
from lit_gpt.report.markup import Html, element, join

ROW_PX = 40
TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
RADIUS_PX = 5


@dataclass(frozen=True)
class Estimate:
    """A share from 0 to 1, its interval if there is one, and the number of items behind it."""

    value: float
    interval: tuple[float, float] | None
    n: int


@dataclass(frozen=True)
class IntervalRow:
    """A row: one estimate for each series, or None. `is_total` rows sum up those that follow."""

    label: str
    estimates: Sequence[Estimate | None]
    is_total: bool = False


def interval_chart(title: str, series: Sequence[str], rows: Sequence[IntervalRow]) -> Html:
    """The figure: an axis of percent, then the rows."""
    keys = [_key(name, place) for place, name in enumerate(series)]
    legend = element("p", *keys, element("span", "line: 95% interval", class_="soft"), class_="legend")
    axis = element("div", _axis(), class_="interval-row axis-row")
    drawn = [_row(row, series) for row in rows]
    return element(
        "figure",
        element("figcaption", element("strong", title), legend),
        element("div", axis, *drawn, class_="intervals"),
        class_="chart",
    )


def _axis() -> Html:
    labels = (element("text", f"{100 * t:.0f}%", x=f"{100 * t:.0f}%", y="14", class_="x-tick") for t in TICKS)
    return element("svg", *labels, class_="interval-plot", width="100%", height=20, aria_hidden="true")


def _row(row: IntervalRow, series: Sequence[str]) -> Html:
    grid = (
        element("line", x1=f"{100 * t:.0f}%", x2=f"{100 * t:.0f}%", y1="0", y2="100%", class_="grid") for t in TICKS
    )
    marks = [
        _estimate(estimate, f"{row.label}, {series[place]}", place, (place + 1) / (len(series) + 1))
        for place, estimate in enumerate(row.estimates)
        if estimate is not None
    ]
    words = "; ".join(
        f"{name} {_in_words(estimate)}" for name, estimate in zip(series, row.estimates, strict=True) if estimate
    )
    label = f"{row.label}: {words or 'nothing measured'}"
    svg = element(
        "svg", *grid, *marks, class_="interval-plot", width="100%", height=ROW_PX, role="img", aria_label=label
    )
    values = join((percent(e.value if e else None) for e in row.estimates), " → ")
    return element(
        "div",
        element("span", row.label, class_="interval-label"),
        svg,
        element("span", values, class_="interval-values"),
        class_="interval-row total" if row.is_total else "interval-row",
    )


def _in_words(estimate: Estimate) -> str:
    interval = f" {percent_range(*estimate.interval)}" if estimate.interval else ""
    return f"{percent(estimate.value)}{interval}, n = {estimate.n:,}"


def _estimate(estimate: Estimate, name: str, place: int, height: float) -> Html:
    y, cx = f"{100 * height:.1f}%", f"{100 * estimate.value:.3f}%"
    low, high = estimate.interval or (estimate.value, estimate.value)
    whisker = element("line", x1=f"{100 * low:.3f}%", x2=f"{100 * high:.3f}%", y1=y, y2=y, class_="whisker")
    title = element("title", f"{name}: {_in_words(estimate)}")
    return element("g", title, whisker, _shape(place, cx, y), class_=f"series-{place}")


def _shape(place: int, cx: str, cy: str) -> Html:
    if place < 2:
        return element("circle", cx=cx, cy=cy, r=RADIUS_PX)
    corners = f"M0 {-RADIUS_PX - 1}L{RADIUS_PX + 1} 0L0 {RADIUS_PX + 1}L{-RADIUS_PX - 1} 0Z"
    return element("svg", element("path", d=corners), x=cx, y=cy, overflow="visible")


def _key(name: str, place: int) -> Html:
    line = element("line", x1="0", x2="28", y1="7", y2="7", class_="whisker")
    drawing = element("g", line, _shape(place, "14", "7"), class_=f"series-{place}")
    return element("span", element("svg", drawing, width=28, height=14, aria_hidden="true"), " ", name)

"""Effects with their intervals around a line of no effect, a row each: what lies wholly to its right helps."""

from collections.abc import Sequence
from dataclasses import dataclass

from lit_gpt.report.formats import MINUS
from lit_gpt.report.markup import Html, element
from lit_gpt.report.scales import Scale, scale_of

ROW_PX = 38  # a label of two lines
RADIUS_PX = 5
DOT_PX = 2.5


@dataclass(frozen=True)
class EffectRow:
    """`dots` are the effect with each seed. `is_certain` where the interval leaves zero out, after correction."""

    label: str
    value: float
    interval: tuple[float, float]
    dots: Sequence[float]
    is_certain: bool
    words: str


def effect_chart(title: str, unit: str, rows: Sequence[EffectRow]) -> Html:
    """The figure; `unit` says what the axis counts."""
    seen = [number for row in rows for number in (0.0, *row.interval, *row.dots)]
    scale = scale_of(seen)
    legend = element(
        "p",
        element("span", "line: 95% interval · small dots: single seeds · filled: beyond chance", class_="soft"),
        class_="legend",
    )
    axis = element("div", _axis(scale), class_="interval-row axis-row")
    return element(
        "figure",
        element("figcaption", element("strong", title), element("span", f" ({unit})", class_="soft"), legend),
        element("div", axis, *(_row(row, scale) for row in rows), class_="intervals"),
        class_="chart",
    )


def _axis(scale: Scale) -> Html:
    labels = (
        element(
            "text", f"{tick:+g}".replace("-", MINUS) if tick else "0", x=scale.percent(tick), y="14", class_="x-tick"
        )
        for tick in scale.ticks
    )
    return element("svg", *labels, class_="interval-plot", width="100%", height=20, aria_hidden="true")


def _row(row: EffectRow, scale: Scale) -> Html:
    grid = [
        element("line", x1=scale.percent(t), x2=scale.percent(t), y1="0", y2="100%", class_="grid") for t in scale.ticks
    ]
    zero = element("line", x1=scale.percent(0.0), x2=scale.percent(0.0), y1="0", y2="100%", class_="axis")
    dots = (element("circle", cx=scale.percent(dot), cy="74%", r=DOT_PX, class_="seed") for dot in row.dots)
    low, high = row.interval
    whisker = element("line", x1=scale.percent(low), x2=scale.percent(high), y1="42%", y2="42%", class_="whisker")
    middle = element("circle", cx=scale.percent(row.value), cy="42%", r=RADIUS_PX)
    place = 1 if row.is_certain else 0
    marks = element(
        "g", element("title", f"{row.label}: {row.words}"), whisker, middle, *dots, class_=f"series-{place}"
    )
    svg = element(
        "svg",
        *grid,
        zero,
        marks,
        class_="interval-plot",
        width="100%",
        height=ROW_PX,
        role="img",
        aria_label=f"{row.label}: {row.words}",
    )
    label = element("span", row.label, class_="interval-label")
    return element("div", label, svg, element("span", row.words, class_="interval-values"), class_="interval-row")

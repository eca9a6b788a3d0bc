"""A line chart as SVG: measurements against steps, readable at any width.

Positions are in percent and lines keep their width however the picture is stretched, so words stay readable on a phone.
Each line has its own stroke and markers besides its colour. Points are thinned to what can be seen; the lowest and the
highest of every stretch stay.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from lit_gpt.report.formats import count, power_of_ten, significant
from lit_gpt.report.markup import Html, element, join
from lit_gpt.report.scales import Point, Scale, scale_of, thin

HEIGHT_PX = 240
UNITS = 10_000  # the lines' own coordinates, both ways
N_X_TICKS = 4
MAX_DOTS = 60  # more would run into one another
PLAIN_EXPONENTS = range(-2, 5)


@dataclass(frozen=True)
class Line:
    """A named line. `style` is one of the classes line-a (thin) and line-b (thick, with dots) of the style sheet."""

    name: str
    points: Sequence[Point]
    style: str = "line-a"
    has_dots: bool = False


@dataclass(frozen=True)
class LineChart:
    """What is drawn. `y_title` carries the unit; `marks` are (x, words) of moments to point out; `x_names` what to
    write at places of the x axis, in the place of numbers; `y_values` are what the y axis holds beside the lines, so
    that several charts have one scale."""

    title: str
    x_title: str
    y_title: str
    lines: Sequence[Line]
    marks: Sequence[tuple[float, str]] = ()
    x_names: Mapping[float, str] = field(default_factory=dict)
    y_values: Sequence[float] = ()
    height_px: int = HEIGHT_PX

    def render(self) -> Html:
        """The figure; it needs at least one line with a point."""
        drawn = [line for line in self.lines if line.points]
        x = scale_of([0.0, *(px for line in drawn for px, _ in line.points)], N_X_TICKS, is_tight=True)
        y = scale_of([*self.y_values, *(py for line in drawn for _, py in line.points)])
        exponent = exponent_of(y)
        unit = f" (× {power_of_ten(exponent)})" if exponent else ""
        body = join(
            [
                *_y_axis(y, exponent),
                *_x_axis(x, self.x_names),
                *(_mark(x, at, words) for at, words in self.marks if x.low <= at <= x.high),
                element("svg", *(_path(line, x, y) for line in drawn), **_STRETCHED),
                *(dot for line in drawn for dot in _dots(line, x, y, self._place)),
            ]
        )
        words = "; ".join(describe(line, self._place) for line in drawn)
        label = f"{self.title}: {words}"
        svg = element("svg", body, class_="plot", width="100%", height=self.height_px, role="img", aria_label=label)
        # a legend of one line would only say the title again
        legend = element("p", *(_key(line) for line in drawn), class_="legend") if len(drawn) > 1 else None
        return element(
            "figure",
            element("figcaption", element("strong", self.title), legend),
            element("p", self.y_title + unit, class_="y-title"),
            element("div", svg, class_="plot-box"),
            element("p", self.x_title, class_="x-title"),
            class_="chart",
        )

    def _place(self, px: float) -> str:
        return self.x_names.get(px) or f"{self.x_title.split(',')[0]} {count(px)}"


_STRETCHED = {
    "viewBox": f"0 0 {UNITS} {UNITS}",
    "preserveAspectRatio": "none",
    "width": "100%",
    "height": "100%",
    "overflow": "visible",
}


def at_step(px: float) -> str:
    return f"step {count(px)}"


def describe(line: Line, place: Callable[[float], str] = at_step) -> str:
    """The line in words: where it starts, where it ends, and its lowest point."""
    (_, first), (last_x, last) = line.points[0], line.points[-1]
    low_x, low = min(line.points, key=lambda point: point[1])
    ends = f"{line.name} from {significant(first)} to {significant(last)} at {place(last_x)}"
    return ends if low in (first, last) else f"{ends}, lowest {significant(low)} at {place(low_x)}"


def exponent_of(scale: Scale) -> int:
    """The power of ten to take out of the ticks' labels; 0 for numbers that read well as they are."""
    largest = max(abs(scale.low), abs(scale.high))
    exponent = math.floor(math.log10(largest) + 1e-9) if largest else 0
    return 0 if exponent in PLAIN_EXPONENTS else exponent


def _y_axis(scale: Scale, exponent: int) -> list[Html]:
    drawn = []
    for tick in scale.ticks:
        at = f"{100 - 100 * scale.share(tick):.3f}%"
        drawn.append(element("line", x1="0", x2="100%", y1=at, y2=at, class_="grid"))
        drawn.append(element("text", f"{tick / 10**exponent:,.6g}", x="-8", y=at, dy="0.35em", class_="y-tick"))
    return drawn


def _x_axis(scale: Scale, names: Mapping[float, str]) -> list[Html]:
    drawn = [element("line", x1="0", x2="100%", y1="100%", y2="100%", class_="axis")]
    for tick in names or scale.ticks:
        at = scale.percent(tick)
        drawn.append(element("line", x1=at, x2=at, y1="100%", y2="100%", class_="axis tick"))
        drawn.append(element("text", names.get(tick, f"{tick:,.6g}"), x=at, y="100%", dy="1.7em", class_="x-tick"))
    return drawn


def _mark(scale: Scale, at: float, words: str) -> Html:
    x = scale.percent(at)
    rule = element("line", element("title", words), x1=x, x2=x, y1="0", y2="100%", class_="moment")
    is_late = scale.share(at) > 0.5
    text = element("text", words, x=x, y="0", dx="-5" if is_late else "5", dy="1em", class_="late" if is_late else None)
    return element("g", rule, text, class_="mark")


def _path(line: Line, x: Scale, y: Scale) -> Html:
    places = (f"{UNITS * x.share(px):.0f} {UNITS * (1 - y.share(py)):.0f}" for px, py in thin(line.points))
    return element("path", d="M" + "L".join(places), class_=line.style)


def _dots(line: Line, x: Scale, y: Scale, place: Callable[[float], str]) -> list[Html]:
    if not (line.has_dots or len(line.points) == 1) or len(line.points) > MAX_DOTS:
        return []
    return [
        element(
            "circle",
            element("title", f"{line.name} {significant(py)} at {place(px)}"),
            cx=x.percent(px),
            cy=f"{100 - 100 * y.share(py):.3f}%",
            r="4",
            class_=line.style,
        )
        for px, py in line.points
    ]


def _key(line: Line) -> Html:
    stroke = element("line", x1="0", x2="28", y1="6", y2="6", class_=line.style)
    dot = element("circle", cx="14", cy="6", r="4", class_=line.style) if line.has_dots else None
    return element("span", element("svg", stroke, dot, width=28, height=12, aria_hidden="true"), " ", line.name)

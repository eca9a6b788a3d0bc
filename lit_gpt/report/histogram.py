"""A histogram of two groups as SVG: shares of each group, so that groups of unequal size can be compared.

The first group is drawn as filled bars, the second as an outline over them.
"""

from collections.abc import Mapping, Sequence

from lit_gpt.report.formats import percent, significant
from lit_gpt.report.markup import Html, element, join

HEIGHT_PX = 160
UNITS = 10_000
N_TICKS = 2  # more would run into each other on a phone


def histogram(title: str, edges: Sequence[float], groups: Mapping[str, Sequence[int]]) -> Html:
    """The figure. `edges` are one more than a group's bins; a group without rows is not drawn."""
    shares = {name: [n / (sum(bins) or 1) for n in bins] for name, bins in groups.items() if sum(bins)}
    most = max((share for bins in shares.values() for share in bins), default=1.0) or 1.0
    drawn = [_bars(bins, most, place) for place, bins in enumerate(shares.values())]
    stretched = element(
        "svg", *drawn, viewBox=f"0 0 {UNITS} {UNITS}", preserveAspectRatio="none", width="100%", height="100%"
    )
    label = "; ".join(f"{name}: most often {_mode(bins, edges)}" for name, bins in shares.items())
    svg = element(
        "svg",
        stretched,
        *_axis(edges),
        class_="plot",
        width="100%",
        height=HEIGHT_PX,
        role="img",
        aria_label=f"{title}: {label}",
    )
    legend = element("p", *(_key(name, place, sum(groups[name])) for place, name in enumerate(shares)), class_="legend")
    words = element("p", f"share of each group; the highest bar is {percent(most)}", class_="y-title")
    return element(
        "figure",
        element("figcaption", element("strong", title), legend),
        words,
        element("div", svg, class_="plot-box"),
        class_="chart",
    )


def _bars(shares: Sequence[float], most: float, place: int) -> Html:
    width = UNITS / len(shares)
    tops = [UNITS * (1 - share / most) for share in shares]
    steps = join((f"L{i * width:.0f} {top:.0f}L{(i + 1) * width:.0f} {top:.0f}" for i, top in enumerate(tops)))
    return element("path", d=f"M0 {UNITS}{steps}L{UNITS} {UNITS}", class_=f"bars-{place}")


def _axis(edges: Sequence[float]) -> list[Html]:
    drawn = [element("line", x1="0", x2="100%", y1="100%", y2="100%", class_="axis")]
    for tick in range(N_TICKS + 1):
        share = tick / N_TICKS
        value = edges[0] + share * (edges[-1] - edges[0])
        anchor = "x-first" if not tick else "x-last" if tick == N_TICKS else "x-tick"
        text = significant(value, 3) + (" +" if tick == N_TICKS else "")
        drawn.append(element("text", text, x=f"{100 * share:.1f}%", y="100%", dy="1.4em", class_=anchor))
    return drawn


def _mode(shares: Sequence[float], edges: Sequence[float]) -> str:
    place = max(range(len(shares)), key=lambda i: shares[i])
    return f"{significant(edges[place], 3)} to {significant(edges[place + 1], 3)}"


def _key(name: str, place: int, n: int) -> Html:
    box = element("rect", x="1", y="1", width="18", height="10", class_=f"bars-{place}")
    return element("span", element("svg", box, width=20, height=12, aria_hidden="true"), f" {name} ({n:,})")

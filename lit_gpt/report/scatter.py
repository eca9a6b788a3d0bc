"""A map of points as SVG: kept points are discs, the others small crosses; a point's text is its tooltip."""

from collections.abc import Sequence

from lit_gpt.report.markup import Html, element

SIZE = 1_000
ROOM = 20  # at the edges
CROSS = 5


def scatter(title: str, places: Sequence[Sequence[float]], is_kept: Sequence[bool], texts: Sequence[str]) -> Html:
    """The figure; places are from 0 to 1, kept points lie on top."""
    rows = list(zip(places, is_kept, texts, strict=True))
    drawn = [_point(place, kept, text) for wanted in (False, True) for place, kept, text in rows if kept == wanted]
    n_kept = sum(is_kept)
    label = f"{title}: {n_kept} kept and {len(rows) - n_kept} left out"
    box = f"0 0 {SIZE} {SIZE * 7 // 10}"
    svg = element("svg", *drawn, class_="map", viewBox=box, width="100%", role="img", aria_label=label)
    legend = element("p", _key("kept", True, n_kept), _key("left out", False, len(rows) - n_kept), class_="legend")
    return element("figure", element("figcaption", element("strong", title), legend), svg, class_="chart")


def _point(place: Sequence[float], kept: bool, text: str) -> Html:
    x = ROOM + place[0] * (SIZE - 2 * ROOM)
    y = ROOM + (1 - place[1]) * (SIZE * 0.7 - 2 * ROOM)
    return _shape(x, y, kept, element("title", f"{'kept' if kept else 'left out'}: {text}"))


def _shape(x: float, y: float, kept: bool, title: Html | None = None) -> Html:
    if kept:
        return element("circle", title, cx=f"{x:.1f}", cy=f"{y:.1f}", r="5", class_="point kept")
    arms = f"M{x - CROSS:.1f} {y - CROSS:.1f}l{2 * CROSS} {2 * CROSS}m{-2 * CROSS} 0l{2 * CROSS} {-2 * CROSS}"
    return element("path", title, d=arms, class_="point")


def _key(name: str, kept: bool, n: int) -> Html:
    return element(
        "span", element("svg", _shape(8, 8, kept), width=16, height=16, aria_hidden="true"), f" {name} ({n:,})"
    )

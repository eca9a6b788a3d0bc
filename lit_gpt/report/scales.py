"""Where a value lies on an axis, which round numbers are written beside it, and which points are worth drawing.

Ticks are 1, 2 or 5 times a power of ten (Heckbert, "Nice numbers for graph labels", Graphics Gems, 1990). Linear axes
alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

Point = tuple[float, float]
N_BUCKETS = 400  # a chart is some 800 pixels wide: finer is not seen
END_ROOM = 0.08  # share of an axis that the label at its end needs for itself
HEADROOM = 0.05  # share of an axis above the highest value
MIN_SHARE_OF_ZERO = 0.5  # an axis starts at zero where that costs less than half of it


@dataclass(frozen=True)
class Scale:
    """An axis from `low` to `high`, with its ticks."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def share(self, value: float) -> float:
        """0 at the low end, 1 at the high end."""
        return (value - self.low) / (self.high - self.low)

    def percent(self, value: float) -> str:
        """The share as an SVG length."""
        return f"{100 * self.share(value):.3f}%"


def scale_of(values: Sequence[float], n_ticks: int = 5, is_tight: bool = False) -> Scale:
    """An axis that holds all values.

    `is_tight`: from the first to the last value, both with a tick; else from a tick to a little above the last value.
    """
    low, high = min(values), max(values)
    if low == high:
        pad = abs(low) / 2 or 0.5
        low, high = (low - pad, high + pad) if low else (0.0, 1.0)
    elif not is_tight and 0 < low < MIN_SHARE_OF_ZERO * high:
        low = 0.0
    step = _nice_step((high - low) / n_ticks)
    first, last = math.floor(low / step), math.ceil(high / step)
    ticks = tuple(_tidy(i * step, step) for i in range(first, last + 1))
    if is_tight:
        room = END_ROOM * (high - low)
        inner = (tick for tick in ticks if low + room < tick < high - room)
        return Scale(low, high, (low, *inner, high))
    top = min(ticks[-1], high + HEADROOM * (high - ticks[0]))
    return Scale(ticks[0], top, tuple(tick for tick in ticks if tick <= top))


def _nice_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next(nice * power for nice in (1, 2, 5, 10) if rough <= nice * power * (1 + 1e-9))


def _tidy(value: float, step: float) -> float:
    """The multiple without what binary fractions leave behind it."""
    return round(value, max(0, 1 - math.floor(math.log10(step))))


def thin(points: Sequence[Point], n_buckets: int = N_BUCKETS) -> list[Point]:
    """At most four points a bucket of x: its first, lowest, highest and last. No spike goes missing.

    The points are in order of x.
    """
    if len(points) <= 4 * n_buckets:
        return list(points)
    low, high = points[0][0], points[-1][0]
    width = (high - low) / n_buckets or 1.0
    buckets: dict[int, list[int]] = {}
    for i, (x, _) in enumerate(points):
        buckets.setdefault(min(int((x - low) / width), n_buckets - 1), []).append(i)
    kept: list[Point] = []
    for members in buckets.values():
        lowest, highest = (extreme(members, key=lambda i: points[i][1]) for extreme in (min, max))
        kept += [points[i] for i in sorted({members[0], lowest, highest, members[-1]})]
    return kept

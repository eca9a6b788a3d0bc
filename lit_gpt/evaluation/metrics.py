"""A proportion and how far it can be trusted.

The interval is Wilson's (1927, https://doi.org/10.1080/01621459.1927.10502953), without continuity correction: unlike
value ± 1.96 standard errors it stays within 0 and 1 and has a width where every answer, or none, is right.
Rows are taken as independent draws; for a stratified sample the interval is therefore rather too wide than too narrow.
Not covered: differences between two evaluations of the same rows, which are paired.
"""

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import Any

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Proportion:
    """`n_hits` of `n`. ValueError where n is below 1 or n_hits is not within 0 and n."""

    n_hits: int
    n: int

    def __post_init__(self) -> None:
        if not 0 <= self.n_hits <= self.n or self.n < 1:
            raise ValueError(f"{self.n_hits} of {self.n} is no proportion")

    @property
    def value(self) -> float:
        return self.n_hits / self.n

    @property
    def standard_error(self) -> float:
        return sqrt(self.value * (1 - self.value) / self.n)

    def interval(self, confidence: float = CONFIDENCE) -> tuple[float, float]:
        """Wilson's lower and upper bound."""
        z = NormalDist().inv_cdf((1 + confidence) / 2)
        shrunk = 1 + z * z / self.n
        middle = (self.value + z * z / (2 * self.n)) / shrunk
        half = z * sqrt(self.value * (1 - self.value) / self.n + (z / (2 * self.n)) ** 2) / shrunk
        # at the ends the bound is exactly 0 or 1, which rounding misses by a hair
        low = 0.0 if self.n_hits == 0 else middle - half
        return low, 1.0 if self.n_hits == self.n else middle + half

    def to_json(self) -> dict[str, Any]:
        """n, value, standard_error, interval, as results.json has them."""
        return {
            "n": self.n,
            "value": self.value,
            "standard_error": self.standard_error,
            "interval": list(self.interval()),
        }

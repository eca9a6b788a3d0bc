"""Steps that go by a score: bounds to keep within, and the best of a ranking.

Bounds say by their names whether they are part of what is kept. Equal scores are ordered by a hash of the seed and the
row's id, so that neither the order of the file nor luck decides. A row without a score is an error, or with
`--missing drop` left out as `score_missing`; it never counts as 0.
"""

import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from lit_gpt.curation.amounts import Amount
from lit_gpt.curation.bench import Bench, Scores, best_first
from lit_gpt.curation.rows import Rows
from lit_gpt.curation.step import NOT_CHOSEN, SCORE_MISSING, SCORE_MISSING_MEANING, Drop, Ranking
from lit_gpt.errors import UserError

N_NAMED = 3


@dataclass(frozen=True)
class ScoreBounds:
    """Leaves out rows whose score is out of bounds.

    Args:
        score: the recipe's name for it
        at_least: keep score ≥ this
        above: keep score > this
        at_most: keep score ≤ this
        below: keep score < this
    """

    score: str
    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    below: float | None = None

    REASONS: ClassVar = {
        "score_too_low": "The score is lower than the recipe's bound.",
        "score_too_high": "The score is higher than the recipe's bound.",
        SCORE_MISSING: SCORE_MISSING_MEANING,
    }

    def __post_init__(self) -> None:
        if all(bound is None for bound, _, _ in self._bounds()):
            raise UserError(f"no bound for {self.score}", "at_least, above, at_most or below", "give one")

    def _bounds(self) -> list[tuple[float | None, Callable[[Any, Any], Any], str]]:
        return [
            (self.at_least, operator.ge, "score_too_low"),
            (self.above, operator.gt, "score_too_low"),
            (self.at_most, operator.le, "score_too_high"),
            (self.below, operator.lt, "score_too_high"),
        ]

    def drops(self, rows: Rows, bench: Bench) -> Iterable[Drop]:
        values_N = bench.scores(self.score, rows)
        yield from missing_scores(self.score, values_N, rows, bench)
        for id, value in zip(rows.ids, values_N.tolist(), strict=True):
            for bound, is_kept, reason in self._bounds():
                if bound is not None and value == value and not is_kept(value, bound):
                    yield Drop(id, reason, {"score": self.score, "value": value, "bound": bound})
                    break


@dataclass(frozen=True)
class Top:
    """Keeps the rows with the highest scores, or the lowest.

    Args:
        score: the recipe's name for it
        order: highest or lowest first
        keep: how many, where the command line does not say
    """

    score: str
    order: Literal["highest", "lowest"] = "highest"
    keep: Amount | None = None

    REASONS: ClassVar = {
        NOT_CHOSEN: "Other rows rank before it.",
        SCORE_MISSING: SCORE_MISSING_MEANING,
    }

    def rank(self, rows: Rows, bench: Bench, at_least: int) -> Ranking:
        found, ties_N = scored(self.score, rows, bench), bench.ties(rows)
        return found.ranking(best_first(found.values, ties_N[found.places], self.order == "highest"))


@dataclass(frozen=True)
class Scored:
    """The rows that have a score, M of N: their places, and a Drop for each of the others."""

    score: str
    values_N: Scores
    places: NDArray[np.int64]
    excluded: tuple[Drop, ...]

    @property
    def values(self) -> Scores:
        return self.values_N[self.places]

    def ranking(self, order_M: Sequence[int] | NDArray[np.int64]) -> Ranking:
        """An order of these rows as one of all, with the score as evidence."""
        order = self.places[np.asarray(order_M, dtype=np.int64)].tolist()
        return Ranking(order, lambda place: {"score": self.score, "value": float(self.values_N[place])}, self.excluded)


def scored(score: str, rows: Rows, bench: Bench) -> Scored:
    """The rows by that score; UserError where one is missing, unless that is asked for."""
    values_N = bench.scores(score, rows)
    excluded = tuple(missing_scores(score, values_N, rows, bench))
    return Scored(score, values_N, np.flatnonzero(np.isfinite(values_N)), excluded)


def missing_scores(score: str, values_N: Scores, rows: Rows, bench: Bench) -> Iterator[Drop]:
    """A Drop for every row without a score; UserError where that is not asked for."""
    ids = [id for id, value in zip(rows.ids, values_N.tolist(), strict=True) if value != value]
    if ids and bench.settings.missing == "error":
        named = ", ".join(ids[:N_NAMED]) + (", ..." if len(ids) > N_NAMED else "")
        got = f"no score {score!r} for {len(ids):,} of {len(rows):,} rows ({named})"
        do = "pass --missing drop to leave them out, each with its reason, or score them"
        raise UserError(got, "a finite number for every row", do)
    why = bench.why_missing.get(score, {})
    return (Drop(id, SCORE_MISSING, {"score": score, "why": why.get(id, "not given, or made of such")}) for id in ids)

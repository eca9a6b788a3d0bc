"""Scores that somebody else made, and scores made of other scores; and what scorers of single rows share.

What is read off a row's words and tokens is in `text_scorers.py`, what a model says about it in `model_scorers.py` and
`reward_scorers.py`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from lit_gpt.curation.bench import Bench, Scores
from lit_gpt.curation.given_scores import read_given
from lit_gpt.curation.rows import Rows
from lit_gpt.curation.scores import ScoreRows
from lit_gpt.errors import UserError
from lit_gpt.example import Example
from lit_gpt.files import read_json

CHEAP_SHARD_ROWS = 1_000


class OfRows:
    """What scorers of single rows share: no identity beside their settings, and one row knows nothing of another."""

    VERSION: ClassVar = 1
    SHARD_ROWS: ClassVar = CHEAP_SHARD_ROWS
    OF_THE_SET: ClassVar = False

    def identity(self, bench: Bench) -> dict[str, Any]:
        return {}


def row_by_row(measure: Callable[[Example], float]) -> ScoreRows:
    return lambda examples: ((example.id, measure(example)) for example in examples)


@dataclass(frozen=True)
class Given:
    """Scores from a table of yours: JSONL, CSV or parquet with `id` or `content_hash`, and a column of numbers.

    Args:
        path: the file, or a folder of scores that curation wrote
        column: the column with the numbers
        version: what the table's column `version` has to say, if anything
        needs: what to tell a user who gives none
    """

    path: Path | None = None
    column: str = "value"
    version: str = ""
    needs: str = ""

    def check(self, bench: Bench) -> Path:
        if self.path is None:
            raise UserError("a score that has to be given", self.needs or "a table of scores", "pass --given NAME=FILE")
        return self.path

    def combine(self, rows: Rows, bench: Bench) -> Scores:
        known = read_given(self.check(bench), self.column, self.version)
        values = [known.get(id, known.get(key)) for id, key in zip(rows.ids, rows.hashes, strict=True)]
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


@dataclass(frozen=True)
class Linear:
    """A weighted sum of other scores.

    Args:
        weights: name of a score -> its weight
        intercept: what is added
    """

    weights: dict[str, float]
    intercept: float = 0.0

    def combine(self, rows: Rows, bench: Bench) -> Scores:
        terms = (weight * bench.scores(name, rows) for name, weight in self.weights.items())
        return self.intercept + sum(terms, np.zeros(len(rows)))


@dataclass(frozen=True)
class Fitted:
    """A weighted sum of other scores, by the rule that scripts/fit_rule.py wrote; its indicators are scores by name.

    Args:
        rule: the name under which the file is given: --given rule=FILE
    """

    rule: str = "rule"

    GIVEN: ClassVar = {"rule": "the rule.json that scripts/fit_rule.py wrote"}

    def combine(self, rows: Rows, bench: Bench) -> Scores:
        return self._linear(bench).combine(rows, bench)

    def indicators(self, bench: Bench) -> list[str]:
        """The scores that the rule is made of."""
        return list(self._linear(bench).weights)

    def _linear(self, bench: Bench) -> Linear:
        path = bench.given(self.rule, self.GIVEN["rule"])
        try:
            record = read_json(path)
            return Linear(dict(record["coefficients"]), float(record["intercept"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            got = f"{path}, which holds no rule ({type(error).__name__}: {error})"
            raise UserError(got, self.GIVEN["rule"], "fit it again") from None


@dataclass(frozen=True)
class Product:
    """Other scores multiplied."""

    of: tuple[str, ...]

    def combine(self, rows: Rows, bench: Bench) -> Scores:
        return np.prod([bench.scores(name, rows) for name in self.of], axis=0)


@dataclass(frozen=True)
class RankSum:
    """Other scores put on one scale: of each the share of rows that rank below, weighted and added up. Equals share
    their mean rank; a row that misses one of the scores has none.

    Args:
        weights: name of a score -> its weight; below 0 where the lowest is the best
    """

    weights: dict[str, float]

    def combine(self, rows: Rows, bench: Bench) -> Scores:
        return sum((w * rank_shares(bench.scores(name, rows)) for name, w in self.weights.items()), np.zeros(len(rows)))


def rank_shares(values_N: Scores) -> Scores:
    """For each value the share of the finite ones that lie below it, equals counting half; NaN for one that is not."""
    known = np.sort(values_N[np.isfinite(values_N)])
    below = np.searchsorted(known, values_N, side="left") + np.searchsorted(known, values_N, side="right")
    return np.where(np.isfinite(values_N), below / (2 * max(len(known), 1)), np.nan)


def with_given(scorers: Mapping[str, Any], files: Mapping[str, Path]) -> dict[str, Any]:
    """The recipe's scorers with those that the user gives as tables in their places."""
    return {**scorers, **{name: Given(path, _column(scorers.get(name))) for name, path in files.items()}}


def _column(scorer: Any) -> str:
    return scorer.column if isinstance(scorer, Given) else "value"

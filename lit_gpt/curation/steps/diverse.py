"""Choices that look at rows together: how they cover the pool, whether they repeat each other, what a target set needs.

The algorithms, with their papers, are in `selection/`; here they become steps. Ties, of scores as well,
go by the order of the file: the earlier row first.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lit_gpt.curation.amounts import Amount
from lit_gpt.curation.bench import Bench, named
from lit_gpt.curation.given_scores import read_given
from lit_gpt.curation.rows import Rows
from lit_gpt.curation.step import NOT_CHOSEN, SCORE_MISSING, SCORE_MISSING_MEANING, Ranking
from lit_gpt.curation.steps.by_score import scored
from lit_gpt.errors import UserError
from lit_gpt.seeds import derive_seed

MAX_SEED = 1 << 31


@dataclass(frozen=True)
class KCenter:
    """Keeps rows that cover the others: each the farthest from all before it; the first is drawn from the seed.

    Args:
        vectors: the recipe's name for the embedder
        keep: how many, where the command line does not say
    """

    vectors: str
    keep: Amount | None = None

    REASONS: ClassVar = {NOT_CHOSEN: "Rows that are kept are near it, or others were farther from all."}

    def rank(self, rows: Rows, bench: Bench, at_least: int) -> Ranking:
        from lit_gpt.curation.selection.coverage import k_center

        seed = derive_seed("k_center", bench.settings.seed) % MAX_SEED
        return Ranking(k_center(bench.vectors(self.vectors, rows), at_least, seed))


@dataclass(frozen=True)
class FacilityLocation:
    """Keeps rows to which all others are most similar in sum; with a score, quality counts as well (QDIT).

    Args:
        vectors: the recipe's name for the embedder
        score: the recipe's name for quality, if any
        alpha: weight of the kept rows' mean quality, scaled to 0 ... 1, against their coverage as a share of all
        keep: how many, where the command line does not say
    """

    vectors: str
    score: str = ""
    alpha: float = 0.0
    keep: Amount | None = None

    REASONS: ClassVar = {
        NOT_CHOSEN: "Rows that are kept cover it, or others gained more.",
        SCORE_MISSING: SCORE_MISSING_MEANING,
    }

    def __post_init__(self) -> None:
        if not 0 <= self.alpha <= 1:
            raise UserError(f"alpha {self.alpha}", "0 to 1", "correct alpha")
        if bool(self.score) != (self.alpha > 0):
            raise UserError(f"score {self.score!r} with alpha {self.alpha}", "both, or neither", "give both")

    def rank(self, rows: Rows, bench: Bench, at_least: int) -> Ranking:
        from lit_gpt.curation.selection.coverage import facility_location, qdit

        if not self.score:
            return Ranking(facility_location(bench.vectors(self.vectors, rows), at_least))
        found = scored(self.score, rows, bench)
        n_rows, quality_M = len(found.places), found.values
        n_wanted = min(at_least, n_rows)
        # coverage is a sum over all rows: a choice of nothing but the best weighs as much as covering all of them
        scaled_M = n_rows / n_wanted * (quality_M - quality_M.min()) / (float(np.ptp(quality_M)) or 1.0)
        vectors_MD = bench.vectors(self.vectors, rows)[found.places]
        return found.ranking(qdit(vectors_MD, scaled_M, n_wanted, self.alpha))


@dataclass(frozen=True)
class BestUnlike:
    """Keeps rows by score, best first, but none that is too like one kept already (DEITA).

    Args:
        vectors: the recipe's name for the embedder
        score: the recipe's name for it
        above: cosine with a kept row above which a row is passed over (>)
        keep: at most how many, where the command line does not say
    """

    vectors: str
    score: str
    above: float = 0.9
    keep: Amount | None = None

    REASONS: ClassVar = {
        NOT_CHOSEN: "Rows of a higher score are like it, or fill the number.",
        SCORE_MISSING: SCORE_MISSING_MEANING,
    }

    def rank(self, rows: Rows, bench: Bench, at_least: int) -> Ranking:
        from lit_gpt.curation.selection.redundancy import unlike_each_other

        found = scored(self.score, rows, bench)
        vectors_MD = bench.vectors(self.vectors, rows)[found.places]
        return found.ranking(unlike_each_other(found.values, vectors_MD, at_least, self.above))


@dataclass(frozen=True)
class LikeTargets:
    """Keeps rows like those of --target_dir: its categories take turns, each taking the row most like one of its own
    (RDS+).

    Args:
        vectors: the recipe's name for the embedder
        keep: how many, where the command line does not say
    """

    vectors: str
    keep: Amount | None = None

    NEEDS: ClassVar = ("target_dir",)
    REASONS: ClassVar = {NOT_CHOSEN: "Other rows are more like the target set."}

    def rank(self, rows: Rows, bench: Bench, at_least: int) -> Ranking:
        from lit_gpt.curation.selection.targets import rds_plus
        from lit_gpt.curation.vectors import target_vectors

        targets_QD, tasks_Q = target_vectors(named(bench.embedders, self.vectors, "embedder"), bench)
        return Ranking(rds_plus(bench.vectors(self.vectors, rows), targets_QD, tasks_Q, at_least))


@dataclass(frozen=True)
class DifficultyBalanced:
    """Keeps more rows of the categories that the base model fails; within one, rows are drawn by the seed.

    Args:
        accuracies: a table with a row for each category: id is the category, value the base model's accuracy, 0 to 1;
            --given accuracies=FILE
        keep: how many, where the command line does not say
    """

    accuracies: str = "accuracies"
    keep: Amount | None = None

    GIVEN: ClassVar = {"accuracies": "the accuracies.jsonl that eval/exact_match.py writes: id (a category) and value"}
    REASONS: ClassVar = {NOT_CHOSEN: "Its category has its share already."}

    def rank(self, rows: Rows, bench: Bench, at_least: int) -> Ranking:
        from lit_gpt.curation.selection.difficulty import difficulty_balanced

        kinds = [example.category for example in rows]
        known = self._known(bench, kinds)
        n_open = sum(known[kind] < 1 for kind in kinds)  # none of a category that the base answers perfectly
        chosen = difficulty_balanced(kinds, known, min(at_least, n_open), bench.settings.seed)
        ties_N = bench.ties(rows)
        order = sorted(chosen, key=lambda place: ties_N[place])  # so that a part of it, too, is of all categories
        return Ranking(order, lambda place: {"category": kinds[place], "base_accuracy": known[kinds[place]]})

    def _known(self, bench: Bench, kinds: Iterable[str]) -> dict[str, float]:
        path = bench.given(self.accuracies, self.GIVEN["accuracies"])
        known = {name: value for name, value in read_given(path, "value").items() if value is not None}
        for kind, n in Counter(kinds).items():
            if not 0 <= known.get(kind, -1.0) <= 1:
                got = f"{path} without an accuracy from 0 to 1 for the category {kind!r} ({n:,} rows)"
                do = "have rows of it answered, too (eval/exact_match.py with more --n_items), or add it to the table"
                raise UserError(got, "one for every category", do)
        return known

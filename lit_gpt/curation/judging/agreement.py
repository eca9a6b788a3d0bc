"""What judges' grades are worth, as numbers: agreement of two, the sets they would keep, ties to length.

Cohen's kappa (1960) and its form with quadratic weights (1968) of graded rows; Spearman's correlation; of kept sets the
share of their union that both hold (Jaccard). Rows that one of them did not grade are left out, and counted.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lit_gpt.curation.facts import spearman
from lit_gpt.curation.judging.transition import binned

Values = NDArray[np.float64]


def agreement(first_N: Values, second_N: Values, low: float, high: float, keep: float, n_grades: int) -> dict[str, Any]:
    """Two judges on the same rows; `keep` is the grade from which a row would stay."""
    both = np.isfinite(first_N) & np.isfinite(second_N)
    one_N, two_N = first_N[both], second_N[both]
    left_N, right_N = binned(one_N, low, high, n_grades), binned(two_N, low, high, n_grades)
    return {
        "n_rows": len(first_N),
        "n_both_graded": int(both.sum()),
        "share_equal": float((one_N == two_N).mean()) if len(one_N) else None,
        "kappa": kappa(left_N, right_N, n_grades),
        "kappa_quadratic": kappa(left_N, right_N, n_grades, quadratic=True),
        "spearman": spearman(one_N, two_N),
        "overlap_of_kept": overlap(one_N >= keep, two_N >= keep),
    }


def kappa(
    first_N: NDArray[np.int64], second_N: NDArray[np.int64], n_grades: int, quadratic: bool = False
) -> float | None:
    """1 - observed / expected disagreement; None where none is expected, as all grades are one."""
    if not len(first_N):
        return None
    seen_GG = np.zeros((n_grades, n_grades))
    np.add.at(seen_GG, (first_N, second_N), 1 / len(first_N))
    expected_GG = np.outer(seen_GG.sum(1), seen_GG.sum(0))
    apart_GG = np.abs(np.subtract.outer(np.arange(n_grades), np.arange(n_grades))).astype(float)
    weight_GG = apart_GG**2 if quadratic else (apart_GG > 0).astype(float)
    expected = float((weight_GG * expected_GG).sum())
    return None if expected == 0 else 1 - float((weight_GG * seen_GG).sum()) / expected


def overlap(first_N: NDArray[np.bool_], second_N: NDArray[np.bool_]) -> float | None:
    """Jaccard; None where neither keeps a row."""
    union = int((first_N | second_N).sum())
    return int((first_N & second_N).sum()) / union if union else None


def length_bias(grades_N: Values, words_N: Values) -> float | None:
    """Spearman's correlation of the grades with the answers' words."""
    there = np.isfinite(grades_N)
    return spearman(grades_N[there], words_N[there])


def self_consistency(grades_RN: Values) -> dict[str, Any]:
    """Of R askings: how often two give a row the same grade, their mean correlation, and the spread within a row."""
    pairs = [(a, b) for a in range(len(grades_RN)) for b in range(a)]
    graded_N = np.isfinite(grades_RN).all(0)
    seen_RN = grades_RN[:, graded_N]
    ranks = [spearman(seen_RN[a], seen_RN[b]) for a, b in pairs]
    known = [value for value in ranks if value is not None]
    return {
        "askings": len(grades_RN),
        "n_graded_each_time": int(graded_N.sum()),
        "share_equal": float(np.mean([(seen_RN[a] == seen_RN[b]).mean() for a, b in pairs])) if seen_RN.size else None,
        "spearman": float(np.mean(known)) if known else None,
        "spread_within_a_row": float(seen_RN.std(0).mean()) if seen_RN.size else None,
    }


def interval(correlation: float | None, n: int) -> tuple[float, float] | None:
    """95 % of Spearman's correlation, by Fisher's z with the variance 1.06 / (n - 3) (Fieller et al. 1957)."""
    if correlation is None or n <= 3 or abs(correlation) >= 1:
        return None
    z, half = np.arctanh(correlation), 1.96 * np.sqrt(1.06 / (n - 3))
    return float(np.tanh(z - half)), float(np.tanh(z + half))

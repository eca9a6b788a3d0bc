"""Choosing rows: each way against brute force, or scikit-learn."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.metrics.pairwise import cosine_similarity

from lit_gpt.curation.indicators.embeddings import unit
from lit_gpt.curation.indicators.scores import Missing, why_missing
from lit_gpt.curation.selection import coverage
from lit_gpt.curation.selection.coverage import TIE, facility_location, k_center, qdit
from lit_gpt.curation.selection.difficulty import difficulty_balanced, shared_out
from lit_gpt.curation.selection.order import best_then_earliest, check_size
from lit_gpt.curation.selection.redundancy import unlike_each_other
from lit_gpt.curation.selection.targets import Checkpoint, influence_scores, influences, rds_plus
from lit_gpt.curation.selection.variety import principal_directions, row_variances


def vectors(n_rows: int, n_dims: int, seed: int) -> np.ndarray:
    """Around a few middles, so that some are alike."""
    draw = np.random.default_rng(seed)
    middles = draw.normal(size=(6, n_dims))
    return (middles[draw.integers(6, size=n_rows)] + draw.normal(scale=0.4, size=(n_rows, n_dims))).astype(np.float32)


def test_ties_go_to_the_earlier_place() -> None:
    values = np.array([2.0, 3.0, 1.0, 3.0, 1.0])
    assert best_then_earliest(values) == [1, 3, 0, 2, 4]
    with pytest.raises(ValueError, match="6 of 5 rows"):
        check_size(6, 5)
    with pytest.raises(ValueError, match="1 values are no numbers"):
        best_then_earliest(np.array([1.0, np.nan]))


def test_k_center_is_brute_force() -> None:
    points = vectors(128, 12, seed=0)
    chosen = [17]
    while len(chosen) < 30:
        nearest = [min(np.linalg.norm(p.astype(float) - points[c]) for c in chosen) for p in points]
        chosen.append(int(np.argmax(nearest)))
    assert k_center(points, 30, seed=0, start=17) == chosen
    first = [k_center(points, 5, seed)[0] for seed in range(12)]
    assert len(set(first)) > 6 and first == [k_center(points, 5, seed)[0] for seed in range(12)]
    assert k_center(points, 0, seed=0) == []


def test_k_center_of_copies_chooses_none_twice() -> None:
    assert sorted(k_center(np.ones((4, 3), np.float32), 4, seed=0)) == [0, 1, 2, 3]


def greedy(points: np.ndarray, quality: np.ndarray, k: int, alpha: float) -> list[int]:
    """The definition: look at every row for every choice."""
    similar = np.clip(cosine_similarity(points.astype(np.float64)), 0, None)
    chosen: list[int] = []
    covered = np.zeros(len(points))
    for _ in range(k):
        gains = (1 - alpha) * np.maximum(similar - covered, 0).sum(1) + alpha * quality
        gains[chosen] = -np.inf
        chosen.append(int(np.flatnonzero(gains >= gains.max() * (1 - TIE))[0]))
        covered = np.maximum(covered, similar[chosen[-1]])
    return chosen


@pytest.mark.parametrize("seed", range(3))
def test_lazy_greedy_is_brute_force(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coverage, "BLOCK", 50)
    monkeypatch.setattr(coverage, "WIDE_BLOCK", 60)
    monkeypatch.setattr(coverage, "RENEWED", 8)
    points, quality = vectors(128, 12, seed), np.random.default_rng(seed).uniform(0, 5, size=128)
    assert facility_location(points, 40) == greedy(points, quality, 40, alpha=0)
    assert qdit(points, quality, 40, alpha=0.7) == greedy(points, quality, 40, alpha=0.7)
    assert qdit(points, quality, 128, alpha=1) == best_then_earliest(quality)


def test_facility_location_chooses_each_row_once() -> None:
    assert sorted(facility_location(vectors(20, 4, seed=1), 20)) == list(range(20))


@pytest.mark.parametrize("limit", [0.9, 0.5])
def test_deita_s_filter_is_brute_force(limit: float) -> None:
    points, scores = vectors(128, 6, seed=4), np.random.default_rng(4).integers(9, size=128).astype(float)
    similar = cosine_similarity(points.astype(np.float64))
    kept: list[int] = []
    for place in sorted(range(128), key=lambda n: (-scores[n], n)):
        if all(similar[place, other] <= limit for other in kept):
            kept.append(place)
    assert 5 < len(kept) < 128
    assert unlike_each_other(scores, points, 128, limit) == kept
    assert unlike_each_other(scores, points, 5, limit) == kept[:5]


def test_deita_s_filter_across_blocks_keeps_one_of_copies() -> None:
    points = np.tile(np.eye(3, dtype=np.float32), (200, 1))
    assert unlike_each_other(np.arange(600.0), points, 600) == [599, 598, 597]


def test_principal_directions_and_row_variance_are_scikit_learn_s() -> None:
    points = vectors(300, 20, seed=2) * np.linspace(1, 4, 20, dtype=np.float32)
    theirs = PCA(n_components=0.95, svd_solver="full").fit(points.astype(np.float64))
    ours = principal_directions(points)
    np.testing.assert_allclose(ours.variances_K, theirs.explained_variance_, rtol=1e-6)
    np.testing.assert_allclose(ours.directions_KD, theirs.components_, atol=1e-6)
    variances = theirs.transform(points.astype(np.float64)).var(axis=1)
    np.testing.assert_allclose(row_variances(points), variances, rtol=1e-6)


def test_variety_keeps_every_copy_of_a_far_row() -> None:
    points = vectors(100, 8, seed=3)
    points[10:20] = 9 * points[10]
    assert set(best_then_earliest(row_variances(points))[:20]) >= set(range(10, 20))


def test_rds_plus_is_brute_force() -> None:
    points, targets, tasks = vectors(128, 8, seed=7), vectors(9, 8, seed=8), list("aabbbccca")
    similar = cosine_similarity(points.astype(np.float64), targets.astype(np.float64))
    chosen: list[int] = []
    while len(chosen) < 50:
        for task in "abc":
            scores = similar[:, [name == task for name in tasks]].max(1)
            scores[chosen] = -np.inf
            chosen += [int(scores.argmax())] if len(chosen) < 50 else []
    assert rds_plus(points, targets, tasks, 50) == chosen
    assert len(set(rds_plus(points, targets, tasks, 128))) == 128


def test_less_is_the_formula() -> None:
    tasks = list("aabbb")
    steps = [Checkpoint(rate, vectors(60, 8, seed), vectors(5, 8, seed + 10)) for seed, rate in enumerate((3e-4, 1e-4))]
    expected = np.zeros((60, 5))
    for step, weight in zip(steps, (0.75, 0.25), strict=True):
        for n, candidate in enumerate(step.candidates_ND.astype(float)):
            for q, target in enumerate(step.targets_QD.astype(float)):
                expected[n, q] += weight * sum(candidate * target)
    by_task = np.maximum(expected[:, :2].mean(1), expected[:, 2:].mean(1))
    np.testing.assert_allclose(influences(steps, tasks), by_task)
    rows = [("a", steps[0].candidates_ND[0]), ("none", Missing("too_long")), ("b", steps[0].candidates_ND[1])]
    alone = dict(influence_scores(rows, steps[0].targets_QD, tasks))
    assert [alone["a"], alone["b"]] == pytest.approx(influences(steps[:1], tasks)[:2].tolist())
    assert why_missing(alone["none"]) == "too_long"
    with pytest.raises(ValueError, match="4 tasks for 5 target rows"):
        influences(steps, tasks[:4])


def test_kinds_that_fail_get_more_rows() -> None:
    kinds = ["easy"] * 50 + ["hard"] * 50 + ["perfect"] * 20 + ["rare"] * 3
    accuracies = {"easy": 0.8, "hard": 0.2, "perfect": 1.0, "rare": 0.0}
    chosen = difficulty_balanced(kinds, accuracies, 43, seed=1)
    counts = {kind: sum(kinds[place] == kind for place in chosen) for kind in accuracies}
    assert counts == {"easy": 8, "hard": 32, "perfect": 0, "rare": 3} and len(set(chosen)) == 43
    assert chosen == difficulty_balanced(kinds, accuracies, 43, seed=1) != difficulty_balanced(kinds, accuracies, 43, 2)
    with pytest.raises(ValueError, match="'rare'"):
        difficulty_balanced(kinds, {"easy": 1, "hard": 1, "perfect": 1}, 3, seed=0)
    with pytest.raises(ValueError, match="104 of 103 rows"):
        difficulty_balanced(kinds, accuracies, 104, seed=0)


@pytest.mark.parametrize("k", range(0, 31, 3))
def test_shares_add_up(k: int) -> None:
    most = {"a": 20, "b": 3, "c": 10}
    quotas = shared_out(k, {"a": 0.1, "b": 0.9, "c": 0.4}, most)
    assert sum(quotas.values()) == k and all(quotas[name] <= most[name] for name in most)


def test_units_keep_zeros() -> None:
    np.testing.assert_allclose(unit(np.array([[3.0, 4.0], [0.0, 0.0]], np.float32)), [[0.6, 0.8], [0, 0]])

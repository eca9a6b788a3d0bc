"""Intervals of effects: arithmetic against scipy, and false alarms and power by simulation."""

import numpy as np
import pytest
from scipy import stats

from lit_gpt.curation.regression import below_t
from lit_gpt.evaluation import resampling
from lit_gpt.proof.effects import verdict
from lit_gpt.proof.intervals import LEAST_DRAWS, Spread, detectable, effect, holm, overlap, seeds_needed, spread_of
from lit_gpt.report.measure_section import TOO_FEW

N_STUDIES = 500
STUDY = {"n_seeds": 5, "n_items": 300}  # what eval/compare_datasets.py does by default


def differences(draw: np.random.Generator, gain: float = 0.0, n_seeds: int = 5, n_items: int = 300) -> np.ndarray:
    """Right answers of two arms, candidate minus reference: items unlike in difficulty, each seed with its own luck,
    and each arm better at some items than at others."""
    difficulty_I = draw.normal(0, 1.5, n_items)

    def arm(ability: float) -> np.ndarray:
        luck_S1, taste_I = draw.normal(0, 0.25, (n_seeds, 1)), draw.normal(0, 0.4, n_items)
        chance_SI = 1 / (1 + np.exp(-(ability + difficulty_I + taste_I + luck_S1)))
        return (draw.random((n_seeds, n_items)) < chance_SI).astype(float)

    return arm(gain) - arm(0.0)


def false_alarms(found: list[bool]) -> float:
    return sum(found) / len(found)


@pytest.mark.parametrize("n_items", [300, 400])
@pytest.mark.parametrize("n_seeds", [LEAST_DRAWS, 5])
def test_the_interval_leaves_out_zero_in_5_percent_of_studies_without_an_effect(n_seeds: int, n_items: int) -> None:
    draw = np.random.default_rng(7)
    studies = [differences(draw, n_seeds=n_seeds, n_items=n_items) for _ in range(N_STUDIES)]
    share = false_alarms([effect(each).excludes_zero for each in studies])
    print(f"false alarms, two-way, {n_seeds} seeds, {n_items} items: {share:.1%} of {N_STUDIES}")
    assert 0.03 <= share <= 0.07


def test_two_draws_are_too_sure_of_themselves_and_give_no_verdict() -> None:
    draw = np.random.default_rng(7)
    found = [effect(differences(draw, n_seeds=2, n_items=400)) for _ in range(N_STUDIES)]
    share = false_alarms([each.excludes_zero for each in found])
    print(f"false alarms, two-way, 2 seeds: {share:.1%} of {N_STUDIES}")
    assert share > 0.07, "or two draws would do"
    assert {verdict(each, each.p) for each in found} == {verdict(each, None) for each in found} == {TOO_FEW}
    certain = effect(np.random.default_rng(0).normal(1, 0.01, (3, 400)))
    assert verdict(certain, certain.p) == "better than random", "three do"


def test_the_bootstrap_alone_is_too_sure_of_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Why it stands beside, and verdicts do not go by it."""
    monkeypatch.setattr(resampling, "N_RESAMPLES", 400)
    draw = np.random.default_rng(7)
    alarms = []
    for _ in range(150):
        interval = resampling.hierarchical_interval(differences(draw, **STUDY))
        alarms.append(interval.low > 0 or interval.high < 0)
    print(f"false alarms, hierarchical bootstrap: {false_alarms(alarms):.1%} of {len(alarms)}")
    assert false_alarms(alarms) > 0.07


@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_seeds_alone_give_students_interval(confidence: float) -> None:
    """Where items do not differ the table is as good as one column, and scipy knows that one."""
    seeds_S = np.array([0.3, -0.1, 0.4, 0.25, 0.05])
    found = effect(np.repeat(seeds_S[:, None], 40, axis=1), confidence)
    theirs = stats.ttest_1samp(seeds_S, 0.0)
    low, high = theirs.confidence_interval(confidence)
    assert (found.value, found.low, found.high, found.p) == pytest.approx((seeds_S.mean(), low, high, theirs.pvalue))


def test_items_alone_give_students_interval() -> None:
    items_I = np.random.default_rng(0).normal(0.1, 1, 50)
    found = effect(np.repeat(items_I[None], 4, axis=0))
    theirs = stats.ttest_1samp(items_I, 0.0)
    low, high = theirs.confidence_interval(0.95)
    assert (found.low, found.high, found.p) == pytest.approx((low, high, theirs.pvalue))


def test_mean_squares_by_hand() -> None:
    spread = spread_of(np.array([[1.0, 3.0], [2.0, 8.0]]))  # mean 3.5; seeds -1.5, 1.5; items -2, 2; rest 1, -1, -1, 1
    assert (spread.ms_seed, spread.ms_item, spread.ms_rest) == (9.0, 16.0, 4.0)
    assert (spread.seed, spread.item) == (2.5, 6.0)
    error, _ = spread.error()
    assert error**2 == pytest.approx((9 + 16 - 4) / 4)


def test_below_t_is_scipys() -> None:
    for t, n_free in ((0.0, 3), (0.7, 1.5), (2.5, 40.3), (9.0, 700)):
        assert below_t(t, n_free) == pytest.approx(stats.t.cdf(t, n_free), abs=1e-12)


def test_a_planted_effect_is_found_with_the_predicted_power() -> None:
    draw = np.random.default_rng(3)
    true = Spread(ms_seed=300 * 0.02**2 + 0.25, ms_item=5 * 0.1**2 + 0.25, ms_rest=0.25, n_seeds=5, n_items=300)
    planted = detectable(true)
    found = 0
    for _ in range(N_STUDIES):
        seeds_S1, items_I = draw.normal(0, 0.02, (5, 1)), draw.normal(0, 0.1, 300)
        found += effect(planted + seeds_S1 + items_I + draw.normal(0, 0.5, (5, 300))).low > 0
    print(f"found {found / N_STUDIES:.1%} of studies with an effect of {planted:.3f}; predicted 80 %")
    assert found / N_STUDIES == pytest.approx(0.8, abs=0.06)


def test_more_seeds_find_less() -> None:
    spread = Spread(ms_seed=4.0, ms_item=0.5, ms_rest=0.3, n_seeds=3, n_items=200)
    needed = seeds_needed(spread, 0.08)
    assert needed is not None and detectable(spread.of(needed)) <= 0.08 < detectable(spread.of(needed - 1))
    assert seeds_needed(Spread(0.3, 40.0, 0.3, 3, 20), 0.01) is None, "no number of seeds makes up for few items"
    assert seeds_needed(spread, 100.0) == LEAST_DRAWS, "fewer give no verdict on any effect"


def test_holm_by_hand() -> None:
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03}) == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06})
    assert holm({"a": 0.6, "b": 0.9}) == {"a": 1.0, "b": 1.0}


def test_overlap_by_hand() -> None:
    shares = overlap([frozenset("abc"), frozenset("bcd"), frozenset()])
    assert shares.tolist() == [[1.0, 0.5, 0.0], [0.5, 1.0, 0.0], [0.0, 0.0, 0.0]]


def test_one_seed_tells_nothing() -> None:
    with pytest.raises(ValueError, match="1 seeds"):
        effect(np.zeros((1, 5)))

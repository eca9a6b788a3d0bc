"""Agreement, biases and matrices: against scikit-learn and SciPy, and against what was planted."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import cohen_kappa_score, jaccard_score, roc_auc_score

from lit_gpt.curation.judging.agreement import agreement, interval, kappa, length_bias, self_consistency
from lit_gpt.curation.judging.examination import _auc_error
from lit_gpt.curation.judging.judge import open_judge
from lit_gpt.curation.judging.pairwise import Pair, bias, compare
from lit_gpt.curation.judging.transition import binned, fit_transition, with_neighbours
from lit_gpt.data.store import read_examples
from lit_gpt.seeds import derive_seed
from tests.curation import pools
from tests.curation.judging.judges import read_prompt, run_script, settings
from tests.stub_server import Stub, serving


def two_judges(n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(0)
    first = draw.integers(0, 11, n) / 2
    second = np.clip(first + draw.integers(-2, 3, n) / 2, 0, 5)
    second[::17] = np.nan
    return first, second


def test_agreement_is_scikit_learn_s_and_scipy_s() -> None:
    first, second = two_judges()
    found = agreement(first, second, 0, 5, keep=4.5, n_grades=5)
    there = np.isfinite(second)
    left, right = (binned(values[there], 0, 5, 5) for values in (first, second))
    assert found["n_both_graded"] == there.sum() == 376 and found["n_rows"] == 400
    assert found["kappa"] == pytest.approx(cohen_kappa_score(left, right), abs=1e-12)
    assert found["kappa_quadratic"] == pytest.approx(cohen_kappa_score(left, right, weights="quadratic"), abs=1e-12)
    assert found["spearman"] == pytest.approx(spearmanr(first[there], second[there]).statistic, abs=1e-12)
    kept = jaccard_score(first[there] >= 4.5, second[there] >= 4.5)
    assert found["overlap_of_kept"] == pytest.approx(kept, abs=1e-12)
    assert found["share_equal"] == np.mean(first[there] == second[there])
    assert length_bias(second, first) == pytest.approx(spearmanr(second[there], first[there]).statistic, abs=1e-12)


def test_what_cannot_be_said_is_none() -> None:
    ones = np.ones(5)
    found = agreement(ones, ones, 0, 5, 4.5, 5)
    assert found["kappa"] is None and found["spearman"] is None and found["overlap_of_kept"] is None
    assert kappa(np.array([], int), np.array([], int), 5) is None and interval(None, 50) is None
    assert agreement(ones, ones * np.nan, 0, 5, 4.5, 5)["share_equal"] is None


def test_the_interval_of_a_correlation_covers_it() -> None:
    draw = np.random.default_rng(1)
    covered = 0
    for _ in range(400):
        x = draw.normal(size=80)
        y = 0.6 * x + 0.8 * draw.normal(size=80)
        low, high = interval(float(spearmanr(x, y).statistic), 80) or (1, -1)
        covered += low < 6 / np.pi * np.arcsin(0.6 / 2) < high  # Pearson's 0.6 of normal variables is this Spearman
    assert 0.92 < covered / 400 < 0.98


def test_self_consistency() -> None:
    grades = np.array([[1, 2, 3, np.nan], [1, 2, 4, 3], [1, 3, 3, 3]])
    found = self_consistency(grades)
    assert found["n_graded_each_time"] == 3 and found["share_equal"] == pytest.approx((2 / 3 + 2 / 3 + 1 / 3) / 3)


def test_the_error_of_auc_is_that_of_draws() -> None:
    draw = np.random.default_rng(2)
    labels = np.repeat([1, 0], 60)
    values = [np.concatenate([draw.normal(0.8, 1, 60), draw.normal(0, 1, 60)]) for _ in range(400)]
    found = [roc_auc_score(labels, each) for each in values]
    assert _auc_error(float(np.mean(found)), 60, 60) == pytest.approx(np.std(found), rel=0.15)


PLANTED = np.array([[0.7, 0.2, 0.1], [0.2, 0.6, 0.2], [0.05, 0.15, 0.8]])


def draw_ratings(matrices: list[np.ndarray], prior: np.ndarray, n: int) -> np.ndarray:
    draw = np.random.default_rng(3)
    truth = draw.choice(len(prior), n, p=prior)
    return np.column_stack([[draw.choice(3, p=matrix[t]) for t in truth] for matrix in matrices])


def test_planted_matrices_are_found_again() -> None:
    prior = np.array([0.3, 0.3, 0.4])
    other = np.array([[0.9, 0.1, 0.0], [0.1, 0.8, 0.1], [0.0, 0.2, 0.8]])
    ratings = draw_ratings([PLANTED, other, PLANTED, other], prior, 4_000)
    found_prior, matrices, _ = fit_transition(ratings, 3, shared=False)
    assert np.abs(found_prior - prior).max() < 0.05
    for matrix, planted in zip(matrices, [PLANTED, other, PLANTED, other], strict=True):
        assert np.abs(matrix - planted).max() < 0.07
    _, shared, _ = fit_transition(draw_ratings([PLANTED] * 3, prior, 6_000), 3, shared=True)
    assert np.abs(shared[0] - PLANTED).max() < 0.1 and np.array_equal(shared[0], shared[2])


def test_missing_ratings_say_nothing() -> None:
    ratings = draw_ratings([PLANTED] * 4, np.array([0.3, 0.3, 0.4]), 4_000)
    ratings[::3, 1] = -1
    _, matrices, _ = fit_transition(ratings, 3, shared=False)
    assert np.abs(matrices[0] - PLANTED).max() < 0.1
    with pytest.raises(ValueError, match="2 ratings"):
        fit_transition(ratings[:, :2], 3, shared=False)


def test_neighbours_are_taken_to_deserve_the_same() -> None:
    """Rows in tight clusters of one deserved grade each: the matrix comes out of the judge's grades alone."""
    draw = np.random.default_rng(4)
    truth = np.repeat(draw.integers(0, 3, 700), 3)
    centres = np.repeat(draw.normal(size=(700, 16)), 3, axis=0)
    vectors = (centres + 0.01 * draw.normal(size=centres.shape)).astype(np.float32)
    grades = np.array([draw.choice(3, p=PLANTED[t]) for t in truth])
    _, matrix, _ = fit_transition(with_neighbours(grades, vectors), 3, shared=True)
    assert np.abs(matrix[0] - PLANTED).max() < 0.1


def test_grades_in_parts_of_the_scale() -> None:
    assert binned(np.array([0, 0.9, 1, 4.99, 5, np.nan]), 0, 5, 5).tolist() == [0, 0, 1, 4, 4, -1]


def pairwise_judge(share_first: float) -> Stub:
    """Prefers the longer reply; in a share of the pairs, what stands first; at times says nothing that can be read."""

    def answer(prompt: str) -> str:
        parts = dict(zip(("first", "second"), (p.split("\n[")[0] for p in prompt.split("]\n")[-2:]), strict=True))
        one = min(parts.values())
        if derive_seed("unread", *sorted(parts.values())) % 100 == 0:
            return "Both have their merits."
        if derive_seed("first", one, *sorted(parts.values())) / 2**63 < share_first:
            return "Better: first"
        return f"Better: {max(parts, key=lambda name: len(parts[name]))}\nIt is longer."

    return Stub(answer)


def check_pairs(n: int, tmp_path: Path) -> None:
    pairs = [Pair(f"p{i}", f"Question {i}?", "word " * (2 + i % 5), f"long{i} " * (8 + i % 3)) for i in range(n)]
    with serving(pairwise_judge(0.3)) as stub:
        verdicts = compare(pairs, open_judge(settings(stub), None, None, tmp_path), 0)
    found = bias(verdicts)
    assert len(stub.bodies) >= 2 * n and found["read"] + sum(v.winner is None for v in verdicts) == n
    assert found["wins_of_one"] == 0, "in both orders the longer one wins, or the place does"
    assert found["wins_of_other"] + found["ties"] == found["read"] and found["ties"] == found["contradictions"]
    error = 3 * np.sqrt(0.3 * 0.7 / n)
    assert abs(found["share_contradicting"] - 0.3) < error and abs(found["share_first"] - 0.65) < error
    print(found)


def test_order_is_swapped_and_its_bias_told(tmp_path: Path) -> None:
    check_pairs(100, tmp_path)


@pytest.mark.slow
def test_order_is_swapped_at_full_count(tmp_path: Path) -> None:
    check_pairs(500, tmp_path)


def by_match(prompt: str) -> str:
    """A judge that sees whether reply and request belong together; pools.prompts say so by their length."""
    if "Two replies" in prompt:
        return "Better: first"
    request, reply = read_prompt(prompt)
    return f"Score: {4 if len(reply.split()) == int(request.split()[-1]) + 1 else 1}"


def by_chance(prompt: str) -> str:
    """A judge that draws its grades, and has no word for pairs."""
    return "Well." if "Two replies" in prompt else f"Score: {derive_seed(*read_prompt(prompt)) % 6}"


def test_the_command_says_whether_grades_carry_a_signal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data_dir = pools.prepare(tmp_path, pools.prompts(40))
    table = tmp_path / "other.jsonl"
    with serving(Stub(by_match)) as stub:
        asked = ("--data_dir", data_dir, "--judge_url", stub.url, "--judge_model", "sees", "--n_rows", 30)
        assert run_script("judge_agreement", *asked, "--n_pairs", 10, "--out", tmp_path / "a.json") == 0
    said, found = capsys.readouterr().out, json.loads((tmp_path / "a.json").read_text())
    assert "verdict: tells rows from shuffled ones" in said and found["shuffled"]["auc"] == 1
    assert found["pairs"]["share_contradicting"] == 1 and found["pairs"]["share_first"] == 1
    assert found["injected"]["share_raised"] == 0 and not found["injected"]["obeys"]
    assert found["grades"] == {"4": 30} and found["self_consistency"]["share_equal"] == 1 and found["n_failed"] == 0
    with serving(Stub(by_chance)) as stub:
        ids = [example.id for example in read_examples(data_dir)]
        lines = [{"id": id, "value": 2} for id in ids]
        table.write_text("".join(json.dumps(line) + "\n" for line in lines))
        asked = ("--data_dir", data_dir, "--judge_url", stub.url, "--judge_model", "draws", "--n_rows", 40)
        more = ("--tables", f"theirs={table}", "--out", tmp_path / "b.json")
        assert run_script("judge_agreement", *asked, "--n_pairs", 1, *more) == 0
        draw = np.random.default_rng(0)
        for name in ("one", "two"):
            graded = [{"id": id, "value": int(grade)} for id, grade in zip(ids, draw.integers(0, 6, 40), strict=True)]
            (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in graded))
        more = [word for name in ("one", "two") for word in ("--tables", f"{name}={tmp_path / name}.jsonl")]
        assert (
            run_script("judge_agreement", *asked, "--n_pairs", 1, "--repeats", 1, *more, "--out", tmp_path / "c.json")
            == 0
        )
    said, found = capsys.readouterr().out, json.loads((tmp_path / "b.json").read_text())
    third = json.loads((tmp_path / "c.json").read_text())
    assert third["transition"]["from"] == "several judges" and set(third["transition"]["matrices"]) == {
        "draws",
        "one",
        "two",
    }
    assert third["self_consistency"] is None and set(third["agreement"]) == {"one", "two"}
    assert "CARRIES NO SIGNAL" in said and "with theirs" in said
    assert found["pairs"]["read"] == 0 and found["n_failed"] == 0 and found["failed"] == {"judge_unreadable": 2}

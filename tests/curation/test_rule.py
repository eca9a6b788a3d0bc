"""The published rules by hand, the regression against scipy and scikit-learn, the command by its output."""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import curve_fit
from scipy.stats import bootstrap, t
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import r2_score
from sklearn.preprocessing import StandardScaler

from lit_gpt.curation.recipes import read_recipe
from lit_gpt.curation.regression import bootstrapped, cross_validated, ols, ridge, student_t, vif
from lit_gpt.curation.rule import fit_rule
from lit_gpt.errors import UserError

ROOT = Path(__file__).resolve().parents[2]


def runs(n_runs: int = 40, noise: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(n_runs, 3)) * [1, 10, 0.1] + [0, 5, 2]
    return x, np.exp(0.3 + x @ [0.2, -0.01, 1.5] + draw.normal(scale=noise, size=n_runs))


def predicted(name: str, scores: dict[str, np.ndarray]) -> np.ndarray:
    """By the recipe of that name, from scores by its names."""
    found = read_recipe(ROOT / "configs" / "curate" / f"{name}.yaml").scorers["predicted_log_loss"]
    assert sorted(found.weights) == sorted(scores)

    class Bench:
        def scores(self, name: str, rows: object) -> np.ndarray:
            return scores[name]

    return found.combine(range(3), Bench())


def test_v1_by_hand() -> None:
    scores = {"reward": np.array([0.5, -1, 2]), "length": np.array([100, 20, 400.0]), "knn_6": np.array([0.5, 1, 0])}
    by_hand = [
        1.0694 - 0.0749 + 0.008257 - 0.4675,
        1.0694 + 0.1498 + 0.0016514 - 0.9350,
        1.0694 - 0.2996 + 0.033028,
    ]
    found = predicted("instructmining-v1", scores)
    np.testing.assert_allclose(found, by_hand, rtol=1e-12)
    assert np.argsort(found).tolist() == [1, 0, 2]
    assert np.isnan(predicted("instructmining-v1", {**scores, "reward": np.array([0, np.nan, 0])})).tolist() == [
        False,
        True,
        False,
    ]


def test_v3_by_hand() -> None:
    names = ("reward", "und", "nat", "coh")
    rows = np.array([[1, 0.5, 0.5, 1], [0, 1, 0, 0.5], [-2, 0.9, 0.8, 0]])
    by_hand = [
        0.0274 - 0.0078 + 0.22105 - 0.1606 - 0.1520,
        0.0274 + 0.4421 - 0.0760,
        0.0274 + 0.0156 + 0.39789 - 0.25696,
    ]
    found = predicted("instructmining-v3", dict(zip(names, rows.T, strict=True)))
    np.testing.assert_allclose(found, by_hand, rtol=1e-12)


def test_least_squares_and_its_intervals_are_scipy_s() -> None:
    x, losses = runs()
    y = np.log(losses)
    fit, theirs = ols(x, y), LinearRegression().fit(x, y)
    np.testing.assert_allclose(fit.coefficients_K, theirs.coef_)
    assert (fit.intercept, fit.r_squared) == pytest.approx((theirs.intercept_, theirs.score(x, y)))
    _, covariance = curve_fit(lambda x, *c: c[0] + x.T @ c[1:], x.T, y, p0=np.zeros(4))
    reach = t.ppf(0.975, len(y) - 4) * np.sqrt(np.diag(covariance))[1:]
    np.testing.assert_allclose(fit.intervals_K2[:, 1] - fit.coefficients_K, reach, rtol=1e-5)


@pytest.mark.parametrize("n_free", [1, 2, 3, 5, 30, 124, 2000])
def test_student_s_quantile_is_scipy_s(n_free: int) -> None:
    for probability in (0.6, 0.95, 0.975, 0.999):
        assert student_t(probability, n_free) == pytest.approx(t.ppf(probability, n_free), rel=1e-8)


def test_ridge_is_scikit_learn_s() -> None:
    x, losses = runs()
    scaler = StandardScaler().fit(x)
    theirs = Ridge(alpha=2.5).fit(scaler.transform(x), np.log(losses))
    ours = ridge(x, np.log(losses), 2.5)
    np.testing.assert_allclose(ours.predict(x), theirs.predict(scaler.transform(x)))
    np.testing.assert_allclose(ours.coefficients_K * scaler.scale_, theirs.coef_)


def test_ridge_s_intervals_are_scipy_s_bootstrap() -> None:
    """Percentiles over pairs drawn again; the draws differ, so the ends differ by what 2,000 of them leave open."""
    x, losses = runs()
    y = np.log(losses)

    def coefficients(*rows: np.ndarray) -> np.ndarray:
        return ridge(np.column_stack(rows[:-1]), rows[-1], 2.5).coefficients_K

    theirs = bootstrap(
        (*x.T, y), coefficients, paired=True, vectorized=False, n_resamples=2_000, method="percentile", rng=1
    ).confidence_interval
    ours = bootstrapped(x, y, 2.5, seed=0)
    width = theirs.high - theirs.low
    assert (np.abs(ours - np.column_stack((theirs.low, theirs.high))).max(1) < 0.1 * width).all()
    assert (bootstrapped(x, y, 2.5, seed=0) == ours).all() and (bootstrapped(x, y, 2.5, seed=1) != ours).all()


def test_a_draw_in_which_an_indicator_never_changes_is_drawn_again() -> None:
    x, losses = runs(6)
    x[:, 0] = [1, 0, 0, 0, 0, 0]  # constant in every third draw
    assert np.isfinite(bootstrapped(x, np.log(losses), 1.0, seed=0)).all()
    with pytest.raises(ValueError, match="everywhere the same"):
        bootstrapped(x * [0, 1, 1], np.log(losses), 1.0, seed=0)


@pytest.mark.parametrize("penalty", [0.0, 3.0])
def test_left_out_rows_are_predicted_by_the_rest(penalty: float) -> None:
    x, losses = runs()
    y, predicted = np.log(losses), np.empty(40)
    for fold in np.array_split(np.random.default_rng(7).permutation(40), 5):
        rest = [row for row in range(40) if row not in fold]
        model = Ridge(alpha=penalty) if penalty else LinearRegression()
        scaler = StandardScaler().fit(x[rest])
        predicted[fold] = model.fit(scaler.transform(x[rest]), y[rest]).predict(scaler.transform(x[fold]))
    assert cross_validated(x, y, penalty, 5, seed=7) == pytest.approx(r2_score(y, predicted))


def test_inflation_is_one_over_what_others_leave_unexplained() -> None:
    x, _ = runs()
    x = np.column_stack((x, x[:, 0] + 0.05 * np.random.default_rng(1).normal(size=40)))
    expected = [
        1 / (1 - LinearRegression().fit(np.delete(x, c, 1), x[:, c]).score(np.delete(x, c, 1), x[:, c]))
        for c in range(4)
    ]
    np.testing.assert_allclose(vif(x), expected)
    assert math.isinf(vif(np.column_stack((x, x[:, 1])))[1])
    assert vif(x[:, :1]) == pytest.approx([1])


def test_collinear_indicators_are_warned_of() -> None:
    """As naturalness and understandability are: UniEval's own predictions correlate at 0.9996."""
    x, losses = runs()
    x = np.column_stack((x[:, 0], x[:, 0] + 0.001 * np.random.default_rng(1).normal(size=40), x[:, 2]))
    fitted = fit_rule(["naturalness", "understandability", "reward"], x, losses)
    assert [text.split()[0] for text in fitted.warnings] == ["naturalness", "understandability"]
    low, high = fitted.intervals["naturalness"]
    assert high - low > 10 and fitted.vif["reward"] < 2
    assert fit_rule(["reward"], x[:, 2:], losses).warnings == []


def test_a_rule_of_noise_is_said_to_predict_nothing() -> None:
    draw = np.random.default_rng(3)
    fitted = fit_rule(["a", "b"], draw.normal(size=(30, 2)), np.exp(draw.normal(size=30)), penalty=1.0)
    assert fitted.cross_validated_r_squared < 0 and "draws of the finetunes" in fitted.intervals_by
    assert all(low < 0 < high for low, high in fitted.intervals.values())
    assert "no better than their mean" in fitted.warnings[-1]


@pytest.mark.parametrize(
    ("change", "got"),
    [
        (lambda x, y: (x[:5], y[:5]), "5 finetunes for 3 indicators"),
        (lambda x, y: (x, -y), "not above 0"),
        (lambda x, y: (x * [1, 0, 1], y), "b, the same in every finetune"),
        (lambda x, y: (x[:, [0, 1, 0]], y), "a column that others add up to"),
    ],
)
def test_tables_that_fit_nothing(change, got: str) -> None:
    with pytest.raises(UserError, match=got):
        fit_rule(["a", "b", "c"], *change(*runs()))


def fit_command(*arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "scripts/fit_rule.py", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=None)


def test_the_command(tmp_path: Path) -> None:
    x, losses = runs()
    table = tmp_path / "finetunes.csv"
    lines = [",".join(map(repr, [*row, loss])) for row, loss in zip(x.tolist(), losses.tolist(), strict=True)]
    table.write_text("\n".join(["reward,knn_6,length,loss", *lines]) + "\n")
    out = tmp_path / "new" / "rule.json"
    done = fit_command("--table", str(table), "--out", str(out), "--indicators", "reward", "length")
    assert done.returncode == 0 and done.stdout.splitlines()[-1] == str(out), done.stderr
    record = json.loads(out.read_text())
    expected = ols(x[:, [0, 2]], np.log(losses))
    assert list(record["coefficients"].values()) == pytest.approx(expected.coefficients_K.tolist())
    assert record["n_finetunes"] == 40 and "95 % interval" in done.stdout
    wrong = fit_command("--table", str(table), "--indicators", "rewards")
    assert wrong.returncode == 2 and "did you mean reward?" in wrong.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [("a,loss\n1,x\n", "'x' as loss"), ("a,loss\n1\n", "None as loss"), ("a,b\n1,2\n", "no column 'loss'")],
)
def test_broken_tables(tmp_path: Path, text: str, said: str) -> None:
    from lit_gpt.curation.finetune_table import read_finetunes

    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(UserError, match=said):
        read_finetunes(tmp_path / "t.csv", None, "loss")
    with pytest.raises(UserError, match="cannot be read"):
        read_finetunes(tmp_path / "none.csv", None, "loss")

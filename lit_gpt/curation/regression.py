"""Linear regression with what one must know to trust it: intervals, inflated variances, error on rows left out.

    ols            least squares with intercept; an interval for each coefficient by Student's t
    ridge          the same with a penalty on standardised coefficients (Hoerl and Kennard 1970, doi 10.2307/1267351)
    bootstrapped   intervals for ridge, which has none in closed form: fitted again to rows drawn with replacement
                   (Efron and Tibshirani 1993, An Introduction to the Bootstrap, 9.5 and 13.3: pairs, percentiles)
    vif            variance inflation: 1 / (1 - R^2 of a column on the others); above 10 a column is nearly their sum

Not covered: weights, robust errors, choosing among columns. P values are left out on purpose: after such choosing they
mean little.
"""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
CONFIDENCE = 0.95
MOST_INFLATED = 10.0  # the usual rule of thumb, e.g. Kutner et al., Applied Linear Statistical Models, 10.5
N_RESAMPLES = 2_000  # Efron and Tibshirani 1993, 14.3: percentiles want at least 1,000
N_NODES = 400  # of Gauss and Legendre's quadrature


@dataclass(frozen=True)
class Fit:
    """y = intercept + x . coefficients; intervals (K, 2) are the coefficients', NaN from ridge: see `bootstrapped`."""

    intercept: float
    coefficients_K: Floats
    intervals_K2: Floats
    r_squared: float

    def predict(self, x_NK: Floats) -> Floats:
        return self.intercept + x_NK @ self.coefficients_K


def ols(x_NK: Floats, y_N: Floats, confidence: float = CONFIDENCE) -> Fit:
    """ValueError for no more rows than coefficients, and for columns of which one is a sum of others."""
    n_rows, n_columns = x_NK.shape
    n_free = n_rows - n_columns - 1
    with_one = np.column_stack((np.ones(n_rows), x_NK))
    if n_free < 1 or np.linalg.matrix_rank(with_one) <= n_columns:
        raise ValueError(f"{n_rows} rows for {n_columns} columns, or a column that others add up to")
    all_C = np.linalg.lstsq(with_one, y_N, rcond=None)[0].astype(np.float64)
    residual_N = y_N - with_one @ all_C
    inverse_CC = np.linalg.inv(with_one.T @ with_one)
    errors_C = np.sqrt(np.diag(inverse_CC) * (residual_N @ residual_N) / n_free)
    reach_K = student_t((1 + confidence) / 2, n_free) * errors_C[1:]
    intervals_K2 = np.column_stack((all_C[1:] - reach_K, all_C[1:] + reach_K)).astype(np.float64)
    return Fit(float(all_C[0]), all_C[1:], intervals_K2, r_squared(y_N, with_one @ all_C))


def ridge(x_NK: Floats, y_N: Floats, penalty: float) -> Fit:
    """Least squares plus penalty * |coefficients of standardised columns|^2; the intercept goes free."""
    means_K, spreads_K = x_NK.mean(0), x_NK.std(0)
    if not spreads_K.all():
        raise ValueError("a column that is everywhere the same")
    z_NK = (x_NK - means_K) / spreads_K
    inner_KK = z_NK.T @ z_NK + penalty * np.eye(x_NK.shape[1])
    coefficients_K = np.linalg.solve(inner_KK, z_NK.T @ (y_N - y_N.mean())) / spreads_K
    intercept = float(y_N.mean() - means_K @ coefficients_K)
    unknown = np.full((x_NK.shape[1], 2), np.nan)
    return Fit(intercept, coefficients_K, unknown, r_squared(y_N, intercept + x_NK @ coefficients_K))


def bootstrapped(x_NK: Floats, y_N: Floats, penalty: float, seed: int, confidence: float = CONFIDENCE) -> Floats:
    """Intervals (K, 2) of ridge's coefficients over rows drawn again, N_RESAMPLES times. They are of the coefficients
    as the penalty shrinks them: how far they depend on which rows there were, not where those of no penalty lie.
    A draw in which a column never changes has no coefficient, and is drawn again."""
    if not x_NK.std(0).all():
        raise ValueError("a column that is everywhere the same")
    draw, found = np.random.default_rng(seed), list[Floats]()
    while len(found) < N_RESAMPLES:
        rows = draw.integers(len(y_N), size=len(y_N))
        if np.ptp(x_NK[rows], axis=0).all():
            found.append(ridge(x_NK[rows], y_N[rows], penalty).coefficients_K)
    tail = (1 - confidence) / 2
    return np.quantile(found, [tail, 1 - tail], axis=0).T


def r_squared(y_N: Floats, predicted_N: Floats) -> float:
    """1 - squared error over that of the mean; negative where the mean predicts better."""
    return float(1 - np.square(y_N - predicted_N).sum() / np.square(y_N - y_N.mean()).sum())


def cross_validated(x_NK: Floats, y_N: Floats, penalty: float, n_folds: int, seed: int) -> float:
    """R^2 of predictions for rows that were left out of the fit, over all rows; the folds are drawn from the seed."""
    if not 2 <= n_folds <= len(y_N):
        raise ValueError(f"{n_folds} folds of {len(y_N)} rows")
    predicted_N = np.empty(len(y_N))
    for fold in np.array_split(np.random.default_rng(seed).permutation(len(y_N)), n_folds):
        rest = np.setdiff1d(np.arange(len(y_N)), fold)
        fit = ridge(x_NK[rest], y_N[rest], penalty) if penalty else ols(x_NK[rest], y_N[rest])
        predicted_N[fold] = fit.predict(x_NK[fold])
    return r_squared(y_N, predicted_N)


def vif(x_NK: Floats) -> Floats:
    """Of each column; 1 for a lone one, infinite for a sum of others."""
    found = []
    for column in range(x_NK.shape[1]):
        others = np.delete(x_NK, column, axis=1)
        with_one = np.column_stack((np.ones(len(x_NK)), others))
        solution, *_ = np.linalg.lstsq(with_one, x_NK[:, column], rcond=None)
        unexplained = 1 - r_squared(x_NK[:, column], with_one @ solution)
        found.append(1 / unexplained if unexplained > 1e-12 else math.inf)
    return np.array(found)


def student_t(probability: float, n_free: float) -> float:
    """The quantile of Student's t at or above the median, by bisection."""
    low, high = 0.0, math.pi / 2  # of the angle whose tangent is t / sqrt(n_free)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _below_angle(middle, n_free) < probability else (low, middle)
    return math.sqrt(n_free) * math.tan(low)


def below_t(t: float, n_free: float) -> float:
    """The probability that Student's t is below this number, which is not negative."""
    return _below_angle(math.atan(t / math.sqrt(n_free)), n_free)


@cache
def _nodes() -> tuple[Floats, Floats]:
    return np.polynomial.legendre.leggauss(N_NODES)


def _below_angle(angle: float, n_free: float) -> float:
    """The integral of the density by Gauss and Legendre: in the angle it is a power of the cosine, its range finite."""
    nodes, weights = _nodes()
    log_scale = math.lgamma((n_free + 1) / 2) - math.lgamma(n_free / 2) - math.log(n_free * math.pi) / 2
    cosines = np.cos((nodes + 1) * angle / 2)
    return 0.5 + math.exp(log_scale) * math.sqrt(n_free) * angle / 2 * float(weights @ cosines ** (n_free - 1))

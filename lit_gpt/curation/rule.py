"""InstructMining's rule fitted anew (Cao et al., arXiv 2307.06290): indicators in a line predict the log of the loss.

The published coefficients stand in configs/curate/instructmining-v1.yaml and -v3.yaml, with what is known against them;
they belong to the models that their indicators were computed with. What local stand-ins compute needs a rule fitted to
finetunes of one's own: the mean of each indicator over the rows that a finetune read, and the loss it then had. The
recipe instructmining-refit ranks rows by such a rule, the lowest predicted loss first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from lit_gpt.curation.regression import (
    MOST_INFLATED,
    N_RESAMPLES,
    Floats,
    bootstrapped,
    cross_validated,
    ols,
    ridge,
    vif,
)
from lit_gpt.errors import UserError


@dataclass(frozen=True)
class FittedRule:
    """A rule and how far to trust it. `intervals_by` says where the intervals come from."""

    intercept: float
    coefficients: Mapping[str, float]
    n_finetunes: int
    penalty: float
    r_squared: float
    cross_validated_r_squared: float
    intervals: Mapping[str, tuple[float, float]]
    intervals_by: str
    vif: Mapping[str, float]

    @property
    def warnings(self) -> list[str]:
        """What a reader of the coefficients should know first."""
        found = [
            f"{name} is nearly a sum of other indicators (VIF {value:,.0f}): its coefficient means nothing by itself"
            for name, value in self.vif.items()
            if value > MOST_INFLATED
        ]
        if self.cross_validated_r_squared <= 0:
            found.append("on finetunes left out of the fit, the rule predicts no better than their mean")
        return found

    @property
    def record(self) -> dict[str, object]:
        """For JSON."""
        return {**asdict(self), "warnings": self.warnings}


def fit_rule(
    names: Sequence[str],
    indicators_NK: Floats,
    losses_N: Floats,
    *,
    penalty: float = 0.0,
    n_folds: int = 5,
    seed: int = 0,
) -> FittedRule:
    """A rule for log loss from finetunes: each row a run, its data set's mean indicators and its evaluation loss.

    penalty 0 is least squares with Student's intervals, above it ridge regression with those of a bootstrap over
    finetunes; the seed draws folds and bootstrap. UserError for losses that have no logarithm, too few runs,
    or an indicator that never changes.
    """
    _check_runs(names, indicators_NK, losses_N, n_folds)
    y_N = np.log(losses_N)
    try:
        fit = ridge(indicators_NK, y_N, penalty) if penalty else ols(indicators_NK, y_N)
        left_out = cross_validated(indicators_NK, y_N, penalty, n_folds, seed)
        intervals_K2 = bootstrapped(indicators_NK, y_N, penalty, seed) if penalty else fit.intervals_K2
    except ValueError as error:
        raise UserError(str(error), "more runs, and indicators that differ", "add runs, or drop indicators") from None
    by = f"{N_RESAMPLES:,} draws of the finetunes with replacement" if penalty else "Student's t"
    return FittedRule(
        intercept=fit.intercept,
        coefficients=dict(zip(names, fit.coefficients_K.tolist(), strict=True)),
        n_finetunes=len(y_N),
        penalty=penalty,
        r_squared=fit.r_squared,
        cross_validated_r_squared=left_out,
        intervals={name: (low, high) for name, (low, high) in zip(names, intervals_K2.tolist(), strict=True)},
        intervals_by=by,
        vif=dict(zip(names, vif(indicators_NK).tolist(), strict=True)),
    )


def _check_runs(names: Sequence[str], indicators_NK: Floats, losses_N: Floats, n_folds: int) -> None:
    least = len(names) + 2
    n_fitted = len(losses_N) - -(-len(losses_N) // n_folds)  # with the largest fold left out
    if n_fitted < least:
        got = f"{len(losses_N)} finetunes for {len(names)} indicators in {n_folds} folds"
        raise UserError(got, f"at least {least} in each fit", "add finetunes, or drop indicators")
    if not (losses_N > 0).all() or not np.isfinite(losses_N).all() or not np.isfinite(indicators_NK).all():
        raise UserError("a loss that is not above 0, or a number that is none", "finite numbers", "mend the table")
    constant = [name for name, column in zip(names, indicators_NK.T, strict=True) if np.ptp(column) == 0]
    if constant:
        raise UserError(f"{constant[0]}, the same in every finetune", "indicators that differ", f"drop {constant[0]}")

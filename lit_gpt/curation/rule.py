"""InstructMining's rules (Cao et al., arXiv 2307.06290): a line through indicators predicts the loss after finetuning.

    v1, July 2023       log L = 1.0694 - 0.1498 Rew + 8.257e-5 Len - 0.9350 Knn_6
    v3, October 2023    log L = 0.0274 - 0.0078 Rew + 0.4421 Und - 0.3212 Nat - 0.1520 Coh

Rows of the lowest predicted loss come first. Indicators enter raw; Len is the tokens of the answer. The coefficients
belong to the models that the indicators were computed with, so a published rule runs on their scores alone; what is
computed here with local stand-ins needs a rule fitted here (fit_rule, scripts/fit_rule.py).
Known against it: on UniEval's own 360 predictions Und and Nat correlate at 0.9996, so v3 holds little more than
0.12 Nat, and better text has a *higher* predicted loss; at 10,000 and 40,000 rows the paper's own tables show no gain
over random rows. The 129 finetunes behind it are not published, and neither is R^2.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np

from lit_gpt.curation.regression import MOST_INFLATED, Floats, cross_validated, ols, ridge, vif
from lit_gpt.curation.selection.order import Values, checked
from lit_gpt.errors import UserError

REWARD_MODEL = "OpenAssistant/oasst-rm-2.1-pythia-1.4b-epoch-2.5"  # size as published; the exact id from memory
DIALOGUE_EVALUATOR = "MingZhong/unieval-dialog"


@dataclass(frozen=True)
class Rule:
    """intercept and coefficients by indicator; `made_with` names the model that an indicator must come from."""

    name: str
    intercept: float
    coefficients: Mapping[str, float]
    made_with: Mapping[str, str] = field(default_factory=dict)

    def predicted_log_loss(self, indicators: Mapping[str, Values], made_with: Mapping[str, str]) -> Values:
        """Of every row, (N,). UserError where an indicator is missing or comes from another model."""
        for name in self.coefficients:
            if name not in indicators:
                raise UserError(
                    f"no {name} for the rule {self.name}", f"{', '.join(self.coefficients)}", f"score {name}"
                )
            wanted, got = self.made_with.get(name), made_with.get(name, "an unnamed model")
            if wanted and got != wanted:
                do = "score with that model, or fit a rule of your own: python scripts/fit_rule.py"
                raise UserError(f"{name} from {got} for the published rule {self.name}", wanted, do)
        terms = [weight * checked(indicators[name]) for name, weight in self.coefficients.items()]
        return self.intercept + np.sum(terms, axis=0)


INSTRUCTMINING_V1 = Rule(
    "instructmining-v1",
    1.0694,
    {"reward": -0.1498, "output_length": 8.257e-5, "knn_6": -0.9350},
    # any tokenizer's lengths would do as little harm as the coefficient does good; the neighbours are SBERT's
    {"reward": REWARD_MODEL, "knn_6": "sentence-transformers/all-MiniLM-L6-v2"},
)
INSTRUCTMINING_V3 = Rule(
    "instructmining-v3",
    0.0274,
    {"reward": -0.0078, "understandability": 0.4421, "naturalness": -0.3212, "coherence": -0.1520},
    {
        "reward": REWARD_MODEL,
        "understandability": DIALOGUE_EVALUATOR,
        "naturalness": DIALOGUE_EVALUATOR,
        "coherence": DIALOGUE_EVALUATOR,
    },
)
PUBLISHED = {rule.name: rule for rule in (INSTRUCTMINING_V1, INSTRUCTMINING_V3)}


@dataclass(frozen=True)
class FittedRule:
    """A rule and how far to trust it. Intervals are of least squares; none under a penalty."""

    rule: Rule
    n_finetunes: int
    penalty: float
    r_squared: float
    cross_validated_r_squared: float
    intervals: Mapping[str, tuple[float, float]]
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
    made_with: Mapping[str, str] | None = None,
) -> FittedRule:
    """A rule for log loss from finetunes: each row a run, its data set's mean indicators and its evaluation loss.

    penalty 0 is least squares, above it ridge regression. UserError for losses that have no logarithm, too few runs,
    or an indicator that never changes.
    """
    _check_runs(names, indicators_NK, losses_N, n_folds)
    y_N = np.log(losses_N)
    try:
        fit = ridge(indicators_NK, y_N, penalty) if penalty else ols(indicators_NK, y_N)
        left_out = cross_validated(indicators_NK, y_N, penalty, n_folds, seed)
    except ValueError as error:
        raise UserError(str(error), "more runs, and indicators that differ", "add runs, or drop indicators") from None
    rule = Rule("fitted", fit.intercept, dict(zip(names, fit.coefficients_K.tolist(), strict=True)), made_with or {})
    intervals = (
        {} if penalty else {n: (low, high) for n, (low, high) in zip(names, fit.intervals_K2.tolist(), strict=True)}
    )
    inflated = dict(zip(names, vif(indicators_NK).tolist(), strict=True))
    return FittedRule(rule, len(y_N), penalty, fit.r_squared, left_out, intervals, inflated)


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

"""Fit InstructMining's rule again, to finetunes of your own.

    python scripts/fit_rule.py --table finetunes.csv --indicators reward knn_6 --out out/rule.json

The table has a line for each finetune: the mean of every indicator over the rows it was trained on, and `loss`, what it
then had on rows held out; scripts/sample_finetunes.py makes one. Prints coefficients with intervals, variance inflation
and R^2 on finetunes left out.
"""

import sys
from dataclasses import dataclass, field
from pathlib import Path

from lit_gpt.cli import run_command
from lit_gpt.errors import UserError


@dataclass(frozen=True)
class FitSettings:
    """What is fitted to what.

    Args:
        table: a CSV file with a heading; a line for each finetune
        out: the JSON file that the rule is written to
        indicators: columns to fit; the default is every column but the loss
        loss: the column of the loss, whose logarithm is predicted
        penalty: of ridge regression, on standardised indicators; 0 is least squares, with Student's
            intervals; others' are of finetunes drawn with replacement
        n_folds: parts of which each is left out once
        seed: draws the parts, and what intervals under a penalty are made of
    """

    table: Path
    out: Path = Path("out/rule.json")
    indicators: list[str] = field(default_factory=list)
    loss: str = "loss"
    penalty: float = 0.0
    n_folds: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        if self.penalty < 0:
            raise UserError(f"--penalty {self.penalty}", "0 or more", "correct --penalty")
        if self.n_folds < 2:
            raise UserError(f"--n_folds {self.n_folds}", "2 or more", "correct --n_folds")


def main(fit: FitSettings) -> Path:
    from lit_gpt.curation.finetune_table import read_finetunes
    from lit_gpt.curation.rule import fit_rule
    from lit_gpt.files import write_json

    table = read_finetunes(fit.table, fit.indicators or None, fit.loss)
    fitted = fit_rule(
        table.names, table.indicators_NK, table.losses_N, penalty=fit.penalty, n_folds=fit.n_folds, seed=fit.seed
    )
    print(
        f"{fitted.n_finetunes} finetunes; R^2 {fitted.r_squared:.3f}, left out {fitted.cross_validated_r_squared:.3f}"
    )
    for name, weight in fitted.coefficients.items():
        low, high = fitted.intervals[name]
        print(f"{name:24} {weight:12.4g}   95 % interval {low:.4g} to {high:.4g}   VIF {fitted.vif[name]:,.1f}")
    print(f"intervals by {fitted.intervals_by}")
    for warning in fitted.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    fit.out.parent.mkdir(parents=True, exist_ok=True)
    write_json(fit.out, fitted.record)
    return fit.out


if __name__ == "__main__":
    run_command(main)

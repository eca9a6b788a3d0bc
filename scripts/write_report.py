"""Write the report of a run: one HTML file that needs no network.

    python scripts/write_report.py --run_dir out/lora/lima --before out/eval/before --after out/eval/after

Prints the file. What it was not given is said near its end.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lit_gpt.cli import run_command
from lit_gpt.errors import UserError


@dataclass(frozen=True)
class WriteReportSettings:
    """What the report is about.

    Args:
        run_dir: the run, such as out/lora/lima
        before: the evaluation of the model before finetuning
        after: the evaluation after finetuning
        out: the file to write; the default is report.html in the run's directory
        data_dir: the prepared data set; the default is what the run's hyperparameters.yaml names
        checkpoint_dir: the base model, which the page names; the default is what hyperparameters.yaml names
        samples: a JSON file of rows as the model reads them
        command: a command of those that make it all again; give the flag once for each, in order
    """

    run_dir: Path
    before: Path | None = None
    after: Path | None = None
    out: Path | None = None
    data_dir: Path | None = None
    checkpoint_dir: Path | None = None
    samples: Path | None = None
    command: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class CostSettings:
    """What is assumed for the estimates of cost; what is not given is not estimated.

    Args:
        power_w: what the whole machine draws while training, in watts
        grams_co2_per_kwh: carbon dioxide of its electricity
        price_per_hour: what the machine costs
        currency: of the price, such as EUR
        assumptions_source: where these numbers come from
    """

    power_w: float | None = None
    grams_co2_per_kwh: float | None = None
    price_per_hour: float | None = None
    currency: str = ""
    assumptions_source: str = ""


def main(settings: WriteReportSettings, costs: CostSettings) -> Path:
    from lit_gpt.report.costs import Assumptions
    from lit_gpt.report.environment import environment
    from lit_gpt.report.run_report import REPORT, ReportInputs, write_run_report

    s, c = settings, costs
    known = hyperparameters(s.run_dir)
    named = known.get("data_dir")
    numbers = (c.power_w, c.grams_co2_per_kwh, c.price_per_hour)
    is_assumed = any(number is not None for number in numbers)
    inputs = ReportInputs(
        run_dir=s.run_dir,
        data_dir=s.data_dir or (Path(str(named)) if named else None),
        base=str(s.checkpoint_dir or known.get("checkpoint_dir") or ""),
        before=s.before,
        after=s.after,
        samples=s.samples,
        commands=s.command,
        assumptions=Assumptions(*numbers, c.currency, c.assumptions_source) if is_assumed else None,
        environment=environment(),
    )
    return write_run_report(inputs, s.out or s.run_dir / REPORT)


def hyperparameters(run_dir: Path) -> dict[str, Any]:
    """The run's settings; none where it wrote none."""
    import yaml

    path = run_dir / "hyperparameters.yaml"
    if not path.is_file():
        return {}
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        settings = None
    if not isinstance(settings, dict):
        raise UserError(f"{path}, which cannot be read", "the settings as the run wrote them", "restore the file")
    return settings


if __name__ == "__main__":
    # a list takes one more value with a plus: so each --command adds one
    run_command(main, aliases={"command": "command+"})

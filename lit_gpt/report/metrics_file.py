"""What a run's metrics.jsonl says: a loss for every step, once.

Lines are as lit_gpt/training/journal.py writes them. A resumed run appends, so the steps it repeats are there twice:
the later record counts. A last line without its end is what a kill leaves, and is left out as the journal leaves it
out. Any other line that cannot be read is left out by its number, which the page tells.
"""

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lit_gpt.report.scales import Point

METRICS = "metrics.jsonl"
Record = dict[str, Any]


@dataclass
class Metrics:
    """The records that count, by step, and what was left out on the way."""

    steps: dict[int, Record] = field(default_factory=dict)
    validations: dict[int, Record] = field(default_factory=dict)
    epochs: dict[int, Record] = field(default_factory=dict)
    events: list[Record] = field(default_factory=list)
    resumed_at: list[int] = field(default_factory=list)
    n_repeated: int = 0
    unread_lines: list[int] = field(default_factory=list)
    is_torn: bool = False

    def series(self, name: str) -> list[Point]:
        """(step, value) of one measurement, in order of step, where it is a finite number."""
        source = {"val_loss": self.validations, "token_accuracy": self.epochs}.get(name, self.steps)
        found = ((step, number(source[step].get(name))) for step in sorted(source))
        return [(float(step), value) for step, value in found if value is not None]

    def last(self, name: str) -> float | None:
        """The last value of one measurement."""
        series = self.series(name)
        return series[-1][1] if series else None

    def add(self, record: Record) -> None:
        """Take a record in; ValueError if it is none of the journal's."""
        if not isinstance(record, dict):
            raise ValueError(f"{record!r} is no record")
        if "resumed_at" in record:
            self._resume(_step(record["resumed_at"]))
            return
        step = _step(record.get("step"))
        if "event" in record:
            self.events.append(record)
            return
        kind = self.validations if "val_loss" in record else self.steps
        kind = self.epochs if "token_accuracy" in record else kind
        self.n_repeated += step in kind
        kind[step] = record

    def _resume(self, step: int) -> None:
        """Whatever came after the state that a run went on from is no part of it any more."""
        self.resumed_at.append(step)
        for kind in (self.steps, self.validations, self.epochs):
            for undone in [each for each in kind if each > step]:
                del kind[undone]
                self.n_repeated += 1
        self.events = [event for event in self.events if event["step"] <= step]


def settled_metrics(run_dir: Path) -> Metrics | None:
    """The metrics of a run, each step's once and none that was undone; None where it has none."""
    path = run_dir / METRICS
    if not path.is_file():
        return None
    metrics = Metrics()
    with open(path, "rb") as file:
        for line_number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                metrics.is_torn = True
                break
            try:
                metrics.add(json.loads(line))
            except (ValueError, TypeError, RecursionError):
                metrics.unread_lines.append(line_number)
    return metrics


def number(value: Any) -> float | None:
    """The value if it is a finite number."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # an integer of hundreds of digits
        return None


def _step(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{value!r} is no step")
    return value

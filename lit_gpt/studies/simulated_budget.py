"""Does a run keep its budget? The training loop itself, on a model of one number, by a clock told what things take.

A day of training passes in seconds: only time is simulated. Steps that slow down, stalls, interruptions, slow files and
budgets that are too small are given; what comes out is planned and used time and the last learning rate.
"""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lit_gpt.errors import Interrupted
from lit_gpt.tokens.loader import MicroBatch, Order
from lit_gpt.tokens.store import TokenRows
from lit_gpt.training.budget import Budget, Clock
from lit_gpt.training.fabric import Fabric
from lit_gpt.training.journal import Journal, read_metrics, time_used
from lit_gpt.training.loop import train
from lit_gpt.training.machine import Machine
from lit_gpt.training.resume import Progress
from lit_gpt.training.running import Run
from lit_gpt.training.schedule import Schedule
from lit_gpt.training.settings import ScheduleSettings

HOUR_S = 3600.0
WIDTHS = (9, 9, 9, 6, 9, 6, 6)  # of the table's columns
N_ROWS, N_TOKENS, BATCH_SIZE = 2000, 4, 4  # 500 steps an epoch, of two micro-batches each
MICRO_BATCHES, VALIDATION_BATCHES = 2, 5


@dataclass(frozen=True)
class Scenario:
    """What things take, in seconds. step_s: of a step that begins after so many seconds of the run.

    ends_s: when processes end before the run does, `is_killed` without a word; loading_s is what each needs to begin.
    """

    name: str
    step_s: Callable[[float], float]
    budget_s: float = 24 * HOUR_S
    loading_s: float = 120.0
    validation_s: float = 60.0
    state_s: float = 5.0
    export_s: float = 3.0
    report_s: float = 1.0
    ends_s: Sequence[float] = ()
    is_killed: bool = False
    epochs: int | None = None
    eval_every: int = 100


@dataclass(frozen=True)
class Outcome:
    """best_step and final_step are None where the files were not written."""

    scenario: Scenario
    used_s: float
    n_steps: int
    last_rate: float  # of the highest
    best_step: int | None
    final_step: int | None

    @property
    def overrun_s(self) -> float:
        return max(self.used_s - self.scenario.budget_s, 0.0)


class _Killed(Exception):
    """As by signal 9."""


class _OneNumber(nn.Module):
    """A model of one weight, whose loss is its square."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, ids_BT: Tensor, doc_lengths: Sequence[int], predicting_N: Tensor) -> Tensor:
        return self.weight.square() * len(predicting_N)


class Simulation:
    """One scenario, process after process."""

    def __init__(self, scenario: Scenario, out_dir: Path) -> None:
        self.scenario, self.out_dir = scenario, out_dir
        self.now_s, self.ends = 0.0, list(scenario.ends_s)
        self.model = _OneNumber()
        self.saved = Progress()
        self.best_step: int | None = None
        self.final_step: int | None = None

    def outcome(self) -> Outcome:
        while self.final_step is None:
            self._process()
        rates = [record["learning_rate"] for record in read_metrics(self.out_dir) if "learning_rate" in record]
        last = rates[-1] / max(rates) if rates else 0.0
        return Outcome(self.scenario, self.now_s, self.saved.step, last, self.best_step, self.final_step)

    def pass_time(self, seconds: float) -> None:
        self.now_s += seconds
        if self.ends and self.now_s >= self.ends[0] and self.scenario.is_killed:
            self.ends.pop(0)
            raise _Killed

    def _process(self) -> None:
        began_s = self.now_s
        progress = replace(self.saved)
        self.pass_time(self.scenario.loading_s)
        clock = Clock(time_used(self.out_dir, progress), began_s, lambda: self.now_s)
        journal = Journal(self.out_dir, progress.step, 0.0, [], [])
        run = self._run(progress, journal, clock)
        try:
            train(run)
            self._finish(run)
        except (_Killed, Interrupted):
            return
        finally:
            journal.close()

    def _run(self, progress: Progress, journal: Journal, clock: Clock) -> Run:
        s = self.scenario
        settings = ScheduleSettings(epochs=s.epochs, max_time=_hms(s.budget_s), learning_rate=1e-3, optimizer="adamw")
        order = Order(N_ROWS, BATCH_SIZE, seed=0)
        fabric = Fabric(accelerator="cpu", devices=1)
        optimizer = torch.optim.SGD(self.model.parameters(), lr=0.0)
        model, setup_optimizer = fabric.setup(self.model, optimizer)
        run = Run(
            fabric=fabric,
            model=model,
            optimizer=setup_optimizer,
            train_tokens=_rows(N_ROWS),
            validation_tokens=_rows(VALIDATION_BATCHES * BATCH_SIZE // MICRO_BATCHES),
            validation_rows=list(range(VALIDATION_BATCHES * BATCH_SIZE // MICRO_BATCHES)),
            order=order,
            schedule=Schedule(settings, order.steps_per_epoch),
            block_tokens=N_TOKENS * BATCH_SIZE // MICRO_BATCHES,
            micro_batch_size=1,
            eval_every=s.eval_every,
            save_every=50,
            log_every=1,
            progress=progress,
            budget=Budget(s.budget_s, clock, dict(progress.costs)),
            journal=journal,
            save=lambda: self._save(progress),
            keep_best=lambda: self._keep_best(progress.step),
            keep_epoch=lambda epoch: None,
            report=lambda: self.pass_time(s.report_s),
            name_rows=lambda split, rows: [str(row) for row in rows],
        )
        run.machine = Machine(at_work=lambda batch: self._work(run, batch))
        return run

    def _work(self, run: Run, batch: MicroBatch) -> None:
        """Time passes; a signal comes when a process's time is up."""
        s = self.scenario
        if self.model.training:
            self.pass_time(s.step_s(self.now_s) / MICRO_BATCHES)
        else:
            self.pass_time(s.validation_s / VALIDATION_BATCHES)
        if self.ends and self.now_s >= self.ends[0]:
            self.ends.pop(0)
            run.stop.signal = 15

    def _save(self, progress: Progress) -> None:
        self.pass_time(self.scenario.state_s)
        self.saved = replace(progress)

    def _keep_best(self, step: int) -> None:
        self.pass_time(self.scenario.export_s)
        self.best_step = step

    def _finish(self, run: Run) -> None:
        self.pass_time(self.scenario.export_s)
        if run.progress.best_step is None:
            self._keep_best(run.progress.step)
        self.pass_time(self.scenario.report_s)
        self.final_step = run.progress.step


def _rows(n_rows: int) -> TokenRows:
    ids = np.ones(n_rows * N_TOKENS, np.uint16)
    is_target = np.tile([0] + [1] * (N_TOKENS - 1), n_rows).astype(np.uint8)
    return TokenRows(ids, is_target, np.arange(n_rows + 1) * N_TOKENS, np.arange(n_rows))


def _hms(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def simulate(scenario: Scenario) -> Outcome:
    with tempfile.TemporaryDirectory() as folder:
        return Simulation(scenario, Path(folder)).outcome()


def stalled(step_s: float, at_s: Sequence[float], stall_s: float) -> Callable[[float], float]:
    """Steps of step_s seconds, of which those that span one of these moments take stall_s more."""

    def step(now_s: float) -> float:
        return step_s + sum(stall_s for moment in at_s if now_s <= moment < now_s + step_s)

    return step


def scenarios(budget_s: float, step_s: float) -> list[Scenario]:
    """The cases a budget has to withstand, for a budget and a pace."""
    steady = Scenario("steady steps", lambda now_s: step_s, budget_s)
    share = budget_s / 24  # an hour of a day
    moments = (7.3 * share, 15.1 * share, 23.2 * share)
    cases: dict[str, dict[str, Any]] = {
        "three times slower from half time": {"step_s": lambda now_s: step_s * (1 + 2 * (now_s > budget_s / 2))},
        "slower and slower": {"step_s": lambda now_s: step_s * (1 + 3 * now_s / budget_s)},
        "three stalls, the last in the last hour": {"step_s": stalled(step_s, moments, 0.5 * share)},
        "stopped and resumed at 23 h": {"ends_s": [23 * share]},
        "killed at 8 h and at 23 h, resumed": {"ends_s": [8 * share, 23 * share], "is_killed": True},
        "less than one epoch": {"step_s": lambda now_s: budget_s / 200},
        "long validations, slow disk": {"validation_s": share / 2, "export_s": share / 6, "state_s": share / 4},
        "epochs end before the budget": {"epochs": 1},
        "loading eats nine tenths": {"loading_s": 0.9 * budget_s},
        "loading eats all but a fiftieth": {"loading_s": 0.98 * budget_s},
    }
    return [steady, *(replace(steady, name=name, **changes) for name, changes in cases.items())]


def table(outcomes: Sequence[Outcome]) -> str:
    """Planned and used time, as text."""
    titles = ("planned s", "used s", "overrun s", "steps", "last rate", "best", "final")
    lines = [" ".join([f"{'':42}", *(f"{title:>{width}}" for title, width in zip(titles, WIDTHS, strict=True))])]
    for o in outcomes:
        numbers = f"{o.scenario.budget_s:9,.0f} {o.used_s:9,.0f} {o.overrun_s:9,.0f} {o.n_steps:6,} {o.last_rate:9.2%}"
        lines.append(f"{o.scenario.name:42} {numbers} {o.best_step!s:>6} {o.final_step!s:>6}")
    return "\n".join(lines)

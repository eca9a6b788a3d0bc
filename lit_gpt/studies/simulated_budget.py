"""Does a run keep its budget? The training loop itself, on a model of one number, by a clock told what things take.

Only time is simulated: a day of steps of ten seconds takes seven seconds of a core. Steps that slow down, stalls,
interruptions, slow files, ends of epochs and budgets that are too small are given; what comes out is planned and used
time and the last learning rate.
"""

import signal
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from lit_gpt.errors import Interrupted
from lit_gpt.studies.budget_scenarios import BATCH_SIZE, MICRO_BATCHES, N_ROWS, N_TOKENS, VALIDATION_BATCHES, Scenario
from lit_gpt.tokens.loader import MicroBatch, Order
from lit_gpt.tokens.store import TokenRows
from lit_gpt.training.budget import Budget, Clock
from lit_gpt.training.fabric import Fabric
from lit_gpt.training.journal import Journal, read_metrics, time_used
from lit_gpt.training.loop import train_and_finish
from lit_gpt.training.machine import Machine
from lit_gpt.training.resume import Progress
from lit_gpt.training.running import Run
from lit_gpt.training.schedule import Schedule
from lit_gpt.training.settings import ScheduleSettings

WIDTHS = (9, 9, 9, 6, 9, 6, 6)  # of the table's columns
STOPPED = signal.SIGUSR1  # what interrupts a scenario's process, and nobody sends to this one


@dataclass(frozen=True)
class Outcome:
    """best_step and final_step are None where the files were not written."""

    scenario: Scenario
    used_s: float
    n_steps: int
    last_rate: float  # of the highest
    best_step: int | None
    final_step: int | None
    kept: list[int]  # epochs

    @property
    def overrun_s(self) -> float:
        return max(self.used_s - self.scenario.budget_s, 0.0)


class _Killed(Exception):
    """As by signal 9."""


class _OneNumber(nn.Module):
    """A model of one weight, whose loss is its square, and which is right the more often the smaller that is."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(
        self, ids_BT: Tensor, doc_lengths: Sequence[int], predicting_N: Tensor, counts_right: bool = False
    ) -> Tensor:
        loss = self.weight.square() * len(predicting_N)
        return len(predicting_N) - loss if counts_right else loss


class Simulation:
    """One scenario, process after process."""

    def __init__(self, scenario: Scenario, out_dir: Path) -> None:
        self.scenario, self.out_dir = scenario, out_dir
        self.now_s, self.ends = 0.0, list(scenario.ends_s)
        self.model = _OneNumber()
        self.saved = Progress()
        self.best_step: int | None = None
        self.final_step: int | None = None
        self.kept: list[int] = []

    def outcome(self) -> Outcome:
        while self.final_step is None:
            self._process()
        rates = [record["learning_rate"] for record in read_metrics(self.out_dir) if "learning_rate" in record]
        last = rates[-1] / max(rates) if rates else 0.0
        return Outcome(self.scenario, self.now_s, self.saved.step, last, self.best_step, self.final_step, self.kept)

    def pass_time(self, seconds: float) -> None:
        self.now_s += seconds
        if self.ends and self.now_s >= self.ends[0] and self.scenario.is_killed:
            self.ends.pop(0)
            raise _Killed

    def _process(self) -> None:
        began_s = self.now_s
        progress = _copy(self.saved)
        self.pass_time(self.scenario.loading_s)
        clock = Clock(time_used(self.out_dir, progress), began_s, lambda: self.now_s)
        journal = Journal(self.out_dir, progress.step, 0.0, [], [])
        run = self._run(progress, journal, clock)
        try:
            train_and_finish(run)
        except _Killed:
            return
        except Interrupted as error:
            if error.exit_code != 128 + STOPPED:  # a signal that was sent to us
                raise

    def _run(self, progress: Progress, journal: Journal, clock: Clock) -> Run:
        s = self.scenario
        settings = ScheduleSettings(
            epochs=s.epochs, max_time=_hms(s.budget_s), learning_rate=1e-3, optimizer="adamw", plateau=s.plateau
        )
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
            files=_SlowFiles(self, progress),
            kept_epochs=s.kept_epochs,
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
            run.stop.signal = STOPPED


@dataclass
class _SlowFiles:
    """Files that take their time, and of which only the steps are known."""

    simulation: Simulation
    progress: Progress

    @property
    def scenario(self) -> Scenario:
        return self.simulation.scenario

    def save(self) -> None:
        self.simulation.pass_time(self.scenario.state_s)
        self.simulation.saved = _copy(self.progress)

    def keep_best(self) -> None:
        self.simulation.pass_time(self.scenario.export_s)
        self.simulation.best_step = self.progress.step

    def keep_epoch(self, epoch: int) -> None:
        self.simulation.pass_time(self.scenario.export_s)
        self.simulation.kept.append(epoch)

    def keep_final(self) -> None:
        self.simulation.pass_time(self.scenario.export_s)

    def mark_finished(self) -> None:
        self.simulation.final_step = self.progress.step

    def report(self) -> None:
        self.simulation.pass_time(self.scenario.report_s + self.scenario.report_step_s * self.progress.step)


def _copy(progress: Progress) -> Progress:
    return replace(progress, token_accuracy=list(progress.token_accuracy))


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


def table(outcomes: Sequence[Outcome]) -> str:
    """Planned and used time, as text."""
    titles = ("planned s", "used s", "overrun s", "steps", "last rate", "best", "final")
    lines = [" ".join([f"{'':42}", *(f"{title:>{width}}" for title, width in zip(titles, WIDTHS, strict=True))])]
    for o in outcomes:
        numbers = f"{o.scenario.budget_s:9,.0f} {o.used_s:9,.0f} {o.overrun_s:9,.0f} {o.n_steps:6,} {o.last_rate:9.2%}"
        lines.append(f"{o.scenario.name:42} {numbers} {o.best_step!s:>6} {o.final_step!s:>6}")
    return "\n".join(lines)

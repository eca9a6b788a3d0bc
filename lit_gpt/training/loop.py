"""The training loop: one for every method.

Each turn at a step boundary: validate if it is time, save if it is time, stop if the run is over or a signal came, else
take one optimizer step. Validation and saving come first so that a run resumed at a boundary does there exactly what
the unbroken run did. All random numbers of a step follow from (seed, step, row): see row_random.py.
"""

import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import nn

from lit_gpt.errors import Diverged, Interrupted
from lit_gpt.row_random import Rows, drawing_for
from lit_gpt.seeds import derive_seed
from lit_gpt.tokens.loader import MicroBatch, Order, count_targets, micro_batches
from lit_gpt.tokens.store import TokenRows
from lit_gpt.training.budget import Clock
from lit_gpt.training.epochs import end_epoch, has_plateaued
from lit_gpt.training.journal import Journal, peak_memory_gib
from lit_gpt.training.loss import summed_loss
from lit_gpt.training.resume import Progress
from lit_gpt.training.schedule import Schedule


class StopRequest:
    """Remembers the first SIGINT or SIGTERM; the second one ends the process at once."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def __call__(self, number: int, frame: Any) -> None:
        if self.signal is not None:
            raise Interrupted(number, "interrupted twice; the state saved before is the one to go on from")
        self.signal = number

    @contextmanager
    def listening(self) -> Iterator[None]:
        previous = {number: signal.signal(number, self) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)


@dataclass
class Run:
    """Everything the loop touches. `validation_rows` is empty when there is nothing to validate on."""

    fabric: Fabric
    model: nn.Module
    optimizer: torch.optim.Optimizer
    train_tokens: TokenRows
    validation_tokens: TokenRows
    validation_rows: list[int]
    order: Order
    schedule: Schedule
    block_tokens: int
    micro_batch_size: int
    eval_every: int
    save_every: int
    log_every: int
    progress: Progress
    clock: Clock
    journal: Journal
    save: Callable[[], None]
    keep_best: Callable[[], None]
    keep_epoch: Callable[[int], None]
    name_rows: Callable[[str, list[int]], list[str]]
    stop: StopRequest = field(default_factory=StopRequest)

    @property
    def is_over(self) -> bool:
        is_out = self.schedule.is_over(self.progress.step, self.clock.elapsed_s)
        return is_out or has_plateaued(self.progress.token_accuracy, self.schedule.settings.plateau)


def train(run: Run) -> None:
    """Run until the schedule ends; Interrupted, with the state saved, when a signal came first."""
    saved_step = run.progress.step
    with run.stop.listening():
        while True:
            end_epoch(run)
            is_over = run.is_over
            if is_over or run.progress.step % run.eval_every == 0:
                validate(run)
            number = run.stop.signal  # looked at once: a signal that comes later is seen at the next boundary
            is_due = run.progress.step % run.save_every == 0 or is_over or number is not None
            if is_due and run.progress.step != saved_step:
                run.progress.elapsed_s = run.clock.elapsed_s
                run.save()
                saved_step = run.progress.step
            run.journal.flush()
            if number is not None:
                raise Interrupted(number, f"interrupted after step {run.progress.step}; run it again to go on")
            if is_over:
                return
            train_step(run)


def train_step(run: Run) -> None:
    """One optimizer step over the next rows; Diverged, before this step changes a weight, if it is not finite."""
    began_s = time.perf_counter()
    step, elapsed_s = run.progress.step, run.clock.elapsed_s
    rows = run.order.rows_of(step)
    learning_rate = run.schedule.learning_rate(step, elapsed_s)
    for group in run.optimizer.param_groups:
        group["lr"] = learning_rate
    torch.manual_seed(derive_seed(run.order.seed, "step", step))
    train_loss, n_tokens = _accumulate(run, rows)
    grad_norm = _clip(run)
    if not math.isfinite(grad_norm):
        raise _diverged(run, "train", rows, f"a gradient norm of {grad_norm}")
    run.optimizer.step()
    run.optimizer.zero_grad(set_to_none=True)
    run.progress.step += 1
    run.progress.n_tokens += n_tokens
    run.journal.step(
        n_tokens,
        time.perf_counter() - began_s,
        run.schedule.done(run.progress.step, run.clock.elapsed_s),
        is_logged=run.progress.step % run.log_every == 0,
        step=run.progress.step,
        epoch=run.order.epoch_of(step) + 1,
        tokens=run.progress.n_tokens,
        elapsed_s=run.clock.elapsed_s,
        train_loss=train_loss,
        learning_rate=learning_rate,
        grad_norm=grad_norm,
        peak_memory_gib=peak_memory_gib(run.fabric.device),
    )


def _accumulate(run: Run, rows: list[int]) -> tuple[float, int]:
    """Backward through every micro-batch; the step's mean loss per target and its tokens."""
    n_targets = count_targets(run.train_tokens, rows)
    mean_loss, n_tokens = 0.0, 0
    for batch in micro_batches(run.train_tokens, rows, run.block_tokens, run.micro_batch_size):
        with drawing_for(_drawn(run, batch)):
            loss = summed_loss(run.model, batch, run.fabric.device) / n_targets
            value = loss.item()
            if not math.isfinite(value):
                raise _diverged(run, "train", batch.rows, f"a loss of {value}")
            run.fabric.backward(loss)
        mean_loss += value
        n_tokens += len(batch.ids)
    return mean_loss, n_tokens


def _drawn(run: Run, batch: MicroBatch) -> Rows:
    """What the step's random numbers follow from: each row's part in it, and no other row's."""
    keys = [derive_seed(run.order.seed, "step", run.progress.step, "row", row) for row in batch.rows]
    return Rows(keys, batch.doc_lengths, batch.doc_targets)


def _clip(run: Run) -> float:
    """The gradient's norm before it was clipped."""
    limit = run.schedule.settings.clip_norm or math.inf
    norm = run.fabric.clip_gradients(run.model, run.optimizer, max_norm=limit, error_if_nonfinite=False)
    assert norm is not None
    return norm.item()


def _diverged(run: Run, split: str, rows: list[int], got: str) -> Diverged:
    return Diverged(
        f"{got} after step {run.progress.step}, {split} rows {', '.join(run.name_rows(split, rows))}",
        "finite numbers",
        "look at these rows; try a lower --learning_rate or --precision 32-true",
    )


def validate(run: Run) -> None:
    """Measure the validation loss once per step boundary and keep the best weights so far."""
    if run.progress.evaluated_step == run.progress.step or not run.validation_rows:
        return
    val_loss, n_targets = _validation_loss(run)
    if run.stop.signal is not None:
        return  # the measurement may be incomplete; the resumed run repeats it
    run.progress.evaluated_step = run.progress.step
    run.journal.validation(run.progress.step, val_loss, n_targets)
    if run.progress.best_val_loss is None or val_loss < run.progress.best_val_loss:
        run.progress.best_val_loss, run.progress.best_step = val_loss, run.progress.step
        run.keep_best()


@torch.no_grad()
def _validation_loss(run: Run) -> tuple[float, int]:
    """Mean loss per target over the validation rows, and the number of targets."""
    run.model.eval()
    total = 0.0
    for batch in micro_batches(run.validation_tokens, run.validation_rows, run.block_tokens, run.micro_batch_size):
        if run.stop.signal is not None:
            break
        loss = summed_loss(run.model, batch, run.fabric.device).item()
        if not math.isfinite(loss):
            raise _diverged(run, "validation", batch.rows, f"a loss of {loss}")
        total += loss
    run.model.train()
    n_targets = count_targets(run.validation_tokens, run.validation_rows)
    return total / n_targets, n_targets

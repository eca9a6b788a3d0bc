"""The training loop: one for every method.

Each turn at a step boundary: validate if it is time, save if it is time, stop if the run is over or a signal came, else
take one optimizer step. Validation and saving come first so that a run resumed at a boundary does there exactly what
the unbroken run did. A state is saved before best/ is written, so that best/ never holds a step that is done again.
All random numbers of a step follow from (seed, step, row): see row_random.py.

A step whose loss or gradient is not finite changes nothing but the count of steps. Where memory does not suffice, the
step, or the validation, begins anew with half the micro-batch: the same rows, the same order, the same loss.
"""

import math
import sys

import torch

from lit_gpt.errors import Diverged, Interrupted
from lit_gpt.row_random import Rows, drawing_for
from lit_gpt.seeds import derive_seed
from lit_gpt.tokens.loader import MicroBatch, count_targets, micro_batches
from lit_gpt.training.budget import OutOfTime
from lit_gpt.training.epochs import end_epoch
from lit_gpt.training.journal import METRICS, peak_memory_gib
from lit_gpt.training.loss import summed_loss
from lit_gpt.training.memory_limit import told_if_too_large, within_memory
from lit_gpt.training.running import Run

MAX_SKIPPED = 3  # steps in a row that were not finite: the run has diverged
MAX_SKIPPED_SHARE = 0.01  # of the steps so far, from MAX_SKIPPED of them on: what is left out is no accident


class NotFinite(Exception):
    """A loss or a gradient of these rows is no number to learn from."""

    def __init__(self, got: str, rows: list[int]) -> None:
        super().__init__(got)
        self.got, self.rows = got, rows


def train_and_finish(run: Run) -> None:
    """Train, hand out the last weights, and mark the run as finished."""
    try:
        train(run)
    finally:
        run.journal.close()
    run.progress.elapsed_s = run.budget.clock.elapsed_s
    run.files.keep_final()
    if run.progress.best_step is None:
        run.files.keep_best()
    run.files.mark_finished()
    run.files.report()


def train(run: Run) -> None:
    """Run until the schedule or the budget ends; Interrupted, with the state saved, when a signal came first."""
    saved_step = run.progress.step
    with run.stop.listening():
        _learn_costs(run)
        while True:
            end_epoch(run)
            is_over = run.is_over
            is_best = (is_over or run.progress.step % run.eval_every == 0) and validate(run)
            number = run.stop.signal  # looked at once: a signal that comes later is seen at the next boundary
            is_due = run.progress.step % run.save_every == 0 or is_over or is_best or number is not None
            if is_due and run.progress.step != saved_step:
                _save(run)
                saved_step = run.progress.step
            if is_best:
                with run.budget.measured("export"):
                    run.files.keep_best()
            run.journal.flush()
            if run.budget.is_report_due and number is None and not is_over:
                _report(run)
            if number is not None:
                raise Interrupted(number, f"interrupted after step {run.progress.step}; run it again to go on")
            if is_over:
                return
            train_step(run)


def _learn_costs(run: Run) -> None:
    """With a budget, save and report once before the first step: the end must have time for both."""
    if run.budget.total_s is not None and "report" not in run.budget.costs:
        _save(run)
        _report(run)
    run.budget.begin()


def _report(run: Run) -> None:
    with run.budget.measured("report"):
        run.files.report()


def _save(run: Run) -> None:
    with run.budget.measured("state"):
        run.progress.elapsed_s = run.budget.clock.elapsed_s
        run.progress.costs = dict(run.budget.costs)
        run.files.save()


def train_step(run: Run) -> None:
    """One optimizer step over the next rows; none where it is not finite, or outlasts the budget.

    Diverged after MAX_SKIPPED in a row that were not finite, or MAX_SKIPPED_SHARE of all.
    """
    began_s = run.budget.clock.elapsed_s
    rows = run.order.rows_of(run.progress.step)
    learning_rate = run.schedule.learning_rate(run.progress.step, run.budget.scheduled_s)
    for group in run.optimizer.param_groups:
        group["lr"] = learning_rate
    torch.manual_seed(derive_seed(run.order.seed, "step", run.progress.step))
    try:
        train_loss, n_tokens = within_memory(run, lambda: _accumulate(run, rows))
        grad_norm = _clip(run)
        if not math.isfinite(grad_norm):
            raise NotFinite(f"a gradient norm of {grad_norm}", rows)
    except NotFinite as found:
        _skip(run, found)
        return
    except OutOfTime:
        run.optimizer.zero_grad(set_to_none=True)
        return
    run.optimizer.step()
    run.optimizer.zero_grad(set_to_none=True)
    run.progress.n_skipped_in_a_row = 0
    run.progress.n_tokens += n_tokens
    _tell(run, began_s, n_tokens, train_loss=train_loss, learning_rate=learning_rate, grad_norm=grad_norm)


def _tell(run: Run, began_s: float, n_tokens: int, **values: float) -> None:
    """Count the step and journal it."""
    epoch = run.order.epoch_of(run.progress.step) + 1
    run.progress.step += 1
    elapsed_s = run.budget.clock.elapsed_s
    run.budget.took_step(elapsed_s - began_s)
    run.progress.energy_j = run.energy.joules(elapsed_s)
    extra = {"budget_left_s": run.budget.left_s, "energy_j": run.progress.energy_j}
    run.journal.step(
        n_tokens,
        elapsed_s - began_s,
        run.schedule.done(run.progress.step, run.budget.scheduled_s),
        is_logged=run.progress.step % run.log_every == 0,
        step=run.progress.step,
        epoch=epoch,
        tokens=run.progress.n_tokens,
        elapsed_s=elapsed_s,
        **values,
        peak_memory_gib=peak_memory_gib(run.fabric.device),
        **{name: value for name, value in extra.items() if value is not None},
    )


def _skip(run: Run, found: NotFinite) -> None:
    """Leave the step out, and say so; Diverged where there were too many, in a row or in all."""
    progress = run.progress
    run.optimizer.zero_grad(set_to_none=True)
    progress.n_skipped += 1
    progress.n_skipped_in_a_row += 1
    if progress.n_skipped_in_a_row >= MAX_SKIPPED:
        raise _diverged(run, "train", found.rows, f"{found.got}, the {MAX_SKIPPED}rd such step in a row,")
    if progress.n_skipped >= MAX_SKIPPED and progress.n_skipped > MAX_SKIPPED_SHARE * (progress.step + 1):
        many = f"{progress.n_skipped} of {progress.step + 1} steps left out (earlier rows: {METRICS})"
        raise _diverged(run, "train", found.rows, f"{found.got}, with {many},")
    progress.step += 1
    names = run.name_rows("train", found.rows)
    run.journal.event("skipped", step=progress.step, got=found.got, rows=names)
    print(f"step {progress.step} skipped: {found.got} in rows {', '.join(names)}", file=sys.stderr)


def _accumulate(run: Run, rows: list[int]) -> tuple[float, int]:
    """Backward through every micro-batch; the step's mean loss per target and its tokens."""
    n_targets = count_targets(run.train_tokens, rows)
    mean_loss, n_tokens = 0.0, 0
    batches = micro_batches(run.train_tokens, rows, run.block_tokens, run.blocks_at_once)
    for batch in run.journal.waiting_for(batches):
        if run.budget.clock.elapsed_s > run.budget.training_ends_s:
            raise OutOfTime
        with told_if_too_large(run, batch), drawing_for(_drawn(run, batch)):
            loss = summed_loss(run.model, batch, run.fabric.device) / n_targets
            value = loss.item()
            if not math.isfinite(value):
                raise NotFinite(f"a loss of {value}", batch.rows)
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


def validate(run: Run) -> bool:
    """Measure the validation loss, once per step boundary; whether it is the lowest so far."""
    if run.progress.evaluated_step == run.progress.step or not run.validation_rows:
        return False
    try:
        with run.budget.measured("validation"):
            val_loss, n_targets = within_memory(run, lambda: _validation_loss(run))
    except OutOfTime:
        return False
    finally:
        run.model.train()
    if run.stop.signal is not None:
        return False  # the measurement may be incomplete; the resumed run repeats it
    run.progress.evaluated_step = run.progress.step
    run.journal.validation(run.progress.step, val_loss, n_targets)
    if run.progress.best_val_loss is not None and val_loss >= run.progress.best_val_loss:
        return False
    run.progress.best_val_loss, run.progress.best_step = val_loss, run.progress.step
    return True


@torch.no_grad()
def _validation_loss(run: Run) -> tuple[float, int]:
    """Mean loss per target over the validation rows, and the number of targets."""
    run.model.eval()
    total = 0.0
    for batch in micro_batches(run.validation_tokens, run.validation_rows, run.block_tokens, run.blocks_at_once):
        if run.stop.signal is not None:
            break
        if run.budget.clock.elapsed_s > run.budget.validation_ends_s:
            raise OutOfTime
        with told_if_too_large(run, batch):
            loss = summed_loss(run.model, batch, run.fabric.device).item()
        if not math.isfinite(loss):
            raise _diverged(run, "validation", batch.rows, f"a loss of {loss}")
        total += loss
    n_targets = count_targets(run.validation_tokens, run.validation_rows)
    return total / n_targets, n_targets

"""The end of an epoch: its weights are kept where asked, and it is decided whether another one would teach anything.

The rule: after an epoch in which the share of training tokens that are predicted right (the likeliest token, given the
true ones before it) rose by less than --plateau, the run is over. Repeating few rows until that share stands still beat
one pass over many in arXiv 2602.11149. The share is measured on the same rows each time, at most
N_PLATEAU_ROWS at even distances, without dropout or noise, so that its steps are learning's and not luck's.

The learning rate follows the planned length all the same: choose --epochs as the most, and --decay constant where a
run is expected to end early.

With a budget both are timed and reserved for. A measurement that outlasts its time is given up, and weights for which
no time is left are not kept: the journal says which.
"""

import sys

import torch

from lit_gpt.tokens.loader import count_targets, micro_batches
from lit_gpt.training.budget import OutOfTime
from lit_gpt.training.loss import count_right
from lit_gpt.training.memory_limit import told_if_too_large, within_memory
from lit_gpt.training.running import Run

N_PLATEAU_ROWS = 256  # of a set with answers of a hundred tokens, 25,000 targets


def end_epoch(run: Run) -> None:
    """At a step boundary: whatever is due there because an epoch lies behind, once; and what the next one will add."""
    epoch, n_steps_into_next = divmod(run.progress.step, run.order.steps_per_epoch)
    if not n_steps_into_next and epoch != run.progress.n_epochs_ended:
        run.progress.n_epochs_ended = epoch
        _measure(run, epoch)
        _keep(run, epoch)
    accuracy = ("accuracy",) if run.schedule.settings.plateau else ()
    export = ("export",) if run.progress.n_epochs_ended + 1 in run.kept_epochs else ()
    run.budget.at_epochs_end = (*accuracy, *export)


def _measure(run: Run, epoch: int) -> None:
    if not run.schedule.settings.plateau:
        return
    try:
        with run.budget.measured("accuracy"):
            accuracy = within_memory(run, lambda: token_accuracy(run))
    except OutOfTime:
        return
    finally:
        run.model.train()
    run.progress.token_accuracy.append(accuracy)
    run.journal.epoch(run.progress.step, epoch, accuracy)


def _keep(run: Run, epoch: int) -> None:
    if epoch not in run.kept_epochs:
        return
    if run.budget.has_time_for_epoch:
        with run.budget.measured("export"):
            run.files.keep_epoch(epoch)
        return
    run.journal.event("epoch_not_kept", step=run.progress.step, epoch=epoch)
    print(f"the weights after epoch {epoch} are not kept: the budget has no time left for them", file=sys.stderr)


@torch.no_grad()
def token_accuracy(run: Run) -> float:
    """The share of target tokens that are predicted right, over the rows looked at each time."""
    n_rows = len(run.train_tokens)
    n_chosen = min(N_PLATEAU_ROWS, n_rows)
    rows = [i * n_rows // n_chosen for i in range(n_chosen)]
    run.model.eval()
    n_right = 0
    for batch in micro_batches(run.train_tokens, rows, run.block_tokens, run.blocks_at_once):
        if run.budget.clock.elapsed_s > run.budget.accuracy_ends_s:
            raise OutOfTime
        with told_if_too_large(run, batch):
            n_right += count_right(run.model, batch, run.fabric.device)
    return n_right / count_targets(run.train_tokens, rows)

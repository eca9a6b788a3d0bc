"""The end of an epoch: its weights are kept where asked, and it is decided whether another one would teach anything.

The rule: after an epoch in which the share of training tokens that are predicted right (the likeliest token, given the
true ones before it) rose by less than --plateau, the run is over. Repeating few rows until that share stands still beat
one pass over many in arXiv 2602.11149. The share is measured on the same rows each time, at most
N_PLATEAU_ROWS at even distances, without dropout or noise, so that its steps are learning's and not luck's.

The learning rate follows the planned length all the same: choose --epochs as the most, and --decay constant where a
run is expected to end early.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from lit_gpt.tokens.loader import count_targets, micro_batches
from lit_gpt.training.loss import count_right

if TYPE_CHECKING:
    from lit_gpt.training.running import Run

N_PLATEAU_ROWS = 256  # of a set with answers of a hundred tokens, 25,000 targets


def end_epoch(run: "Run") -> None:
    """At a step boundary: whatever is due there because an epoch lies behind, once."""
    epoch, n_steps_into_next = divmod(run.progress.step, run.order.steps_per_epoch)
    if n_steps_into_next or epoch == run.progress.n_epochs_ended:
        return
    run.progress.n_epochs_ended = epoch
    if run.schedule.settings.plateau:
        run.progress.token_accuracy.append(token_accuracy(run))
        run.journal.epoch(run.progress.step, epoch, run.progress.token_accuracy[-1])
    run.keep_epoch(epoch)


def has_plateaued(accuracies: Sequence[float], plateau: float) -> bool:
    """Whether the last of these epochs brought less than `plateau`; a single one has nothing to be compared with."""
    return plateau > 0 and len(accuracies) > 1 and accuracies[-1] - accuracies[-2] < plateau


@torch.no_grad()
def token_accuracy(run: "Run") -> float:
    """The share of target tokens that are predicted right, over the rows looked at each time."""
    n_rows = len(run.train_tokens)
    n_chosen = min(N_PLATEAU_ROWS, n_rows)
    rows = [i * n_rows // n_chosen for i in range(n_chosen)]
    run.model.eval()
    batches = micro_batches(run.train_tokens, rows, run.block_tokens, run.blocks_at_once)
    n_right = sum(count_right(run.model, batch, run.fabric.device) for batch in batches)
    run.model.train()
    return n_right / count_targets(run.train_tokens, rows)

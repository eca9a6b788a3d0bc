"""The loss: cross-entropy of every target token, summed; whoever knows the step's total divides.

Dividing once by the number of targets in the whole optimizer step, and not micro-batch by micro-batch, is what makes
the step's loss the mean over its target tokens under accumulation, packing and uneven rows.
Letters: B batch (1), T tokens, N targets, V vocabulary.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lit_gpt.chunked_loss import LOGITS_AT_ONCE, chunked_cross_entropy
from lit_gpt.model import GPT
from lit_gpt.tokens.loader import MicroBatch


class SummedLoss(nn.Module):
    """The model and its loss as one module, so that whoever sets it up (Fabric) sets up both.

    is_chunked: never hold all logits at once (chunked_loss.py); else the plain way, which torch.compile understands.
    """

    def __init__(self, model: GPT, is_chunked: bool = True) -> None:
        super().__init__()
        self.model, self.is_chunked = model, is_chunked

    def forward(
        self, ids_BT: Tensor, doc_lengths: Sequence[int], predicting_N: Tensor, counts_right: bool = False
    ) -> Tensor:
        """Negative log-likelihood in nats of the tokens after these positions, a fp32 scalar; or how many of them are
        the likeliest there."""
        targets_N = ids_BT[0, predicting_N + 1]
        call = partial(self.model, ids_BT, doc_lengths=doc_lengths, logits_at=predicting_N)  # so that hooks are called
        if counts_right:
            return call(head=partial(self._n_right, targets_N=targets_N))
        if self.is_chunked:
            return call(head=partial(self._chunked, targets_N=targets_N))
        return F.cross_entropy(call().float(), targets_N, reduction="sum")

    def _n_right(self, hidden_NC: Tensor, targets_N: Tensor) -> Tensor:
        n_rows = max(1, LOGITS_AT_ONCE // self.model.config.padded_vocab_size)
        chunks = zip(hidden_NC.split(n_rows), targets_N.split(n_rows), strict=True)
        return torch.stack([(self.model.head(hidden).argmax(-1) == targets).sum() for hidden, targets in chunks]).sum()

    def _chunked(self, hidden_NC: Tensor, targets_N: Tensor) -> Tensor:
        trained = [parameter for parameter in self.model.lm_head.parameters() if parameter.requires_grad]
        n_words = self.model.config.padded_vocab_size
        return chunked_cross_entropy(self.model.head, hidden_NC, targets_N, n_words, trained)


def summed_loss(loss: nn.Module, batch: MicroBatch, device: torch.device) -> Tensor:
    """A SummedLoss (or one that was set up) of a batch.

    A document's first token is never a target, so no prediction reaches across documents.
    """
    total: Tensor = loss(*_arguments(batch, device))
    return total


def count_right(loss: nn.Module, batch: MicroBatch, device: torch.device) -> int:
    """How many targets of a batch are the likeliest token, by a SummedLoss."""
    return int(loss(*_arguments(batch, device), counts_right=True))


def _arguments(batch: MicroBatch, device: torch.device) -> tuple[Tensor, list[int], Tensor]:
    predicting_N = torch.from_numpy(np.flatnonzero(batch.is_target[1:]))
    ids_BT = torch.from_numpy(batch.ids).unsqueeze(0)
    return ids_BT.to(device), batch.doc_lengths, predicting_N.to(device)

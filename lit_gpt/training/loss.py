"""The loss: cross-entropy of every target token, summed; whoever knows the step's total divides.

Dividing once by the number of targets in the whole optimizer step, and not micro-batch by micro-batch, is what makes
the step's loss the mean over its target tokens under accumulation, packing and uneven rows.
Letters: B batch (1), T tokens, N targets, V vocabulary.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lit_gpt.tokens.loader import MicroBatch


def summed_loss(model: nn.Module, batch: MicroBatch, device: torch.device) -> Tensor:
    """Negative log-likelihood in nats, summed over the batch's targets; a fp32 scalar.

    A document's first token is never a target, so no prediction reaches across documents.
    """
    predicting_N = np.flatnonzero(batch.is_target[1:])
    ids_BT = torch.from_numpy(batch.ids).to(device).unsqueeze(0)
    logits_at_N = torch.from_numpy(predicting_N).to(device)
    logits_NV = model(ids_BT, doc_lengths=batch.doc_lengths, logits_at=logits_at_N)
    return F.cross_entropy(logits_NV.float(), ids_BT[0, logits_at_N + 1], reduction="sum")

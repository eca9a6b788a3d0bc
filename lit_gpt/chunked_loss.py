"""Cross-entropy of a head's logits, a few rows at a time, with the gradient formed in the same pass.

The logits of a micro-batch are the largest tensor of a step: 8,192 targets over 32,000 words are 1 GiB in fp32, as much
again for their gradient. Here no more than LOGITS_AT_ONCE of them exist; each chunk's gradient with respect to the
hidden states (and to the head, where it is trained) is taken at once, and backward only scales what is kept.
The idea: Liger Kernel (Hsu et al. 2024, arXiv 2410.10989, section 3.2), Cut Your Losses (Wijmans et al. 2024,
arXiv 2411.09009). The head is any function: biased, capped, adapted.

Not covered: second derivatives. A head that drops out draws its masks chunk by chunk.
Letters: N targets, C width of the hidden states.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LOGITS_AT_ONCE = 2**23  # 32 MiB in fp32

Head = Callable[[Tensor], Tensor]


def chunked_cross_entropy(
    head: Head, hidden_NC: Tensor, targets_N: Tensor, n_words: int, trained: Sequence[nn.Parameter]
) -> Tensor:
    """Negative log-likelihood in nats, summed over the targets; a fp32 scalar.

    n_words: how many logits the head gives a row. trained: the head's parameters that want a gradient.
    """
    n_rows = max(1, LOGITS_AT_ONCE // n_words)
    if torch.is_grad_enabled():
        loss: Tensor = _ChunkedCrossEntropy.apply(head, n_rows, targets_N, hidden_NC, *trained)
        return loss
    chunks = zip(hidden_NC.split(n_rows), targets_N.split(n_rows), strict=True)
    return torch.stack([_summed(head, *chunk) for chunk in chunks]).sum()


def _summed(head: Head, hidden_NC: Tensor, targets_N: Tensor) -> Tensor:
    return F.cross_entropy(head(hidden_NC).float(), targets_N, reduction="sum")


class _ChunkedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, head: Head, n_rows: int, targets_N: Tensor, hidden_NC: Tensor, *trained: Tensor) -> Tensor:
        total = hidden_NC.new_zeros((), dtype=torch.float32)
        hidden_grad_NC = torch.empty_like(hidden_NC)
        sums = [torch.zeros_like(parameter) for parameter in trained]
        chunks = zip(hidden_NC.split(n_rows), targets_N.split(n_rows), hidden_grad_NC.split(n_rows), strict=True)
        for hidden, targets, hidden_grad in chunks:
            with torch.enable_grad():
                hidden = hidden.detach().requires_grad_()
                logits_NV = head(hidden)
            loss, logits_grad_NV = _with_gradient(logits_NV.detach(), targets)
            grad, *others = torch.autograd.grad(logits_NV, [hidden, *trained], logits_grad_NV)
            hidden_grad.copy_(grad)
            for sum_, other in zip(sums, others, strict=True):
                sum_ += other
            total += loss
        ctx.save_for_backward(hidden_grad_NC, *sums)
        return total

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        return None, None, None, *(grad * grad_outputs[0] for grad in ctx.saved_tensors)


def _with_gradient(logits_NV: Tensor, targets_N: Tensor) -> tuple[Tensor, Tensor]:
    """The summed loss, and its gradient with respect to the logits: softmax less one at the target, in their dtype.

    Two tensors of N by V in fp32, where cross_entropy and its backward hold four and pass over them twice as often.
    """
    logprobs_NV = torch.log_softmax(logits_NV, dim=-1, dtype=torch.float32)
    targets_N1 = targets_N[:, None]
    loss = -logprobs_NV.gather(1, targets_N1).sum()
    probs_NV = logprobs_NV.exp_()
    probs_NV.scatter_add_(1, targets_N1, probs_NV.new_full(targets_N1.shape, -1.0))
    return loss, probs_NV.to(logits_NV.dtype)

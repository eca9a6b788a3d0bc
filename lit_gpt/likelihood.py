"""Likelihood: how probable a model finds a text, token by token.

Not handled: texts longer than the model's context (windowing is the caller's choice), batches of texts.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from lit_gpt.model import GPT

# Positions whose logits exist at one time: 128 x a vocabulary of 128,000 in fp32 is 66 MB.
CHUNK = 128


@torch.no_grad()
def loglikelihood(model: GPT, ids: Sequence[int] | Tensor) -> Tensor:
    """Natural log of the probability of each id after the first, given those before: (len(ids) - 1,), fp32.

    ValueError: no ids, more than block_size of them, or a model in training mode (its dropout would be on).
    """
    if len(ids) == 0 or model.training:
        raise ValueError("loglikelihood needs ids, and a model in eval mode")
    ids_T = torch.as_tensor(ids, dtype=torch.int64, device=model.transformer.wte.weight.device)
    hidden_TC = model.hidden(ids_T[None])[0, :-1]
    chunks = zip(hidden_TC.split(CHUNK), ids_T[1:].split(CHUNK), strict=True)
    return torch.cat([_log_probability(model.head(hidden_NC), next_N) for hidden_NC, next_N in chunks])


def _log_probability(logits_NV: Tensor, ids_N: Tensor) -> Tensor:
    logits_NV = logits_NV.float()
    return logits_NV.gather(-1, ids_N[:, None])[:, 0] - logits_NV.logsumexp(-1)

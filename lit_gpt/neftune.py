"""NEFTune: noise on the embeddings while training (Jain et al. 2023, arXiv 2310.05914, section 2).

Every number of a row of L tokens of width C gets uniform noise in -a ... a, where a = alpha / sqrt(L C). In a packed
row, L is each document's own length. The noise is added where the embedding is looked up, before a family scales it,
and is drawn row by row (row_random.py).
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lit_gpt.model import GPT
from lit_gpt.row_random import fill_by_row
from lit_gpt.seeds import derive_seed

PLACE = derive_seed("neftune")


def add_noise(model: GPT, alpha: float) -> None:
    """Let the model see noise whenever it is in training mode; it is changed by hooks alone."""
    noise = _Noise(alpha)
    model.register_forward_pre_hook(noise.remember, with_kwargs=True)
    model.transformer.wte.register_forward_hook(noise)


class _Noise:
    def __init__(self, alpha: float) -> None:
        self.alpha = alpha
        self._doc_lengths: Sequence[int] | None = None

    def remember(self, model: nn.Module, args: Any, kwargs: dict[str, Any]) -> None:
        self._doc_lengths = kwargs.get("doc_lengths")

    def __call__(self, embedding: nn.Module, args: Any, x_BTC: Tensor) -> Tensor:
        if not embedding.training:
            return x_BTC
        lengths = self._doc_lengths or [x_BTC.size(1)] * x_BTC.size(0)
        sizes = [self.alpha / math.sqrt(length * x_BTC.size(2)) for length in lengths for _ in range(length)]
        sizes_BT1 = torch.tensor(sizes, dtype=x_BTC.dtype, device=x_BTC.device).view(*x_BTC.shape[:2], 1)
        noise_BTC = torch.empty_like(x_BTC)
        fill_by_row(noise_BTC.flatten(0, 1), PLACE, lambda part, generator: part.uniform_(-1, 1, generator=generator))
        return x_BTC + noise_BTC * sizes_BT1

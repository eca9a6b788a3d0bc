"""KVCache: the keys and values of the tokens a text has so far, so that each new token costs one token's work.

It holds only the key/value heads (n_query_groups of them, not n_head), for all layers, allocated once.
Not handled: rows of a batch that differ in length, eviction, quantised caches.

Dimensions: L layers, B rows, G key/value heads, S positions, D width of a head, T new tokens.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from lit_gpt.config import Config


class KVCache:
    """Room for `max_length` tokens in each of `batch_size` rows; `length` of them are filled."""

    def __init__(
        self,
        config: Config,
        batch_size: int,
        max_length: int,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        shape = (config.n_layer, batch_size, config.n_query_groups, max_length, config.head_size)
        self.k_LBGSD = torch.zeros(shape, dtype=dtype, device=device)
        self.v_LBGSD = torch.zeros(shape, dtype=dtype, device=device)
        self.max_length = max_length
        self.length = 0

    def layer(self, i: int) -> "LayerCache":
        """One layer's view, to which that layer appends."""
        return LayerCache(self.k_LBGSD[i], self.v_LBGSD[i], self.length)

    def advance(self, n_tokens: int) -> None:
        """All layers have appended their keys and values of these tokens."""
        self.length += n_tokens


@dataclass(frozen=True)
class LayerCache:
    """The part of a KVCache that belongs to one layer, and where the next token goes."""

    keys: Tensor  # (B, G, S, D), as values
    values: Tensor
    start: int

    def append(self, k_BGTD: Tensor, v_BGTD: Tensor) -> tuple[Tensor, Tensor]:
        """Write T tokens; the keys and values of all tokens so far, as views. ValueError when there is no room."""
        end = self.start + k_BGTD.size(2)
        if end > self.keys.size(2):
            raise ValueError(f"{end} tokens, but the cache has room for {self.keys.size(2)}")
        self.keys[:, :, self.start : end] = k_BGTD
        self.values[:, :, self.start : end] = v_BGTD
        return self.keys[:, :, :end], self.values[:, :, :end]

"""The layers of LoRA: a pair of low-rank matrices, and a linear whose parts have pairs. What they compute: lora.py.

Not covered: pairs for embeddings and biases, merging into a quantised base.
"""

import math
from itertools import chain
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lit_gpt.low_rank_update import Update, add_updates, linear_with_updates
from lit_gpt.quantized import QuantizedLinear
from lit_gpt.row_random import RowDropout

WHOLE = "all"  # the only part of a linear that is not fused
Linear = nn.Linear | QuantizedLinear


class LowRank(nn.Module):
    """One pair: scale * B A dropout(x), computed in the pair's own dtype (fp32 unless it is cast).

    magnitude: with DoRA, the length (out,) of each row of the updated weight; else None.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        r: int,
        alpha: float,
        dropout: float = 0.0,
        is_rank_stabilised: bool = False,
    ) -> None:
        super().__init__()
        self.r, self.alpha, self.is_rank_stabilised = r, alpha, is_rank_stabilised
        self.scale = alpha / math.sqrt(r) if is_rank_stabilised else alpha / r
        self.A = nn.Parameter(torch.zeros(r, in_features, dtype=torch.float32, device="cpu"))
        self.B = nn.Parameter(torch.zeros(out_features, r, dtype=torch.float32, device="cpu"))
        self.magnitude: nn.Parameter | None = None
        self.dropout = RowDropout(dropout)

    def initialise(self, seed: int) -> None:
        """A as nn.Linear draws its weights (Kaiming-uniform, a = sqrt 5), whatever the global generator's state.

        The seed, which no other pair has, is the place of its dropout, too.
        """
        self.dropout.place = seed
        nn.init.kaiming_uniform_(self.A, a=math.sqrt(5), generator=torch.Generator().manual_seed(seed))
        nn.init.zeros_(self.B)

    @torch.no_grad()
    def decompose(self, weight: Tensor) -> None:
        """Turn to DoRA: give the rows of the base's weight (out, in), as they are updated now, their own lengths."""
        self.magnitude = nn.Parameter(self._lengths(weight))

    def forward(self, x: Tensor) -> Tensor:
        return self.update(self.dropout(x.to(self.A.dtype)))

    def update(self, x: Tensor) -> Tensor:
        """The pair's product with an input that has been through the dropout already."""
        return F.linear(F.linear(x, self.A) * self.scale, self.B)

    def stretch(self, weight: Tensor) -> Tensor:
        """By what each row of the updated weight is stretched to its magnitude, (out,); weight is the base's."""
        assert self.magnitude is not None
        return self.magnitude / self._lengths(weight).detach()

    def updated(self, weight: Tensor) -> Tensor:
        """The base's rows (out, in) with the pair in them, in fp32."""
        total = weight.float() + self.scale * (self.B.float() @ self.A.float())
        return total if self.magnitude is None else self.stretch(weight)[:, None] * total

    @torch.no_grad()
    def _lengths(self, weight: Tensor) -> Tensor:
        product = self.B.to(weight.device).float() @ self.A.to(weight.device).float()
        lengths = torch.linalg.vector_norm(weight.float() + self.scale * product, dim=1)
        return lengths.clamp_min(torch.finfo(torch.float32).tiny)  # a row of zeros has no direction, and stays zero


class LoRALinear(nn.Module):
    """A linear and the pairs that update its parts.

    rows      part -> its rows of the base's weight; together they cover it in order
    pairs     part -> LowRank, for the parts that are trained
    is_fused  added in one autograd node (low_rank_update.py); may be turned off
    """

    def __init__(self, linear: Linear, rows: dict[str, slice], pairs: dict[str, LowRank]) -> None:
        super().__init__()
        self.linear, self.rows, self.lora = linear, rows, nn.ModuleDict(pairs)
        self.lora.to(next(chain(linear.parameters(), linear.buffers())).device)
        self.train(linear.training)  # else dropout would wake up in a model that is being evaluated
        self.is_fused = all(pair.magnitude is None for pair in pairs.values())

    @property
    def pairs(self) -> dict[str, LowRank]:
        return {part: cast(LowRank, pair) for part, pair in self.lora.items()}

    def forward(self, x: Tensor) -> Tensor:
        if self.is_fused and self._is_frozen_for(x):
            return linear_with_updates(x, self.linear.weight, self.linear.bias, self._updates(), self._dropout())
        y = self.linear(x)
        if self.is_fused:
            return add_updates(y, x, self._updates(), self._dropout())
        return self._plain(x, y)

    def _is_frozen_for(self, x: Tensor) -> bool:
        """Whether the base is a linear and nothing else, whose gradient is one product with its weight."""
        linear = self.linear
        if type(linear) is not nn.Linear or linear._forward_hooks or linear._forward_pre_hooks:
            return False
        is_frozen = not any(parameter.requires_grad for parameter in linear.parameters())
        casts = not x.is_meta and torch.is_autocast_enabled(x.device.type)  # a forecast's device knows no autocast
        return is_frozen and linear.weight.dtype == x.dtype and not casts

    def _updates(self) -> list[Update]:
        return [
            Update(self.rows[part], pair.scale, pair.A, pair.B, pair.dropout.place) for part, pair in self.pairs.items()
        ]

    def _dropout(self) -> float:
        return next(iter(self.pairs.values())).dropout.p if self.training else 0.0

    def _plain(self, x: Tensor, y: Tensor) -> Tensor:
        """The same by modules and autograd alone; the only way where there are magnitudes."""
        sizes = [rows.stop - rows.start for rows in self.rows.values()]
        parts = dict(zip(self.rows, y.split(sizes, dim=-1), strict=True))
        for part, pair in self.pairs.items():
            delta = pair(x) if pair.magnitude is None else self._decomposed(part, pair, x, parts[part])
            parts[part] = (parts[part] + delta).to(y.dtype)
        return torch.cat(list(parts.values()), dim=-1) if len(parts) > 1 else parts[WHOLE]

    def _decomposed(self, part: str, pair: LowRank, x: Tensor, y: Tensor) -> Tensor:
        """What DoRA adds to the base's y: the base is stretched too, as it sees the input after dropout."""
        rows = self.rows[part]
        weight = self.linear.weight[rows]
        stretch = pair.stretch(weight)
        x = x.to(pair.A.dtype)
        if self.training and pair.dropout.p:
            x = pair.dropout(x)
            base = F.linear(x, weight.to(x.dtype))
        else:
            base = y if self.linear.bias is None else y - self.linear.bias[rows]
        return (stretch - 1) * base + stretch * pair.update(x)

    @torch.no_grad()
    def merged(self) -> nn.Linear:
        """The base with the updates in its weight: added up in fp32, rounded once to the base's dtype."""
        if not isinstance(self.linear, nn.Linear):
            raise ValueError("pairs are merged into the base as it was before it was quantised")
        weight = self.linear.weight.to(torch.float32, copy=True)
        for part, pair in self.pairs.items():
            weight[self.rows[part]] = pair.updated(weight[self.rows[part]])
        # A new parameter, for a tied head must not take the embedding along.
        self.linear.weight = nn.Parameter(weight.to(self.linear.weight.dtype), requires_grad=False)
        return self.linear

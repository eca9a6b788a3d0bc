"""Residual dropout: what attention and MLP write is dropped out before it is added to the residual stream.

LIMA (Zhou et al. 2023, arXiv 2305.11206, section 3; after Ouyang et al. 2022, arXiv 2203.02155) lets the rate grow
linearly over the layers, from 0 at the bottom one to 0.3 at the top (0.2 for its smaller models). Masks are drawn
row by row (row_random.py).
"""

from typing import Any

from torch import Tensor, nn

from lit_gpt.model import GPT, Block
from lit_gpt.row_random import RowDropout
from lit_gpt.seeds import derive_seed


def add_residual_dropout(model: GPT, top_rate: float) -> None:
    """Let the layers drop out while the model is in training mode; it is changed by hooks alone."""
    for layer, rate in enumerate(layer_rates(model.config.n_layer, top_rate)):
        for half, module in enumerate(_writers(model.transformer.h[layer])):
            module.register_forward_hook(_Dropout(rate, derive_seed("residual_dropout", layer, half)))


def layer_rates(n_layer: int, top_rate: float) -> list[float]:
    """The rate of each layer, from the bottom up; a single layer is the top one."""
    return [top_rate * layer / (n_layer - 1) for layer in range(n_layer)] if n_layer > 1 else [top_rate]


def _writers(block: nn.Module) -> list[nn.Module]:
    """The modules whose outputs are added to the residual stream."""
    assert isinstance(block, Block)
    normed = ((block.attn, block.post_norm_1), (block.mlp, block.post_norm_2))
    return [writer if isinstance(norm, nn.Identity) else norm for writer, norm in normed]


class _Dropout:
    def __init__(self, rate: float, place: int) -> None:
        self.dropout = RowDropout(rate, place)

    def __call__(self, module: nn.Module, args: Any, x_BTC: Tensor) -> Tensor:
        dropped_BTC: Tensor = self.dropout.train(module.training)(x_BTC)
        return dropped_BTC

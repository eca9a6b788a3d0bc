"""How much memory a computation needs at most, found without doing it: on tensors that have a shape and no numbers.

The network runs on torch's device `meta`; every storage that comes into being is counted, and uncounted when the last
tensor that uses it is gone, backward included. So whatever the network keeps for the way back is what it is said to
keep, techniques included, and no formula follows the code by hand. FLOPs are counted by torch's own table
(torch.utils.flop_counter).

Attention is taken to be a fused kernel, which keeps its inputs, its output and a number a query.
Not covered: scratch memory inside kernels, and what allocators waste.
Letters: B rows, H heads, G key/value heads, T queries, S positions attended to, D width of a head.
"""

import weakref
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry


class LiveBytes(TorchDispatchMode):
    """Bytes of storages made while it is on: `live` now, `peak` at most; and the FLOPs of what was computed."""

    def __init__(self) -> None:
        super().__init__()
        self.live = self.peak = 0
        self.flops = 0.0
        self._known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        given = {id(t) for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)}
        for tensor in tree_leaves(out):
            if isinstance(tensor, Tensor) and id(tensor) not in given:
                self._count(tensor)
        if func.overloadpacket in flop_registry:
            self.flops += flop_registry[func.overloadpacket](*args, **(kwargs or {}), out_val=out)
        return out

    def know(self, tensor: Tensor) -> None:
        """Do not count what was there before."""
        self._known.add(tensor.untyped_storage()._cdata)

    def _count(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        if storage._cdata in self._known:
            return
        self._known.add(storage._cdata)
        self.live += storage.nbytes()
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._gone, storage._cdata, storage.nbytes())

    def _gone(self, address: int, n_bytes: int) -> None:
        self._known.discard(address)
        self.live -= n_bytes


class FusedAttention(TorchFunctionMode):
    """Computes no scores for scaled_dot_product_attention, and lets `count` know its FLOPs."""

    def __init__(self, count: Callable[[float], None]) -> None:
        super().__init__()
        self.count = count

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is F.scaled_dot_product_attention:
            return _Fused.apply(*args[:3], self.count)
        return func(*args, **(kwargs or {}))


class _Fused(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, q_BHTD: Tensor, k_BGSD: Tensor, v_BGSD: Tensor, count: Callable[[float], None]) -> Tensor:
        y_BHTD = torch.empty_like(q_BHTD)
        logsumexp_BHT = q_BHTD.new_empty(q_BHTD.shape[:3], dtype=torch.float32)
        ctx.save_for_backward(q_BHTD, k_BGSD, v_BGSD, y_BHTD, logsumexp_BHT)
        ctx.count, ctx.flops = count, 2.0 * q_BHTD.numel() * k_BGSD.size(2)  # two products, half of them masked
        count(ctx.flops)
        return y_BHTD

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        ctx.count(2.5 * ctx.flops)  # five products for two
        return (*(torch.empty_like(tensor) for tensor in ctx.saved_tensors[:3]), None)


def backward(loss: Tensor) -> None:
    """As Tensor.backward, which would keep the modes from seeing what checkpointing computes again."""
    engine = torch.autograd.Variable._execution_engine
    engine.run_backward(
        (loss,), (torch.ones_like(loss),), False, False, (), allow_unreachable=True, accumulate_grad=True
    )

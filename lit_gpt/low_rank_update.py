"""Low-rank updates added to a linear's output, all parts of a fused linear in one autograd node.

    y[:, rows_i] += scale_i * dropout_i(x) A_i' B_i'          for the parts i that are trained

What the plain way (modules and autograd) spends beyond its three matrix products: x and its dropped-out copy in the
adapters' dtype for every part, the update before it is added, the sum, the concatenation of the parts. Here y is added
to in place, backward keeps x once (and one byte a number and part where there is dropout), and without dropout the
products with A are one. Computed in y's dtype, so that bf16 stays bf16; gradients of A and B are in their own.
RunLoRA (Cherniuk et al. 2023, arXiv 2312.03415) is about the order of these products.

Not covered: magnitudes (DoRA).
Letters: N tokens, I width of the input, O width of the output, r rank.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lit_gpt.row_random import keep_mask


class Update(NamedTuple):
    """One part: where it is added, A (r, I), B (O_i, r), and the place of its dropout (row_random.py)."""

    rows: slice
    scale: float
    A: Tensor
    B: Tensor
    place: int = 0


def add_updates(y: Tensor, x: Tensor, updates: Sequence[Update], dropout: float) -> Tensor:
    """y (..., O), changed in place, with the updates of x (..., I). `dropout` is a probability: 0 outside training."""
    parts = [(update.rows, update.scale, update.place) for update in updates]
    changed: Tensor = _AddUpdates.apply(y, x, parts, dropout, *(u.A for u in updates), *(u.B for u in updates))
    return changed


class _AddUpdates(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, y: Tensor, x: Tensor, parts: list[tuple[slice, float, int]], dropout: float, *AB: Tensor
    ) -> Tensor:
        x_NI, y_NO = x.flatten(0, -2).to(y.dtype), y.view(-1, y.size(-1))
        As, Bs = _halves([tensor.to(y.dtype) for tensor in AB])
        masks = [keep_mask(x_NI, dropout, place) for _, _, place in parts if dropout]
        zs_Nr = _down(x_NI, As, masks, dropout)
        for (rows, scale, _), B, z_Nr in zip(parts, Bs, zs_Nr, strict=True):
            y_NO[:, rows].addmm_(z_Nr, B.T, alpha=scale)
        ctx.mark_dirty(y)
        ctx.save_for_backward(x_NI, *AB, *zs_Nr, *masks)
        ctx.parts, ctx.dropout, ctx.x_shape, ctx.x_dtype = parts, dropout, x.shape, x.dtype
        return y

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        dy, n = grad_outputs[0], len(ctx.parts)
        x_NI, *kept = ctx.saved_tensors
        AB, zs_Nr, masks = kept[: 2 * n], kept[2 * n : 3 * n], kept[3 * n :]
        dy_NO = dy.reshape(-1, dy.size(-1))
        As, Bs = _halves([tensor.to(dy.dtype) for tensor in AB])
        dzs_Nr, dBs = [], []
        for (rows, scale, _), B, z_Nr in zip(ctx.parts, Bs, zs_Nr, strict=True):
            dzs_Nr.append((dy_NO[:, rows] @ B).mul_(scale))
            dBs.append((dy_NO[:, rows].T @ z_Nr).mul_(scale))
        dAs = _down_gradients(x_NI, dzs_Nr, masks, ctx.dropout)
        dx = None
        if ctx.needs_input_grad[1]:
            dx = _input_gradient(dzs_Nr, As, masks, ctx.dropout).view(ctx.x_shape).to(ctx.x_dtype)
        grads = (grad.to(tensor.dtype) for grad, tensor in zip((*dAs, *dBs), AB, strict=True))
        return dy, dx, None, None, *grads


def _halves(tensors: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    middle = len(tensors) // 2
    return tensors[:middle], tensors[middle:]


def _down(x_NI: Tensor, As: list[Tensor], masks: list[Tensor], dropout: float) -> Sequence[Tensor]:
    """x A' of every part."""
    if masks:
        return [_dropped(x_NI, mask, dropout) @ A.T for A, mask in zip(As, masks, strict=True)]
    return (x_NI @ torch.cat(As).T).split([len(A) for A in As], dim=1)


def _down_gradients(x_NI: Tensor, dzs_Nr: list[Tensor], masks: list[Tensor], dropout: float) -> Sequence[Tensor]:
    """The gradient of every A."""
    if masks:
        return [dz.T @ _dropped(x_NI, mask, dropout) for dz, mask in zip(dzs_Nr, masks, strict=True)]
    return (torch.cat(dzs_Nr, dim=1).T @ x_NI).split([dz.size(1) for dz in dzs_Nr])


def _input_gradient(dzs_Nr: list[Tensor], As: list[Tensor], masks: list[Tensor], dropout: float) -> Tensor:
    if not masks:
        return torch.cat(dzs_Nr, dim=1) @ torch.cat(As)
    first, *others = (_dropped(dz @ A, mask, dropout) for dz, A, mask in zip(dzs_Nr, As, masks, strict=True))
    for other in others:
        first += other
    return first


def _dropped(x_NI: Tensor, mask_NI: Tensor, dropout: float) -> Tensor:
    return (x_NI * mask_NI).mul_(1 / (1 - dropout))

"""Keep little for the way back: norms, rotations and gated MLPs whose gradients are worked out from what is there.

What autograd keeps of one layer, in widths C a token (Llama: I = 2.7 C): both inputs of every product in the norm, in
the rotation and in the gated product, and the gated product itself, which the adapter behind it reads. Here

    norm        keeps its input and one number a token          gradient by hand
    rotation    keeps nothing: it is turned back; queries, keys and values come as one tensor, so that nothing holds
                the one they were computed from
    gated MLP   keeps [gate | up]; activation and product are computed again on the way back, for whoever kept the
                product (an adapter, a trained linear), too

RMSNorm: Zhang and Sennrich 2019, arXiv 1910.07467; computing elementwise work again is selective recomputation,
Korthikanti et al. 2022, arXiv 2205.05198. Values and gradients are those of the modules they replace up to
rounding.

Not covered: torch.compile, which decides such things itself; second derivatives.
Letters: N tokens, C width, H query heads, G key/value heads, D width of a head, I width of the MLP.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from lit_gpt.model import GPT, Attention, GatedMLP, Layout, RMSNorm

ROWS_AT_ONCE = 128  # measured on one CPU core (2,048 rows of 512, bf16): a norm's way back 1.6 ms, 4.0 ms all at once

Activation = Callable[[Tensor], Tensor]


def keep_little(model: GPT, is_checkpointed: bool = False) -> None:
    """Change how the model's modules compute, in place; names of weights stay as they are.

    is_checkpointed: blocks are computed again as a whole (activation_checkpointing.py), so that no product outlives
    its block; torch's checkpointing does not go with hooks of others on what it keeps.
    """
    for module in model.modules():
        if isinstance(module, RMSNorm):
            module.forward = partial(_normed, module)  # type: ignore[method-assign]
        elif isinstance(module, Attention):
            module.turned = partial(_turned, module)  # type: ignore[method-assign]
        elif isinstance(module, GatedMLP):
            module.forward = partial(_gated, module, not is_checkpointed)  # type: ignore[method-assign]


def _normed(norm: RMSNorm, x: Tensor) -> Tensor:
    normed: Tensor = _Normed.apply(x, norm.weight, norm.eps, norm.is_unit)
    return normed


class _Normed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float, is_unit: bool) -> Tensor:
        normed = torch.empty_like(x, memory_format=torch.contiguous_format)
        scale = torch.empty(*x.shape[:-1], 1, dtype=torch.float32, device=x.device)
        for x_, scale_, normed_ in _few_rows(x, scale, normed):
            x_fp32 = x_.float()
            torch.rsqrt(x_fp32.square().mean(-1, keepdim=True) + eps, out=scale_)
            if is_unit:
                normed_.copy_((x_fp32 * scale_).mul_(1 + weight.float()))
            else:
                torch.mul(weight, (x_fp32 * scale_).to(x.dtype), out=normed_)
        ctx.save_for_backward(x, weight, scale)
        ctx.is_unit = is_unit
        return normed

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        (dy,), (x, weight, scale) = grad_outputs, ctx.saved_tensors
        dx = torch.empty_like(dy, memory_format=torch.contiguous_format)
        gain = 1 + weight.float() if ctx.is_unit else weight.float()
        for x_, scale_, dy_, dx_ in _few_rows(x, scale, dy, dx):
            normed, grad = x_.float() * scale_, dy_ * gain
            # what is lost along the input's own direction, for a norm does not see its length
            along = (grad * normed).mean(-1, keepdim=True)
            dx_.copy_(grad.addcmul_(normed, along, value=-1).mul_(scale_))
        dweight = None
        if ctx.needs_input_grad[1]:
            dweight = (dy.float() * (x.float() * scale)).flatten(0, -2).sum(0).to(weight.dtype)
        return dx, dweight, None, None


def _few_rows(*tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Views of the same rows of each, on a CPU so few that what is done to them stays in its cache."""
    n_rows = ROWS_AT_ONCE if tensors[0].device.type == "cpu" else tensors[0].shape[:-1].numel()
    return zip(*(tensor.reshape(-1, tensor.size(-1)).split(n_rows) for tensor in tensors), strict=True)


def _turned(attention: Attention, x_BTC: Tensor, layout: Layout) -> tuple[Tensor, Tensor, Tensor]:
    turn = layout.window_turn if attention.rule.window else layout.turn
    sizes = [attention.n_head, attention.n_query_groups, attention.n_query_groups]
    if isinstance(attention.q_norm, nn.Identity):
        qkv_NHD = attention.qkv(x_BTC).unflatten(-1, (-1, attention.head_size)).flatten(0, 1)
        q_NHD, k_NGD, v_NGD = _Turned.apply(qkv_NHD, *turn, sum(sizes[:2])).split(sizes, dim=1)
        return q_NHD, k_NGD, v_NGD
    qk_NHD, v_NGD = attention.heads(x_BTC)
    q_NHD, k_NGD = _Turned.apply(qk_NHD, *turn, sum(sizes[:2])).split(sizes[:2], dim=1)
    return q_NHD, k_NGD, v_NGD


class _Turned(torch.autograd.Function):
    """The first `n_turned` heads at their positions, the others as they are."""

    @staticmethod
    def forward(ctx: Any, heads_NHD: Tensor, cos_NR: Tensor, sin_NR: Tensor, n_turned: int) -> Tensor:
        ctx.save_for_backward(cos_NR, sin_NR)
        ctx.n_turned = n_turned
        return _turn(heads_NHD, cos_NR, sin_NR, n_turned)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        cos_NR, sin_NR = ctx.saved_tensors
        return _turn(grad_outputs[0], cos_NR, -sin_NR, ctx.n_turned), None, None, None


def _turn(heads_NHD: Tensor, cos_NR: Tensor, sin_NR: Tensor, n_turned: int) -> Tensor:
    """model.rotate of the first heads, in fp32, too, without its temporaries."""
    turned_NHD = torch.empty_like(heads_NHD, memory_format=torch.contiguous_format)
    n_half = cos_NR.size(-1)
    n_rows = ROWS_AT_ONCE if heads_NHD.device.type == "cpu" else len(heads_NHD)
    for heads, turned, *turn in zip(*(x.split(n_rows) for x in (heads_NHD, turned_NHD, cos_NR, sin_NR)), strict=True):
        cos_N1R, sin_N1R = (x[:, None] for x in turn)
        first, second = heads[:, :n_turned, : 2 * n_half].float().split(n_half, dim=-1)
        turned[:, :n_turned, :n_half] = (first * cos_N1R).addcmul_(second, sin_N1R, value=-1)
        turned[:, :n_turned, n_half : 2 * n_half] = (second * cos_N1R).addcmul_(first, sin_N1R)
        turned[:, :n_turned, 2 * n_half :] = heads[:, :n_turned, 2 * n_half :]
        turned[:, n_turned:] = heads[:, n_turned:]
    return turned_NHD


def _gated(mlp: GatedMLP, forgets: bool, x_BTC: Tensor) -> Tensor:
    gate_up = mlp.fc(x_BTC)
    product: Tensor = _Gated.apply(gate_up, mlp.activation)
    if not (forgets and torch.is_grad_enabled()):
        return mlp.proj(product)
    with forgetting(product, partial(_product, gate_up.detach(), mlp.activation)):
        return mlp.proj(product)


def _product(gate_up: Tensor, activation: Activation) -> Tensor:
    gate, up = gate_up.chunk(2, dim=-1)
    return activation(gate) * up


class _Gated(torch.autograd.Function):
    """act(gate) * up of [gate | up]."""

    @staticmethod
    def forward(ctx: Any, gate_up: Tensor, activation: Activation) -> Tensor:
        ctx.save_for_backward(gate_up)
        ctx.activation = activation
        return _product(gate_up, activation)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        dy, (gate_up,) = grad_outputs[0], ctx.saved_tensors
        gate, up = gate_up.chunk(2, dim=-1)
        grad = torch.empty_like(gate_up)
        dgate, dup = grad.chunk(2, dim=-1)
        with torch.enable_grad():
            gate = gate.detach().requires_grad_()
            active = ctx.activation(gate)
        torch.mul(dy, active.detach(), out=dup)
        dgate.copy_(torch.autograd.grad(active, gate, dy * up)[0])
        return grad, None


def forgetting(tensor: Tensor, again: Callable[[], Tensor]) -> saved_tensors_hooks:
    """A context in which whoever keeps `tensor`, or a view of all of it, for the way back keeps `again` instead."""
    start, n = tensor.data_ptr(), tensor.numel()

    def pack(kept: Tensor) -> Tensor | tuple[torch.Size]:
        is_it = kept.data_ptr() == start and kept.numel() == n and kept.is_contiguous()
        return (kept.shape,) if is_it else kept

    def unpack(packed: Tensor | tuple[torch.Size]) -> Tensor:
        return packed if isinstance(packed, Tensor) else again().view(packed[0])

    return saved_tensors_hooks(pack, unpack)

"""Attention of packed documents as one node: nothing is cut, put together or kept twice around the kernel.

The plain way (model.attend_in_documents) splits queries, keys and values by document, calls torch's attention for each
and joins the outputs; autograd keeps the kernel's outputs beside the joined one, and joins their gradients again. Here
the outputs are written where they belong and kept once, and the gradient is one tensor from the start. Never a mask
over a packed row: the work is the sum of the squares of the documents' lengths.

On a CPU the kernels are torch's flash attention, as scaled_dot_product_attention would choose it (Dao et al. 2022,
arXiv 2205.14135): the same values, bit for bit. Its backward in bf16 has a fixed cost a head, so that short documents
are better cast to fp32 first; measured on one core (torch 2.13, 8 heads of 64): 0.9 against 3.2 ms at 100 tokens, equal
from 300 on. On CUDA, torch.nn.attention.varlen takes all documents in one call; this has not been run yet.

Not covered: capped scores, windows shorter than a document on a CPU, caches, norms of queries and keys on a CPU: there
the plain way is taken. torch.compile.
Letters: N tokens, H query heads, G key/value heads, D width of a head, B documents of one length, T that length.
"""

from functools import partial
from itertools import accumulate
from typing import Any, Literal

import torch
from torch import Tensor

from lit_gpt.kv_cache import LayerCache
from lit_gpt.model import GPT, Attention, Layout

FP32_UP_TO = 256  # tokens; see above
FLASH = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
FLASH_BACKWARD = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward

Way = Literal["auto", "plain", "varlen"]


def attend_by_document(model: GPT, way: Way = "auto") -> None:
    """Change how the model attends, in place, wherever it can be: `auto` for a CPU, `varlen` for CUDA."""
    if way != "plain":
        for module in model.modules():
            if isinstance(module, Attention):
                module.forward = partial({"auto": _on_cpu, "varlen": _varlen}[way], module)  # type: ignore[method-assign]


def _on_cpu(attention: Attention, x_BTC: Tensor, layout: Layout, cache: LayerCache | None = None) -> Tensor:
    if cache is not None or not _has_cpu_kernel(attention, x_BTC, layout):
        return Attention.forward(attention, x_BTC, layout, cache)
    q_NHD, k_NGD, v_NGD = attention.turned(x_BTC, layout)
    y_NHD: Tensor = _Attended.apply(q_NHD, k_NGD, v_NGD, layout.runs, attention.rule.scale)
    return attention.proj(y_NHD.reshape(*x_BTC.shape[:2], -1))


def _has_cpu_kernel(attention: Attention, x_BTC: Tensor, layout: Layout) -> bool:
    longest = max(length for _, length in layout.runs)
    sees_all = not attention.rule.window or longest <= attention.rule.window
    is_known = x_BTC.device.type == "cpu" and x_BTC.dtype in (torch.float32, torch.bfloat16)
    return is_known and sees_all and not attention.rule.softcap and not torch.is_autocast_enabled("cpu")


class _Attended(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, q_NHD: Tensor, k_NGD: Tensor, v_NGD: Tensor, runs: list[tuple[int, int]], scale: float
    ) -> Tensor:
        y_NHD = torch.empty(q_NHD.shape, dtype=q_NHD.dtype)
        logsums = []
        for q, k, v, y in _documents(runs, q_NHD, k_NGD, v_NGD, y_NHD):
            out, logsum = FLASH(q, k, v, is_causal=True, scale=scale)
            y.copy_(out)
            logsums.append(logsum)
        ctx.save_for_backward(q_NHD, k_NGD, v_NGD, y_NHD, *logsums)
        ctx.runs, ctx.scale = runs, scale
        return y_NHD

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        q_NHD, k_NGD, v_NGD, y_NHD, *logsums = ctx.saved_tensors
        sizes = [x.size(1) for x in (q_NHD, k_NGD, v_NGD)]
        grads = torch.empty(len(q_NHD), sum(sizes), q_NHD.size(2), dtype=q_NHD.dtype).split(sizes, dim=1)
        tensors = _documents(ctx.runs, *grads, grad_outputs[0], q_NHD, k_NGD, v_NGD, y_NHD)
        for (dq, dk, dv, *inputs), logsum in zip(tensors, logsums, strict=True):
            if inputs[0].size(2) <= FP32_UP_TO:
                inputs = [x.float() for x in inputs]
            found = FLASH_BACKWARD(*inputs, logsum, 0.0, True, scale=ctx.scale)
            for place, grad in zip((dq, dk, dv), found, strict=True):
                place.copy_(grad)
        return *grads, None, None


def _documents(runs: list[tuple[int, int]], *tensors_NHD: Tensor) -> Any:
    """Views of every run of documents of one length, (B, H, T, D), of each tensor."""
    sizes = [count * length for count, length in runs]
    for (count, length), *views in zip(runs, *(x.split(sizes) for x in tensors_NHD), strict=True):
        yield [x.unflatten(0, (count, length)).transpose(1, 2) for x in views]


def _varlen(attention: Attention, x_BTC: Tensor, layout: Layout, cache: LayerCache | None = None) -> Tensor:
    if cache is not None or attention.rule.softcap or x_BTC.dtype == torch.float32:
        return Attention.forward(attention, x_BTC, layout, cache)
    from torch.nn.attention.varlen import varlen_attn

    q_NHD, k_NGD, v_NGD = attention.turned(x_BTC, layout)
    lengths = [length for count, length in layout.runs for _ in range(count)]
    ends = torch.tensor([0, *accumulate(lengths)], dtype=torch.int32).to(x_BTC.device, non_blocking=True)
    window = (attention.rule.window - 1 if attention.rule.window else -1, 0)
    places = (ends, ends, max(lengths), max(lengths))
    is_grouped = q_NHD.size(1) != k_NGD.size(1)
    scale = attention.rule.scale
    y_NHD = varlen_attn(q_NHD, k_NGD, v_NGD, *places, scale=scale, window_size=window, enable_gqa=is_grouped)
    assert isinstance(y_NHD, Tensor)
    return attention.proj(y_NHD.reshape(*x_BTC.shape[:2], -1))

"""Linears whose frozen weights are kept in 4 or 8 bits: the base of QLoRA (Dettmers et al. 2023, arXiv 2305.14314).

    nf4      4 bits: sixteen values spaced as a normal distribution's quantiles, a scale for every 64 weights
    nf4-dq   the same; the scales themselves are kept in 8 bits (double quantisation)
    fp4      4 bits: sign, exponent and mantissa
    int8     8 bits, a scale for every row (LLM.int8(), arXiv 2208.07339), without its 8-bit inputs

Encoding and decoding are bitsandbytes' (https://github.com/bitsandbytes-foundation/bitsandbytes). A weight is decoded
for every product and dropped after it, and decoded again on the way back, so that no wide copy is ever kept. Weights
are encoded some rows at a time: the encoder needs several times the memory of what it is given. bitsandbytes' own
modules are not used: they change their layout in evaluation, and round inputs to 8 or 16 bits where a GPU does.

Quantised are the linears of the blocks; embeddings, norms and the head keep their precision.
Not covered: training, saving or merging into quantised weights, and files quantised by others.
"""

import contextlib
import logging
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lit_gpt.errors import UserError
from lit_gpt.model import GPT
from lit_gpt.weight_files import Spec

Quantization = Literal["nf4", "nf4-dq", "fp4", "int8"]
QUANTIZATIONS: tuple[str, ...] = get_args(Quantization)
BLOCK = 64  # weights that share a scale: QLoRA, section 3
SCALE_BLOCK = 256  # scales that share one, with double quantisation: the same
CHUNK = 1 << 18  # weights encoded at once


class QuantizedLinear(nn.Module):
    """y = W x + b with W in few bits; nothing in it is trained, and nothing of it is in the state dict but the bias."""

    def __init__(self, spec: Spec, parts: Iterable[Tensor], bias: Tensor | None, kind: str) -> None:
        """spec: of the weight (out, in), fp32, bf16 or fp16; parts: its rows, in order; kind: one of QUANTIZATIONS."""
        super().__init__()
        self.dtype, (self.out_features, self.in_features) = spec
        self.kind = kind
        self.bias = None if bias is None else nn.Parameter(bias.detach(), requires_grad=False)
        for name, tensor in encode(spec, parts, kind).items():
            self.register_buffer(name, tensor, persistent=False)

    @property
    def weight(self) -> Tensor:
        """The weight (out, in) decoded: what the product is computed with."""
        return self.decoded(self.dtype)

    def decoded(self, dtype: torch.dtype) -> Tensor:
        codes = dict(self.named_buffers(recurse=False))
        return decode(codes, self.kind, (self.out_features, self.in_features), dtype)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = _Product.apply(x, self)
        return y if self.bias is None else y + self.bias.to(y.dtype)

    @property
    def n_weights(self) -> int:
        return self.out_features * self.in_features


class _Product(torch.autograd.Function):
    """W x, keeping for the way back neither W (decoded again there) nor x (W is not trained)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, linear: QuantizedLinear) -> Tensor:
        ctx.linear, ctx.dtype = linear, x.dtype
        return F.linear(x, linear.decoded(x.dtype))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return (grad @ ctx.linear.decoded(grad.dtype)).to(ctx.dtype), None


def quantize_linears(model: GPT, kind: str, specs: Mapping[str, Spec], read: Callable[[str], Iterable[Tensor]]) -> None:
    """Replace every linear of the blocks by a quantised one; read(name) gives the rows of a weight when it is its turn.

    Biases are taken over as they are.
    """
    for name, module in list(model.transformer.named_modules(prefix="transformer")):
        if isinstance(module, nn.Linear):
            weight = f"{name}.weight"
            model.set_submodule(name, QuantizedLinear(specs[weight], read(weight), module.bias, kind))


def n_quantized(model: nn.Module) -> int:
    """How many weights lie in quantised linears."""
    return sum(module.n_weights for module in model.modules() if isinstance(module, QuantizedLinear))


def encode(spec: Spec, parts: Iterable[Tensor], kind: str) -> dict[str, Tensor]:
    """The tensors that stand for a weight (out, in), given its rows in order: packed codes and their scales.

    Room for all of them is made once, and no row is kept: chunks to be joined at the end would be in memory twice.
    """
    n_codes = n_scales = 0
    for part in parts:
        if not n_codes:
            codes, scales = _room(spec.shape, kind, part.device)
        n_rows = max(1, CHUNK // part.size(1) // BLOCK) * BLOCK  # so that no chunk ends within a block
        for rows in part.split(n_rows):
            some_codes, some_scales = _encode_rows(rows.to(spec.dtype), kind)
            codes[n_codes : (n_codes := n_codes + len(some_codes))] = some_codes
            scales[n_scales : (n_scales := n_scales + len(some_scales))] = some_scales
    return {"codes": codes, **_encode_scales(scales, kind)}


def _room(shape: tuple[int, ...], kind: str, device: torch.device) -> tuple[Tensor, Tensor]:
    """Codes and scales of a weight, still to be filled."""
    if kind == "int8":
        return torch.empty(shape, dtype=torch.int8, device=device), torch.empty(shape[0], device=device)
    n_codes, n_scales = (-(-math.prod(shape) // n) for n in (2, BLOCK))
    return torch.empty(n_codes, 1, dtype=torch.uint8, device=device), torch.empty(n_scales, device=device)


def _encode_rows(rows: Tensor, kind: str) -> tuple[Tensor, Tensor]:
    bnb = _functional()
    if kind == "int8":
        codes, scales, _ = bnb.int8_vectorwise_quant(rows.to(torch.float16))
        return codes, scales
    codes, state = bnb.quantize_4bit(rows.contiguous(), blocksize=BLOCK, quant_type=kind.removesuffix("-dq"))
    return codes, state.absmax


def _encode_scales(scales: Tensor, kind: str) -> dict[str, Tensor]:
    """With double quantisation: 8-bit codes of the scales' distances from their mean, and the scales of these."""
    if not kind.endswith("-dq"):
        return {"scales": scales}
    mean = scales.mean()
    codes, state = _functional().quantize_blockwise(scales - mean, blocksize=SCALE_BLOCK)
    return {"scales": codes, "scale_scales": state.absmax, "scale_values": state.code, "scale_mean": mean}


def decode(encoded: dict[str, Tensor], kind: str, shape: tuple[int, int], dtype: torch.dtype) -> Tensor:
    """The weight that these tensors stand for."""
    bnb = _functional()
    if kind == "int8":
        return (encoded["codes"].float() * (encoded["scales"][:, None] / 127)).to(dtype)
    scales = encoded["scales"]
    if kind.endswith("-dq"):
        parts = (encoded["scale_scales"], encoded["scale_values"])
        scales = bnb.dequantize_blockwise(scales, absmax=parts[0], code=parts[1], blocksize=SCALE_BLOCK)
        scales = scales + encoded["scale_mean"]
    # for rows of odd length bitsandbytes has no kernel on a CPU, and would compile one; one long row will do
    flat = shape if shape[1] % 2 == 0 else (1, math.prod(shape))
    state = bnb.QuantState(scales, torch.Size(flat), None, BLOCK, kind.removesuffix("-dq"), dtype)
    decoded: Tensor = bnb.dequantize_4bit(encoded["codes"], state)
    return decoded.view(shape)


def _functional() -> Any:
    return import_bitsandbytes().functional


def import_bitsandbytes() -> Any:
    """The library, late: it takes a second, and most runs do without. UserError where it is not there.

    On some CPUs it fetches code from the hub and runs it as it is imported, where the package `kernels` is there, and
    asks for that package where it is not: neither happens here.
    """
    logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)
    try:
        with hidden("kernels"):
            import bitsandbytes
    except ImportError as error:
        got = f"no bitsandbytes that can be imported ({error})"
        raise UserError(got, "the package bitsandbytes", "pip install bitsandbytes") from None
    return bitsandbytes


@contextlib.contextmanager
def hidden(package: str) -> Iterator[None]:
    """Importing the package fails meanwhile, as if it were not installed."""
    before = {name: module for name, module in sys.modules.items() if name == package}
    sys.modules[package] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[package]
        sys.modules.update(before)

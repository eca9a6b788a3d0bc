"""Peak memory and arithmetic of a micro-batch, foretold: weights, moments, gradients, and what the step holds at most.

Works on the network as the run would build it, on torch's device `meta` (live_bytes.py): nothing is loaded. Adapters
and their moments are in fp32, AdamW's moments take 8 bytes a weight (2 in 8 bits, none on the GPU where they are
offloaded). With bf16-mixed the base is kept in fp32, and in bf16 once more while a micro-batch is computed. A CPU
updates weight after weight; CUDA all at once, without temporary tensors (optimizers.py).

Not covered: what --compile fuses (counted are the plain ways), the CUDA context (CONTEXT_GIB is added by the caller),
fragmentation, and the peak while weights are read.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lit_gpt.checkpoint import empty_model
from lit_gpt.config import Config
from lit_gpt.live_bytes import FusedAttention, LiveBytes, backward
from lit_gpt.model import GPT
from lit_gpt.quantized import BLOCK, SCALE_BLOCK, QuantizedLinear
from lit_gpt.trained import trainable_parameters
from lit_gpt.training.loss import SummedLoss
from lit_gpt.training.methods import Method
from lit_gpt.training.techniques import Techniques, add_techniques

META = torch.device("meta")
MOMENT_BYTES = {"adamw": 8, "adamw-offload": 0, "adamw8bit": 2}  # on the device, a trained weight


@dataclass(frozen=True)
class BatchShape:
    """A micro-batch without its text: lengths of its documents, and how many targets each has."""

    doc_lengths: Sequence[int]
    doc_targets: Sequence[int]

    @property
    def n_tokens(self) -> int:
        return sum(self.doc_lengths)


@dataclass(frozen=True)
class Needs:
    """Bytes, and FLOPs of the micro-batch. peak_bytes is all of it at the worst moment."""

    weight_bytes: int
    moment_bytes: int
    step_bytes: int
    flops: float
    n_trained: int
    n_weights: int

    @property
    def peak_bytes(self) -> int:
        return self.weight_bytes + self.moment_bytes + self.step_bytes


def forecast(
    config: Config,
    method: Method,
    precision: str,
    optimizer: str,
    techniques: Techniques,
    batch: BatchShape,
    checkpoint_dir: Path = Path(),
    is_gpu: bool = False,
) -> Needs:
    """What one micro-batch of this shape, and the update after it, need."""
    loss = _loss(config, method, precision, techniques, checkpoint_dir)
    model = loss.model
    trained = trainable_parameters(model)
    kept = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    weight_bytes = sum(map(_n_bytes, kept.values()))
    n_trained = sum(parameter.numel() for parameter in trained.values())
    step_bytes, flops = _step(loss, batch, kept.values())
    gradients = sum(map(_n_bytes, trained.values()))
    update = update_bytes(optimizer, trained.values(), is_gpu)
    if precision == "bf16-mixed":  # traced in bf16: weights, and gradients of what is trained, are kept in fp32
        step_bytes += weight_bytes + gradients
        weight_bytes, gradients, update = 2 * weight_bytes, 2 * gradients, 2 * update
    moment_bytes = MOMENT_BYTES[optimizer] * n_trained
    n_weights = sum(tensor.numel() for tensor in model.parameters()) + _n_coded(model)
    return Needs(weight_bytes, moment_bytes, max(step_bytes, gradients + update), flops, n_trained, n_weights)


def update_bytes(optimizer: str, trained: Iterable[Tensor], is_gpu: bool) -> int:
    """What the update takes beside its moments.

    On a CPU a second moment's root and that root scaled, beside the one of the weight before (not of weights that
    are offloaded, each of which is an update of its own). A fused update takes nothing, nor does bitsandbytes'.
    """
    if is_gpu or optimizer == "adamw8bit":
        return 0
    sizes = [0, *map(_n_bytes, trained)]
    before = sizes if optimizer == "adamw" else [0] * len(sizes)
    return max((held + 2 * size for held, size in zip(before, sizes[1:], strict=False)), default=0)


def _loss(config: Config, method: Method, precision: str, techniques: Techniques, checkpoint_dir: Path) -> SummedLoss:
    """The network and its loss as the run builds them, without numbers; not compiled."""
    model = empty_model(config).to(torch.float32 if precision == "32-true" else torch.bfloat16)
    if techniques.quantize is not None:
        for name, module in list(model.transformer.named_modules(prefix="transformer")):
            if isinstance(module, nn.Linear):
                model.set_submodule(name, _Coded(module, techniques.quantize))
    with torch.device("meta"):
        method.build(model, 0, checkpoint_dir)
    model.to(META)
    return add_techniques(model, replace(techniques, is_compiled=False)).train()


def _step(loss: SummedLoss, batch: BatchShape, kept: Any) -> tuple[int, float]:
    """Bytes that forward and backward hold at most beside what is kept, and their FLOPs."""
    counter = LiveBytes()
    for tensor in kept:
        counter.know(tensor)

    def count(flops: float) -> None:
        counter.flops += flops

    with counter, FusedAttention(count):
        ids_BT = torch.zeros(1, batch.n_tokens, dtype=torch.long, device=META)
        predicting_N = torch.zeros(sum(batch.doc_targets), dtype=torch.long, device=META)
        backward(loss(ids_BT, batch.doc_lengths, predicting_N))
    return counter.peak, counter.flops


def _n_bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _n_coded(model: GPT) -> int:
    return sum(module.n_weights for module in model.modules() if isinstance(module, _Coded))


class _Coded(QuantizedLinear):
    """A quantised linear's buffers by their sizes; decoding makes a weight, as it does."""

    def __init__(self, linear: nn.Linear, kind: str) -> None:
        nn.Module.__init__(self)
        self.dtype, self.kind = linear.weight.dtype, kind
        self.out_features, self.in_features = linear.weight.shape
        self.bias = linear.bias
        self.register_buffer(
            "codes", torch.empty(_coded_bytes(kind, *linear.weight.shape), dtype=torch.uint8, device=META)
        )

    def decoded(self, dtype: torch.dtype) -> Tensor:
        return torch.empty(self.out_features, self.in_features, dtype=dtype, device=META)


def _coded_bytes(kind: str, n_rows: int, n_columns: int) -> int:
    """Codes and scales of a weight: see quantized.py."""
    n = n_rows * n_columns
    if kind == "int8":
        return n + 4 * n_rows
    n_scales = -(-n // BLOCK)
    return -(-n // 2) + (n_scales + 4 * -(-n_scales // SCALE_BLOCK) if kind.endswith("-dq") else 4 * n_scales)

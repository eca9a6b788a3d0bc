"""One Hugging Face module's LoRA pair made of those of its parts, and taken apart again.

Modules have Hugging Face's names. A Llama's q, k and v are modules of their own, so their pairs go out as they are.
GPT-NeoX has one module for the three, so their pairs are stacked into one of a higher rank; for q and v:

        ┌───┐ r         r   r
    A = │A_q│      B = B_q  0     rows of q       alpha of the stack = 2 alpha, so that
        │A_v│ r         0   0     rows of k       alpha / r stays what it was (sqrt 2 alpha with
        └───┘           0  B_v    rows of v       rsLoRA). Then the rows of B are put in Hugging Face's
                                                  order, head by head.

DoRA's magnitudes are told row by row, so those of parts go into one vector as they are; the rows of a part that is not
trained (k, above) have the length of the base's, which leaves them what they are.

Which parts were stacked is kept in the file's metadata, and reading takes the stack apart again. An adapter that
`peft` itself trained on the fused module becomes three pairs that start from the same A.

The parts of a file of ours are named in its metadata (STACKED).
"""

import math
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from lit_gpt.errors import UserError
from lit_gpt.lora_layers import WHOLE, Linear, LoRALinear
from lit_gpt.weight_names import Place

TENSORS = "adapter_model.safetensors"
STACKED = "lit_gpt.stacked_parts"  # key in the metadata of TENSORS; its value is such as "q v"


class Pair(NamedTuple):
    """The A (r, in), B (out, r) and alpha of one module, as `peft` sees it; with DoRA its magnitude (out,)."""

    A: Tensor
    B: Tensor
    alpha: float
    magnitude: Tensor | None = None

    def tensors(self, name: str) -> dict[str, Tensor]:
        """By their names in the file."""
        named = dict(zip(keys_of(name), (self.A, self.B, self.magnitude), strict=True))
        return {key: tensor for key, tensor in named.items() if tensor is not None}


def keys_of(name: str) -> tuple[str, str, str]:
    """The names of a module's A, B and magnitude in the file."""
    module = f"base_model.model.{name}"
    return f"{module}.lora_A.weight", f"{module}.lora_B.weight", f"{module}.lora_magnitude_vector"


def exported_pair(layer: LoRALinear, place: Place) -> Pair | None:
    """The pair of one Hugging Face module, None if nothing of it is trained."""
    if _is_fused(layer, place):
        return _stack(layer, place)
    pair = layer.pairs.get(place.part or WHOLE)
    if pair is None:
        return None
    magnitude = None if pair.magnitude is None else pair.magnitude.detach()
    return Pair(pair.A.detach(), pair.B.detach(), pair.alpha, magnitude)


def _is_fused(layer: LoRALinear, place: Place) -> bool:
    """Whether parts that are trained apart here are one module there."""
    return not place.part and len(layer.rows) > 1


@torch.no_grad()
def _stack(layer: LoRALinear, place: Place) -> Pair:
    """The pairs of a fused linear's parts as one: see the drawing at the top."""
    pairs = layer.pairs
    first, *others = pairs.values()
    assert all(pair.scale == first.scale for pair in others), "parts of one module that are scaled differently"
    nothing = {part: first.B.new_empty(rows.stop - rows.start, 0) for part, rows in layer.rows.items()}
    B = torch.block_diag(*(pairs[part].B if part in pairs else nothing[part] for part in layer.rows))
    A = torch.cat([pairs[part].A for part in layer.rows if part in pairs])
    alpha = first.scale * (math.sqrt(A.size(0)) if first.is_rank_stabilised else A.size(0))
    magnitude = None if first.magnitude is None else _stack_magnitudes(layer)[place.rows]
    return Pair(A.detach(), B.detach()[place.rows], alpha, magnitude)


def _stack_magnitudes(layer: LoRALinear) -> Tensor:
    magnitude = torch.linalg.vector_norm(layer.linear.weight.float(), dim=1)
    for part, pair in layer.pairs.items():
        assert pair.magnitude is not None, "DoRA in some parts of a module alone"
        magnitude[layer.rows[part]] = pair.magnitude
    return magnitude


def stacked_parts(layers: dict[str, LoRALinear], modules: dict[str, Place]) -> dict[str, str]:
    """The remark for the metadata, where there is anything to remark."""
    held = [(layers[place.lit], place) for place in modules.values() if place.lit in layers]
    fused = [layer for layer, place in held if _is_fused(layer, place)]
    parts = list(dict.fromkeys(part for layer in fused for part in layer.rows if part in layer.pairs))
    assert all(part in layer.pairs for layer in fused for part in layer.rows if part in parts), "layers unlike others"
    return {STACKED: " ".join(parts)} if parts else {}


def imported_pairs(
    pair: Pair, place: Place, rows: dict[str, slice], stacked: tuple[str, ...], is_rank_stabilised: bool
) -> dict[str, Pair]:
    """Our parts' pairs of one Hugging Face module; `rows` are where the parts of ours lie."""
    if place.part or len(rows) == 1:
        return {place.part or WHOLE: pair}
    B, magnitude = _in_our_order(pair.B, place), _in_our_order(pair.magnitude, place)
    lengths = {part: None if magnitude is None else magnitude[own] for part, own in rows.items()}
    here = [part for part in stacked if part in rows]
    if not here:
        return {part: Pair(pair.A, B[own], pair.alpha, lengths[part]) for part, own in rows.items()}
    n = len(here)
    columns = zip(here, pair.A.chunk(n), B.chunk(n, dim=1), strict=True)
    alpha = pair.alpha / (math.sqrt(n) if is_rank_stabilised else n)
    parts = {part: Pair(A, columns_B[rows[part]], alpha, lengths[part]) for part, A, columns_B in columns}
    if sum(part.B.count_nonzero() for part in parts.values()) != B.count_nonzero():
        do = f"remove {STACKED} from its metadata if another program changed the file"
        raise UserError(f"{place.hf} in {TENSORS}", f"the stacked pairs of {', '.join(here)}", do)
    return parts


def check_untrained_rows(pair: Pair, place: Place, rows: dict[str, slice], linear: Linear) -> None:
    """Parts without a pair must have kept their lengths, or somebody trained a stack of ours as one module."""
    if pair.magnitude is None or place.part:
        return
    lengths = torch.linalg.vector_norm(linear.weight.float(), dim=1)
    magnitude = _in_our_order(pair.magnitude, place)
    for part, own in rows.items():
        if not torch.allclose(magnitude[own].to(lengths), lengths[own], rtol=1e-2):
            do = f"remove {STACKED} from the metadata of {TENSORS} if another program trained it"
            raise UserError(f"{place.hf} with lengths of its own for {part}", "those of the base", do)


T = TypeVar("T", Tensor, Tensor | None)


def _in_our_order(tensor: T, place: Place) -> T:
    if tensor is None:
        return tensor
    ours = torch.empty_like(tensor)
    ours[place.rows] = tensor
    return ours

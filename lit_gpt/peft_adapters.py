"""LoRA adapters on disk, in the layout of Hugging Face's `peft` (https://github.com/huggingface/peft), both ways.

    adapter_config.json         r, lora_alpha, target_modules, and patterns for modules that differ
    adapter_model.safetensors   base_model.model.<module>.lora_A.weight (r, in), ....lora_B.weight (out, r),
                                with DoRA ....lora_magnitude_vector (out,)

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

Not covered: settings that change the computation (see peft_settings.py), pairs for embeddings, and
`adapter_model.bin`: pickles are not opened. They are refused, never ignored.
"""

import math
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from lit_gpt.errors import UserError
from lit_gpt.lora import WHOLE, Linear, LoRALinear, LowRank, lora_layers, part_rows, wrap
from lit_gpt.model import GPT
from lit_gpt.peft_settings import Settings, describe, read_settings, write_settings
from lit_gpt.weight_names import Place, in_memory

TENSORS = "adapter_model.safetensors"
STACKED = "lit_gpt.stacked_parts"  # key in the metadata of TENSORS; its value is such as "q v"
VOCABULARY = ("lm_head", "transformer.wte")  # modules with a row for each token


class Pair(NamedTuple):
    """The A (r, in), B (out, r) and alpha of one module, as `peft` sees it; with DoRA its magnitude (out,)."""

    A: Tensor
    B: Tensor
    alpha: float
    magnitude: Tensor | None = None

    def tensors(self, name: str) -> dict[str, Tensor]:
        """By their names in the file."""
        named = dict(zip(_keys(name), (self.A, self.B, self.magnitude), strict=True))
        return {key: tensor for key, tensor in named.items() if tensor is not None}


def save_adapter(model: GPT, directory: Path, base_model: str) -> None:
    """Write the model's pairs into an existing directory; `base_model` is a hub name or path, for its reader."""
    layers = dict(lora_layers(model))
    modules = adaptable_modules(model)
    exported = {name: _exported(layers[place.lit], place) for name, place in modules.items() if place.lit in layers}
    pairs = {name: pair for name, pair in exported.items() if pair is not None}
    if not pairs:
        raise ValueError("the model has no LoRA")
    tensors = {key: tensor.contiguous() for name, pair in pairs.items() for key, tensor in pair.tensors(name).items()}
    save_file(tensors, directory / TENSORS, metadata={"format": "pt"} | _stacked_parts(layers, modules))
    example = next(pair for layer in layers.values() for pair in layer.pairs.values())
    settings = describe(
        set(modules),
        ranks={name: pair.A.size(0) for name, pair in pairs.items()},
        alphas={name: pair.alpha for name, pair in pairs.items()},
        usual=Settings(
            example.r,
            example.alpha,
            example.dropout.p,
            is_rank_stabilised=example.is_rank_stabilised,
            is_decomposed=example.magnitude is not None,
        ),
    )
    is_transposed = any(modules[name].is_transposed for name in pairs)
    write_settings(directory, settings, base_model, fan_in_fan_out=is_transposed)


def load_adapter(model: GPT, directory: Path) -> None:
    """Give the model the pairs of an adapter directory, ours or one that `peft` wrote; all else is frozen.

    Raises UserError for settings that we would compute wrongly, and for tensors that are missing, unexpected or of
    another shape than settings and model ask for.
    """
    if any(lora_layers(model)):
        raise ValueError("the model has LoRA already")
    settings = read_settings(directory)
    modules = {name: place for name, place in adaptable_modules(model).items() if settings.is_target(name)}
    tensors, stacked = _read_tensors(directory / TENSORS)
    _drop_base_weights(model, tensors)
    _check_tensors(model, modules, tensors, settings)
    model.requires_grad_(False)
    found: dict[str, dict[str, LowRank]] = defaultdict(dict)
    for name, place in modules.items():
        A, B, magnitude = (tensors.get(key) for key in _keys(name))
        assert A is not None and B is not None
        rows = part_rows(model.config, place.lit, _linear(model, place.lit))
        whole = Pair(A, B, settings.alpha_of(name), magnitude)
        parts = _imported(whole, place, rows, stacked, settings.is_rank_stabilised)
        _check_untrained_rows(whole, place, {part: rows[part] for part in rows.keys() - parts.keys()}, model)
        found[place.lit] |= {part: _low_rank(pair, settings) for part, pair in parts.items()}
    for lit_name, pairs in found.items():
        wrap(model, lit_name, pairs)


def adaptable_modules(model: GPT) -> dict[str, Place]:
    """Every linear of the Hugging Face model, by the name it has in memory (weights on disk may use another)."""
    modules = in_memory(model.config).items()
    return {name: at for name, at in modules if isinstance(model.get_submodule(at.lit), Linear | LoRALinear)}


def _keys(name: str) -> tuple[str, str, str]:
    """The names of a module's A, B and magnitude in the file."""
    module = f"base_model.model.{name}"
    return f"{module}.lora_A.weight", f"{module}.lora_B.weight", f"{module}.lora_magnitude_vector"


def _exported(layer: LoRALinear, place: Place) -> Pair | None:
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


def _stacked_parts(layers: dict[str, LoRALinear], modules: dict[str, Place]) -> dict[str, str]:
    """The remark for the metadata, where there is anything to remark."""
    held = [(layers[place.lit], place) for place in modules.values() if place.lit in layers]
    fused = [layer for layer, place in held if _is_fused(layer, place)]
    parts = list(dict.fromkeys(part for layer in fused for part in layer.rows if part in layer.pairs))
    assert all(part in layer.pairs for layer in fused for part in layer.rows if part in parts), "layers unlike others"
    return {STACKED: " ".join(parts)} if parts else {}


def _read_tensors(path: Path) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The file's tensors, and the parts that we stacked in fused modules (none if `peft` wrote it)."""
    try:
        with safe_open(path, framework="pt") as file:
            stacked = (file.metadata() or {}).get(STACKED, "")
            return {key: file.get_tensor(key) for key in file.keys()}, tuple(stacked.split())  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        do = "copy the adapter again; save an older adapter_model.bin as safetensors first"
        raise UserError(f"{path}, which cannot be read ({error})", "a safetensors file", do) from None


def _drop_base_weights(model: GPT, tensors: dict[str, Tensor]) -> None:
    """Take out copies of head and embedding, which `peft` adds when it adapts the head, if they are the base's own."""
    modules = {name: place.lit for name, place in in_memory(model.config).items() if place.lit in VOCABULARY}
    for name, lit_name in modules.items():
        weight = model.get_parameter(f"{lit_name}.weight")
        for key in (f"base_model.model.{name}.weight", f"base_model.model.{name}.base_layer.weight"):
            if key in tensors and torch.equal(tensors[key].to(weight), weight):
                del tensors[key]


def _check_tensors(model: GPT, modules: dict[str, Place], tensors: dict[str, Tensor], settings: Settings) -> None:
    """Exactly the tensors that settings and model ask for, or a UserError that names those that are wrong."""
    expected: dict[str, tuple[int, ...]] = {}
    for name, place in modules.items():
        linear, r = _linear(model, place.lit), settings.rank_of(name)
        n_rows = len(torch.arange(linear.out_features)[place.rows])
        expected |= dict(zip(_keys(name), ((r, linear.in_features), (n_rows, r), (n_rows,)), strict=True))
        if not settings.is_decomposed:
            del expected[_keys(name)[2]]
    wrong = [f"{key} is missing" for key in expected.keys() - tensors.keys()]
    wrong += [f"{key} is unexpected" for key in tensors.keys() - expected.keys()]
    for key in expected.keys() & tensors.keys():
        if (shape := tuple(tensors[key].shape)) != expected[key]:
            wrong.append(f"{key} is {shape}, not {expected[key]}")
    if wrong or not expected:
        got = "; ".join(sorted(wrong)) or f"target_modules {settings.targets!r}, none of this model's"
        raise UserError(
            got, f"a LoRA adapter for this {model.config.family}", "pass the base the adapter was trained on"
        )


def _imported(
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


def _check_untrained_rows(pair: Pair, place: Place, rows: dict[str, slice], model: GPT) -> None:
    """Parts without a pair must have kept their lengths, or somebody trained a stack of ours as one module."""
    if pair.magnitude is None or place.part:
        return
    lengths = torch.linalg.vector_norm(_linear(model, place.lit).weight.float(), dim=1)
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


def _linear(model: GPT, name: str) -> Linear:
    linear = model.get_submodule(name)
    assert isinstance(linear, Linear)
    return linear


def _low_rank(pair: Pair, settings: Settings) -> LowRank:
    r, out_features = pair.A.size(0), pair.B.size(0)
    low_rank = LowRank(pair.A.size(1), out_features, r, pair.alpha, settings.dropout, settings.is_rank_stabilised)
    with torch.no_grad():
        low_rank.A.copy_(pair.A)
        low_rank.B.copy_(pair.B)
    if pair.magnitude is not None:
        low_rank.magnitude = nn.Parameter(pair.magnitude.to(torch.float32, copy=True))
    return low_rank

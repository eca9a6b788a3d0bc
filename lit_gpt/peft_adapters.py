"""LoRA adapters on disk, in the layout of Hugging Face's `peft` (https://github.com/huggingface/peft), both ways.

    adapter_config.json         r, lora_alpha, target_modules, and patterns for modules that differ
    adapter_model.safetensors   base_model.model.<module>.lora_A.weight (r, in), ....lora_B.weight (out, r)

Modules have Hugging Face's names. A Llama's q, k and v are modules of their own, so their pairs go out as they are.
GPT-NeoX has one module for the three, so their pairs are stacked into one of a higher rank; for q and v:

        ┌───┐ r         r   r
    A = │A_q│      B = B_q  0     rows of q       alpha of the stack = 2 alpha, so that
        │A_v│ r         0   0     rows of k       alpha / r stays what it was. Then the rows of B
        └───┘           0  B_v    rows of v       are put in Hugging Face's order, head by head.

Which parts were stacked is kept in the file's metadata, and reading takes the stack apart again. An adapter that
`peft` itself trained on the fused module becomes three pairs that start from the same A.

Not covered: settings that change the computation (see peft_settings.py), pairs for embeddings, and
`adapter_model.bin`: pickles are not opened. They are refused, never ignored.
"""

from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from lit_gpt.config import Config
from lit_gpt.errors import UserError
from lit_gpt.lora import WHOLE, LoRALinear, LowRank, lora_layers, part_rows, wrap
from lit_gpt.model import GPT
from lit_gpt.peft_settings import Settings, describe, read_settings, write_settings
from lit_gpt.weight_names import NAMES, Place, places

TENSORS = "adapter_model.safetensors"
STACKED = "lit_gpt.stacked_parts"  # key in the metadata of TENSORS; its value is such as "q v"
VOCABULARY = ("lm_head", "transformer.wte")  # modules with a row for each token


class Pair(NamedTuple):
    """The A (r, in), B (out, r) and alpha of one module, as `peft` sees it."""

    A: Tensor
    B: Tensor
    alpha: float


def save_adapter(model: GPT, directory: Path, base_model: str) -> None:
    """Write the model's pairs into an existing directory; `base_model` is a hub name or path, for its reader."""
    layers = dict(lora_layers(model))
    modules = adaptable_modules(model)
    exported = {name: _exported(layers[place.lit], place) for name, place in modules.items() if place.lit in layers}
    pairs = {name: pair for name, pair in exported.items() if pair is not None}
    if not pairs:
        raise ValueError("the model has no LoRA")
    tensors = {key: tensor for name, pair in pairs.items() for key, tensor in zip(_keys(name), pair[:2], strict=True)}
    save_file(tensors, directory / TENSORS, metadata={"format": "pt"} | _stacked_parts(layers, modules))
    example = next(pair for layer in layers.values() for pair in layer.pairs.values())
    settings = describe(
        set(modules),
        ranks={name: pair.A.size(0) for name, pair in pairs.items()},
        alphas={name: pair.alpha for name, pair in pairs.items()},
        usual=(example.r, example.alpha, example.dropout.p),
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
        A, B = (tensors[key] for key in _keys(name))
        rows = part_rows(model.config, place.lit, _linear(model, place.lit))
        for part, pair in _imported(Pair(A, B, settings.alpha_of(name)), place, rows, stacked).items():
            found[place.lit][part] = _low_rank(pair, settings.dropout)
    for lit_name, pairs in found.items():
        wrap(model, lit_name, pairs)


def adaptable_modules(model: GPT) -> dict[str, Place]:
    """Every linear of the Hugging Face model, by the name it has in memory (weights on disk may use another)."""
    modules = _in_memory(model.config).items()
    return {name: at for name, at in modules if isinstance(model.get_submodule(at.lit), nn.Linear | LoRALinear)}


def _in_memory(config: Config) -> dict[str, Place]:
    names = {disk: memory for memory, disk in NAMES[config.family].aliases.items()}
    return {names.get(place.hf, place.hf): place for place in places(config)}


def _keys(name: str) -> tuple[str, str]:
    """The names of a module's A and B in the file."""
    return f"base_model.model.{name}.lora_A.weight", f"base_model.model.{name}.lora_B.weight"


def _exported(layer: LoRALinear, place: Place) -> Pair | None:
    """The pair of one Hugging Face module, None if nothing of it is trained."""
    if _is_fused(layer, place):
        return _stack(layer, place)
    pair = layer.pairs.get(place.part or WHOLE)
    return Pair(pair.A.detach(), pair.B.detach(), pair.alpha) if pair else None


def _is_fused(layer: LoRALinear, place: Place) -> bool:
    """Whether parts that are trained apart here are one module there."""
    return not place.part and len(layer.rows) > 1


def _stack(layer: LoRALinear, place: Place) -> Pair:
    """The pairs of a fused linear's parts as one: see the drawing at the top."""
    pairs = layer.pairs
    first, *others = pairs.values()
    assert all(pair.scale == first.scale for pair in others), "parts of one module that are scaled differently"
    nothing = {part: first.B.new_empty(rows.stop - rows.start, 0) for part, rows in layer.rows.items()}
    B = torch.block_diag(*(pairs[part].B if part in pairs else nothing[part] for part in layer.rows))
    A = torch.cat([pairs[part].A for part in layer.rows if part in pairs])
    return Pair(A.detach(), B.detach()[place.rows], first.scale * A.size(0))


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
    modules = {name: place.lit for name, place in _in_memory(model.config).items() if place.lit in VOCABULARY}
    for name, lit_name in modules.items():
        weight = model.get_parameter(f"{lit_name}.weight")
        for key in (f"base_model.model.{name}.weight", f"base_model.model.{name}.base_layer.weight"):
            if key in tensors and torch.equal(tensors[key].to(weight), weight):
                del tensors[key]


def _check_tensors(model: GPT, modules: dict[str, Place], tensors: dict[str, Tensor], settings: Settings) -> None:
    """Exactly the tensors that settings and model ask for, or a UserError that names those that are wrong."""
    expected: dict[str, tuple[int, int]] = {}
    for name, place in modules.items():
        linear, r = _linear(model, place.lit), settings.rank_of(name)
        n_rows = len(torch.arange(linear.out_features)[place.rows])
        expected |= dict(zip(_keys(name), ((r, linear.in_features), (n_rows, r)), strict=True))
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


def _imported(pair: Pair, place: Place, rows: dict[str, slice], stacked: tuple[str, ...]) -> dict[str, Pair]:
    """Our parts' pairs of one Hugging Face module; `rows` are where the parts of ours lie."""
    if place.part or len(rows) == 1:
        return {place.part or WHOLE: pair}
    B = torch.empty_like(pair.B)
    B[place.rows] = pair.B
    here = [part for part in stacked if part in rows]
    if not here:
        return {part: Pair(pair.A, B[own], pair.alpha) for part, own in rows.items()}
    n = len(here)
    columns = zip(here, pair.A.chunk(n), B.chunk(n, dim=1), strict=True)
    parts = {part: Pair(A, columns_B[rows[part]], pair.alpha / n) for part, A, columns_B in columns}
    if sum(part.B.count_nonzero() for part in parts.values()) != B.count_nonzero():
        do = f"remove {STACKED} from its metadata if another program changed the file"
        raise UserError(f"{place.hf} in {TENSORS}", f"the stacked pairs of {', '.join(here)}", do)
    return parts


def _linear(model: GPT, name: str) -> nn.Linear:
    linear = model.get_submodule(name)
    assert isinstance(linear, nn.Linear)
    return linear


def _low_rank(pair: Pair, dropout: float) -> LowRank:
    low_rank = LowRank(pair.A.size(1), pair.B.size(0), pair.A.size(0), pair.alpha, dropout)
    with torch.no_grad():
        low_rank.A.copy_(pair.A)
        low_rank.B.copy_(pair.B)
    return low_rank

"""LoRA adapters on disk, in the layout of Hugging Face's `peft` (https://github.com/huggingface/peft), both ways.

    adapter_config.json         r, lora_alpha, target_modules, and patterns for modules that differ
    adapter_model.safetensors   base_model.model.<module>.lora_A.weight (r, in), ....lora_B.weight (out, r),
                                with DoRA ....lora_magnitude_vector (out,)

Modules have Hugging Face's names; where one of them is several parts of ours, peft_stacks.py makes one pair of theirs.

Not covered: settings that change the computation (see peft_settings.py), pairs for embeddings, and
`adapter_model.bin`: pickles are not opened. They are refused, never ignored.
"""

from collections import defaultdict
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from lit_gpt.errors import UserError
from lit_gpt.lora import lora_layers, part_rows, wrap
from lit_gpt.lora_layers import Linear, LoRALinear, LowRank
from lit_gpt.model import GPT
from lit_gpt.peft_rows import exported_rows, import_rows
from lit_gpt.peft_settings import Settings, describe, read_settings, write_settings
from lit_gpt.peft_stacks import (
    STACKED,
    TENSORS,
    Pair,
    check_untrained_rows,
    exported_pair,
    imported_pairs,
    keys_of,
    stacked_parts,
)
from lit_gpt.token_rows import HEAD
from lit_gpt.weight_names import Place, in_memory

VOCABULARY = ("lm_head", "transformer.wte")  # modules with a row for each token


def save_adapter(model: GPT, directory: Path, base_model: str) -> None:
    """Write the model's pairs into an existing directory; `base_model` is a hub name or path, for its reader."""
    layers = dict(lora_layers(model))
    modules = adaptable_modules(model)
    exported = {name: exported_pair(layers[place.lit], place) for name, place in modules.items() if place.lit in layers}
    pairs = {name: pair for name, pair in exported.items() if pair is not None}
    if not pairs:
        raise ValueError("the model has no LoRA")
    tensors = {key: tensor.contiguous() for name, pair in pairs.items() for key, tensor in pair.tensors(name).items()}
    indices, rows = exported_rows(model)
    tensors |= {key: tensor.contiguous() for key, tensor in rows.items()}
    save_file(tensors, directory / TENSORS, metadata={"format": "pt"} | stacked_parts(layers, modules))
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
            token_rows=indices,
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
    model.requires_grad_(False)
    if settings.token_rows and any(place.lit == HEAD for place in modules.values()):
        got = f"{directory}, with LoRA of the head and trained rows of it"
        raise UserError(got, "one of the two", "merge the adapter into its base with peft, and use that")
    import_rows(model, settings.token_rows, tensors)
    _check_tensors(model, modules, tensors, settings)
    found: dict[str, dict[str, LowRank]] = defaultdict(dict)
    for name, place in modules.items():
        A, B, magnitude = (tensors.get(key) for key in keys_of(name))
        assert A is not None and B is not None
        linear = _linear(model, place.lit)
        rows = part_rows(model.config, place.lit, linear)
        whole = Pair(A, B, settings.alpha_of(name), magnitude)
        parts = imported_pairs(whole, place, rows, stacked, settings.is_rank_stabilised)
        check_untrained_rows(whole, place, {part: rows[part] for part in rows.keys() - parts.keys()}, linear)
        found[place.lit] |= {part: _low_rank(pair, settings) for part, pair in parts.items()}
    for lit_name, pairs in found.items():
        wrap(model, lit_name, pairs)


def adaptable_modules(model: GPT) -> dict[str, Place]:
    """Every linear of the Hugging Face model, by the name it has in memory (weights on disk may use another)."""
    modules = in_memory(model.config).items()
    return {name: at for name, at in modules if isinstance(model.get_submodule(at.lit), Linear | LoRALinear)}


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
        expected |= dict(zip(keys_of(name), ((r, linear.in_features), (n_rows, r), (n_rows,)), strict=True))
        if not settings.is_decomposed:
            del expected[keys_of(name)[2]]
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

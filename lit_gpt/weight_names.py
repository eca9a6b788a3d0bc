"""Where each Hugging Face module's rows lie in our network: one table a family, read in both directions.

Ours has one linear with plain [Q | K | V] rows where Llama has three modules and GPT-NeoX one whose rows are
interleaved head by head, and one with [gate | up] rows where Llama has two. A Place says it all: module `hf` is the
rows `rows` of our module `lit`, in Hugging Face's order. Loading writes `lit[rows] = hf`, saving reads the same.
Source of the names: https://github.com/huggingface/transformers (src/transformers/models/*/modeling_*.py).

A new family is one Names entry, mostly another's with a few names changed.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lit_gpt.config import Config

Rows = slice | Tensor  # an index into the rows of a weight or bias
ALL_ROWS = slice(None)
LAYER = "transformer.h.{i}"
QKV = f"{LAYER}.attn.qkv"
FC = f"{LAYER}.mlp.fc"


class Place(NamedTuple):
    """A Hugging Face module, and which rows of our module it is.

    part: "q", "k" or "v" of our `qkv`, "gate" or "up" of our gated `fc`; "" for a whole module, its rows perhaps in
        another order.
    is_transposed: the weight on disk is (in, out), as GPT-2's.
    """

    hf: str
    lit: str
    part: str = ""
    rows: Rows = ALL_ROWS
    is_transposed: bool = False


@dataclass(frozen=True)
class Names:
    """One family: our module -> its name on disk ({i} is the layer), and how fused linears are stored.

    modules may name norms that some networks of the family do not have.
    """

    modules: dict[str, str]
    qkv: Callable[[Config], list[Place]]
    ignored: re.Pattern[str] = re.compile(r"\.rotary_emb\.inv_freq$")  # buffers in old files that are recomputed
    aliases: dict[str, str] = field(default_factory=dict)  # other spelling of a module -> the one above
    gate_up: str = ""  # where the gated MLP's first linear is two modules: {part} in the name is gate or up
    is_transposed: re.Pattern[str] = re.compile(r"(?!)")  # modules whose weight is (in, out) on disk


def places(config: Config) -> list[Place]:
    """Every Hugging Face module of this network that has weights, each once."""
    family = NAMES[config.family]
    places = [*family.qkv(config), *(Place(hf, lit) for lit, hf in family.modules.items())]
    if family.gate_up and config.mlp == "gated":
        places += [Place(family.gate_up.replace("{part}", p), FC, p, rows) for p, rows in config.gated_rows.items()]
    found = []
    for place in places:
        if _is_absent(config, place.lit):
            continue
        layers = range(config.n_layer) if "{i}" in place.lit else [0]
        is_transposed = family.is_transposed.search(place.hf) is not None
        for i in layers:
            hf, lit = place.hf.format(i=i), place.lit.format(i=i)
            found.append(place._replace(hf=hf, lit=lit, is_transposed=is_transposed))
    return found


def _is_absent(config: Config, lit: str) -> bool:
    """Whether this network lacks a module that others of its family have: one of the norms."""
    is_here = {".q_norm": bool(config.qk_norm), ".k_norm": bool(config.qk_norm), ".norm_1": config.pre_norm}
    is_here[".norm_2"] = config.pre_norm and not config.shared_norm
    return any(lit.endswith(norm) and not here for norm, here in is_here.items())


def in_memory(config: Config) -> dict[str, Place]:
    """Every module by the name Transformers gives it in memory, and so `peft` (weights on disk may use another)."""
    names = {disk: memory for memory, disk in NAMES[config.family].aliases.items()}
    return {names.get(place.hf, place.hf): place for place in places(config)}


def places_in(config: Config, lit: str) -> list[Place]:
    """The Hugging Face modules that make up one of ours: three for a Llama's qkv, else one."""
    return [place for place in places(config) if place.lit == lit]


def is_ignored(config: Config, hf_tensor: str) -> bool:
    """Whether a tensor is one of those buffers that some checkpoints carry and nobody needs."""
    return NAMES[config.family].ignored.search(hf_tensor) is not None


def canonical_name(config: Config, hf_tensor: str) -> str:
    """The spelling that `places` uses of a tensor's name."""
    module, _, kind = hf_tensor.rpartition(".")
    return f"{NAMES[config.family].aliases.get(module, module)}.{kind}"


def _separate(module: str) -> Callable[[Config], list[Place]]:
    """q, k and v are three modules; {part} in the name stands for the letter."""

    def qkv(config: Config) -> list[Place]:
        return [Place(module.replace("{part}", part), QKV, part, rows) for part, rows in config.qkv_rows.items()]

    return qkv


def _in_order(module: str) -> Callable[[Config], list[Place]]:
    """One module whose rows are ours: all of q, all of k, all of v."""
    return lambda config: [Place(module, QKV)]


def _per_group(module: str) -> Callable[[Config], list[Place]]:
    """One module whose rows go group by group: the queries that share a key, that key, its value; then the next.

    With 2 groups of 1 query of 1 row: q0 k0 v0 q1 k1 v1 is 0 2 4 1 3 5 of our [q0 q1 | k0 k1 | v0 v1].
    """

    def qkv(config: Config) -> list[Place]:
        n_groups = config.n_query_groups
        ours = torch.arange(config.qkv_rows["v"].stop, device="cpu")
        q, k, v = (ours[rows].view(n_groups, -1) for rows in config.qkv_rows.values())
        return [Place(module, QKV, rows=torch.cat((q, k, v), dim=1).flatten())]

    return qkv


LLAMA_LAYER = "model.layers.{i}"
LLAMA = Names(
    modules={
        "transformer.wte": "model.embed_tokens",
        f"{LAYER}.norm_1": f"{LLAMA_LAYER}.input_layernorm",
        f"{LAYER}.attn.proj": f"{LLAMA_LAYER}.self_attn.o_proj",
        f"{LAYER}.attn.q_norm": f"{LLAMA_LAYER}.self_attn.q_norm",
        f"{LAYER}.attn.k_norm": f"{LLAMA_LAYER}.self_attn.k_norm",
        f"{LAYER}.norm_2": f"{LLAMA_LAYER}.post_attention_layernorm",
        f"{LAYER}.mlp.proj": f"{LLAMA_LAYER}.mlp.down_proj",
        "transformer.ln_f": "model.norm",
        "lm_head": "lm_head",
    },
    qkv=_separate(f"{LLAMA_LAYER}.self_attn.{{part}}_proj"),
    gate_up=f"{LLAMA_LAYER}.mlp.{{part}}_proj",
)
GPT2_LAYER = "transformer.h.{i}"
GPT2 = Names(
    modules={
        "transformer.wte": "transformer.wte",
        "transformer.wpe": "transformer.wpe",
        f"{LAYER}.norm_1": f"{GPT2_LAYER}.ln_1",
        f"{LAYER}.attn.proj": f"{GPT2_LAYER}.attn.c_proj",
        f"{LAYER}.norm_2": f"{GPT2_LAYER}.ln_2",
        f"{LAYER}.mlp.fc": f"{GPT2_LAYER}.mlp.c_fc",
        f"{LAYER}.mlp.proj": f"{GPT2_LAYER}.mlp.c_proj",
        "transformer.ln_f": "transformer.ln_f",
        "lm_head": "lm_head",
    },
    qkv=_in_order(f"{GPT2_LAYER}.attn.c_attn"),
    ignored=re.compile(r"\.attn\.(bias|masked_bias)$"),
)


def _like(names: Names, changes: dict[str, str], **settings: Any) -> Names:
    """Another family's names with some changed; {layer} stands for a Llama's layer, and our side is short."""
    modules = {
        f"{LAYER}.{ours}" if not ours.startswith(("transformer", "lm_head")) else ours: theirs
        for ours, theirs in changes.items()
    }
    return replace(names, modules={**names.modules, **modules}, **settings)


NAMES = {
    **dict.fromkeys(("llama", "mistral", "qwen2", "qwen3", "stablelm"), LLAMA),
    "phi3": _like(
        LLAMA,
        {"mlp.fc": f"{LLAMA_LAYER}.mlp.gate_up_proj"},
        qkv=_in_order(f"{LLAMA_LAYER}.self_attn.qkv_proj"),
        gate_up="",
    ),
    "olmo2": _like(
        LLAMA,
        {
            "post_norm_1": f"{LLAMA_LAYER}.post_attention_layernorm",
            "post_norm_2": f"{LLAMA_LAYER}.post_feedforward_layernorm",
        },
    ),
    "gemma2": _like(
        LLAMA,
        {
            "post_norm_1": f"{LLAMA_LAYER}.post_attention_layernorm",
            "norm_2": f"{LLAMA_LAYER}.pre_feedforward_layernorm",
            "post_norm_2": f"{LLAMA_LAYER}.post_feedforward_layernorm",
        },
    ),
    "starcoder2": _like(
        LLAMA,
        {"mlp.fc": f"{LLAMA_LAYER}.mlp.c_fc", "mlp.proj": f"{LLAMA_LAYER}.mlp.c_proj"},
        gate_up="",
    ),
    "phi": _like(
        LLAMA,
        {
            "attn.proj": f"{LLAMA_LAYER}.self_attn.dense",
            "mlp.fc": f"{LLAMA_LAYER}.mlp.fc1",
            "mlp.proj": f"{LLAMA_LAYER}.mlp.fc2",
            "transformer.ln_f": "model.final_layernorm",
        },
        gate_up="",
    ),
    "gpt2": replace(GPT2, is_transposed=re.compile(r"\.c_(attn|proj|fc)$")),
    "gpt_bigcode": replace(GPT2, qkv=_per_group(f"{GPT2_LAYER}.attn.c_attn")),
    "gpt_neox": Names(
        modules={
            "transformer.wte": "gpt_neox.embed_in",
            f"{LAYER}.norm_1": "gpt_neox.layers.{i}.input_layernorm",
            f"{LAYER}.attn.proj": "gpt_neox.layers.{i}.attention.dense",
            f"{LAYER}.norm_2": "gpt_neox.layers.{i}.post_attention_layernorm",
            f"{LAYER}.mlp.fc": "gpt_neox.layers.{i}.mlp.dense_h_to_4h",
            f"{LAYER}.mlp.proj": "gpt_neox.layers.{i}.mlp.dense_4h_to_h",
            "transformer.ln_f": "gpt_neox.final_layer_norm",
            "lm_head": "embed_out",
        },
        qkv=_per_group("gpt_neox.layers.{i}.attention.query_key_value"),
        ignored=re.compile(r"\.attention\.(bias|masked_bias|rotary_emb\.inv_freq)$"),
        # transformers 5 calls the head so in memory (and in adapters), but still writes embed_out
        aliases={"lm_head": "embed_out"},
    ),
    "falcon": Names(
        modules={
            "transformer.wte": "transformer.word_embeddings",
            f"{LAYER}.norm_1": "transformer.h.{i}.input_layernorm",
            f"{LAYER}.attn.proj": "transformer.h.{i}.self_attention.dense",
            f"{LAYER}.norm_2": "transformer.h.{i}.post_attention_layernorm",
            f"{LAYER}.mlp.fc": "transformer.h.{i}.mlp.dense_h_to_4h",
            f"{LAYER}.mlp.proj": "transformer.h.{i}.mlp.dense_4h_to_h",
            "transformer.ln_f": "transformer.ln_f",
            "lm_head": "lm_head",
        },
        qkv=_per_group("transformer.h.{i}.self_attention.query_key_value"),
    ),
}
NAMES["gemma3_text"] = NAMES["gemma2"]
NAMES["falcon_two_norms"] = _like(
    NAMES["falcon"], {"norm_1": "transformer.h.{i}.ln_attn", "norm_2": "transformer.h.{i}.ln_mlp"}
)

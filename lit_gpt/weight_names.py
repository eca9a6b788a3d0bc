"""Where each Hugging Face module's rows lie in our network: one table a family, read in both directions.

Ours has one linear with plain [Q | K | V] rows where Llama has three modules and GPT-NeoX one whose rows are
interleaved head by head. A Place says both at once: module `hf` is the rows `rows` of our module `lit`, in
Hugging Face's order. Loading writes `lit[rows] = hf`, saving reads `hf = lit[rows]`.
Source of the names: https://github.com/huggingface/transformers (models/llama, models/gpt_neox).

A new family is one Names entry; a new way to fuse q, k and v is one function beside `_separate` and `_per_head`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from lit_gpt.config import Config

Rows = slice | Tensor  # an index into the rows of a weight or bias
ALL_ROWS = slice(None)
QKV = "transformer.h.{i}.attn.qkv"


class Place(NamedTuple):
    """A Hugging Face module, and which rows of our module it is.

    part: "q", "k" or "v" for a third of our `qkv`; "qkv" for all of it under a permutation; "" for a whole module.
    """

    hf: str
    lit: str
    part: str = ""
    rows: Rows = ALL_ROWS


@dataclass(frozen=True)
class Names:
    """One family: our module -> its name on disk ({i} is the layer), and how q, k and v are stored."""

    modules: dict[str, str]
    qkv: Callable[[Config], list[Place]]
    ignored: re.Pattern[str]  # buffers in old files that are recomputed: angles, causal masks
    aliases: dict[str, str] = field(default_factory=dict)  # other spelling of a module -> the one above


def places(config: Config) -> list[Place]:
    """Every Hugging Face module that has weights, each once."""
    family = NAMES[config.family]
    found = []
    for place in [*family.qkv(config), *(Place(hf, lit) for lit, hf in family.modules.items())]:
        layers = range(config.n_layer) if "{i}" in place.lit else [0]
        found += [place._replace(hf=place.hf.format(i=i), lit=place.lit.format(i=i)) for i in layers]
    return found


def places_in(config: Config, lit_module: str) -> list[Place]:
    """The Hugging Face modules that make up one of ours: three for a Llama's qkv, else one."""
    return [place for place in places(config) if place.lit == lit_module]


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


def _per_head(module: str) -> Callable[[Config], list[Place]]:
    """One module whose rows go head by head: q, k and v of head 0, then of head 1, and so on.

    With 2 heads of 1 row its rows are q0 k0 v0 q1 k1 v1, which in our [q0 q1 | k0 k1 | v0 v1] are 0 2 4 1 3 5.
    """

    def qkv(config: Config) -> list[Place]:
        ours = torch.arange(3 * config.n_head * config.head_size, device="cpu")
        return [Place(module, QKV, "qkv", ours.view(3, config.n_head, -1).transpose(0, 1).flatten())]

    return qkv


NAMES = {
    "llama": Names(
        modules={
            "transformer.wte": "model.embed_tokens",
            "transformer.h.{i}.norm_1": "model.layers.{i}.input_layernorm",
            "transformer.h.{i}.attn.proj": "model.layers.{i}.self_attn.o_proj",
            "transformer.h.{i}.norm_2": "model.layers.{i}.post_attention_layernorm",
            "transformer.h.{i}.mlp.fc_1": "model.layers.{i}.mlp.gate_proj",
            "transformer.h.{i}.mlp.fc_2": "model.layers.{i}.mlp.up_proj",
            "transformer.h.{i}.mlp.proj": "model.layers.{i}.mlp.down_proj",
            "transformer.ln_f": "model.norm",
            "lm_head": "lm_head",
        },
        qkv=_separate("model.layers.{i}.self_attn.{part}_proj"),
        ignored=re.compile(r"\.rotary_emb\.inv_freq$"),
    ),
    "gpt_neox": Names(
        modules={
            "transformer.wte": "gpt_neox.embed_in",
            "transformer.h.{i}.norm_1": "gpt_neox.layers.{i}.input_layernorm",
            "transformer.h.{i}.attn.proj": "gpt_neox.layers.{i}.attention.dense",
            "transformer.h.{i}.norm_2": "gpt_neox.layers.{i}.post_attention_layernorm",
            "transformer.h.{i}.mlp.fc": "gpt_neox.layers.{i}.mlp.dense_h_to_4h",
            "transformer.h.{i}.mlp.proj": "gpt_neox.layers.{i}.mlp.dense_4h_to_h",
            "transformer.ln_f": "gpt_neox.final_layer_norm",
            "lm_head": "embed_out",
        },
        qkv=_per_head("gpt_neox.layers.{i}.attention.query_key_value"),
        ignored=re.compile(r"\.attention\.(bias|masked_bias|rotary_emb\.inv_freq)$"),
        # transformers 5 calls the head so in memory (and in adapters), but still writes embed_out
        aliases={"lm_head": "embed_out"},
    ),
}

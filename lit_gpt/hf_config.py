"""Hugging Face's `config.json` -> Config, for every supported `model_type`. How each family says it: hf_families.py.

Refused by name: whatever would be computed wrongly (another model_type, other rotary scalings than linear and
Llama 3's, unknown activations, ALiBi, quantised weights, tensor-parallel slicing).
Not read: dropout rates (they act in pretraining only) and code that a checkpoint brings along (never run).
"""

from collections.abc import Mapping
from typing import Any

from lit_gpt.config import Config
from lit_gpt.errors import UserError, suggestion
from lit_gpt.hf_families import FAMILIES, HEADS, HIDDEN, KV_HEADS, WIDTH
from lit_gpt.hf_values import read, refused

# Keys that change what is computed, with the values that leave it as it is here.
NEUTRAL: dict[str, tuple[Any, ...]] = {
    "pretraining_tp": (None, 1),
    "quantization_config": (None,),
    "alibi": (None, False),
    "qk_layernorm": (None, False),
    "scale_attn_weights": (None, True),
    "scale_attn_by_inverse_layer_idx": (None, False),
    "add_cross_attention": (None, False),
    "use_bidirectional_attention": (None, False),
}


def config_from_hf(hf: Mapping[str, Any]) -> Config:
    """The Config of a Hugging Face config.json; UserError naming the key that we cannot honour.

    `padded_vocab_size` is ours, not Hugging Face's: it may be added to a config.json whose embedding has rows beyond
    `vocab_size`.
    """
    model_type = hf.get("model_type")
    if model_type not in FAMILIES:
        raise refused("model_type", model_type, FAMILIES, suggestion(str(model_type), FAMILIES, most=3))
    for key, neutral in NEUTRAL.items():
        if hf.get(key) not in neutral:
            raise refused(key, hf[key], neutral, "this network would compute something else")
    try:
        return Config(**{"family": model_type, **_sizes(hf), **FAMILIES[model_type](hf)})
    except ValueError as error:
        raise UserError(f"config.json: {error}", "a network that can be built", "get config.json again") from error


def _sizes(hf: Mapping[str, Any]) -> dict[str, Any]:
    """What nearly all families call by the same names; a family's own function has the last word."""
    vocab_size = read(hf, "vocab_size", int)
    return {
        "n_layer": read(hf, ("num_hidden_layers", "n_layer"), int),
        "n_head": read(hf, HEADS, int),
        "n_embd": read(hf, HIDDEN, int),
        "n_query_groups": read(hf, KV_HEADS, int, 0),
        "head_size": read(hf, "head_dim", int, 0),
        "intermediate_size": read(hf, WIDTH, int, 4 * read(hf, HIDDEN, int)),
        "vocab_size": vocab_size,
        "padded_vocab_size": read(hf, "padded_vocab_size", int, vocab_size),
        "block_size": read(hf, ("max_position_embeddings", "n_positions"), int, 2048),
        "tie_embeddings": read(hf, "tie_word_embeddings", bool, False),
    }

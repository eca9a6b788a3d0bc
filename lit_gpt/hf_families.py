"""How each family's `config.json` says what differs between networks: one function a model_type.

Source of keys and defaults: https://github.com/huggingface/transformers
(src/transformers/models/*/configuration_*.py). What nearly all say alike is read in hf_config.py; a function here has
the last word.
"""

from collections.abc import Callable, Mapping
from typing import Any

from lit_gpt.hf_rope import read_rope, read_rope_by_layer
from lit_gpt.hf_values import read, read_activation, refused

Json = Mapping[str, Any]

HIDDEN, HEADS, KV_HEADS = ("hidden_size", "n_embd"), ("num_attention_heads", "n_head"), "num_key_value_heads"
WIDTH = ("intermediate_size", "n_inner", "ffn_hidden_size")
FULL, WINDOW = "full_attention", "sliding_attention"  # what layer_types says of a layer


def _rms_norms(hf: Json, eps: float) -> dict[str, Any]:
    """The block that Llama made usual: RMS norms, a gated MLP."""
    activation = read_activation(hf, "silu")
    return {
        "norm": "RMSNorm",
        "norm_eps": read(hf, "rms_norm_eps", float, eps),
        "mlp": "gated",
        "activation": activation,
    }


def _layer_norms(hf: Json, activation: str) -> dict[str, Any]:
    """The block of GPT-2's descendants: layer norms, a plain MLP."""
    eps = read(hf, ("layer_norm_eps", "layer_norm_epsilon", "norm_epsilon"), float, 1e-5)
    return {"norm": "LayerNorm", "norm_eps": eps, "mlp": "plain", "activation": read_activation(hf, activation)}


def _biases(qkv: bool, proj: bool, mlp: bool) -> dict[str, Any]:
    return {"attention_bias": qkv, "proj_bias": proj, "mlp_bias": mlp}


def _attention_biases(hf: Json) -> dict[str, Any]:
    has_bias = read(hf, "attention_bias", bool, False)
    return _biases(has_bias, has_bias, mlp=False)


def _windows(hf: Json, default: int | None, is_full: Callable[[int], bool] = lambda layer: False) -> dict[str, Any]:
    """`default` is the window where none is said; `is_full` tells the layers without one where layer_types does not."""
    size = read({"sliding_window": default, **hf}, "sliding_window", int, 0)
    n_layer = read(hf, "num_hidden_layers", int)
    kinds = read(hf, "layer_types", list, [FULL if is_full(layer) else WINDOW for layer in range(n_layer)])
    if unknown := [kind for kind in kinds if kind not in (FULL, WINDOW)]:
        raise refused("layer_types", unknown[0], (FULL, WINDOW))
    return {"windows": tuple(size * (kind == WINDOW) for kind in kinds) if size else ()}


def _no_windows(hf: Json) -> dict[str, Any]:
    if hf.get("sliding_window") is not None:
        raise refused("sliding_window", hf["sliding_window"], (None,), "this family has none")
    return {}


def _llama(hf: Json) -> dict[str, Any]:
    rope = read_rope(hf)
    if rope["rotary_percentage"] != 1.0:
        raise refused("partial_rotary_factor", rope["rotary_percentage"], (1.0,), "a Llama rotates whole heads")
    biases = {**_attention_biases(hf), "mlp_bias": read(hf, "mlp_bias", bool, False)}
    return {**_rms_norms(hf, 1e-6), **_no_windows(hf), **biases, **rope}


def _mistral(hf: Json) -> dict[str, Any]:
    return {
        **_rms_norms(hf, 1e-6),
        **read_rope(hf),
        **_windows(hf, 4096),
        "n_query_groups": read(hf, KV_HEADS, int, 8),
    }


def _qwen2(hf: Json) -> dict[str, Any]:
    windows = _windows(hf, 4096, lambda layer: layer < read(hf, "max_window_layers", int, 28))
    return {
        **_rms_norms(hf, 1e-6),
        **read_rope(hf),
        **(windows if read(hf, "use_sliding_window", bool, False) else {}),
        **_biases(qkv=True, proj=False, mlp=False),
        "n_query_groups": read(hf, KV_HEADS, int, 32),
    }


def _qwen3(hf: Json) -> dict[str, Any]:
    own = {"qk_norm": "head", "head_size": read(hf, "head_dim", int, 128)}
    return {**_qwen2(hf), **_attention_biases(hf), **own}


def _phi3(hf: Json) -> dict[str, Any]:
    return {**_rms_norms(hf, 1e-5), **read_rope(hf), **_windows(hf, None)}


def _olmo2(hf: Json) -> dict[str, Any]:
    norms = {"pre_norm": False, "post_norm": True, "qk_norm": "full"}
    return {**_rms_norms(hf, 1e-5), **read_rope(hf), **_no_windows(hf), **_attention_biases(hf), **norms}


def _gemma(hf: Json) -> dict[str, Any]:
    """What Gemma 2 and 3 share."""
    return {
        **_rms_norms(hf, 1e-6),
        **_attention_biases(hf),
        "norm": "UnitRMSNorm",
        "post_norm": True,
        "activation": read_activation(hf, "gelu_pytorch_tanh", ("hidden_activation",)),
        "head_size": read(hf, "head_dim", int, 256),
        "n_query_groups": read(hf, KV_HEADS, int, 4),
        "embedding_scale": float(read(hf, HIDDEN, int)) ** 0.5,
        "attention_scale": read(hf, "query_pre_attn_scalar", float, 256.0) ** -0.5,
        "tie_embeddings": read(hf, "tie_word_embeddings", bool, True),
    }


def _gemma2(hf: Json) -> dict[str, Any]:
    caps = {"attention_softcap": "attn_logit_softcapping", "logit_softcap": "final_logit_softcapping"}
    usual = {"attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0, **hf}  # null is none, absent is usual
    windows = _windows(hf, 4096, lambda layer: layer % 2 == 1)
    return {
        **_gemma(hf),
        **read_rope(hf),
        **windows,
        **{ours: read(usual, key, float, 0.0) for ours, key in caps.items()},
    }


def _gemma3(hf: Json) -> dict[str, Any]:
    period = read(hf, "sliding_window_pattern", int, 6)
    return {
        **_gemma(hf),
        **read_rope_by_layer(hf, base=1_000_000.0, window_base=10_000.0),
        **_windows(hf, 4096, lambda layer: (layer + 1) % period == 0),
        "qk_norm": "head",
        "attention_softcap": read(hf, "attn_logit_softcapping", float, 0.0),
        "logit_softcap": read(hf, "final_logit_softcapping", float, 0.0),
    }


def _gpt_neox(hf: Json) -> dict[str, Any]:
    has_bias = read(hf, "attention_bias", bool, True)
    return {
        **_layer_norms(hf, "gelu"),
        **read_rope(hf, share=0.25),
        **_no_windows(hf),
        **_biases(has_bias, has_bias, mlp=True),
        "parallel_residual": read(hf, "use_parallel_residual", bool, True),
    }


def _phi(hf: Json) -> dict[str, Any]:
    together = {"parallel_residual": True, "shared_norm": True, "head_bias": True}
    return {**_layer_norms(hf, "gelu_new"), **read_rope(hf, share=0.5), **_biases(True, True, mlp=True), **together}


def _starcoder2(hf: Json) -> dict[str, Any]:
    has_bias = read(hf, "use_bias", bool, True)
    return {
        **_layer_norms(hf, "gelu_pytorch_tanh"),
        **read_rope(hf),
        **_windows(hf, None),
        **_biases(has_bias, has_bias, has_bias),
        "n_query_groups": read(hf, KV_HEADS, int, 2),
        "tie_embeddings": read(hf, "tie_word_embeddings", bool, True),
    }


def _stablelm(hf: Json) -> dict[str, Any]:
    is_parallel = read(hf, "use_parallel_residual", bool, False)
    return {
        **_layer_norms(hf, "silu"),
        **read_rope(hf, share=0.25),
        **_biases(read(hf, "use_qkv_bias", bool, False), proj=False, mlp=False),
        "mlp": "gated",
        "n_query_groups": read(hf, KV_HEADS, int, 32),
        "parallel_residual": is_parallel,
        "shared_norm": is_parallel,
    }


def _gpt2(hf: Json) -> dict[str, Any]:
    return {
        **_layer_norms(hf, "gelu_new"),
        **_biases(True, True, mlp=True),
        "learned_positions": True,
        "block_size": read(hf, ("n_positions", "max_position_embeddings"), int, 1024),
        "tie_embeddings": read(hf, "tie_word_embeddings", bool, True),
    }


def _gpt_bigcode(hf: Json) -> dict[str, Any]:
    is_shared = read(hf, "multi_query", bool, True)
    groups = {"n_query_groups": 1 if is_shared else read(hf, HEADS, int)}
    return {**_gpt2(hf), "activation": read_activation(hf, "gelu_pytorch_tanh"), **groups}


def _falcon(hf: Json) -> dict[str, Any]:
    """Two architectures: of 7B, and ("new") of 40B and 180B, whose blocks have one norm or two."""
    is_new, has_bias = (read(hf, key, bool, False) for key in ("new_decoder_architecture", "bias"))
    n_head = read(hf, HEADS, int)
    is_parallel = is_new or read(hf, "parallel_attn", bool, True)
    n_norms = read(hf, "num_ln_in_parallel_attn", int, 2 if is_new else 1)
    n_groups = read(hf, ("num_kv_heads", "n_head_kv"), int, n_head)
    if not is_new:
        n_groups = 1 if read(hf, "multi_query", bool, True) else n_head
    return {
        **_layer_norms(hf, "gelu"),
        **read_rope(hf),
        **_biases(has_bias, has_bias, has_bias),
        "family": "falcon_two_norms" if is_new and n_norms == 2 else "falcon",
        "n_query_groups": n_groups,
        "parallel_residual": is_parallel,
        "shared_norm": is_parallel and n_norms == 1,
        "tie_embeddings": read(hf, "tie_word_embeddings", bool, True),
    }


FAMILIES: dict[str, Callable[[Json], dict[str, Any]]] = {
    "llama": _llama,
    "mistral": _mistral,
    "qwen2": _qwen2,
    "qwen3": _qwen3,
    "phi3": _phi3,
    "olmo2": _olmo2,
    "gemma2": _gemma2,
    "gemma3_text": _gemma3,
    "gpt_neox": _gpt_neox,
    "phi": _phi,
    "starcoder2": _starcoder2,
    "stablelm": _stablelm,
    "gpt2": _gpt2,
    "gpt_bigcode": _gpt_bigcode,
    "falcon": _falcon,
}

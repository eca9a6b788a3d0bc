"""The networks whose numbers are checked against transformers': every family, in every way its members differ.

This table is what the README's list of families is made from.
"""

from typing import Any, NamedTuple


class Variant(NamedTuple):
    """A family (a model_type of config.json) and settings beside those of tests/tiny.py."""

    family: str
    what: str
    settings: dict[str, Any]


def rope(**settings: Any) -> dict[str, Any]:
    return {"rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, **settings}}


LLAMA_3 = {"low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 16}
BY_LAYER = {
    "sliding_attention": {"rope_type": "default", "rope_theta": 100.0},
    "full_attention": {"rope_type": "linear", "rope_theta": 5000.0, "factor": 8.0},
}
NEW_FALCON = {"new_decoder_architecture": True, "num_kv_heads": 2, "bias": False}

VARIANTS = [
    Variant("llama", "every head its own keys", {"num_key_value_heads": 6}),
    Variant("llama", "grouped-query", {}),
    Variant("llama", "multi-query", {"num_key_value_heads": 1}),
    Variant("llama", "tied", {"tie_word_embeddings": True}),
    Variant("llama", "biases", {"attention_bias": True, "mlp_bias": True}),
    Variant("llama", "head size of its own", {"head_dim": 12}),
    Variant("llama", "other base and eps", {**rope(rope_theta=500.0), "rms_norm_eps": 0.1}),
    Variant("llama", "tanh gelu", {"hidden_act": "gelu_pytorch_tanh"}),
    Variant("llama", "positions divided", rope(rope_type="linear", factor=4.0)),
    Variant("llama", "Llama 3's scaling", rope(rope_type="llama3", rope_theta=100.0, factor=8.0, **LLAMA_3)),
    Variant("mistral", "a window", {}),
    Variant("mistral", "no window", {"sliding_window": None}),
    Variant("mistral", "head size of its own", {"head_dim": 12}),
    Variant("qwen2", "biases of q, k and v", {}),
    Variant(
        "qwen2", "a window in later layers", {"use_sliding_window": True, "sliding_window": 5, "max_window_layers": 1}
    ),
    Variant("qwen2", "tied", {"tie_word_embeddings": True}),
    Variant("qwen3", "norms of q and k by head", {}),
    Variant("qwen3", "tied, with biases", {"tie_word_embeddings": True, "attention_bias": True}),
    Variant("gemma2", "capped, normed twice, windows", {}),
    Variant("gemma2", "without caps", {"attn_logit_softcapping": None, "final_logit_softcapping": None}),
    Variant("gemma3_text", "two bases, windows but for every sixth layer", {}),
    Variant("gemma3_text", "scaled in full layers", {"rope_parameters": BY_LAYER}),
    Variant("gemma3_text", "named kinds of layer", {"layer_types": ["full_attention", "sliding_attention"] * 3}),
    Variant("olmo2", "normed after, norms of q and k over all heads", {}),
    Variant("olmo2", "every head its own keys", {"num_key_value_heads": 6}),
    Variant("phi3", "fused gate and up", {}),
    Variant("phi3", "a window", {"sliding_window": 9}),
    Variant("phi3", "rotating three quarters", rope(partial_rotary_factor=0.75)),
    Variant("phi", "one norm for both, biases, half rotated", {}),
    Variant("phi", "grouped-query", {"num_key_value_heads": 3}),
    Variant("starcoder2", "grouped-query, tied", {}),
    Variant("starcoder2", "a window", {"sliding_window": 6}),
    Variant("starcoder2", "no biases, untied", {"use_bias": False, "tie_word_embeddings": False}),
    Variant("stablelm", "layer norms, gated, a quarter rotated", {}),
    Variant("stablelm", "parallel, biases of q, k and v", {"use_parallel_residual": True, "use_qkv_bias": True}),
    Variant("gpt_neox", "parallel", {}),
    Variant("gpt_neox", "sequential", {"use_parallel_residual": False}),
    Variant("gpt_neox", "tied", {"tie_word_embeddings": True}),
    Variant("gpt_neox", "no attention bias", {"attention_bias": False}),
    Variant("gpt_neox", "rotating whole heads", rope(rope_theta=300.0, partial_rotary_factor=1.0)),
    Variant("gpt_neox", "rotating half", rope(partial_rotary_factor=0.5)),
    Variant("gpt2", "learned positions, transposed weights", {}),
    Variant("gpt2", "untied", {"tie_word_embeddings": False}),
    Variant("gpt2", "relu", {"activation_function": "relu"}),
    Variant("gpt_bigcode", "multi-query", {}),
    Variant("gpt_bigcode", "every head its own keys", {"multi_query": False}),
    Variant("falcon", "7B: multi-query, one norm", {}),
    Variant("falcon", "7B: every head its own keys", {"multi_query": False}),
    Variant("falcon", "7B: sequential, biases", {"parallel_attn": False, "bias": True}),
    Variant("falcon", "40B: groups, two norms", NEW_FALCON),
    Variant("falcon", "11B: groups, one norm", {**NEW_FALCON, "num_ln_in_parallel_attn": 1}),
    Variant("falcon", "untied", {"tie_word_embeddings": False}),
]


def named(variant: Variant) -> str:
    """For pytest's ids."""
    return f"{variant.family}: {variant.what}"

"""Tiny random Hugging Face models and checkpoints, made by transformers: the other implementation.

Weights are far from the usual small start (matrices N(0, 0.3), gains around 1, biases not zero), so that a misplaced
row, a missing bias or a forgotten norm changes the logits by as much as they are large.
"""

from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

SIZES = {
    "vocab_size": 101,
    "hidden_size": 48,
    "intermediate_size": 80,
    "num_hidden_layers": 2,
    "num_attention_heads": 6,
    "max_position_embeddings": 64,
}
GPT2_SIZES = {"vocab_size": 101, "n_embd": 48, "n_inner": 80, "n_layer": 2, "n_head": 6, "n_positions": 64}
# what a family needs beside the sizes to be tiny, and of its own kind
FAMILIES: dict[str, dict[str, Any]] = {
    "llama": {"num_key_value_heads": 2},
    "gpt_neox": {},
    "mistral": {"num_key_value_heads": 2, "sliding_window": 7},
    "qwen2": {"num_key_value_heads": 2},
    "qwen3": {"num_key_value_heads": 2, "head_dim": 12},
    "phi3": {"num_key_value_heads": 2, "pad_token_id": 0},
    "olmo2": {"num_key_value_heads": 2},
    "gemma2": {"num_key_value_heads": 2, "head_dim": 12, "sliding_window": 7, "query_pre_attn_scalar": 20},
    "gemma3_text": {"num_key_value_heads": 2, "head_dim": 12, "sliding_window": 7, "num_hidden_layers": 6},
    "phi": {},
    "starcoder2": {"num_key_value_heads": 2},
    "stablelm": {"num_key_value_heads": 2},
    "gpt2": GPT2_SIZES,
    "gpt_bigcode": GPT2_SIZES,
    "falcon": {"ffn_hidden_size": 80},
}


def hf_model(
    family: str = "llama", seed: int = 0, dtype: torch.dtype = torch.float32, **settings: Any
) -> PreTrainedModel:
    """A random transformers model of a family, a key of FAMILIES, in eval mode; settings as in config.json."""
    sizes = {} if FAMILIES[family] is GPT2_SIZES else SIZES
    config = AutoConfig.for_model(family, **{**sizes, **FAMILIES[family], **settings})
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        # transformers' fused attention leaves out Gemma 2's cap
        model = AutoModelForCausalLM.from_config(config, attn_implementation="eager" if family == "gemma2" else "sdpa")
        with torch.no_grad():
            for parameter in model.parameters():
                is_gain = parameter.dim() == 1 and parameter.mean() == 1
                parameter.normal_(1.0 if is_gain else 0.0, 0.3)
    return model.to(dtype).eval()


def save_checkpoint(
    directory: Path, family: str = "llama", seed: int = 0, max_shard_size: str = "5GB", **settings: Any
) -> PreTrainedModel:
    """Write such a model as a Hugging Face directory (config.json and safetensors, no tokenizer); the model."""
    model = hf_model(family, seed, **settings)
    model.save_pretrained(directory, max_shard_size=max_shard_size)
    return model


def count_trainable(model: torch.nn.Module) -> int:
    """How many numbers training may change."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)

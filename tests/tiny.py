"""Tiny random Hugging Face models and checkpoints, made by transformers: the other implementation.

Weights are far from the usual small start (matrices N(0, 0.3), gains around 1, biases not zero), so that a misplaced
row, a missing bias or a forgotten norm changes the logits by as much as they are large.
"""

from pathlib import Path
from typing import Any

import torch
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM, LlamaConfig, LlamaForCausalLM, PreTrainedModel

SIZES = {
    "vocab_size": 101,
    "hidden_size": 48,
    "intermediate_size": 80,
    "num_hidden_layers": 2,
    "num_attention_heads": 6,
    "max_position_embeddings": 64,
}
FAMILIES = {
    "llama": (LlamaConfig, LlamaForCausalLM, {"num_key_value_heads": 2}),
    "gpt_neox": (GPTNeoXConfig, GPTNeoXForCausalLM, {}),
}


def hf_model(
    family: str = "llama", seed: int = 0, dtype: torch.dtype = torch.float32, **settings: Any
) -> PreTrainedModel:
    """A random transformers model of a family ("llama" or "gpt_neox"), in eval mode; settings as in config.json."""
    config_class, model_class, defaults = FAMILIES[family]
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = model_class(config_class(**{**SIZES, **defaults, **settings}))
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

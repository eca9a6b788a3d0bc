"""A checkpoint of half a billion random weights, written one tensor at a time."""

from pathlib import Path

import torch

from lit_gpt.checkpoint import empty_model
from lit_gpt.config import Config
from lit_gpt.files import write_json
from lit_gpt.hf_config import config_from_hf
from lit_gpt.random_base import HF_CONFIG
from lit_gpt.weight_files import Spec, write_sharded
from lit_gpt.weight_slots import hf_slots

SHAPE = {
    "hidden_size": 2048,
    "intermediate_size": 5632,
    "num_hidden_layers": 10,
    "num_attention_heads": 16,
    "num_key_value_heads": 16,
    "vocab_size": 4096,
}


def save_big_checkpoint(directory: Path, **shape: int) -> Config:
    """A Llama in bf16, of SHAPE unless told otherwise."""
    hf_config = {**HF_CONFIG, **SHAPE, **shape}
    config = config_from_hf(hf_config)
    slots = hf_slots(empty_model(config))
    specs = {name: Spec(torch.bfloat16, slot.shape) for name, slot in slots.items()}
    directory.mkdir(parents=True)
    write_sharded(directory, specs, lambda name: torch.randn(specs[name].shape, dtype=torch.bfloat16) * 0.02)
    write_json(directory / "config.json", hf_config)
    return config

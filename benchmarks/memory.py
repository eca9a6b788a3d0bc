"""Measure the memory of loading and training: fp32, bf16, nf4 and int8, with and without activation checkpointing.

    python benchmarks/memory.py

The embedded base, and a model of 60 million random weights that is made on the spot. Prints a table for each, with
ratios to fp32 without checkpointing. Linux, or --device cuda.
"""

import tempfile
from pathlib import Path

from lit_gpt.cli import run_command

# 60 million weights
MEDIUM = {
    "hidden_size": 512,
    "intermediate_size": 1408,
    "num_hidden_layers": 16,
    "num_attention_heads": 8,
    "num_key_value_heads": 8,
    "max_position_embeddings": 2048,
    "vocab_size": 16384,
}


def main(checkpoint_dir: Path = Path("assets/tiny_base"), n_tokens: int = 1024, device: str = "cpu") -> None:
    """Measure.

    Args:
        checkpoint_dir: the smaller model
        n_tokens: length of the row that is trained on, at most the model's context
        device: cpu or cuda
    """
    from lit_gpt.checkpoint import load_config
    from lit_gpt.random_base import write_random_weights
    from lit_gpt.studies.memory import measure_memory

    with tempfile.TemporaryDirectory() as staging:
        medium = Path(staging) / "medium"
        write_random_weights(medium, MEDIUM)
        for directory in (checkpoint_dir, medium):
            config = load_config(directory)
            length = min(n_tokens, config.block_size)
            print(f"{directory.name}: {config.n_parameters / 1e6:.1f} million weights, a row of {length:,} tokens")
            print(measure_memory(directory, length, device), flush=True)


if __name__ == "__main__":
    run_command(main)

"""Convert lit_model.safetensors back to a plain Hugging Face directory.

    python scripts/convert_lit_checkpoint.py --checkpoint_dir checkpoints/ORG/NAME --out_dir checkpoints/again

Prints the directory; it holds the same tensors as the one the checkpoint was converted from, bit for bit.
"""

from pathlib import Path

from lit_gpt.cli import run_command
from lit_gpt.discovery import only_checkpoint


def main(out_dir: Path, checkpoint_dir: Path | None = None) -> Path:
    """Convert.

    Args:
        out_dir: where the Hugging Face directory goes
        checkpoint_dir: the converted checkpoint; the default is the only one under checkpoints/
    """
    from lit_gpt.export import convert_lit_to_hf

    return convert_lit_to_hf(checkpoint_dir or only_checkpoint(), out_dir)


if __name__ == "__main__":
    run_command(main)

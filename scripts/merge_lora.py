"""Merge a LoRA adapter into its base: a plain Hugging Face directory that needs no adapter.

    python scripts/merge_lora.py --adapter_dir out/lora/lima/best --out_dir checkpoints/merged

Prints the directory, which works wherever a --checkpoint_dir is taken.
"""

from pathlib import Path

from lit_gpt.cli import run_command
from lit_gpt.discovery import only_checkpoint


def main(adapter_dir: Path, out_dir: Path, checkpoint_dir: Path | None = None) -> Path:
    """Merge.

    Args:
        adapter_dir: the adapter, such as out/lora/lima/best
        out_dir: where the merged model goes
        checkpoint_dir: the base model; the default is the only one under checkpoints/
    """
    from lit_gpt.loading import merge_adapter

    return merge_adapter(checkpoint_dir or only_checkpoint(), adapter_dir, out_dir)


if __name__ == "__main__":
    run_command(main, aliases={"lora_dir": "adapter_dir"})

"""Train the embedded base model: a Llama of five million weights on documents made by a program.

    python scripts/train_tiny_base.py --out_dir out/tiny_base/model

Hours on two CPU cores, minutes on a GPU. Run again after an interruption, it goes on where it stopped. Prints the
directory of the finished model, a plain Hugging Face directory; the default is the one in the repository.
"""

from pathlib import Path

from lit_gpt.cli import run_command
from lit_gpt.studies.base_settings import BaseSettings


def main(base: BaseSettings) -> Path:
    from lit_gpt.studies.tiny_base import train_tiny_base

    return train_tiny_base(base)


if __name__ == "__main__":
    run_command(main)

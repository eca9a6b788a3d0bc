"""Make a toy to try things on, offline: a tiny base model with random weights and a file of toy instructions.

    python scripts/make_toy.py

Nothing was learnt and nobody wrote the sentences: a program made both. Prints the base model's directory.
"""

import json
import sys
from pathlib import Path

from lit_gpt.cli import run_command
from lit_gpt.errors import UserError


def main(
    checkpoint_dir: Path = Path("checkpoints/toy/random"),
    instructions: Path = Path("toy.jsonl"),
    n_rows: int = 2000,
    seed: int = 0,
) -> Path:
    """Make both.

    Args:
        checkpoint_dir: where the base model goes
        instructions: the file of instructions, one JSON object a line
        n_rows: how many instructions
        seed: the same seed makes the same toy
    """
    from lit_gpt.data.sources.toy import rows
    from lit_gpt.files import write_bytes
    from lit_gpt.random_base import write_random_base

    if n_rows < 1:
        raise UserError(f"--n_rows {n_rows}", "a number above 0", "correct --n_rows")
    toy = list(rows(n_rows, seed))
    text = "".join(json.dumps(row) + "\n" for row in toy).encode()
    if instructions.exists() and instructions.read_bytes() != text:
        raise UserError(f"--instructions {instructions}, which holds something else", "a new file", "choose another")
    instructions.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(instructions, text)
    print(f"{n_rows} toy instructions: {instructions}", file=sys.stderr)
    return write_random_base(checkpoint_dir, ("\n".join(row.values()) for row in toy), seed)


if __name__ == "__main__":
    run_command(main)

"""Get a model from the Hugging Face hub: config, tokenizer, weights, licence; pinned to a commit and checked.

    python scripts/download.py --repo_id EleutherAI/pythia-160m

Run it again after an interruption and it goes on. A gated or private model needs a token in the environment variable
HF_TOKEN. Prints the directory, which works wherever a --checkpoint_dir is taken.
"""

import os
from pathlib import Path

from lit_gpt.cli import run_command


def main(repo_id: str, revision: str = "main", out_dir: Path | None = None) -> Path:
    """Download.

    Args:
        repo_id: the model's name on the hub, ORG/NAME
        revision: a branch, a tag or a commit
        out_dir: where it goes; the default is checkpoints/ORG/NAME
    """
    from lit_gpt.download import download

    return download(repo_id, out_dir, revision, token=os.environ.get("HF_TOKEN"))


if __name__ == "__main__":
    run_command(main)

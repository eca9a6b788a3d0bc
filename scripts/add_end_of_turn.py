"""Give a base model an end-of-turn token of its own, as LIMA does: a copy of the checkpoint that knows it.

    python scripts/add_end_of_turn.py --checkpoint_dir checkpoints/ORG/NAME --out_dir checkpoints/ORG/NAME-eot

Prints the copy, which works wherever a --checkpoint_dir is taken. Its chat template writes every utterance with the
token after it; prepare the data for the copy. LoRA trains the token's rows with --lora_tokens '<|end_of_turn|>'.
"""

from pathlib import Path

from lit_gpt.cli import run_command
from lit_gpt.discovery import only_checkpoint

TOKEN = "<|end_of_turn|>"  # noqa: S105 (no secret); lit_gpt/end_of_turn.py, which needs torch


def main(out_dir: Path, checkpoint_dir: Path | None = None, token: str = TOKEN) -> Path:
    """Add it.

    Args:
        out_dir: where the copy goes
        checkpoint_dir: the base model; the default is the only one under checkpoints/
        token: the text of the token
    """
    from lit_gpt.end_of_turn import add_end_of_turn

    return add_end_of_turn(checkpoint_dir or only_checkpoint(), out_dir, token)


if __name__ == "__main__":
    run_command(main)

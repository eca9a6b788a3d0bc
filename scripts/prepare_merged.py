"""Merge prepared data sets: duplicates joined, validation kept apart, a mixture by rows, tokens or temperature.

    python scripts/prepare_merged.py --sources lima dolly --weights 1 3 --checkpoint_dir checkpoints/ORG/NAME \
        --budget_tokens 1000000

Sources are names under data/, or folders. Writes the examples to data/merged and, given a checkpoint, their tokens.
"""

from pathlib import Path

from lit_gpt.cli import run_command
from lit_gpt.data.merge_settings import MergeSettings
from lit_gpt.tokens.settings import TokenSettings


def main(merge: MergeSettings, tokens: TokenSettings) -> Path:
    from lit_gpt.discovery import named_data_sets
    from lit_gpt.tokens.merge import merge as merge_and_encode

    return merge_and_encode(named_data_sets(merge.sources), merge, tokens)


if __name__ == "__main__":
    run_command(main, aliases={"override_max_seq_length": "max_seq_length"})

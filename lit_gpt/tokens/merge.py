"""Merging prepared sets by tokens: each source is encoded as for training, so a budget counts what training sees."""

from functools import partial
from pathlib import Path

import numpy as np

from lit_gpt.data.merge import merge_sets
from lit_gpt.data.merge_settings import MergeSettings
from lit_gpt.data.store import count_examples
from lit_gpt.errors import UserError
from lit_gpt.tokens.prepare import context_length, encode_set
from lit_gpt.tokens.settings import TokenSettings
from lit_gpt.tokens.store import mark_prepared


def merge(data_dirs: list[Path], settings: MergeSettings, tokens: TokenSettings) -> Path:
    """Write the merged ExampleSet, and with a checkpoint its TokenSet too; returns the ExampleSet's directory."""
    if tokens.checkpoint_dir is not None:
        context_length(tokens.checkpoint_dir)
    elif settings.needs_tokens:
        got = "a mixture of tokens without --checkpoint_dir"
        raise UserError(got, "the checkpoint whose tokenizer counts them", "pass --checkpoint_dir checkpoints/ORG/NAME")
    data_dir = merge_sets(data_dirs, settings, partial(count_tokens, tokens=tokens))
    if tokens.checkpoint_dir is not None:
        mark_prepared(encode_set(data_dir, tokens).directory)
    return data_dir


def count_tokens(data_dir: Path, split: str, tokens: TokenSettings) -> np.ndarray:
    """Tokens of each row of a split as it is trained on, int64 (n_rows,); 0 for a row that has no place."""
    encoded = encode_set(data_dir, tokens).split(split)
    counts = np.zeros(count_examples(data_dir, split), np.int64)
    counts[encoded.rows] = encoded.lengths
    return counts

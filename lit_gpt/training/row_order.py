"""From `--order` to the order of a run's rows, and how often each source is seen in it."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from lit_gpt.data.order_kinds import BY_GROUP, BY_LENGTH, BY_SCORE
from lit_gpt.data.ordering import Ordering, column_values, group_numbers, is_general, read_scores
from lit_gpt.tokens.store import TokenRows
from lit_gpt.training.settings import RunSettings


def ordering_of(settings: RunSettings, data_dir: Path, tokens: TokenRows) -> Ordering:
    """The ordering asked for, over the training rows that have tokens."""
    return Ordering(settings.order, _keys(settings, data_dir, tokens))


def _keys(settings: RunSettings, data_dir: Path, tokens: TokenRows) -> np.ndarray:
    if settings.order in BY_GROUP:
        return group_numbers(column_values(data_dir, tokens.rows, settings.order_by))
    if settings.order in BY_LENGTH:
        return tokens.lengths
    if settings.order in BY_SCORE:
        assert settings.score_table is not None
        hashes = column_values(data_dir, tokens.rows, "content_hash")
        return read_scores(settings.score_table, settings.score_column, hashes)
    if settings.order == "specialised_first":
        return is_general(column_values(data_dir, tokens.rows, "source"), settings.specialised)
    return np.zeros(len(tokens), np.int64)


def description(ordering: Ordering) -> dict[str, Any] | None:
    """What decides the order besides the seed, for a manifest; None for the usual one."""
    if ordering.kind == "shuffled":
        return None
    keys = np.ascontiguousarray(ordering.keys).astype("<f8").tobytes()
    return {"kind": ordering.kind, "keys_sha256": hashlib.sha256(keys).hexdigest()}


def seen_by_source(data_dir: Path, tokens: TokenRows, times: np.ndarray) -> dict[str, dict[str, float]]:
    """For each source its rows that differ, how often these are seen together, and each on average.

    times: how often each training row is seen, int64 (n_rows,).
    """
    sources = np.array(column_values(data_dir, tokens.rows, "source"), object)
    hashes = np.array(column_values(data_dir, tokens.rows, "content_hash"), object)
    found: dict[str, dict[str, float]] = {}
    for source in sorted(set(sources)):
        its = sources == source
        n_rows, n_seen = len(set(hashes[its])), int(times[its].sum())
        found[source] = {"rows": n_rows, "seen": n_seen, "times_each": round(n_seen / n_rows, 3)}
    return found

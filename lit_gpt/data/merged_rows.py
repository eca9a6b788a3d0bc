"""Every row of the sets to be merged, in a few numbers: which words, which side, how many tokens, what becomes of it.

Rows are numbered in the order they are read: set by set, train before validation. Some 50 bytes a row.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from lit_gpt.data.split import is_validation
from lit_gpt.data.store import SPLITS, count_examples, read_columns, read_examples
from lit_gpt.example import Example
from lit_gpt.progress import bar, watched
from lit_gpt.seeds import derive_seed

CountTokens = Callable[[Path, str], np.ndarray]  # (set, split) -> tokens of each row, 0 for a row without place
WRITTEN, *REASONS_TO_DROP = FATES = (
    "written",
    "exact_duplicate",
    "near_duplicate_of_validation",
    "over_long",
    "not_drawn",
)
HASH = np.dtype([("high", "<u8"), ("low", "<u8")])  # half of a SHA-256: two of a million rows meet by chance in 10^-26


@dataclass
class MergedRows:
    """Arrays of one number a row, (n_rows,).

    set_number: int32; hashes: HASH; draw_key: uint64, the order of drawing; held_out: bool; n_tokens: int64;
    fate: uint8, a place in FATES; times: int64, how often the row is written
    """

    set_number: np.ndarray
    hashes: np.ndarray
    draw_key: np.ndarray
    held_out: np.ndarray
    n_tokens: np.ndarray
    fate: np.ndarray
    times: np.ndarray

    @cached_property
    def first_of(self) -> np.ndarray:
        """For each row the number of the first one that says the same."""
        _, first, group = np.unique(self.hashes, return_index=True, return_inverse=True)
        return first[group]

    @property
    def trains(self) -> np.ndarray:
        """The rows that are neither dropped so far nor held out, bool."""
        return (self.fate == 0) & ~self.held_out

    def drop(self, rows: np.ndarray, reason: str) -> None:
        """Drop these rows, bool (n_rows,), unless they are dropped already."""
        rows = rows & (self.fate == 0)
        self.fate[rows], self.times[rows] = FATES.index(reason), 0


def scan(data_dirs: Sequence[Path], seed: int, fraction: float, count_tokens: CountTokens | None) -> MergedRows:
    """Number the rows, hash by hash. Without `count_tokens` each row counts as one token."""
    set_numbers, hashes, keys, held_out, tokens = [], [], [], [], []
    for number, data_dir in enumerate(data_dirs):
        for split in SPLITS:
            n_rows, found = count_examples(data_dir, split), _hashes(data_dir, split)
            read = [(each[:32], derive_seed("mix", seed, each), is_validation(each, seed, fraction)) for each in found]
            halves = b"".join(bytes.fromhex(half) for half, _, _ in read)
            hashes.append(np.frombuffer(halves, HASH))
            keys.append(np.array([key for _, key, _ in read], np.uint64))
            held_out.append(np.array([side for _, _, side in read], bool))
            set_numbers.append(np.full(n_rows, number, np.int32))
            tokens.append(np.ones(n_rows, np.int64) if count_tokens is None else count_tokens(data_dir, split))
    n = sum(map(len, set_numbers))
    return MergedRows(
        set_number=np.concatenate(set_numbers),
        hashes=np.concatenate(hashes),
        draw_key=np.concatenate(keys),
        held_out=np.concatenate(held_out),
        n_tokens=np.concatenate(tokens),
        fate=np.zeros(n, np.uint8),
        times=np.ones(n, np.int64),
    )


def _hashes(data_dir: Path, split: str) -> Iterator[str]:
    for batch in read_columns(data_dir, split, ("content_hash",)):
        yield from batch.column("content_hash").to_pylist()


def numbered_columns(
    data_dirs: Sequence[Path], columns: tuple[str, ...], wanted: np.ndarray, doing: str
) -> Iterator[tuple[Any, ...]]:
    """The numbers of these rows (ascending) with some columns of each; the other rows never become objects."""
    places = [(data_dir, split) for data_dir in data_dirs for split in SPLITS] if len(wanted) else []
    batches = (batch for place in places for batch in read_columns(*place, columns))
    first = 0
    with bar(len(wanted), doing, "row") as progress:
        for batch in batches:
            low, high = np.searchsorted(wanted, (first, first + batch.num_rows))
            rows = batch.take(wanted[low:high] - first).to_pydict().values()
            yield from zip(wanted[low:high].tolist(), *rows, strict=True)
            progress.update(high - low)
            first += batch.num_rows


def numbered(data_dirs: Sequence[Path], doing: str) -> Iterator[tuple[int, Path, str, Example]]:
    """Every row with its number, set and split."""
    places = [(data_dir, split) for data_dir in data_dirs for split in SPLITS]
    rows = ((*place, example) for place in places for example in read_examples(*place))
    total = sum(count_examples(*place) for place in places)
    for number, row in enumerate(watched(rows, doing, "row", total)):
        yield number, *row

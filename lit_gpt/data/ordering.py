"""The order in which rows are seen in an epoch: a permutation that follows from the seed, the epoch and the rows.

    shuffled              at random, another way each epoch
    stored                as the rows lie in the set
    grouped               source by source or category by category; groups and the rows in them shuffled each epoch
    interleaved           every group spread evenly over the epoch, by other rows and with another beat each epoch
    short_to_long         by tokens; equal ones at random          long_to_short
    easy_to_hard          by a score, lowest first; equal ones at random     hard_to_easy   highest first
    specialised_first     the sources named specialised, then the general rest; each shuffled (DMT, arXiv 2310.05492,
                          without its replay of special rows in the second stage)

Random numbers are NumPy's PCG64, seeded by derive_seed; the golden orders in the tests are the same on every machine.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lit_gpt.data.order_kinds import BY_GROUP, FALLING, Kind
from lit_gpt.data.store import read_columns
from lit_gpt.errors import UserError
from lit_gpt.seeds import derive_seed


@dataclass(frozen=True, eq=False)
class Ordering:
    """A kind, and a number a row: its length or score, or which group it is of, counted in order of name.

    keys: (n_rows,); not looked at by `shuffled` and `stored`.
    """

    kind: Kind
    keys: np.ndarray

    def permutation(self, seed: int, epoch: int) -> np.ndarray:
        """The rows in this epoch's order, int64 (n_rows,)."""
        generator = np.random.default_rng(derive_seed(seed, "order", epoch))
        shuffled = generator.permutation(len(self.keys))
        if self.kind == "shuffled":
            return shuffled
        if self.kind == "stored":
            return np.arange(len(self.keys))
        keys = self.keys[shuffled]
        if self.kind in BY_GROUP:
            keys = _group_places(self.kind, keys, generator)
        return shuffled[np.argsort(-keys if self.kind in FALLING else keys, kind="stable")]


def _group_places(kind: Kind, groups: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """For each row a number to sort by: its group's turn, or its own place among the rows of all groups."""
    sizes = np.bincount(groups)
    if kind == "grouped":
        return generator.permutation(len(sizes))[groups]
    by_group = np.argsort(groups, kind="stable")
    rank = np.empty(len(groups), np.int64)
    rank[by_group] = np.arange(len(groups)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return (rank + generator.random(len(groups))) / sizes[groups]  # anywhere in its own stretch of the epoch


def column_values(data_dir: Path, rows: np.ndarray, column: str) -> list[str]:
    """A text column of the training rows at these places: source, category or content_hash."""
    values: list[str] = []
    for batch in read_columns(data_dir, "train", ("provenance" if column == "source" else column,)):
        found = batch.column(0).field("source") if column == "source" else batch.column(0)
        values += found.to_pylist()
    return [values[row] for row in rows.tolist()]


def group_numbers(values: Sequence[str]) -> np.ndarray:
    """Each value's place among the distinct ones, in order of name."""
    return np.unique(np.array(values, object).astype(str), return_inverse=True)[1]


def is_general(sources: Sequence[str], specialised: Sequence[str]) -> np.ndarray:
    """0 for rows of the specialised sources and 1 for the others; UserError where that parts nothing."""
    if unknown := sorted(set(specialised) - set(sources)):
        got = f"--specialised {', '.join(unknown)}"
        raise UserError(got, f"sources of the training rows: {', '.join(sorted(set(sources)))}", "correct the name")
    general = np.array([source not in specialised for source in sources])
    if not general.any():
        raise UserError("every source specialised", "some that are general", "name fewer")
    return general.astype(np.int64)


def read_scores(table: Path, column: str, hashes: Sequence[str]) -> np.ndarray:
    """The score of each content hash, float64; UserError for a missing table or column, or a row without score."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        read = pq.read_table(table, columns=["content_hash", column])
    except (OSError, pa.ArrowException) as error:
        expected = f"a parquet file with the columns content_hash and {column}"
        raise UserError(f"--score_table {table}, which cannot be read ({error})", expected, "check it") from None
    scores = dict(zip(read["content_hash"].to_pylist(), read[column].to_pylist(), strict=True))
    found = [scores.get(each) for each in hashes]
    missing = sum(score is None or score != score for score in found)
    if missing:
        got = f"{missing:,} of {len(found):,} training rows without {column} in {table}"
        raise UserError(got, "a score for every row, by its content hash", "score the rest, or leave those rows out")
    return np.array(found, np.float64)

"""The rows of a prepared set that are still in the running: an ExampleSet with some rows left out, never changed.

Texts stay on disk and stream by; in memory are an id and a content hash for each row of the pool.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lit_gpt.data.store import read_columns, read_examples
from lit_gpt.example import Example


@dataclass(frozen=True)
class Pool:
    """A prepared set's training rows: `ids` and `hashes` (of their content) in the order of the file."""

    data_dir: Path
    ids: tuple[str, ...]
    hashes: tuple[str, ...]

    @classmethod
    def of(cls, data_dir: Path) -> "Pool":
        ids: list[str] = []
        hashes: list[str] = []
        for batch in read_columns(data_dir, "train", ("id", "content_hash")):
            ids += batch.column("id").to_pylist()
            hashes += batch.column("content_hash").to_pylist()
        return cls(data_dir, tuple(ids), tuple(hashes))

    @property
    def rows(self) -> "Rows":
        return Rows(self, np.arange(len(self.ids)))


@dataclass(frozen=True)
class Rows:
    """Part of a pool: `numbers` (N,), ascending, count the pool's rows from 0. Can be gone through again and again."""

    pool: Pool
    numbers: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.numbers)

    def __iter__(self) -> Iterator[Example]:
        wanted = np.zeros(len(self.pool.ids), dtype=bool)
        wanted[self.numbers] = True
        return read_examples(self.pool.data_dir, numbers=wanted)

    @property
    def ids(self) -> list[str]:
        return [self.pool.ids[number] for number in self.numbers]

    @property
    def hashes(self) -> list[str]:
        return [self.pool.hashes[number] for number in self.numbers]

    def without(self, ids: Collection[str]) -> "Rows":
        gone = set(ids)
        stays = np.fromiter((self.pool.ids[number] not in gone for number in self.numbers), bool, len(self))
        return Rows(self.pool, self.numbers[stays])

    def at(self, places: Collection[int]) -> "Rows":
        """The rows at these places of this part."""
        return Rows(self.pool, self.numbers[sorted(places)])

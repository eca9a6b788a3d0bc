"""Which rows an optimizer step sees, and how they are laid out: pure functions of (seed, epoch, step) and the ordering.

An optimizer step takes `batch_size` rows, the next ones in the epoch's order; every row once per epoch, the last
step of an epoch takes what is left. Or an epoch is divided evenly into a number of steps, which is how data sets of
unlike rows are trained equally long. The step's rows are packed best-fit into blocks of `max_seq_length` tokens and
the blocks put end to end into micro-batches, so packing never changes which rows meet in a step.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from lit_gpt.data.ordering import Ordering
from lit_gpt.tokens.pack import pack
from lit_gpt.tokens.store import TokenRows


@dataclass(frozen=True)
class MicroBatch:
    """Documents end to end, without padding. ids and is_target are (T,); `rows` names the documents."""

    ids: np.ndarray
    is_target: np.ndarray
    doc_lengths: list[int]
    rows: list[int]

    @property
    def doc_targets(self) -> list[int]:
        """How many targets each document has."""
        begins = np.cumsum([0, *self.doc_lengths[:-1]])
        return np.add.reduceat(self.is_target, begins, dtype=np.int64).tolist()


@dataclass(frozen=True)
class Order:
    """The order of `n_rows` rows over epochs; without an ordering they are shuffled.

    n_steps: the steps of an epoch, in the place of a batch size; ValueError for more than there are rows
    """

    n_rows: int
    batch_size: int
    seed: int
    ordering: Ordering | None = None
    n_steps: int | None = None

    def __post_init__(self) -> None:
        if self.n_steps is not None and self.n_steps > self.n_rows:
            raise ValueError(f"{self.n_steps} steps of {self.n_rows} rows")

    @property
    def steps_per_epoch(self) -> int:
        return self.n_steps or -(-self.n_rows // self.batch_size)

    def n_before(self, step: int) -> int:
        """How many rows of its epoch come before a step (from 0, counted in its epoch)."""
        n_rows = step * self.n_rows // self.n_steps if self.n_steps else step * self.batch_size
        return min(n_rows, self.n_rows)

    def epoch_of(self, step: int) -> int:
        """The epoch (from 0) in which optimizer step `step` (from 0) lies."""
        return step // self.steps_per_epoch

    def permutation(self, epoch: int) -> np.ndarray:
        """The rows in this epoch's order."""
        return _permutation(self, epoch)

    def rows_of(self, step: int) -> list[int]:
        """The rows of optimizer step `step` (from 0)."""
        place = step % self.steps_per_epoch
        return self.permutation(self.epoch_of(step))[self.n_before(place) : self.n_before(place + 1)].tolist()

    def times_seen(self, n_steps: int) -> np.ndarray:
        """How often each row is seen in the first `n_steps` optimizer steps, int64 (n_rows,)."""
        n_epochs, rest = divmod(n_steps, self.steps_per_epoch)
        times = np.full(self.n_rows, n_epochs, np.int64)
        times[self.permutation(n_epochs)[: self.n_before(rest)]] += 1
        return times


@lru_cache(maxsize=2)
def _permutation(order: Order, epoch: int) -> np.ndarray:
    ordering = order.ordering or Ordering("shuffled", np.zeros(order.n_rows, np.int64))
    return ordering.permutation(order.seed, epoch)


def micro_batches(
    tokens: TokenRows, rows: Sequence[int], block_tokens: int, blocks_per_micro_batch: int
) -> Iterator[MicroBatch]:
    """The rows packed into blocks of `block_tokens`, so many blocks to a micro-batch."""
    blocks = pack([len(tokens[row][0]) for row in rows], block_tokens)
    for first in range(0, len(blocks), blocks_per_micro_batch):
        chosen = [rows[i] for block in blocks[first : first + blocks_per_micro_batch] for i in block]
        yield _join(tokens, chosen)


def _join(tokens: TokenRows, rows: list[int]) -> MicroBatch:
    ids, is_target = zip(*(tokens[row] for row in rows), strict=True)
    return MicroBatch(
        np.concatenate(ids).astype(np.int64),
        np.concatenate(is_target).astype(bool),
        [len(document) for document in ids],
        rows,
    )


def count_targets(tokens: TokenRows, rows: Sequence[int]) -> int:
    return sum(int(tokens[row][1].sum()) for row in rows)

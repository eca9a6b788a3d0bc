"""Order and layout: every row once per epoch, whatever the sizes, and a function of (seed, epoch, step) alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_gpt.tokens.loader import Order, count_targets, micro_batches
from lit_gpt.tokens.store import TokenRows


def token_rows(lengths: list[int]) -> TokenRows:
    """Row r holds the ids 100 r, 100 r + 1, ...; all but the first are targets."""
    ids = [100 * row + i for row, n in enumerate(lengths) for i in range(n)]
    targets = [i > 0 for n in lengths for i in range(n)]
    offsets = np.cumsum([0, *lengths])
    return TokenRows(np.array(ids, np.uint16), np.array(targets, np.uint8), offsets, np.arange(len(lengths)))


@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 3))
def test_every_row_once_per_epoch(n_rows: int, batch_size: int, epoch: int) -> None:
    order = Order(n_rows, batch_size, seed=7)
    steps = range(epoch * order.steps_per_epoch, (epoch + 1) * order.steps_per_epoch)
    assert {order.epoch_of(step) for step in steps} == {epoch}
    assert sorted(row for step in steps for row in order.rows_of(step)) == list(range(n_rows))


@given(st.data(), st.integers(1, 60), st.integers(0, 3))
def test_an_epoch_is_divided_evenly(data: st.DataObject, n_rows: int, epoch: int) -> None:
    n_steps = data.draw(st.integers(1, n_rows))
    order = Order(n_rows, 999, seed=7, n_steps=n_steps)
    steps = [order.rows_of(step) for step in range(epoch * n_steps, (epoch + 1) * n_steps)]
    assert sorted(row for rows in steps for row in rows) == list(range(n_rows))
    assert {len(rows) for rows in steps} <= {n_rows // n_steps, -(-n_rows // n_steps)}
    cut = data.draw(st.integers(0, n_steps))
    seen = np.bincount([row for rows in steps[:cut] for row in rows], minlength=n_rows) + epoch
    assert (order.times_seen(epoch * n_steps + cut) == seen).all()


def test_more_steps_than_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="5 steps of 4 rows"):
        Order(4, 2, seed=0, n_steps=5)


def test_the_order_is_a_function_of_seed_epoch_and_step() -> None:
    order = Order(1000, 10, seed=1)
    assert order.rows_of(123) == Order(1000, 10, seed=1).rows_of(123)
    assert order.rows_of(0) != Order(1000, 10, seed=2).rows_of(0)
    assert order.rows_of(0) != order.rows_of(100), "another epoch, another order"


def test_the_order_does_not_change_between_versions() -> None:
    assert Order(8, 4, seed=1337).rows_of(0) == [2, 1, 7, 4]


@pytest.mark.parametrize("blocks_per_micro_batch", [1, 2, 100])
def test_micro_batches_hold_the_rows_end_to_end(blocks_per_micro_batch: int) -> None:
    lengths = [5, 3, 8, 2, 7, 4, 6]
    tokens, rows = token_rows(lengths), [6, 0, 3, 5, 2]
    batches = list(micro_batches(tokens, rows, block_tokens=8, blocks_per_micro_batch=blocks_per_micro_batch))
    assert sorted(row for batch in batches for row in batch.rows) == sorted(rows)
    for batch in batches:
        assert batch.doc_lengths == [lengths[row] for row in batch.rows]
        assert batch.ids.tolist() == [100 * row + i for row in batch.rows for i in range(lengths[row])]
        assert batch.is_target.tolist() == [i > 0 for row in batch.rows for i in range(lengths[row])]
        assert len(batch.ids) <= 8 * blocks_per_micro_batch
    assert count_targets(tokens, rows) == sum(int(batch.is_target.sum()) for batch in batches)

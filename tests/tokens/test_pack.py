"""Packing loses nothing, overfills nothing, and fills well."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_gpt.tokens.pack import pack


@given(st.lists(st.integers(1, 50), max_size=200), st.integers(50, 120))
def test_a_partition_within_capacity(lengths: list[int], capacity: int) -> None:
    blocks = pack(lengths, capacity)
    assert sorted(i for block in blocks for i in block) == list(range(len(lengths)))
    fills = [sum(lengths[i] for i in block) for block in blocks]
    assert all(fill <= capacity for fill in fills)
    # best fit opens a block only when none has room: no two blocks could be joined
    assert sorted(fills)[:2] == [] or sum(sorted(fills)[:2]) > capacity or len(fills) == 1


def test_best_fit_takes_the_tightest_block() -> None:
    # 6 leaves 4, 7 leaves 3; the 3 goes where it fits exactly, the 4 into the other
    assert [sorted(block) for block in pack([6, 3, 7, 4], 10)] == [[1, 2], [0, 3]]


def test_fills_999_in_1000_on_instruction_lengths() -> None:
    rng = np.random.default_rng(0)
    lengths = np.clip(rng.lognormal(np.log(250) - 0.405, 0.9, 15_000), 16, 1024).astype(int).tolist()
    blocks = pack(lengths, 2048)
    assert sum(lengths) / (len(blocks) * 2048) > 0.999


def test_a_row_longer_than_a_block_is_our_mistake() -> None:
    with pytest.raises(AssertionError):
        pack([11], 10)

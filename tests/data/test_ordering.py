"""Every order is a permutation, a function of seed and epoch, and does what its name says."""

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_gpt.data.order_kinds import Kind
from lit_gpt.data.ordering import Ordering, group_numbers, is_general, read_scores
from lit_gpt.errors import UserError

KINDS = Kind.__args__
GROUPS = st.lists(st.integers(0, 4), min_size=1, max_size=80)


@given(GROUPS, st.sampled_from(KINDS), st.integers(0, 5), st.integers(0, 3))
def test_reordering_is_a_permutation(groups, kind, seed, epoch):
    keys = np.unique(groups, return_inverse=True)[1]
    ordering = Ordering(kind, keys)
    order = ordering.permutation(seed, epoch)
    assert sorted(order.tolist()) == list(range(len(groups)))
    assert order.tolist() == Ordering(kind, keys.copy()).permutation(seed, epoch).tolist()


# SHA-256 of the first three epochs, seed 1337, over the keys below: the same on every machine
GOLDEN = {
    "shuffled": "76a56df35c075edd",
    "stored": "99033ddb50f9eefc",
    "grouped": "3c0c8645d7850d08",
    "interleaved": "c33913c9796e5ddc",
    "short_to_long": "19ac83803c640033",
    "long_to_short": "4fea156dcbb4379e",
    "easy_to_hard": "19ac83803c640033",
    "hard_to_easy": "4fea156dcbb4379e",
    "specialised_first": "19ac83803c640033",
}


def keys():
    return np.array([i * i % 7 for i in range(200)])


def digest(kind):
    ordering = Ordering(kind, group_numbers([str(key) for key in keys()]))
    epochs = np.concatenate([ordering.permutation(1337, epoch) for epoch in range(3)])
    return hashlib.sha256(epochs.astype("<i8").tobytes()).hexdigest()[:16]


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_is_the_same_on_every_machine(kind):
    assert digest(kind) == GOLDEN[kind]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "stored"])
def test_each_epoch_has_its_own_order(kind):
    ordering = Ordering(kind, group_numbers([str(key) for key in keys()]))
    assert ordering.permutation(1, 0).tolist() != ordering.permutation(1, 1).tolist()
    assert ordering.permutation(1, 0).tolist() != ordering.permutation(2, 0).tolist()


def test_short_and_long_easy_and_hard():
    lengths = keys()
    for kind, sign in (("short_to_long", 1), ("long_to_short", -1), ("easy_to_hard", 1), ("hard_to_easy", -1)):
        ordered = sign * lengths[Ordering(kind, lengths).permutation(5, 0)]
        assert (np.diff(ordered) >= 0).all(), kind


def test_groups_stay_together():
    groups = keys()
    ordered = groups[Ordering("grouped", group_numbers([str(g) for g in groups])).permutation(5, 0)]
    assert np.count_nonzero(np.diff(ordered)) == len(set(groups)) - 1


def test_interleaving_spreads_every_group_and_changes_its_beat():
    groups = group_numbers(["a"] * 300 + ["b"] * 100 + ["c"] * 20)
    ordering = Ordering("interleaved", groups)
    epochs = [groups[ordering.permutation(5, epoch)] for epoch in range(4)]
    for epoch in epochs:
        for first in range(0, 420, 42):  # a tenth of the epoch holds a tenth of every group
            counts = np.bincount(epoch[first : first + 42], minlength=3)
            assert abs(counts - [30, 10, 2]).max() <= 2
    patterns = {tuple(epoch.tolist()) for epoch in epochs}
    assert len(patterns) == len(epochs), "another pattern of sources in each epoch, not other rows alone"


def test_specialised_before_general():
    sources = ["math", "lima", "code", "dolly", "math"]
    general = is_general(sources, ["math", "code"])
    order = Ordering("specialised_first", general).permutation(0, 0)
    assert {sources[row] for row in order[:3]} == {"math", "code"}
    with pytest.raises(UserError, match="maths"):
        is_general(sources, ["maths"])
    with pytest.raises(UserError, match="every source"):
        is_general(sources, ["math", "lima", "code", "dolly"])


def test_scores_are_found_by_content(tmp_path):
    table = tmp_path / "scores.parquet"
    pq.write_table(pa.table({"content_hash": ["b", "a", "c"], "score": [2.0, 1.0, None]}), table)
    assert read_scores(table, "score", ["a", "b", "a"]).tolist() == [1.0, 2.0, 1.0]
    for hashes, column in ((["a", "x"], "score"), (["c"], "score"), (["a"], "quality")):
        with pytest.raises(UserError):
            read_scores(table, column, hashes)

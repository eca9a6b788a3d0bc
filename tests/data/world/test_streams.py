"""A world follows from its seed: any row alone, in any process, for any number of rows, in flat memory."""

import hashlib
import os
import subprocess
import sys
import tracemalloc
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lit_gpt.data.world.documents import VOLUME_CHARS, documents, volumes
from lit_gpt.data.world.pool import World
from tests.data.world.pools import N_TESTS, held_out, pool

ROOT = Path(__file__).resolve().parents[3]
SEEDS = st.integers(0, 2**31)
FLAT_BYTES = 3_000_000  # a row is about a kilobyte: 20,000 kept would be seven times as much
DIGEST = """
from tests.data.world.test_streams import digest
print(digest())
"""


def digest() -> str:
    """Of rows of every sort: sound, spoilt, final, tests, documents and volumes of them."""
    worlds = [World(7, 0.1, 300, 60, has_defects, is_final) for has_defects in (0, 1) for is_final in (0, 1)]
    rows = [(row.messages, row.split, row.group, row.defect) for world in worlds for row in world.rows()]
    texts = [*islice(documents(7), 100), *islice(volumes(7), 3)]
    return hashlib.sha256(repr([rows, texts]).encode()).hexdigest()


@given(SEEDS, st.integers(0, 2_000), st.integers(1, 10**9), st.booleans(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_a_row_follows_from_the_seed_and_its_number(seed, number, n_rows, has_defects, is_final):
    few = World(seed, 0.1, 1, N_TESTS, has_defects, is_final).row(number)
    many = World(seed, 0.1, n_rows, N_TESTS, has_defects, is_final).row(number)
    assert few == many


@pytest.mark.parametrize(("has_defects", "is_final"), [(False, False), (True, False), (True, True)])
def test_another_seed_gives_other_rows(has_defects, is_final):
    one, other = (pool(seed, has_defects, is_final) for seed in (1, 2))
    assert sum(a.messages == b.messages for a, b in zip(one, other, strict=True)) <= len(one) // 200
    assert pool(1, has_defects, is_final) == pool.__wrapped__(1, has_defects, is_final)


def test_a_final_pool_is_no_longer_form_of_the_first():
    assert (
        sum(a.messages == b.messages for a, b in zip(pool(1), pool(1, is_final=True), strict=True))
        <= len(pool(1)) // 200
    )


def test_tests_are_the_same_for_every_seed_and_others_in_the_final_world():
    for is_final in (False, True):
        for seed in (1, 2):
            made = list(World(seed, 0.3, 1, 300, has_defects=seed == 2, is_final=is_final).rows())[1:]
            assert tuple(made) == held_out(is_final)[:300]
    shared = {row.messages for row in held_out()} & {row.messages for row in held_out(is_final=True)}
    assert len(shared) <= N_TESTS // 50, "no more than small numbers make by chance"


def test_spoilt_and_sound_pools_share_their_sound_rows():
    pairs = list(zip(pool(3, has_defects=True), pool(3), strict=True))
    assert all(spoilt == sound for spoilt, sound in pairs if not spoilt.defect)
    assert sum(not spoilt.defect for spoilt, _ in pairs) > len(pairs) / 3


@pytest.mark.parametrize("hash_seed", ["0", "1"])
def test_processes_with_other_hash_seeds_agree(hash_seed):
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run([sys.executable, "-c", DIGEST], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == digest()


@pytest.mark.parametrize("n_rows", [4_000, pytest.param(200_000, marks=pytest.mark.slow)])
def test_memory_stays_flat(n_rows):
    """Of the rows to train on; the tests are kept, as many as there are."""
    held_out(is_final=True)
    rows = World(1, 0.1, n_rows, N_TESTS, has_defects=True, is_final=True).rows()
    next(rows)
    tracemalloc.start()
    try:
        n_seen = sum(1 for _ in rows)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert n_seen == n_rows + N_TESTS - 1
    assert peak_bytes < FLAT_BYTES, peak_bytes


def test_volumes_are_the_documents_bound_together():
    bound = "\n\n".join(islice(volumes(5), 20))
    assert "\n\n".join(islice(documents(5), 2_000)).startswith(f"{bound}\n\n")
    for volume in islice(volumes(5), 20):
        assert len(volume) >= VOLUME_CHARS
    assert min(map(len, islice(volumes(5), 20))) < 2 * VOLUME_CHARS

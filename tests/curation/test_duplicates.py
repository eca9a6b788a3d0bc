"""Duplicates: MinHash against datasketch, pairs against all pairs, vectors against all pairs."""

import random
from pathlib import Path

import numpy as np
import pytest
from datasketch import MinHash, MinHashLSH

from lit_gpt.curation.run import curate
from lit_gpt.curation.selection.redundancy import judged_in_order
from lit_gpt.data.near_duplicates import (
    Bands,
    NearIndex,
    character_shingles,
    jaccard,
    near_duplicates,
    signatures_of,
    word_shingles,
)
from lit_gpt.data.store import read_examples
from tests.curation.pools import WORDS, ledger, prepare, recipe, settings

SHINGLE = word_shingles(2)


def texts(n: int, seed: int) -> list[str]:
    """n texts, some of them another one with words changed."""
    draw, found = random.Random(seed), list[str]()
    for _ in range(n):
        words = draw.choices(WORDS, k=draw.randint(8, 25))
        if found and draw.random() < 0.5:
            words = draw.choice(found).split()
            for _ in range(draw.randint(0, 4)):
                words[draw.randrange(len(words))] = draw.choice(WORDS)
        found.append(" ".join(words))
    return found


def all_pairs(found: list[str], threshold: float) -> dict[int, float]:
    """The definition: each text against every earlier one that is kept."""
    sets, kept, dropped = [SHINGLE(text) for text in found], list[int](), dict[int, float]()
    for place, own in enumerate(sets):
        best = max((jaccard(own, sets[other]) for other in kept), default=0.0)
        if best >= threshold:
            dropped[place] = best
        else:
            kept.append(place)
    return dropped


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.9])
def test_near_duplicates_are_those_of_all_pairs(threshold: float) -> None:
    found = texts(300, 4)
    matches = {match.place: match.similarity for match in near_duplicates(lambda: found, threshold, SHINGLE)}
    expected = all_pairs(found, threshold)
    assert len(expected) > 20 and min(matches.values()) >= threshold
    missed = expected.keys() - matches.keys()
    assert len(missed) <= 0.03 * len(expected), "the curve promises 99 % at the threshold"


def test_signatures_estimate_as_well_as_datasketchs() -> None:
    found = texts(80, 2)
    ours = signatures_of(found, SHINGLE)
    theirs = []
    for text in found:
        theirs.append(MinHash(num_perm=128))
        theirs[-1].update_batch([shingle.encode() for shingle in SHINGLE(text)])
    pairs = [(i, j) for i in range(80) for j in range(i)]
    exact = np.array([jaccard(SHINGLE(found[i]), SHINGLE(found[j])) for i, j in pairs])
    errors = {
        "ours": np.array([(ours[i] == ours[j]).mean() for i, j in pairs]) - exact,
        "theirs": np.array([theirs[i].jaccard(theirs[j]) for i, j in pairs]) - exact,
    }
    assert np.abs(errors["ours"]).mean() <= 1.5 * np.abs(errors["theirs"]).mean()
    assert np.abs(errors["ours"]).max() < 0.25


def test_the_index_finds_what_datasketchs_finds() -> None:
    """Same bands: what theirs brings together and is alike, ours finds, but for the luck of the permutations."""
    known, asked = texts(150, 5), texts(400, 5)[150:]
    bands = Bands.for_threshold(0.6)
    lsh = MinHashLSH(num_perm=128, params=(bands.n_bands, bands.n_rows))
    for number, text in enumerate(known):
        lsh.insert(number, _datasketch(text))
    theirs = {(n, other) for n, text in enumerate(asked) for other in lsh.query(_datasketch(text))}
    theirs = {(n, o) for n, o in theirs if jaccard(SHINGLE(asked[n]), SHINGLE(known[o])) >= 0.6}
    ours = {(n, o) for n, found in enumerate(NearIndex(known, 0.6, SHINGLE).find(asked)) for _, o in found}
    assert len(theirs) > 20 and len(theirs ^ ours) <= 0.05 * len(theirs | ours)


def _datasketch(text: str) -> MinHash:
    found = MinHash(num_perm=128)
    found.update_batch([shingle.encode() for shingle in SHINGLE(text)])
    return found


def test_the_collision_curve_is_what_happens() -> None:
    """Pairs of one similarity share a band as often as the curve says."""
    draw, bands = random.Random(1), Bands(16, 4)
    alphabet = [f"t{i}" for i in range(10_000)]
    hits, n = 0, 300
    for _ in range(n):
        shared, first, second = (draw.sample(alphabet, k) for k in (60, 20, 20))
        pair = [" ".join(sorted({*shared, *first})), " ".join(sorted({*shared, *second}))]
        keys = bands.keys(signatures_of(pair, lambda text: set(text.split())))
        hits += bool((keys[0] == keys[1]).any())
    expected = bands.collision_probability(0.6)
    assert abs(hits / n - expected) < 4 * (expected * (1 - expected) / n) ** 0.5


@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.8, 0.95, 1.0])
def test_bands_find_99_percent_at_the_threshold(threshold: float) -> None:
    bands = Bands.for_threshold(threshold)
    assert bands.n_bands * bands.n_rows <= 128
    assert bands.collision_probability(threshold) >= 0.99


def test_shingles_of_next_to_nothing() -> None:
    assert word_shingles(3)("") == set() == character_shingles(5)("...")
    assert word_shingles(3)("One, two") == {"one two"}
    assert character_shingles(5)("Hi  you!") == {"hi yo", "i you"}
    assert jaccard(set(), set()) == 0.0, "two texts without words are not alike"


def test_of_copies_the_first_or_the_longest_stays(tmp_path: Path) -> None:
    rows = [{"instruction": "Say  HI", "output": "hi"}, {"instruction": "say hi", "output": "hi there, you"}]
    pool = prepare(tmp_path / "data", [*rows, {"instruction": "Bye", "output": "bye"}])
    for stays, kept in (("first", ["hi", "bye"]), ("longest", ["hi there, you", "bye"])):
        mine = recipe(tmp_path, f"steps: [{{exact_duplicates: {{part: prompt, stays: {stays}}}}}]")
        out = curate(settings(pool, out_dir=tmp_path / stays), mine)
        assert [example.messages[1].content for example in read_examples(out)] == kept


def test_near_duplicates_name_what_stands_for_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = "the quick brown fox jumps over the lazy dog and then runs home to eat its supper in peace"
    pool = prepare(
        tmp_path / "data", [{"instruction": base + end, "output": "ok"} for end in ("", " now", " x y z w v u")]
    )
    out = curate(
        settings(pool, out_dir=tmp_path / "out"), recipe(tmp_path, "steps: [{near_duplicates: {threshold: 0.8}}]")
    )
    (line,) = ledger(out)
    assert line["evidence"]["like"] == next(read_examples(out)).id
    assert 0.8 <= line["evidence"]["jaccard"] < 1
    assert "0.80: 0.9" in capsys.readouterr().err, "the collision curve is printed"


@pytest.mark.parametrize("block", [7, 64, 1024])
def test_vectors_that_are_alike(block: int) -> None:
    draw = np.random.default_rng(3)
    vectors = draw.normal(size=(200, 6)).astype(np.float32)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    kept, expected = list[int](), dict[int, int]()
    for place in range(len(unit)):
        cosines = {other: float(unit[place] @ unit[other]) for other in kept}
        best = max(cosines, key=cosines.__getitem__, default=-1)
        if best >= 0 and cosines[best] > 0.9:
            expected[place] = best
        else:
            kept.append(place)
    assert len(expected) > 20
    found = judged_in_order(vectors, range(len(vectors)), 0.9, block)
    assert {row.place: row.like for row in found if not row.is_kept} == expected

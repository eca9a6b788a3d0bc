"""Published numbers about selections of Alpaca, computed again by our recipes on the 52,002 rows themselves.

Where a number comes out otherwise, the test says by how much and why; none is made to fit. What cannot be computed here
is in dev/decisions/0012.
"""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lit_gpt.curation.bench import Bench
from lit_gpt.curation.recipes import read_recipe
from lit_gpt.curation.rows import Pool
from lit_gpt.curation.run import curate
from lit_gpt.data.store import read_examples
from tests.curation.pools import prepare, recipe, settings

ROOT = Path(__file__).resolve().parents[2]
N_SAMPLED, N_KEPT = 6_000, 1_200  # of the coverage figures: the top 20 % of 6,000 rows


@pytest.fixture(scope="module")
def alpaca(shared: Path) -> list[dict[str, Any]]:
    (file,) = (shared / "data" / "instructions" / "alpaca_52k").glob("*.json.gz")
    rows: list[dict[str, Any]] = json.loads(gzip.decompress(file.read_bytes()))
    assert len(rows) == 52_002
    return rows


@pytest.mark.slow
def test_lengths_of_random_and_longest_answers(alpaca: list[dict[str, Any]], tmp_path: Path) -> None:
    """Published: 44.7 words at random, 220 in the longest 1,000. Ours are 44.2 in all rows (a draw of 1,000 is off by
    1.4) and 223 by words; by characters it would be 219."""
    pool = prepare(tmp_path, alpaca)

    def mean_words(name: str) -> float:
        asked = settings(pool, size=1_000, out_dir=tmp_path / name)
        out = curate(asked, read_recipe(ROOT / "configs" / "curate" / f"{name}.yaml"))
        return float(np.mean([len(example.messages[-1].content.split()) for example in read_examples(out)]))

    of_all = np.array([len(row["output"].split()) for row in alpaca])
    error = of_all.std() / np.sqrt(1_000)
    assert abs(mean_words("random") - 44.7) < 3 * error and abs(of_all.mean() - 44.7) < error
    assert mean_words("longest") == pytest.approx(220, rel=0.02)


@pytest.mark.slow
def test_variety_covers_less_than_a_random_draw(alpaca: list[dict[str, Any]], tmp_path: Path) -> None:
    """Published, by TF-IDF and SVD in 256 dimensions: coverage 0.585 of LIFT's variety, 0.634 to 0.639 at random, 0.680
    of facility location; 25 words in place of 60; the nearest kept row at 0.643 in place of 0.551.

    Ours: the same to 0.01, of another sample. The nearest kept row lies at 0.59 and 0.54: our latent words lie in 2,048
    buckets, so the order is the published one, and the distance smaller.
    """
    draw = np.random.default_rng(0).choice(len(alpaca), N_SAMPLED, replace=False)
    pool = prepare(tmp_path, [alpaca[place] for place in sorted(draw)])
    head = "vectors: {v: {latent_words: {n_dims: 256, part: whole}}}\nscores: {variety: {row_variance: {vectors: v}}}\n"
    steps = {
        "variety": "top: {score: variety}",
        "random": "random: {}",
        "facility": "facility_location: {vectors: v}",
    }
    rows = Pool.of(pool).rows
    words = np.array([sum(len(message.content.split()) for message in example.messages) for example in rows])
    found = {}
    for name, step in steps.items():
        own = recipe(tmp_path, f"{head}steps: [{{{step}}}]", name)
        out = curate(settings(pool, size=N_KEPT, out_dir=tmp_path / f"out-{name}"), own)
        vectors = np.asarray(Bench(settings(pool), len(rows), own.scorers, own.embedders).vectors("v", rows))
        place_of = {id: place for place, id in enumerate(rows.ids)}
        kept = [place_of[example.id] for example in read_examples(out)]
        found[name] = (*coverage_and_repetition(vectors, kept), float(words[kept].mean()))
    covered, repeated, n_words = ({name: row[column] for name, row in found.items()} for column in range(3))
    assert covered["variety"] == pytest.approx(0.585, abs=0.01)
    assert 0.624 < covered["random"] < 0.649
    assert covered["facility"] == pytest.approx(0.680, abs=0.01)
    assert n_words["variety"] == pytest.approx(25, abs=2) and n_words["random"] == pytest.approx(60, abs=5)
    assert repeated["variety"] > repeated["random"] + 0.03


def coverage_and_repetition(vectors_ND: np.ndarray, kept: list[int]) -> tuple[float, float]:
    """The mean cosine of a row with the nearest kept one, and of a kept one with the nearest other."""
    unit_ND = vectors_ND / np.maximum(np.linalg.norm(vectors_ND, axis=1, keepdims=True), 1e-12)
    among_KK = unit_ND[kept] @ unit_ND[kept].T
    np.fill_diagonal(among_KK, -1)
    return float((unit_ND @ unit_ND[kept].T).max(1).mean()), float(among_KK.max(1).mean())

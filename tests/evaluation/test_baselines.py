"""The answers that need no model: hand-counted, and against scikit-learn's TF-IDF."""

import random
from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.pipeline import make_pipeline, make_union

from lit_gpt.errors import UserError
from lit_gpt.evaluation import nearest as module
from lit_gpt.evaluation.baselines import Baseline, constant, copy_nearest
from lit_gpt.evaluation.items import Item, read_items
from lit_gpt.evaluation.labels import LabelTable
from lit_gpt.evaluation.nearest import Bag, features, nearest
from tests import toy
from tests.evaluation.files import write_set

TRAIN = [
    ("What is 1 plus 1?", "2", "sums"),
    ("What is 2 plus 2?", "4", "sums"),
    ("What is 3 plus 1?", "4 \n", "sums"),
    ("Name the colour of grass.", "green", "colours"),
    ("Name the colour of the sky.", "blue", "colours"),
    ("Is it?", "no", ""),
]


def items_of(directory: Path) -> list[Item]:
    return read_items(directory, "validation", LabelTable({}), None, seed=1)


def test_the_most_frequent_answer_of_the_kind(tmp_path: Path) -> None:
    asked = [("?", "", kind) for kind in ("sums", "colours", "", "never trained")]
    directory = write_set(tmp_path / "set", TRAIN, asked)
    answers = constant(directory, items_of(directory))
    # "4" twice once normalised; of two colours the first seen; a kind unknown gets the most frequent of all
    assert [answer.text for answer in answers] == ["4", "green", "no", "4"]
    assert not any(answer.is_cut for answer in answers)


def test_the_answer_of_the_nearest_prompt(tmp_path: Path) -> None:
    asked = [("What colour is the sky?", "", ""), ("what IS  3\nplus 1", "", ""), ("zzz", "", "")]
    directory = write_set(tmp_path / "set", TRAIN, asked)
    answers = [answer.text for answer in copy_nearest(directory, items_of(directory))]
    assert answers == ["blue", "4 \n", "2"], "what is like nothing gets the first row's answer"


@pytest.mark.parametrize("baseline", [constant, copy_nearest])
def test_no_training_rows(tmp_path: Path, baseline: Baseline) -> None:
    directory = write_set(tmp_path / "set", [], [("?", "", "")])
    with pytest.raises(UserError, match="without training rows"):
        baseline(directory, items_of(directory))


# ---- the search, against scikit-learn

HOSTILE = [
    "",
    " ",
    "a",
    "ab",
    "\u2028",
    "ÄÖÜ straße 東京タワー",
    "🎈🎈 🎈",
    "x" * 3000,
    "1 2 3",
    "don't",
    "a_b",
    "İstanbul",
]


def toy_texts(n_rows: int, seed: int) -> list[str]:
    return [f"{row['instruction']}\n\n{row['input']}".strip() for row in toy.rows(n_rows, seed)]


def theirs(texts: list[str], queries: list[str]) -> np.ndarray:
    """Cosines (queries, texts)."""
    words = CountVectorizer(ngram_range=(1, 2), token_pattern=r"\w+")
    triples = CountVectorizer(analyzer="char", ngram_range=(3, 3))
    vectors = make_pipeline(make_union(words, triples), TfidfTransformer())
    texts_TV = vectors.fit_transform(texts)
    return cosine_similarity(vectors.transform(queries), texts_TV)


@pytest.mark.parametrize("seed", [2, 3])  # no two of their features share a bucket
def test_numbers_and_cosines_are_those_of_scikit_learn(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    texts, queries = toy_texts(300, seed) + HOSTILE, toy_texts(60, seed + 10) + HOSTILE + ["unheard of"]
    random.Random(seed).shuffle(texts)
    known = {feature for text in texts + queries for feature in features(text)}
    assert len({bucket for text in texts + queries for bucket in Bag.of(text).buckets}) == len(known), "a collision"
    monkeypatch.setattr(module, "TEXT_BLOCK", 37)
    monkeypatch.setattr(module, "MAX_CELLS", 60_000)
    cosines = theirs(texts, queries)
    for (number, cosine), row in zip(nearest(queries, lambda: texts), cosines, strict=True):
        assert cosine == pytest.approx(row.max(), abs=1e-9)
        assert row[number] == pytest.approx(row.max(), abs=1e-9)
        assert not (row[:number] > row.max() + 1e-9).any()


def test_the_first_of_equals_across_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TEXT_BLOCK", 2)
    texts = ["other", "same text", "else", "same text", "SAME  text"]
    assert nearest(["same text"], lambda: texts)[0] == (1, pytest.approx(1.0))


def test_a_small_table_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    texts, queries = toy_texts(80, 1), toy_texts(20, 2)
    whole = nearest(queries, lambda: texts)
    passes: list[int] = []
    monkeypatch.setattr(module, "MAX_CELLS", 1)

    def counted() -> list[str]:
        passes.append(1)
        return texts

    by_one = nearest(queries, counted)
    assert [number for number, _ in by_one] == [number for number, _ in whole]
    assert len(passes) == 1 + len(queries)


def test_memory_does_not_grow_with_the_texts() -> None:
    """Texts are asked for one by one: no more than a block of them is alive."""
    alive, most = set(), 0

    class Text(str):
        def __new__(cls, value: str) -> "Text":
            nonlocal most
            self = super().__new__(cls, value)
            alive.add(id(self))
            most = max(most, len(alive))
            return self

        def __del__(self) -> None:
            alive.discard(id(self))

    nearest(["word 7"], lambda: (Text(f"word {n}") for n in range(5 * module.TEXT_BLOCK)))
    assert module.TEXT_BLOCK <= most <= 2 * module.TEXT_BLOCK + 1


def test_no_texts() -> None:
    with pytest.raises(ValueError, match="no texts"):
        nearest(["a"], lambda: [])


def test_features_by_hand() -> None:
    assert list(features("Ab\n cd")) == ["ab", "cd", "ab cd", "\0ab ", "\0b c", "\0 cd"]

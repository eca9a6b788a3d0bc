"""Embedders by what they promise, neighbours against scikit-learn, gradients against autograd and one row at a time."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.neighbors import NearestNeighbors

from lit_gpt.checkpoint import load_model
from lit_gpt.curation.indicators import embeddings as module
from lit_gpt.curation.indicators.embeddings import HashedNgrams, HiddenStates, open_vectors, pooled, unit, write_vectors
from lit_gpt.curation.indicators.gradients import gradient_features, matrix, project
from lit_gpt.curation.indicators.likelihoods import Reader
from lit_gpt.curation.indicators.lsa import bucket_counts, fit_latent_words, weighted
from lit_gpt.curation.indicators.neighbours import nearest_rows, neighbour_distances
from lit_gpt.curation.indicators.scores import why_missing
from lit_gpt.errors import UserError
from lit_gpt.loading import load
from lit_gpt.lora import LoraOptions, add_lora, lora_layers
from lit_gpt.lora_layers import LowRank
from lit_gpt.prompts import TEXT_STYLES
from tests.curation.rows import row
from tests.curation.test_selection import vectors

TEXTS = ["the cat sat on the mat", "The cat sat on a mat", "stock markets fell sharply", "", "cat"]


def test_hashed_ngrams_know_spelling() -> None:
    embedder = HashedNgrams(256)
    found = embedder.embed(TEXTS)
    assert np.linalg.norm(found, axis=1).tolist() == pytest.approx([1, 1, 1, 0, 1])
    similar = found @ found.T
    assert similar[0, 1] > 0.6 > 0.2 > abs(similar[0, 2])
    np.testing.assert_array_equal(found, np.concatenate([embedder.embed([text]) for text in TEXTS]))
    assert embedder.name == "hashed-ngrams-256" and HashedNgrams(32).embed(TEXTS).shape == (5, 32)
    with pytest.raises(UserError):
        HashedNgrams(0)


def test_hashed_products_are_those_of_the_features() -> None:
    """In many dimensions few features share one, and the products are those of the counts."""
    few, many = HashedNgrams(1 << 16).embed(TEXTS[:3]), HashedNgrams(1 << 20).embed(TEXTS[:3])
    np.testing.assert_allclose(few @ few.T, many @ many.T, atol=0.02)


@pytest.mark.parametrize("pooling", ["mean", "position", "last"])
def test_hidden_states_are_pooled_one_text_at_a_time(tiny_base: Path, pooling: str) -> None:
    model, tokenizer = load(tiny_base)
    embedder = HiddenStates(model, tokenizer, pooling)
    found = embedder.embed(TEXTS)
    for text, vector in zip(TEXTS, found, strict=True):
        ids = ([tokenizer.bos_id] if tokenizer.adds_bos else []) + tokenizer.encode(text)
        if not ids:
            assert not vector.any()
            continue
        with torch.no_grad():
            states = model.hidden(torch.tensor([ids]))[0].numpy()
        weights = {
            "mean": np.ones(len(ids)),
            "position": np.arange(1, len(ids) + 1),
            "last": np.arange(len(ids)) == len(ids) - 1,
        }
        expected = np.average(states, axis=0, weights=weights[pooling])
        np.testing.assert_allclose(vector, expected / np.linalg.norm(expected), atol=1e-5)
    assert embedder.n_dims == found.shape[1] and pooling in embedder.name
    with pytest.raises(UserError):
        HiddenStates(model, tokenizer, "max")


def test_positions_weigh_more_and_more() -> None:
    assert pooled(torch.tensor([[1.0], [2.0], [6.0]]), "position").item() == pytest.approx((1 + 4 + 18) / 6)


def test_vectors_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH_TEXTS", 2)
    path = tmp_path / "vectors.npy"
    found = write_vectors(path, iter(TEXTS), 5, HashedNgrams(16))
    assert isinstance(found, np.memmap) and not found.flags.writeable
    np.testing.assert_array_equal(found, HashedNgrams(16).embed(TEXTS))
    np.testing.assert_array_equal(open_vectors(path), np.load(path))
    for wrong in (4, 6):
        with pytest.raises(ValueError, match="texts"):
            write_vectors(tmp_path / "wrong.npy", iter(TEXTS), wrong, HashedNgrams(16))
    assert not (tmp_path / "wrong.npy").exists()


def test_embedding_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream that breaks in its second batch: the first is not embedded again, and the file is the same."""
    monkeypatch.setattr(module, "BATCH_TEXTS", 2)
    seen: list[list[str]] = []

    class Counting(HashedNgrams):
        def embed(self, texts: list[str]) -> np.ndarray:
            seen.append(texts)
            if len(seen) == 2:
                raise KeyboardInterrupt
            return super().embed(texts)

    path = tmp_path / "vectors.npy"
    with pytest.raises(KeyboardInterrupt):
        write_vectors(path, iter(TEXTS), 5, Counting(16))
    assert not path.exists()
    found = write_vectors(path, iter(TEXTS), 5, Counting(16))
    assert seen == [TEXTS[:2], TEXTS[2:4], TEXTS[2:4], TEXTS[4:]]
    whole = tmp_path / "whole.npy"
    write_vectors(whole, iter(TEXTS), 5, HashedNgrams(16))
    assert path.read_bytes() == whole.read_bytes() and found.shape == (5, 16)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["vectors.npy", "whole.npy"]
    (tmp_path / "other.npy.part").write_bytes(path.read_bytes())
    (tmp_path / "other.npy.done").write_text("4")
    other = write_vectors(tmp_path / "other.npy", iter(TEXTS), 5, HashedNgrams(8))
    np.testing.assert_array_equal(other, HashedNgrams(8).embed(TEXTS)), "what is there is of another shape"


def test_latent_words_are_scikit_learn_s() -> None:
    """Its TF-IDF of the same buckets, and the directions of its SVD."""
    draw = np.random.default_rng(0)
    texts = [" ".join(f"w{n}" for n in draw.zipf(1.5, size=30) if n < 99) for _ in range(120)]
    counts = bucket_counts(texts, 64)
    theirs = TfidfTransformer().fit_transform(counts)
    ours = fit_latent_words(lambda: texts, 5, 64)
    np.testing.assert_allclose(weighted(counts, ours.idf_W), theirs.toarray(), atol=1e-12)
    expected = TruncatedSVD(5, algorithm="arpack", random_state=0).fit(theirs)
    alike = np.abs((expected.components_ * ours.directions_WD.T).sum(1))
    np.testing.assert_allclose(alike, 1, atol=1e-6)
    coordinates = theirs @ ours.directions_WD
    np.testing.assert_allclose(ours.embed(texts), coordinates / np.linalg.norm(coordinates, axis=1)[:, None], atol=1e-6)
    assert not ours.embed([""]).any() and (ours.name, ours.n_dims) == ("latent-words-5", 5)
    with pytest.raises(ValueError, match="9 directions of 8"):
        fit_latent_words(lambda: texts, 9, 8)


def test_words_of_one_company_come_together() -> None:
    texts = ["cat fur purr", "dog fur bark"] * 20 + ["bond yield", "stock yield"] * 20
    found = fit_latent_words(lambda: texts, 2, 512).embed(["cat", "dog", "bond"])
    assert found[0] @ found[1] > 0.9 > 0.1 > abs(found[0] @ found[2])


@pytest.mark.parametrize("block", [33, 1024])
def test_neighbours_are_scikit_learn_s(block: int) -> None:
    points = vectors(200, 10, seed=0)
    points[50:60] = points[40:50] + 1e-4  # near copies, whose distance fp32 products cannot tell
    points[60:63] = points[3]
    distances, rows = NearestNeighbors(n_neighbors=6, algorithm="brute").fit(points.astype(float)).kneighbors()
    found = nearest_rows(points, 6, block)
    np.testing.assert_allclose(found.distances_NK, distances, atol=1e-9)
    distinct = np.diff(distances, axis=1).min(1) > 1e-9
    np.testing.assert_array_equal(found.rows_NK[distinct], rows[distinct])
    np.testing.assert_allclose(neighbour_distances(points, 6), distances[:, 5], atol=1e-9)
    assert found.distances_NK[3, 2] == 0 < found.distances_NK[3, 3]


def test_neighbours_that_cannot_be() -> None:
    with pytest.raises(ValueError, match="5 neighbours among 5 rows"):
        nearest_rows(vectors(5, 3, 0), 5)
    with pytest.raises(ValueError, match="no number"):
        nearest_rows(np.full((4, 2), np.nan, np.float32), 1)


@pytest.fixture
def tuned(tiny_base: Path) -> Reader:
    """A model whose LoRA has been trained a little: at B = 0, half of the gradients would be zero."""
    model, tokenizer = load(tiny_base)
    add_lora(model, LoraOptions(r=2, alpha=4, dropout=0, targets=("q", "v")), seed=0)
    for _, layer in lora_layers(model):
        for pair in layer.pairs.values():
            torch.nn.init.normal_(pair.B, std=0.05, generator=torch.Generator().manual_seed(1))
    return Reader(model, tokenizer, TEXT_STYLES["raw"], max_tokens=60)


ROWS = [
    row("a", "Repeat this word.", "apple"),
    row("none", "x", ""),
    row("long", "word " * 99, "y"),
    row("b", "Is it?", "No."),
]


def gradient_by_hand(reader: Reader, question: str, answer: str) -> torch.Tensor:
    """The textbook way: a whole loss, backward, and the parameters' .grad in order of name."""
    tokenizer, model = reader.tokenizer, reader.model
    prompt, ids = (tokenizer.encode_batch([text])[0] for text in (question, answer))
    prompt = ([tokenizer.bos_id] if tokenizer.adds_bos else []) + prompt
    model.zero_grad()
    pairs = sorted((name, pair) for name, pair in model.named_modules() if isinstance(pair, LowRank))
    for _, pair in pairs:
        pair.requires_grad_(True)
    log_probs = model(torch.tensor([prompt + ids]))[0].log_softmax(-1)
    loss = -sum(log_probs[len(prompt) - 1 + n, id] for n, id in enumerate(ids)) / len(ids)
    loss.backward()
    return torch.cat([grad.flatten() for _, pair in pairs for grad in (pair.A.grad, pair.B.grad)])


def test_gradient_features_are_projected_gradients(tuned: Reader) -> None:
    found = dict(gradient_features(ROWS, tuned, 64, seed=5))
    assert [why_missing(found[id]) if id in ("none", "long") else "" for id in found] == [
        "",
        "no_answer_tokens",
        "too_long",
        "",
    ]
    by_hand = torch.stack(
        [gradient_by_hand(tuned, "Repeat this word.", "apple"), gradient_by_hand(tuned, "Is it?", "No.")]
    )
    expected = F.normalize(project(by_hand, 64, seed=5)).numpy()
    np.testing.assert_allclose(np.stack([found["a"], found["b"]]), expected, atol=1e-5)
    ids, features = matrix(gradient_features(ROWS, tuned, 64, seed=6))
    assert ids == ["a", "b"] and not np.allclose(features, expected, atol=0.1)


def test_rows_that_share_a_draw_of_the_projection_change_nothing(
    tuned: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, together = matrix(gradient_features(ROWS, tuned, 64, seed=5))
    monkeypatch.setattr("lit_gpt.curation.indicators.gradients.MOST_ROWS", 1)
    _, alone = matrix(gradient_features(ROWS, tuned, 64, seed=5))
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_adam_s_step_is_torch_s(tuned: Reader) -> None:
    """torch.optim.Adam with its bias corrections undone, from the same moments."""
    gradient = gradient_by_hand(tuned, "Is it?", "No.")
    pairs = sorted((name, pair) for name, pair in tuned.model.named_modules() if isinstance(pair, LowRank))
    weights = {f"{name}.{part}": getattr(pair, part) for name, pair in pairs for part in "AB"}
    draw = torch.Generator().manual_seed(2)
    moments = {
        name: (1e-3 * torch.randn(w.shape, generator=draw), 1e-4 * torch.rand(w.shape, generator=draw))
        for name, w in weights.items()
    }
    ((_, found),) = gradient_features(ROWS[-1:], tuned, 64, seed=5, moments=moments)
    before = {name: weight.detach().clone() for name, weight in weights.items()}
    optimizer = torch.optim.Adam(weights.values(), lr=1.0, eps=1e-4)
    n_steps = 10**9  # corrections 1 - beta^n are 1 there
    for name, weight in weights.items():
        first, second = moments[name]
        optimizer.state[weight] = {
            "step": torch.tensor(float(n_steps)),
            "exp_avg": first.clone(),
            "exp_avg_sq": second.clone(),
        }
    sizes = [weight.numel() for weight in weights.values()]
    for weight, part in zip(weights.values(), gradient.split(sizes), strict=True):
        weight.grad = part.view_as(weight)
    optimizer.step()
    step = torch.cat([(before[name] - weight.detach()).flatten() for name, weight in weights.items()])
    cosine = F.cosine_similarity(torch.from_numpy(found), F.normalize(project(step[None], 64, seed=5))[0], dim=0)
    assert cosine > 0.999  # theirs adds epsilon outside of the root


def test_projection_keeps_products() -> None:
    draw = torch.Generator().manual_seed(0)
    gradients = F.normalize(torch.randn(6, 20_000, generator=draw))
    gradients[1] = F.normalize(gradients[0] + gradients[1], dim=0)
    projected = project(gradients, 1024, seed=3)
    torch.testing.assert_close(projected @ projected.T, gradients @ gradients.T, atol=0.15, rtol=0)
    assert torch.equal(projected, project(gradients, 1024, seed=3))


def test_gradients_need_lora(tiny_base: Path) -> None:
    model = load_model(tiny_base, dtype=torch.float32).eval()
    with pytest.raises(ValueError, match="LoRA"):
        list(gradient_features(ROWS, Reader(model, load(tiny_base)[1], TEXT_STYLES["raw"]), 8, seed=0))


def test_unit_of_one() -> None:
    assert unit(np.array([[2.0]], np.float32)).tolist() == [[1.0]]

"""A vector for every row, in one memory-mapped file for each embedder, its settings and the rows in question."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from lit_gpt.curation.rows import Rows
from lit_gpt.curation.texts import Part, part_of
from lit_gpt.data.store import read_examples
from lit_gpt.errors import UserError
from lit_gpt.example import Example
from lit_gpt.files import hash_json, locked
from lit_gpt.progress import watched

if TYPE_CHECKING:
    from lit_gpt.curation.bench import Bench
    from lit_gpt.curation.indicators.embeddings import Embedder as TextEmbedder

Vectors = NDArray[np.float32]
KEY_CHARS = 12


class Embedder(Protocol):
    """A frozen dataclass of settings; `part` is the text of a row that becomes a vector."""

    NAME: ClassVar[str]
    VERSION: ClassVar[int]
    part: Part

    def identity(self, bench: "Bench") -> dict[str, Any]: ...

    def start(self, bench: "Bench") -> "TextEmbedder": ...


@dataclass(frozen=True)
class HashedNgrams:
    """Words, word pairs and character triples, hashed: knows spelling, not meaning; no model.

    Args:
        n_dims: of a vector
        part: the text of a row
    """

    n_dims: int = 256
    part: Part = "prompt"

    NAME: ClassVar = "hashed_ngrams"
    VERSION: ClassVar = 1

    def identity(self, bench: "Bench") -> dict[str, Any]:
        return {}

    def start(self, bench: "Bench") -> "TextEmbedder":
        from lit_gpt.curation.indicators.embeddings import HashedNgrams as Hashed

        return Hashed(self.n_dims)


@dataclass(frozen=True)
class LatentWords:
    """Latent semantic analysis of the pool's own words (TF-IDF and SVD): a little of meaning, and no model.

    Args:
        n_dims: of a vector
        n_buckets: that words are hashed into
        part: the text of a row
    """

    n_dims: int = 128
    n_buckets: int = 2_048
    part: Part = "prompt"

    NAME: ClassVar = "latent_words"
    VERSION: ClassVar = 1

    def __post_init__(self) -> None:
        if not 1 <= self.n_dims <= self.n_buckets:
            raise UserError(f"n_dims {self.n_dims} of n_buckets {self.n_buckets}", "1 or more, of more", "correct them")

    def identity(self, bench: "Bench") -> dict[str, Any]:
        return {"fitted_to": bench.pool_hash}

    def start(self, bench: "Bench") -> "TextEmbedder":
        from lit_gpt.curation.indicators.lsa import fit_latent_words

        def texts() -> Iterator[str]:
            return map(part_of(self.part), bench.pool_rows("fitting latent words"))

        return fit_latent_words(texts, self.n_dims, self.n_buckets)


@dataclass(frozen=True)
class SentenceEncoder:
    """A downloaded sentence encoder's mean-pooled states, by Transformers (pip install 'lit-gpt[transformers]').

    Args:
        model: the name under which it is given: --given encoder=DIR
        max_tokens: texts are cut there
        part: the text of a row
    """

    model: str = "encoder"
    max_tokens: int = 256
    part: Part = "prompt"

    NAME: ClassVar = "sentence_encoder"
    VERSION: ClassVar = 1
    GIVEN: ClassVar = {"model": "the directory of a sentence encoder"}

    def identity(self, bench: "Bench") -> dict[str, Any]:
        from lit_gpt.curation.models import folder_identity

        return {"model": folder_identity(bench.given(self.model, self.GIVEN["model"]))}

    def start(self, bench: "Bench") -> "TextEmbedder":
        from dataclasses import replace

        from lit_gpt.curation.indicators.hugging_face import SentenceEncoder as Encoder

        encoder = Encoder.load(bench.given(self.model, self.GIVEN["model"]))
        return replace(encoder, max_tokens=self.max_tokens)


@dataclass(frozen=True)
class HiddenStates:
    """Last-layer states of the model of --checkpoint_dir, pooled.

    Args:
        pooling: mean, position (RDS+: place i of n by i), or last (DEITA)
        part: the text of a row
    """

    pooling: Literal["mean", "position", "last"] = "mean"
    part: Part = "whole"

    NAME: ClassVar = "hidden_states"
    VERSION: ClassVar = 1
    NEEDS: ClassVar = ("checkpoint_dir",)

    def identity(self, bench: "Bench") -> dict[str, Any]:
        from lit_gpt.curation.models import model_identity

        return model_identity(bench)

    def start(self, bench: "Bench") -> "TextEmbedder":
        from lit_gpt.curation.indicators.embeddings import HiddenStates as States
        from lit_gpt.curation.models import loaded

        return States(*loaded(bench), self.pooling)


@dataclass(frozen=True)
class GivenVectors:
    """Vectors of yours: a .npy file, and a text file with the id of each of its rows, a line each.

    Args:
        path: the .npy file (N, D)
        ids: the text file
    """

    path: Path
    ids: Path

    def read(self, rows: Rows) -> Vectors:
        try:
            vectors_MD = np.load(self.path, mmap_mode="r", allow_pickle=False)
            place_of = {id: place for place, id in enumerate(self.ids.read_text(encoding="utf-8").split("\n")) if id}
        except (OSError, ValueError) as error:
            raise UserError(f"{self.path} ({error})", "a .npy file and its ids", "check the paths") from None
        if len(place_of) != len(vectors_MD):
            got = f"{len(vectors_MD):,} vectors in {self.path}, {len(place_of):,} ids in {self.ids}"
            raise UserError(got, "an id for each vector, all different", "write them again")
        if absent := [id for id in rows.ids if id not in place_of]:
            got = f"no vector for {len(absent):,} of {len(rows):,} rows, such as {absent[0]}"
            raise UserError(got, "a vector for every row", "embed those rows, too")
        return np.asarray(vectors_MD[[place_of[id] for id in rows.ids]], dtype=np.float32)


def vectors_of(embedder: Any, rows: Rows, bench: "Bench") -> Vectors:
    """The rows' vectors, made now unless they were before."""
    if isinstance(embedder, GivenVectors):
        return embedder.read(rows)
    examples = watched(rows, "embedding", "row", len(rows))
    return _made_once(embedder, "rows", rows.hashes, examples, bench)


def target_vectors(embedder: Any, bench: "Bench") -> tuple[Vectors, list[str]]:
    """Vectors and categories of the training rows of --target_dir."""
    if isinstance(embedder, GivenVectors):
        raise UserError("given vectors for a target set", "an embedder for both", "name one in the recipe")
    targets = read_examples(bench.target_dir)
    found = [(example.content_hash, example.category) for example in targets]
    hashes, categories = [key for key, _ in found], [category for _, category in found]
    rows = bench.target_rows("embedding targets")
    return _made_once(embedder, "targets", hashes, rows, bench), categories


def _made_once(
    embedder: Embedder, what: str, hashes: list[str], examples: Iterable[Example], bench: "Bench"
) -> Vectors:
    from lit_gpt.curation.indicators.embeddings import open_vectors, write_vectors

    settings = json.loads(json.dumps(asdict(embedder), default=str))  # type: ignore[call-overload]
    decisive = {"settings": settings, **embedder.identity(bench), what: hash_json(hashes)}
    root = bench.scores_dir
    root.mkdir(parents=True, exist_ok=True)
    path = root / f"{embedder.NAME}-v{embedder.VERSION}-{hash_json(decisive)[:KEY_CHARS]}.npy"
    with locked(path.with_suffix(".lock"), wait=True):
        if path.is_file():
            return open_vectors(path)
        return write_vectors(path, map(part_of(embedder.part), examples), len(hashes), embedder.start(bench))

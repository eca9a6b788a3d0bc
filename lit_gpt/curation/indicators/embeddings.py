"""Embedders: a text becomes a vector of length 1, and a pool's vectors one memory-mapped file.

    HashedNgrams     words, word pairs and character triples, each of them a bucket and a sign by its hash (Weinberger
                     et al. 2009, arXiv 0902.2206), as often as 1 + ln of its count. No model, the same everywhere.
                     It knows spelling, not meaning; it stands in for a sentence encoder and is named as what it is.
    HiddenStates     last-layer states of a model of ours, averaged, or weighted by position as RDS+ has it
                     (arXiv 2503.01807: place i of n by i / sum), or that of the last token (DEITA)

Not covered: sentence encoders (see hugging_face.py), latent semantic analysis (lsa.py), approximate search.
"""

import math
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lit_gpt.curation.indicators.documents import Document
from lit_gpt.curation.indicators.packed import hidden_chunks
from lit_gpt.curation.indicators.scores import words_of
from lit_gpt.errors import UserError
from lit_gpt.files import write_bytes
from lit_gpt.model import GPT
from lit_gpt.tokens.encode import Encoder

Vectors = NDArray[np.float32]
Pooling = Literal["mean", "position", "last"]
BATCH_TEXTS = 512  # as for likelihoods: the same pieces give the same bits


class Embedder(Protocol):
    """name: what it is and how it is set, for the name of the file; n_dims: of its vectors."""

    @property
    def name(self) -> str: ...
    @property
    def n_dims(self) -> int: ...
    def embed(self, texts: Sequence[str]) -> Vectors:
        """vectors (len(texts), n_dims) of length 1; of length 0 for a text in which there is nothing to embed."""
        ...


@dataclass(frozen=True)
class HashedNgrams:
    """The local stand-in for a sentence encoder."""

    n_dims: int = 256

    def __post_init__(self) -> None:
        if self.n_dims < 1:
            raise UserError(f"{self.n_dims} dimensions", "1 or more", "choose 256")

    @property
    def name(self) -> str:
        return f"hashed-ngrams-{self.n_dims}"

    def embed(self, texts: Sequence[str]) -> Vectors:
        vectors = np.zeros((len(texts), self.n_dims), dtype=np.float32)
        for vector, text in zip(vectors, texts, strict=True):
            counts = Counter(_features(text))
            hashes = np.array([zlib.crc32(feature.encode("utf-8", "surrogatepass")) for feature in counts], np.int64)
            weights = np.array([1 + math.log(count) for count in counts.values()])
            np.add.at(vector, (hashes >> 1) % self.n_dims, np.where(hashes & 1, weights, -weights))
        return unit(vectors)


def _features(text: str) -> Iterator[str]:
    """Words, pairs, and triples of characters, marked, since a word may look like one."""
    words = words_of(text)
    yield from words
    yield from (f"{first} {second}" for first, second in pairwise(words))
    text = re.sub(r"\s+", " ", text.lower())
    yield from (f"\0{text[start : start + 3]}" for start in range(len(text) - 2))


@dataclass(frozen=True)
class HiddenStates:
    """A model's own view of a text. Texts beyond the context are cut at its end, which is said nowhere but here."""

    model: GPT
    tokenizer: Encoder
    pooling: Pooling = "mean"

    def __post_init__(self) -> None:
        if self.pooling not in get_args(Pooling):
            raise UserError(
                f"pooling {self.pooling!r}", f"one of {', '.join(get_args(Pooling))}", "choose one of these"
            )

    @property
    def name(self) -> str:
        return f"hidden-{self.pooling}"

    @property
    def n_dims(self) -> int:
        return self.model.config.n_embd

    @torch.inference_mode()
    def embed(self, texts: Sequence[str]) -> Vectors:
        opening = [self.tokenizer.bos_id] if self.tokenizer.adds_bos and self.tokenizer.bos_id is not None else []
        ids = [(opening + own)[: self.model.config.block_size] for own in self.tokenizer.encode_batch(list(texts))]
        told = [number for number, own in enumerate(ids) if own]
        vectors = np.zeros((len(texts), self.n_dims), dtype=np.float32)
        for chunk in hidden_chunks(self.model, [Document(ids[number], []) for number in told]):
            for place, start in zip(chunk.numbers, chunk.starts, strict=True):
                hidden_TC = chunk.hidden_TC[start : start + len(ids[told[place]])].float()
                vectors[told[place]] = pooled(hidden_TC, self.pooling).cpu().numpy()
        return unit(vectors)


def pooled(hidden_TC: Tensor, pooling: Pooling) -> Tensor:
    """One vector (C,) of a document's states."""
    if pooling == "last":
        return hidden_TC[-1]
    if pooling == "mean":
        return hidden_TC.mean(0)
    weights_T = torch.arange(1, len(hidden_TC) + 1, dtype=hidden_TC.dtype, device=hidden_TC.device)
    return weights_T @ hidden_TC / weights_T.sum()


def unit(vectors_ND: Vectors) -> Vectors:
    """Every row at length 1; rows of zeros stay."""
    lengths = np.linalg.norm(vectors_ND, axis=1, keepdims=True)
    return (vectors_ND / np.where(lengths > 0, lengths, 1)).astype(np.float32)


def write_vectors(path: Path, texts: Iterable[str], n_texts: int, embedder: Embedder) -> Vectors:
    """Embed a stream into a .npy file, a batch in memory at a time; the file, mapped for reading.

    The file appears under its name when it is complete. What an interrupted call has written is kept: the same stream
    given again goes on after the last whole batch. ValueError where the stream holds another number of texts.
    """
    growing, counter = path.with_name(path.name + ".part"), path.with_name(path.name + ".done")
    vectors, start = _begun(growing, counter, (n_texts, embedder.n_dims))
    remaining = iter(texts)
    for _ in islice(remaining, start):
        pass
    while batch := list(islice(remaining, BATCH_TEXTS)):
        if start + len(batch) > n_texts:
            raise ValueError(f"more than {n_texts} texts")
        vectors[start : start + len(batch)] = embedder.embed(batch)
        start += len(batch)
        vectors.flush()
        write_bytes(counter, str(start).encode())
    if start != n_texts:
        raise ValueError(f"{start} texts, not {n_texts}")
    growing.replace(path)
    counter.unlink(missing_ok=True)
    return open_vectors(path)


def _begun(growing: Path, counter: Path, shape: tuple[int, int]) -> tuple[np.memmap[Any, Any], int]:
    """The file to write into, and how many of its rows are there already."""
    if growing.is_file() and counter.is_file():
        vectors = np.lib.format.open_memmap(growing, "r+")
        if vectors.shape == shape and vectors.dtype == np.float32:
            return vectors, int(counter.read_bytes())
    counter.unlink(missing_ok=True)
    return np.lib.format.open_memmap(growing, "w+", np.float32, shape), 0


def open_vectors(path: Path) -> Vectors:
    """The file's vectors, read as they are looked at."""
    return np.lib.format.open_memmap(path, "r")

"""Many documents through the network at once: packed, isolated from each other, without gradients or padding.

Documents are sorted by length, so that those of one length lie side by side and share a call of attention (see
`Layout` in model.py), and cut into chunks of a bounded number of tokens. The head runs only where it is asked to, a
slice of positions at a time. Scores come back in the order of the documents.

A sum of floats depends, in its last digit, on the chunk it is computed in: relative differences of 1e-6. Equal
documents in an equal list give equal bits.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from lit_gpt.curation.indicators.documents import Document
from lit_gpt.model import GPT

CHUNK_TOKENS = 1_024  # measured on one CPU core: 3.2 s where chunks of 4,096 take 3.5; smaller ones take 3.5, too
HEAD_CELLS = 1 << 24  # logits that exist at one time: 64 MiB in fp32


@dataclass(frozen=True)
class Chunk:
    """hidden_TC of documents laid end to end; `numbers` and `starts` say which, and where each begins."""

    numbers: list[int]
    starts: list[int]
    ids_T: Tensor
    hidden_TC: Tensor


def hidden_chunks(model: GPT, documents: Sequence[Document], chunk_tokens: int = CHUNK_TOKENS) -> Iterator[Chunk]:
    """Every document's hidden states. ValueError for a model in training mode, and for a document without ids."""
    if model.training or not all(document.ids for document in documents):
        raise ValueError("scoring needs a model in eval mode and documents that hold ids")
    device = model.transformer.wte.weight.device
    for numbers in _chunks([len(document.ids) for document in documents], chunk_tokens):
        lengths = [len(documents[number].ids) for number in numbers]
        starts = [sum(lengths[:place]) for place in range(len(lengths))]
        ids_T = torch.tensor([id for number in numbers for id in documents[number].ids], device=device)
        yield Chunk(numbers, starts, ids_T, model.hidden(ids_T[None], doc_lengths=lengths)[0])


def _chunks(lengths: Sequence[int], most: int) -> Iterator[list[int]]:
    """Numbers of documents, the longest first, each chunk of at most so many tokens, or of one document."""
    chunk: list[int] = []
    n_tokens = 0
    for number in sorted(range(len(lengths)), key=lambda number: -lengths[number]):
        if chunk and n_tokens + lengths[number] > most:
            yield chunk
            chunk, n_tokens = [], 0
        chunk.append(number)
        n_tokens += lengths[number]
    if chunk:
        yield chunk


@torch.inference_mode()
def summed_nll(model: GPT, documents: Sequence[Document], chunk_tokens: int = CHUNK_TOKENS) -> list[float]:
    """Negative log-likelihood in nats, summed over each document's places: 0.0 where it has none."""
    sums = [0.0] * len(documents)
    for chunk in hidden_chunks(model, documents, chunk_tokens):
        places = [documents[number].places for number in chunk.numbers]
        flat = [start + place for start, own in zip(chunk.starts, places, strict=True) for place in own]
        nll_N = _nll(model, chunk, torch.tensor(flat, dtype=torch.int64, device=chunk.ids_T.device))
        parts = nll_N.cpu().double().split([len(own) for own in places])
        for number, part in zip(chunk.numbers, parts, strict=True):
            sums[number] = part.sum().item()
    return sums


def _nll(model: GPT, chunk: Chunk, at_N: Tensor) -> Tensor:
    """Of the ids at these positions of the chunk, in fp32."""
    found = []
    for slice_N in at_N.split(max(1, HEAD_CELLS // model.config.vocab_size)):
        logits_NV = model.head(chunk.hidden_TC[slice_N - 1]).float()
        found.append(F.cross_entropy(logits_NV, chunk.ids_T[slice_N], reduction="none"))
    return torch.cat(found)


@torch.inference_mode()
def next_logits(model: GPT, documents: Sequence[Document], chunk_tokens: int = CHUNK_TOKENS) -> Tensor:
    """logits_NV of the token that would follow each document, fp32 on the CPU."""
    logits_NV = torch.empty(len(documents), model.config.vocab_size)
    for chunk in hidden_chunks(model, documents, chunk_tokens):
        last = [start + len(documents[n].ids) - 1 for n, start in zip(chunk.numbers, chunk.starts, strict=True)]
        logits_NV[chunk.numbers] = model.head(chunk.hidden_TC[last]).float().cpu()
    return logits_NV

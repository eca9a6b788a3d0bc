"""Random numbers row by row, so that which rows are computed together changes none of them.

Dropout's masks and NEFTune's noise are drawn for every document by itself, by a generator seeded with the document's key
(the loop derives it from seed, step and row) and the place in the network that asks. So a row gets the same numbers in
every micro-batch, and again when activation checkpointing computes its block a second time.

Outside `drawing_for`, torch's own generator draws for all at once. Letters: N tokens, I width of the input.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

Fill = Callable[[Tensor, torch.Generator | None], object]


@dataclass
class Rows:
    """The documents of one micro-batch, in order: a 63-bit key, the tokens and the targets of each.

    A call with all tokens comes from the blocks. One with fewer comes from the head, which reads where a target follows,
    some at a time: `n_read` counts how far it has come at each place.
    """

    keys: Sequence[int]
    n_tokens: Sequence[int]
    n_targets: Sequence[int]
    n_read: dict[int, int] = field(default_factory=dict)

    def spans(self, place: int, n: int) -> Iterator[tuple[int, int, int, int]]:
        """(key, length, first, last) of each document of which the next n rows hold some, and which of its own."""
        if n == sum(self.n_tokens):
            yield from ((key, length, 0, length) for key, length in zip(self.keys, self.n_tokens, strict=True))
            return
        begin = self.n_read.get(place, 0)
        end = begin + n
        self.n_read[place] = end % sum(self.n_targets)
        offset = 0
        for key, length in zip(self.keys, self.n_targets, strict=True):
            first, last = max(begin - offset, 0), min(end - offset, length)
            if first < last:
                yield key, length, first, last
            offset += length


_rows: Rows | None = None  # no thread-local: autograd computes checkpointed blocks again in threads of its own
_generators: dict[torch.device, torch.Generator] = {}


@contextmanager
def drawing_for(rows: Rows) -> Iterator[None]:
    """Draw for these documents, forwards and backwards, until the block ends."""
    global _rows
    before, _rows = _rows, rows
    try:
        yield
    finally:
        _rows = before


def fill_by_row(out_NI: Tensor, place: int, fill: Fill) -> Tensor:
    """out_NI, filled in place by `fill(part, generator)`, called for every document; place: a 63-bit number."""
    if _rows is None:
        fill(out_NI, None)
        return out_NI
    generator = _generators.setdefault(out_NI.device, torch.Generator(out_NI.device))
    begin = 0
    for key, length, first, last in _rows.spans(place, len(out_NI)):
        generator.manual_seed(key ^ place)
        part = out_NI[begin : begin + last - first]
        if len(part) == length:
            fill(part, generator)
        else:  # a document read in pieces has the numbers it would have in one
            whole = torch.empty(length, *out_NI.shape[1:], dtype=out_NI.dtype, device=out_NI.device)
            fill(whole, generator)
            part.copy_(whole[first:last])
        begin += last - first
    return out_NI


def keep_mask(x_NI: Tensor, p: float, place: int) -> Tensor:
    """Which numbers of x dropout keeps, each with probability 1 - p; bool (N, I)."""
    empty = torch.empty(x_NI.shape, dtype=torch.bool, device=x_NI.device)
    return fill_by_row(empty, place, lambda part, generator: part.bernoulli_(1 - p, generator=generator))


class RowDropout(nn.Module):
    """nn.Dropout whose masks are the rows' own. `place` tells it from the network's other dropouts."""

    def __init__(self, p: float, place: int = 0) -> None:
        super().__init__()
        self.p, self.place = p, place

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.p:
            return x
        keep = keep_mask(x.flatten(0, -2), self.p, self.place).view(x.shape)
        return x * keep * (1 / (1 - self.p) if self.p < 1 else 0.0)

"""Best-fit-decreasing packing of rows into blocks of a fixed number of tokens.

Johnson's best-fit-decreasing (1973): longest first, each into the fullest block that still holds it. Blocks are
lists of row numbers; document boundaries stay known, so attention never crosses them, and nothing is padded.
"""

from bisect import bisect_left, insort
from collections.abc import Sequence


def pack(lengths: Sequence[int], capacity: int) -> list[list[int]]:
    """Positions of `lengths`, grouped so that each group sums to at most `capacity`.

    Deterministic; equal lengths keep their order. A length above the capacity is our mistake.
    """
    blocks: list[list[int]] = []
    open_blocks: list[tuple[int, int]] = []  # (room left, block), sorted: bisect finds the tightest fit
    for position in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        n_tokens = lengths[position]
        assert n_tokens <= capacity, f"a row of {n_tokens} tokens does not fit a block of {capacity}"
        found = bisect_left(open_blocks, (n_tokens, -1))
        if found == len(open_blocks):
            room, block = capacity, len(blocks)
            blocks.append([])
        else:
            room, block = open_blocks.pop(found)
        blocks[block].append(position)
        insort(open_blocks, (room - n_tokens, block))
    return blocks

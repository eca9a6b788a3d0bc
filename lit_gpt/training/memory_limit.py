"""Out of memory: half the micro-batch, twice as many of them, down to one block.

Every row draws its random numbers for itself (row_random.py), so the step has the same rows, order and loss. What no
micro-batch can be small enough for ends the run, with the lengths of the rows that broke it.
Not covered: memory that the optimizer asks for, once, in the first step.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch

from lit_gpt.errors import says_out_of_memory
from lit_gpt.tokens.loader import MicroBatch
from lit_gpt.training.running import Run

Value = TypeVar("Value")


class TooLarge(Exception):
    """A micro-batch of these rows does not fit into memory."""

    def __init__(self, doc_lengths: list[int]) -> None:
        super().__init__(doc_lengths)
        self.doc_lengths = doc_lengths


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an allocator refused: CUDA's has a class of its own, the CPU's a RuntimeError."""
    is_refusal = isinstance(error, torch.OutOfMemoryError | MemoryError)
    return is_refusal or (isinstance(error, RuntimeError) and says_out_of_memory(str(error)))


@contextmanager
def told_if_too_large(run: Run, batch: MicroBatch) -> Iterator[None]:
    """TooLarge, with the rows' lengths, in the place of an allocator's refusal."""
    try:
        run.machine.at_work(batch)
        yield
        return
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    raise TooLarge(batch.doc_lengths)


def within_memory(run: Run, compute: Callable[[], Value]) -> Value:
    """What `compute` gives, begun anew with half the micro-batch as often as memory does not suffice."""
    while True:
        try:
            return compute()
        except TooLarge as error:
            doc_lengths = error.doc_lengths
        _halve(run, doc_lengths)  # not while the error is held, whose traceback holds what filled the memory


def _halve(run: Run, doc_lengths: list[int]) -> None:
    run.optimizer.zero_grad(set_to_none=True)
    if run.fabric.device.type == "cuda":
        torch.cuda.empty_cache()
    step, lengths = run.progress.step + 1, ", ".join(map(str, doc_lengths))
    if run.blocks_at_once == 1:
        raise MemoryError(f"out of memory in step {step} at --micro_batch_size 1, with rows of {lengths} tokens")
    limit = run.progress.micro_batch_limit = run.blocks_at_once // 2
    run.journal.event("out_of_memory", step=step, micro_batch_size=limit, doc_lengths=doc_lengths)
    print(f"out of memory in step {step} with rows of {lengths} tokens: micro-batches of {limit} now", file=sys.stderr)

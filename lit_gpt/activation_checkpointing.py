"""Activation checkpointing: keep each block's input, compute the rest again on the way back (Chen et al. 2016,
arXiv 1604.06174).

Memory for activations falls from every layer's to one layer's and L inputs, for a third more arithmetic. The numbers
are the same: torch restores the generator's state, so dropout draws the same masks again.
"""

from functools import partial

from torch.utils.checkpoint import checkpoint

from lit_gpt.model import GPT


def checkpoint_blocks(model: GPT) -> None:
    """Let every block forget what it computed between its input and its output; names of weights stay as they are."""
    for block in model.transformer.h:
        block.forward = partial(checkpoint, block.forward, use_reentrant=False)

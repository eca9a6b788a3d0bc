"""How near a run is to what its matrix products alone would take: arithmetic a token, and the rate of the machine.

Per token, in floating point operations (a multiplication and an addition are two):
    frozen linears   2 N forward, 2 N for the gradient of the activations, none for weights that do not change: 4 N
    the head         the same, for the tokens that are targets alone
    adapters         6 times their numbers: they have gradients of their own
    attention        2 T D a head for scores and as many for outputs, half of it causal, and 2.5 times that on the way
                     back (scores again, and four gradients): 3.5 * 2 * T * C, T the mean length of a token's document
Kaplan et al. 2020, arXiv 2001.08361, section 2.1, count 6 N where every weight is trained.

The rate is measured: products of the model's own shapes, forward and backward, each weighed by its arithmetic, in
processor seconds. An elementwise operation has no part in the limit.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from lit_gpt.checkpoint import load_config
from lit_gpt.config import Config
from lit_gpt.tokens.store import TokenRows, TokenSet, prepared_token_sets

N_TOKENS = 2048  # rows of the products that are timed: a micro-batch
REPEATS = 5
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


@dataclass(frozen=True)
class Shapes:
    """(out, in) of each product of a block, and the head's."""

    block: tuple[tuple[int, int], ...]
    head: tuple[int, int]

    @classmethod
    def of(cls, config: Config) -> "Shapes":
        """ValueError for a network whose MLP is not gated: its products are others."""
        if config.mlp != "gated":
            raise ValueError("arithmetic is counted for gated MLPs alone")
        width, inner = config.n_embd, config.intermediate_size
        heads = (config.n_head + 2 * config.n_query_groups) * config.head_size
        attention = ((heads, width), (width, config.n_head * config.head_size))
        return cls((*attention, (2 * inner, width), (width, inner)), (config.padded_vocab_size, width))


def flop_per_token(config: Config, rank: int, mean_document: float, target_share: float) -> float:
    """Of one training step with LoRA of this rank on every linear but the head."""
    shapes = Shapes.of(config)
    linears = config.n_layer * sum(rows * columns for rows, columns in shapes.block)
    head = shapes.head[0] * shapes.head[1] * target_share
    # q, k and v, and gate and up, have a pair each: r numbers for every input and every output
    n_parts = (3, 1, 2, 1)
    pairs = sum(rows + parts * columns for (rows, columns), parts in zip(shapes.block, n_parts, strict=True))
    attention = 3.5 * 2 * mean_document * config.n_head * config.head_size * config.n_layer
    return 4 * (linears + head) + 6 * rank * config.n_layer * pairs + attention


def data_facts(tokens: TokenRows) -> tuple[float, float]:
    """The length of the document a token lies in, in the mean over tokens; and the share of tokens that are targets."""
    rows = [tokens[i] for i in range(len(tokens))]
    lengths = [len(ids) for ids, _ in rows]
    n_tokens = sum(lengths)
    return sum(length**2 for length in lengths) / n_tokens, sum(int(mask.sum()) for _, mask in rows) / n_tokens


def matmul_rate(
    config: Config, dtype: torch.dtype, target_share: float, n_tokens: int = N_TOKENS, device: str = "cpu"
) -> float:
    """FLOP a second (on a CPU, a processor second) of this model's products, x W' and y W, at one micro-batch."""
    shapes = Shapes.of(config)
    n_targets = int(n_tokens * target_share)
    work = [(n_tokens, shape, config.n_layer) for shape in shapes.block] + [(n_targets, shapes.head, 1)]
    total_flop = total_s = 0.0
    for n_rows, (rows, columns), times in work:
        sizes = ((rows, columns), (n_rows, columns), (n_rows, rows))
        weight, x, y = (torch.randn(size, dtype=dtype, device=device) for size in sizes)
        total_s += times * _median_s(partial(_forward_and_back, x, y, weight), device)
        total_flop += times * 4 * n_rows * rows * columns
    return total_flop / total_s


def _forward_and_back(x: Tensor, y: Tensor, weight: Tensor) -> None:
    _ = x @ weight.T, y @ weight


def now_s(device: str) -> float:
    """Processor time of this process on a CPU; the clock, once the device is done, elsewhere."""
    if device == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def _median_s(work: Callable[[], object], device: str) -> float:
    work()
    took = []
    for _ in range(REPEATS):
        began_s = now_s(device)
        work()
        took.append(now_s(device) - began_s)
    return sorted(took)[REPEATS // 2]


def share_of_limit(checkpoint_dir: Path, data_dir: Path, rank: int, dtype: str) -> Mapping[str, float]:
    """flop_per_token and matmul_rate; tokens a processor second times the first, over the second, is the share."""
    config = load_config(checkpoint_dir)
    directory, _ = next(iter(prepared_token_sets(data_dir)))
    mean_document, target_share = data_facts(TokenSet.open(directory).split("train"))
    return {
        "flop_per_token": flop_per_token(config, rank, mean_document, target_share),
        "matmul_flop_per_s": matmul_rate(config, DTYPES[dtype], target_share),
    }

"""Gradient features for LESS (arXiv 2402.04333): each row's gradient of its mean answer loss on the LoRA weights.

    row -> gradient of all A and B (P,) -> [Adam's step, if its moments are given] -> random projection to D -> length 1

The projection is Rademacher's (+1 or -1 over sqrt D), drawn from the seed a block of weights at a time and never kept
whole, so that P times D need not fit into memory; as many rows share a draw as a bound of bytes allows. Adam's step
as in the paper's code: beta 0.9 and 0.999, no bias correction, u / sqrt(v + 1e-8). One row is one backward pass: the
dear part of LESS.
Not covered: the warm-up finetuning (training/), sums over its epochs (selection/targets.py).
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from lit_gpt.curation.indicators.documents import Passes
from lit_gpt.curation.indicators.embeddings import Vectors, unit
from lit_gpt.curation.indicators.likelihoods import Reader
from lit_gpt.curation.indicators.scores import Missing
from lit_gpt.errors import UserError
from lit_gpt.example import Example
from lit_gpt.lora_layers import LowRank
from lit_gpt.seeds import derive_seed

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8  # princeton-nlp/LESS, collect_grad_reps.py
FIRST, SECOND = "::exp_avg", "::exp_avg_sq"  # how a run's state names Adam's moments of a weight
MOST_ROWS = 256  # that share a draw of the projection
GRADIENTS_BYTES = 1 << 28  # of them, and as much again while they are stacked
BLOCK_SIGNS = 1 << 23

Moments = Mapping[str, tuple[Tensor, Tensor]]  # parameter -> its first and second moment


def gradient_features(
    examples: Iterable[Example], reader: Reader, n_dims: int, seed: int, moments: Moments | None = None
) -> Iterator[tuple[str, Vectors | Missing]]:
    """features (n_dims,) of every row, of length 1. ValueError for a model without LoRA."""
    weights = dict(_lora_weights(reader))
    if not weights:
        raise ValueError("gradients are taken on LoRA weights, and the model has none")
    rows = reader.passes(examples)
    n_weights = sum(weight.numel() for weight in weights.values())
    n_rows = max(1, min(MOST_ROWS, GRADIENTS_BYTES // (4 * n_weights)))
    while window := list(islice(rows, n_rows)):
        gradients = [_gradient(row, reader, weights, moments) for row in window]
        found = [gradient for gradient in gradients if isinstance(gradient, Tensor)]
        projected: Iterator[Vectors] = iter(unit(project(torch.stack(found), n_dims, seed).numpy()) if found else ())
        for row, gradient in zip(window, gradients, strict=True):
            yield row.id, gradient if isinstance(gradient, Missing) else next(projected)


def project(gradients_BP: Tensor, n_dims: int, seed: int) -> Tensor:
    """The gradients in n_dims dimensions, where their products are nearly what they were."""
    projected_BD = gradients_BP.new_zeros(len(gradients_BP), n_dims)
    n_weights = max(1, BLOCK_SIGNS // n_dims)
    for start in range(0, gradients_BP.size(1), n_weights):
        block_BW = gradients_BP[:, start : start + n_weights]
        signs_WD = _signs(block_BW.size(1), n_dims, derive_seed(seed, "projection", n_dims, start))
        projected_BD += block_BW @ signs_WD.to(block_BW.device)
    return projected_BD.cpu() / n_dims**0.5


def _signs(n_weights: int, n_dims: int, seed: int) -> Tensor:
    """+1 and -1, a bit of the generator's each."""
    n_bits = n_weights * n_dims
    words = np.random.PCG64(seed).random_raw(-(-n_bits // 64)).astype("<u8", copy=False)
    bits_WD = np.unpackbits(words.view(np.uint8), count=n_bits).reshape(n_weights, n_dims)
    return torch.from_numpy(bits_WD).float().mul_(2).sub_(1)


def _lora_weights(reader: Reader) -> Iterator[tuple[str, torch.nn.Parameter]]:
    """A and B of every pair, in order of name."""
    pairs = sorted((name, module) for name, module in reader.model.named_modules() if isinstance(module, LowRank))
    for name, pair in pairs:
        yield from ((f"{name}.A", pair.A), (f"{name}.B", pair.B))


def _gradient(
    row: Passes, reader: Reader, weights: Mapping[str, torch.nn.Parameter], moments: Moments | None
) -> Tensor | Missing:
    """Of the mean loss of the row's answers, flat."""
    places, ids = row.given.places, row.given.ids
    if not places or len(ids) > reader.most_tokens:
        return Missing("too_long" if places else "no_answer_tokens")
    ids_BT = torch.tensor([ids], device=reader.model.transformer.wte.weight.device)
    at_N = torch.tensor(places, device=ids_BT.device)
    with torch.enable_grad():
        for weight in weights.values():
            weight.requires_grad_(True)
        loss = F.cross_entropy(reader.model(ids_BT, logits_at=at_N - 1).float(), ids_BT[0, at_N])
        gradients = torch.autograd.grad(loss, list(weights.values()))
    found = dict(zip(weights, gradients, strict=True))
    return torch.cat([_step(name, grad, moments).flatten() for name, grad in found.items()]).float()


def _step(name: str, gradient: Tensor, moments: Moments | None) -> Tensor:
    if moments is None:
        return gradient
    if name not in moments:
        got = f"moments without {name}, which is a weight of the adapter"
        raise UserError(got, "the optimizer's state of the adapter's own run", "give that run's file")
    first, second = moments[name]
    updated = BETA_1 * first + (1 - BETA_1) * gradient
    return updated / (BETA_2 * second + (1 - BETA_2) * gradient.square() + EPSILON).sqrt()


def read_moments(path: Path) -> Moments:
    """Those of a run's optimizer.safetensors; UserError for another file."""
    try:
        tensors = load_file(path)
        names = [key.removesuffix(FIRST) for key in tensors if key.endswith(FIRST)]
        moments = {name: (tensors[name + FIRST], tensors[name + SECOND]) for name in names}
    except (OSError, KeyError, SafetensorError) as error:
        got = f"{path}, which holds no moments ({type(error).__name__}: {error})"
        raise UserError(got, "state/step-N/optimizer.safetensors of a run with Adam", "check the path") from None
    if not moments:
        raise UserError(f"{path}, which holds no moments", "the state of a run with Adam", "check the path")
    return moments


def matrix(features: Iterable[tuple[str, Vectors | Missing]]) -> tuple[list[str], Vectors]:
    """Ids and features of the rows that have them."""
    found = [(id, vector) for id, vector in features if not isinstance(vector, Missing)]
    return [id for id, _ in found], np.stack([vector for _, vector in found])

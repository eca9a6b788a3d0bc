"""One autograd node for all parts of a fused linear is what modules and autograd compute."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lit_gpt.low_rank_update import Update, add_updates

ROWS = {"q": slice(0, 8), "k": slice(8, 12), "v": slice(12, 16)}
N, INPUT, OUTPUT = 10, 6, 16
Pairs = dict[str, tuple[Tensor, Tensor]]


def draw(*shape: int, seed: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(dtype).requires_grad_()


def some_pairs(parts: str, dtype: torch.dtype = torch.float32) -> Pairs:
    return {
        part: (
            draw(2 + number, INPUT, seed=number, dtype=dtype),
            draw(ROWS[part].stop - ROWS[part].start, 2 + number, seed=9 + number, dtype=dtype),
        )
        for number, part in enumerate(parts)
    }


def ours(x: Tensor, weight: Tensor, pairs: Pairs, dropout: float = 0.0) -> Tensor:
    y = F.linear(x, weight)
    return add_updates(y, x, [Update(ROWS[part], 0.7, A, B) for part, (A, B) in pairs.items()], dropout)


def plain(x: Tensor, weight: Tensor, pairs: Pairs, masks: dict[str, Tensor] | None = None) -> Tensor:
    y = F.linear(x, weight)
    delta = torch.zeros_like(y)
    for part, (A, B) in pairs.items():
        seen = x * masks[part] if masks else x
        delta = delta + F.pad(0.7 * seen @ A.T @ B.T, (ROWS[part].start, OUTPUT - ROWS[part].stop))
    return y + delta


@pytest.mark.parametrize("parts", ["q", "qv", "qkv", "v"])
@pytest.mark.parametrize("shape", [(N,), (2, 5)])
def test_value_and_gradients(parts: str, shape: tuple[int, ...]) -> None:
    weight = draw(OUTPUT, INPUT, seed=3).detach()
    upstream = draw(*shape, OUTPUT, seed=4).detach()
    found = []
    for way in (ours, plain):
        x, pairs = draw(*shape, INPUT, seed=5), some_pairs(parts)
        y = way(x, weight, pairs)
        (y * upstream).sum().backward()
        found.append([y, x.grad, *(tensor.grad for pair in pairs.values() for tensor in pair)])
    for actual, expected in zip(*found, strict=True):
        torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_gradcheck(dropout: float) -> None:
    """Against finite differences, with the same masks at each call."""
    weight = draw(OUTPUT, INPUT, seed=3, dtype=torch.float64).detach()
    pairs = some_pairs("qv", torch.float64)

    def call(x: Tensor, *AB: Tensor) -> Tensor:
        torch.manual_seed(1)
        return ours(x, weight, {"q": (AB[0], AB[1]), "v": (AB[2], AB[3])}, dropout)

    x = draw(N, INPUT, seed=5, dtype=torch.float64)
    assert torch.autograd.gradcheck(call, (x, *pairs["q"], *pairs["v"]))


def test_dropout_masks_are_drawn_for_each_part_and_rescaled() -> None:
    x = torch.ones(4000, INPUT)
    eye = {part: (torch.eye(INPUT)[:4], torch.eye(4)) for part in ("k", "v")}
    delta = ours(x, torch.zeros(OUTPUT, INPUT), eye, dropout=0.25)
    k, v = delta[:, ROWS["k"]] / 0.7, delta[:, ROWS["v"]] / 0.7
    for part in (k, v):
        torch.testing.assert_close(part.unique(), torch.tensor([0.0, 4 / 3]))
        assert abs((part == 0).float().mean().item() - 0.25) < 0.02  # 6 standard deviations
    assert ((k == 0) != (v == 0)).any()


def test_bf16_is_computed_in_bf16_and_the_pairs_gradients_are_their_own() -> None:
    weight = draw(OUTPUT, INPUT, seed=3, dtype=torch.bfloat16).detach()
    x, pairs = draw(N, INPUT, seed=5, dtype=torch.bfloat16), some_pairs("qv")
    y = ours(x, weight, pairs)
    y.sum().backward()
    expected = plain(x.detach().double(), weight.double(), {p: (A.double(), B.double()) for p, (A, B) in pairs.items()})
    assert y.dtype == x.grad.dtype == torch.bfloat16
    assert {tensor.grad.dtype for pair in pairs.values() for tensor in pair} == {torch.float32}
    assert (y - expected).abs().max() <= 2**-7 * expected.abs().max()


def kept_bytes(way: object, pairs: Pairs) -> int:
    """What backward keeps, weights and pairs aside."""
    x, weight = draw(500, INPUT, seed=5), draw(OUTPUT, INPUT, seed=3).detach()
    own = {tensor.data_ptr() for pair in pairs.values() for tensor in pair} | {weight.data_ptr()}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        if tensor.untyped_storage().data_ptr() not in own:
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        way(x, weight, pairs)  # type: ignore[operator]
    return sum(kept.values())


def test_backward_keeps_x_and_its_products_alone() -> None:
    pairs = some_pairs("qkv")
    n_products = sum(len(A) for A, _ in pairs.values())
    assert kept_bytes(ours, pairs) <= 4 * 500 * (INPUT + n_products)


def test_without_gradients_nothing_is_kept() -> None:
    with torch.inference_mode():
        x, weight = torch.ones(3, INPUT), torch.zeros(OUTPUT, INPUT)
        pairs = {part: (A.detach(), B.detach()) for part, (A, B) in some_pairs("qv").items()}
        torch.testing.assert_close(ours(x, weight, pairs), plain(x, weight, pairs))

"""The optimizers against torch's AdamW and bitsandbytes', and that a saved state goes on to the bit."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from lit_gpt.live_bytes import LiveBytes
from lit_gpt.training.memory_forecast import update_bytes
from lit_gpt.training.optimizers import make_optimizer
from lit_gpt.training.resume import Progress, optimizer_tensors, restore_optimizer, save_state
from lit_gpt.training.settings import ScheduleSettings

OPTIMIZERS = ["adamw", "adamw-offload", "adamw8bit"]
SETTINGS = {"learning_rate": 1e-2, "weight_decay": 0.1, "beta1": 0.8, "beta2": 0.95}


def parameters(dtype: torch.dtype = torch.float32) -> dict[str, nn.Parameter]:
    """One small, one large enough that bitsandbytes keeps its moments in 8 bits."""
    generator = torch.Generator().manual_seed(0)
    shapes = {"small": (8,), "large": (96, 64), "other": (64, 96)}
    return {name: nn.Parameter(torch.randn(shape, generator=generator).to(dtype)) for name, shape in shapes.items()}


def take_steps(optimizer: torch.optim.Optimizer, weights: dict[str, nn.Parameter], first: int, last: int) -> None:
    for step in range(first, last):
        generator = torch.Generator().manual_seed(step)
        for weight in weights.values():
            weight.grad = torch.randn(weight.shape, generator=generator).to(weight)
        optimizer.step()


def after(n_steps: int, make: Callable[[dict[str, nn.Parameter]], torch.optim.Optimizer]) -> dict[str, nn.Parameter]:
    weights = parameters()
    take_steps(make(weights), weights, 0, n_steps)
    return weights


def ours(name: str) -> Callable[[dict[str, nn.Parameter]], torch.optim.Optimizer]:
    settings = ScheduleSettings(optimizer=name, **SETTINGS)  # type: ignore[arg-type]
    return lambda weights: make_optimizer(weights.values(), settings)


def torchs(weights: dict[str, nn.Parameter]) -> torch.optim.Optimizer:
    return torch.optim.AdamW(weights.values(), lr=1e-2, betas=(0.8, 0.95), weight_decay=0.1)


@pytest.mark.parametrize("name", ["adamw", "adamw-offload"])
def test_equals_torchs_to_the_bit(name: str) -> None:
    actual, expected = after(10, ours(name)), after(10, torchs)
    assert all(torch.equal(actual[key], expected[key]) for key in expected)


def test_8_bit_equals_bitsandbytes_and_is_near_torchs() -> None:
    import bitsandbytes as bnb

    def theirs(weights: dict[str, nn.Parameter]) -> torch.optim.Optimizer:
        return bnb.optim.AdamW(weights.values(), lr=1e-2, betas=(0.8, 0.95), weight_decay=0.1, optim_bits=8)

    actual, same, exact, start = after(10, ours("adamw8bit")), after(10, theirs), after(10, torchs), parameters()
    for key in exact:
        assert torch.equal(actual[key], same[key])
        moved = (exact[key] - start[key]).square().mean().sqrt()
        assert (actual[key] - exact[key]).square().mean().sqrt() < 0.05 * moved


@pytest.mark.parametrize("name", ["adamw", "adamw-offload"])
def test_an_update_takes_the_memory_that_is_foretold(name: str) -> None:
    weights = parameters()
    optimizer = ours(name)(weights)
    take_steps(optimizer, weights, 0, 1)
    counter = LiveBytes()
    for weight in weights.values():
        counter.know(weight)
    with counter:
        optimizer.step()
    assert update_bytes(name, weights.values(), is_gpu=False) == counter.peak
    assert update_bytes(name, weights.values(), is_gpu=True) == 0


class OnCuda(nn.Parameter):
    """Says that it lies on a GPU, where there is none."""

    device = torch.device("cuda")


def test_on_cuda_torch_is_asked_for_its_fused_update() -> None:
    fused = ours("adamw")({"first": OnCuda(torch.ones(8)), "second": OnCuda(torch.ones(4))})
    assert isinstance(fused, torch.optim.AdamW) and fused.defaults["fused"] is True
    assert not ours("adamw")(parameters()).defaults["fused"]
    both = {"there": OnCuda(torch.ones(8)), "here": nn.Parameter(torch.ones(8))}
    assert not ours("adamw")(both).defaults["fused"], "torch's fused kernel takes no weight of the CPU along"


def test_a_fused_updates_count_of_steps_goes_to_where_its_kernel_counts() -> None:
    """On the meta device, in the place of a GPU."""
    weights = {"weight": nn.Parameter(torch.ones(8, device="meta"))}
    saved = {"weight::step": torch.tensor(3.0), "weight::exp_avg": torch.ones(8)}
    for is_fused, device in ((True, "meta"), (None, "cpu")):
        optimizer = torch.optim.AdamW(weights.values(), fused=is_fused)
        restore_optimizer(optimizer, weights, saved)
        state = optimizer.state[weights["weight"]]
        assert (state["step"].device.type, state["exp_avg"].device.type) == (device, "meta")


def test_moments_lie_where_they_should() -> None:
    weights = parameters()
    optimizer = ours("adamw8bit")(weights)
    take_steps(optimizer, weights, 0, 1)
    assert optimizer.state[weights["large"]]["state1"].dtype == torch.uint8
    optimizer = ours("adamw-offload")(weights)
    take_steps(optimizer, weights, 0, 1)
    assert optimizer.state[weights["large"]]["exp_avg"].device.type == "cpu"


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_saved_state_goes_on_to_the_bit(name: str, dtype: torch.dtype, tmp_path: Path) -> None:
    whole = parameters(dtype)
    take_steps(ours(name)(whole), whole, 0, 6)
    first = parameters(dtype)
    optimizer = ours(name)(first)
    take_steps(optimizer, first, 0, 3)
    save_state(tmp_path, Progress(step=3), [], {}, first, optimizer_tensors(optimizer, first))
    then = parameters(dtype)
    state = tmp_path / "step-00000003"
    for key, tensor in load_file(state / "trained.safetensors").items():
        then[key].data.copy_(tensor)
    optimizer = ours(name)(then)
    restore_optimizer(optimizer, then, load_file(state / "optimizer.safetensors"))
    take_steps(optimizer, then, 3, 6)
    assert all(torch.equal(then[key], whole[key]) for key in whole)

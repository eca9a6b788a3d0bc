"""Quantised linears against bitsandbytes' own modules, and what of a network is quantised."""

import os
import subprocess
import sys
from pathlib import Path

import bitsandbytes as bnb
import pytest
import torch
from torch import Tensor, nn

from lit_gpt import quantized
from lit_gpt.checkpoint import load_model
from lit_gpt.lora import LoraOptions, add_lora, merge_lora
from lit_gpt.model import GPT
from lit_gpt.quantized import QUANTIZATIONS, QuantizedLinear, n_quantized
from lit_gpt.random_base import write_random_weights
from lit_gpt.weight_files import Spec
from tests.conftest import GapTables
from tests.tiny import save_checkpoint

IDS_BT = torch.tensor([[3, 1, 4, 1, 5, 9], [2, 6, 5, 3, 5, 8]])
# smaller than a block, no multiple of one, several chunks; bitsandbytes itself compiles C++ for rows of odd length
SHAPES = [(5, 6), (7, 34), (24, 48), (200, 96)]


def random_weight(shape: tuple[int, int], dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(dtype)


def quantised(weight: Tensor, bias: Tensor | None, kind: str) -> QuantizedLinear:
    return QuantizedLinear(Spec(weight.dtype, tuple(weight.shape)), [weight], bias, kind)


def their_linear(weight: Tensor, bias: Tensor | None, kind: str) -> nn.Module:
    """bitsandbytes' own module with these weights."""
    out_features, in_features = weight.shape
    if kind == "int8":
        theirs = bnb.nn.Linear8bitLt(in_features, out_features, bias is not None, has_fp16_weights=False)
        theirs.weight = bnb.nn.Int8Params(weight.clone(), requires_grad=False, has_fp16_weights=False)
    else:
        settings = {"quant_type": kind.removesuffix("-dq"), "compress_statistics": kind.endswith("-dq")}
        theirs = bnb.nn.Linear4bit(in_features, out_features, bias is not None, **settings)
        theirs.weight = bnb.nn.Params4bit(weight.clone(), requires_grad=False, **settings)
    if bias is not None:
        theirs.bias = nn.Parameter(bias.clone())
    return theirs.to("cpu").train()  # moving encodes; in evaluation they use other kernels


def decoded_by_them(theirs: nn.Module, kind: str) -> Tensor:
    if kind == "int8":
        return theirs.weight.CB.float() * theirs.weight.SCB[:, None] / 127
    return bnb.functional.dequantize_4bit(theirs.weight.data, theirs.weight.quant_state)


def assert_close(actual: Tensor, expected: Tensor, tolerance: float) -> float:
    assert actual.shape == expected.shape
    gap = ((actual - expected).abs().max() / expected.abs().max().clamp_min(1e-30)).item()
    assert gap <= tolerance
    return gap


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", QUANTIZATIONS)
def test_weights_products_and_gradients_are_bitsandbytes(
    kind: str, shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch, gap_tables: GapTables
) -> None:
    monkeypatch.setattr(quantized, "CHUNK", 64 * shape[1])
    table = gap_tables["quantised products and gradients against bitsandbytes"][kind]
    weight, bias = random_weight(shape), torch.randn(shape[0])
    ours, theirs = quantised(weight, bias, kind), their_linear(weight, bias, kind)
    assert_close(ours.weight, decoded_by_them(theirs, kind), 1e-6)
    x = torch.randn(3, 4, shape[1], requires_grad=True)
    actual, expected = ours(x), theirs(x)
    table.append(assert_close(actual, expected, 1e-5))
    (ours_x,) = torch.autograd.grad(actual.square().sum(), x)
    (theirs_x,) = torch.autograd.grad(expected.square().sum(), x)
    table.append(assert_close(ours_x, theirs_x, 1e-5))


@pytest.mark.parametrize("kind", QUANTIZATIONS)
def test_rows_of_odd_length(kind: str) -> None:
    """The same numbers as with rows of another length, for blocks do not end with rows."""
    weight = random_weight((8, 33))
    if kind != "int8":
        assert torch.equal(
            quantised(weight, None, kind).weight.flatten(),
            quantised(weight.view(4, 66), None, kind).weight.flatten(),
        )
    assert_close(quantised(weight, None, kind).weight, weight, 0.2)


@pytest.mark.parametrize(("kind", "most"), [("nf4", 4.6), ("nf4-dq", 4.2), ("fp4", 4.6), ("int8", 8.1)])
def test_bits_a_weight(kind: str, most: float) -> None:
    """QLoRA, section 3: 4.5 bits a weight, 4.127 with double quantisation; here with the tables that go along."""
    linear = quantised(random_weight((1024, 512)), None, kind)
    n_bits = 8 * sum(buffer.numel() * buffer.element_size() for buffer in linear.buffers())
    assert n_bits / linear.n_weights < most
    assert not linear.state_dict()


@pytest.mark.parametrize(("kind", "error"), [("nf4", 0.1), ("nf4-dq", 0.1), ("fp4", 0.15), ("int8", 0.01)])
def test_what_is_lost(kind: str, error: float) -> None:
    """The root mean square error of normal weights, of their own: a tenth with nf4, more with fp4."""
    weight = random_weight((256, 256))
    lost = (quantised(weight, None, kind).weight - weight).square().mean().sqrt()
    assert error / 4 < lost < error


def test_the_linears_of_the_blocks_are_quantised_and_nothing_else(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, "phi")  # biases everywhere, an untied head
    plain, model = load_model(tmp_path), load_model(tmp_path, quantize="nf4")
    kinds = {name: type(module) for name, module in model.named_modules()}
    in_blocks = [name for name in kinds if name.endswith(("qkv", "proj", "fc"))]
    assert len(in_blocks) == 8
    assert {kinds[name] for name in in_blocks} == {QuantizedLinear}
    assert kinds["lm_head"] is nn.Linear
    kept = plain.state_dict().keys() - {f"{name}.weight" for name in in_blocks}
    assert model.state_dict().keys() == kept
    assert all(torch.equal(model.state_dict()[name], plain.state_dict()[name]) for name in kept)
    n_weights = sum(parameter.numel() for parameter in plain.parameters())
    assert n_quantized(model) + sum(parameter.numel() for parameter in model.parameters()) == n_weights
    logits, exact = model(IDS_BT), plain(IDS_BT)
    assert 0 < (logits - exact).abs().mean() < 0.5 * exact.abs().mean()


@pytest.mark.parametrize("kind", QUANTIZATIONS)
def test_pairs_train_on_a_quantised_base_and_merge_into_the_other(kind: str, tmp_path: Path) -> None:
    save_checkpoint(tmp_path, "llama")
    model = load_model(tmp_path, torch.bfloat16, quantize=kind)
    options = LoraOptions(r=2, alpha=4, dropout=0.1, targets=("q", "mlp", "head"), is_decomposed=kind == "fp4")
    add_lora(model, options, seed=0)
    model.train()(IDS_BT).float().logsumexp(-1).sum().backward()
    gradients = {name: p.grad for name, p in model.named_parameters() if p.requires_grad}
    assert all(g is not None and g.isfinite().all() for g in gradients.values())
    assert any(g.any() for name, g in gradients.items() if "h.0.mlp.fc" in name)
    with pytest.raises(ValueError, match="before it was quantised"):
        merge_lora(model)


# half a billion weights
BIG = {
    "hidden_size": 2048,
    "intermediate_size": 5632,
    "num_hidden_layers": 10,
    "num_attention_heads": 16,
    "num_key_value_heads": 16,
    "vocab_size": 4096,
}
MEMORY_PROBE = """
import sys
import torch
from lit_gpt.checkpoint import load_model
import bitsandbytes.functional
from pathlib import Path

load_model(Path(sys.argv[1]), torch.bfloat16, quantize=sys.argv[3])  # every library is loaded, every pool filled
def status(key):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key))
before = status("VmRSS")
Path("/proc/self/clear_refs").write_text("5")  # the peak starts here
model = load_model(Path(sys.argv[2]), torch.bfloat16, quantize=sys.argv[3])
held = sum(t.numel() * t.element_size() for t in (*model.parameters(), *model.buffers()))
print(status("VmHWM") - before, held)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
@pytest.mark.parametrize("kind", ["nf4", "int8"])
def test_loading_needs_the_quantised_size_and_one_tensor(kind: str, tmp_path: Path) -> None:
    """Half a billion weights: the peak above the process before it, at most both and a tenth."""
    config = write_random_weights(tmp_path / "big", BIG)
    assert config.n_parameters >= 500e6
    save_checkpoint(tmp_path / "small", "llama")
    arguments = [str(tmp_path / "small"), str(tmp_path / "big"), kind]
    done = subprocess.run([sys.executable, "-c", MEMORY_PROBE, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    peak, held = map(int, done.stdout.split())
    with torch.device("meta"):
        largest = max(2 * p.numel() for p in GPT(config).parameters())
    print(f"{kind}: peak {peak / 2**20:.0f} MiB, quantised {held / 2**20:.0f}, largest tensor {largest / 2**20:.0f}")
    assert held < peak <= 1.1 * (held + largest)


def test_bitsandbytes_fetches_no_code_as_it_is_imported(tmp_path: Path) -> None:
    """On CPUs with bf16 it would, through the package kernels; where that is missing it would ask for it."""
    mark = tmp_path / "fetched"
    (tmp_path / "kernels.py").write_text(f"def get_kernel(*a, **k):\n    open({str(mark)!r}, 'w')\n")
    code = "from lit_gpt.quantized import import_bitsandbytes as i; i(); import kernels; print(kernels.__name__)"
    path = os.pathsep.join([str(tmp_path), str(Path(__file__).resolve().parents[1])])
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path}
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "kernels\n", "")
    assert not mark.exists()

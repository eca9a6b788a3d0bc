"""The speed benchmark: its fixture, its arithmetic, its table, and that our own bar and the big model's steps run."""

import ast
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from lit_gpt.config import Config
from lit_gpt.hf_config import config_from_hf
from lit_gpt.lora import LoraOptions, add_lora, lora_layers
from lit_gpt.model import GPT
from lit_gpt.random_base import write_random_weights
from lit_gpt.studies.speed.bars import Bar, Place, run_bars
from lit_gpt.studies.speed.big_model import Steps, measure
from lit_gpt.studies.speed.curves import curves_page, largest_difference
from lit_gpt.studies.speed.fixture import SHAPES, draw_lengths, rows, write_fixture
from lit_gpt.studies.speed.limit import flop_per_token
from lit_gpt.studies.speed.table import table, tokens_per_cpu_s, useful_share
from lit_gpt.tokenizer import Tokenizer
from lit_gpt.tokens.pack import pack
from lit_gpt.training.loss import SummedLoss

ROOT = Path(__file__).resolve().parents[2]
LLAMA_2_7B = {"hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32}


def llama(**numbers: int) -> Config:
    shape = {"model_type": "llama", "max_position_embeddings": 4096, "vocab_size": 32000, "rms_norm_eps": 1e-5}
    return config_from_hf(shape | numbers)


@pytest.fixture(scope="module")
def fixture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_fixture(tmp_path_factory.mktemp("fixtures") / "tiny", "tiny")


def test_the_fixture_is_the_same_each_time_and_its_words_are_its_tokens(fixture: Path, tmp_path: Path) -> None:
    again = write_fixture(tmp_path / "tiny", "tiny")
    for name in ("hf/model.safetensors", "data/train.json"):
        assert (fixture / name).read_bytes() == (again / name).read_bytes()
    made = json.loads((fixture / "data/train.json").read_text())
    tokenizer = Tokenizer(fixture / "hf")
    ids = tokenizer.encode(made[0]["instruction"])
    assert ids == [int(word[1:]) for word in made[0]["instruction"].split()]
    assert 0 not in ids and max(ids) < SHAPES["tiny"].n_words
    lengths = [len(f"{row['instruction']} {row['output']}".split()) + 1 for row in made]
    assert len(made) == 1000 and min(lengths) >= 16 and max(lengths) == 1024
    assert 235 < np.mean(lengths) < 260


def test_prompts_and_answers_are_never_empty() -> None:
    for row in rows(3000, 32_000, seed=5):
        assert row["instruction"] and row["output"]


@pytest.mark.parametrize("seed", range(3))
def test_packing_the_fixtures_lengths_fills_at_least_99_percent(seed: int) -> None:
    lengths = draw_lengths(np.random.default_rng(seed), 1000).tolist()
    blocks = pack(lengths, 2048)
    assert sum(lengths) / (len(blocks) * 2048) >= 0.99
    assert sorted(i for block in blocks for i in block) == list(range(1000))


def test_arithmetic_of_a_llama_2_7b() -> None:
    """26.9 GFLOP a token with LoRA of rank 16 at 450 tokens a document and 70 % targets, by the published shape."""
    assert flop_per_token(llama(**LLAMA_2_7B), 16, 450, 0.7) == pytest.approx(26.9e9, rel=0.005)


def test_arithmetic_is_what_torch_counts() -> None:
    """Against torch's own counter of matrix products; attention's kernel is no such product."""
    config = llama(hidden_size=64, intermediate_size=160, num_hidden_layers=2, num_attention_heads=2, vocab_size=256)
    model = GPT(config)
    add_lora(model, LoraOptions(r=16, alpha=32, dropout=0.0, targets=("q", "k", "v", "o", "mlp")), seed=0)
    for _, layer in lora_layers(model):
        layer.is_fused = False  # the counter does not know products that are added in place
    n_tokens, ids_BT = 64, torch.ones(1, 64, dtype=torch.long)
    with FlopCounterMode(display=False) as counter:
        SummedLoss(model, is_chunked=False)(ids_BT, [n_tokens], torch.arange(63)).backward()
    counted = sum(n for op, n in counter.get_flop_counts()["Global"].items() if str(op) in ("aten.mm", "aten.addmm"))
    into_the_embedding = 2 * 3 * 64 * (64 + 16)  # a gradient that no one asks for: of q, k and v and their pairs
    per_token = flop_per_token(config, 16, 0, 63 / 64) - into_the_embedding
    assert counted == pytest.approx(per_token * n_tokens, rel=1e-3)


def test_random_padding_is_told_at_its_mean(fixture: Path) -> None:
    share = useful_share(fixture)
    assert 0.45 < share < 0.58
    lucky = {"bar": "litgpt", "tokens_per_cpu_s": 120.0, "useful_share": 0.6}
    assert tokens_per_cpu_s(lucky, 0.5) == 100.0
    assert tokens_per_cpu_s({**lucky, "bar": "ours"}, 0.5) == 120.0


def test_the_table_has_ratios_and_reasons() -> None:
    common = {"useful_share": 0.5, "training_mb": 200.0, "first_step_s": 3.0}
    ours = {**common, "bar": "ours", "tokens_per_cpu_s": 250.0, "flop_per_token": 2e6, "matmul_flop_per_s": 1e9}
    results = [
        {**common, "bar": "litgpt", "tokens_per_cpu_s": 100.0},
        {"bar": "torchtune, packed", "skipped": "no such place"},
        {**ours, "training_mb": 100.0, "useful_share": 1.0},
    ]
    told = table(results, 0.5)
    assert "| ours | 250 | 2.50 | 100 | 0.50 | 0.50 | 3.0 |" in told
    assert "| torchtune, packed | skipped: no such place |" in told


def test_a_peer_that_is_not_there_or_fails_is_told(fixture: Path, tmp_path: Path) -> None:
    place = Place(tmp_path, tmp_path / "peers", fixture, tmp_path / "work", os.environ)
    (tmp_path / "broken.py").write_text("raise SystemExit('no luck')")
    bars = [Bar("litgpt", "with_litgpt.py", (), "litgpt"), Bar("broken", "broken.py")]
    absent, broken = run_bars(bars, place, "fp32", 2)
    assert "requirements-bench-litgpt.txt" in absent["skipped"]
    assert broken == {"bar": "broken", "skipped": "it failed: no luck"}


def test_our_bar_finds_what_it_imports() -> None:
    """mypy does not read the bars, whose other libraries are not here."""
    tree = ast.parse((ROOT / "benchmarks/peers/with_ours.py").read_text("utf-8"))
    taken = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module.startswith("lit_gpt")]
    names = [(node.module, alias.name) for node in taken for alias in node.names]
    assert ("lit_gpt.training.run", "finetune") in names
    assert [name for module, name in names if not hasattr(importlib.import_module(module), name)] == []


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")
def test_our_bar_measures_a_run_that_learns(fixture: Path, tmp_path: Path) -> None:
    place = Place(ROOT / "benchmarks/peers", tmp_path / "peers", fixture, tmp_path / "work", os.environ)
    (found,) = run_bars([Bar("ours", "with_ours.py")], place, "fp32", 2)
    assert "skipped" not in found, found
    assert found["tokens_per_cpu_s"] > 0 and found["useful_share"] == 1.0
    assert found["grad_norm"] > 0.01
    assert found["val_loss"][1] < found["val_loss"][0]
    assert len(found["losses"]) == 2


def test_both_curves_are_drawn_where_both_ways_ran() -> None:
    plain, fast = {"bar": "ours, plain", "losses": [5.0, 4.0]}, {"bar": "ours", "losses": [5.0, 4.0004]}
    drawn = curves_page({"head, fp32": [plain, fast], "body, fp32": [fast, {"bar": "litgpt", "skipped": "no"}]})
    assert "head, fp32: training loss" in drawn and "body, fp32" not in drawn
    assert "1.0e-04 of the loss" in drawn
    with pytest.raises(ValueError, match="longer"):
        largest_difference([5.0], [5.0, 4.0])


@pytest.mark.parametrize("quantize", [None, "nf4"])
def test_steps_of_the_big_model_on_a_tiny_one(quantize: str | None, tmp_path: Path) -> None:
    shape = {"hidden_size": 64, "intermediate_size": 160, "num_hidden_layers": 2, "num_attention_heads": 2}
    write_random_weights(
        tmp_path / "tiny", shape | {"num_key_value_heads": 2, "max_position_embeddings": 2048, "vocab_size": 256}
    )
    found = measure(tmp_path / "tiny", Steps(1, 3, 1, quantize, quantize is not None, "auto", False), "cpu")
    assert found.tokens_per_s > 0 and 0 < found.share_of_limit < 1
    assert found.grad_norm > 1e-3


@pytest.mark.slow
def test_the_command_prints_a_table(tmp_path: Path) -> None:
    flags = ["--fixtures", "[tiny]", "--dtypes", "[bf16]", "--steps", "2", "--only", "ours", "--out_dir", str(tmp_path)]
    command = [sys.executable, str(ROOT / "benchmarks/speed.py"), *flags]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert "| ours, checkpointing |" in (tmp_path / "table.md").read_text()

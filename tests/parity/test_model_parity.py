"""Our network and transformers' give the same logits and gradients for the same weights; weights come back whole."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoModelForCausalLM

from lit_gpt.checkpoint import load_model
from lit_gpt.export import save_hf_checkpoint
from lit_gpt.hf_families import FAMILIES as SUPPORTED
from lit_gpt.kv_cache import KVCache
from lit_gpt.weight_names import places
from tests.conftest import GapTables
from tests.parity.variants import VARIANTS, Variant, named
from tests.tiny import FAMILIES, save_checkpoint

EVERY_VARIANT = pytest.mark.parametrize("variant", VARIANTS, ids=named)
EVERY_FAMILY = pytest.mark.parametrize("family", FAMILIES)
N_TOKENS = 40  # more than the windows of tests/tiny.py and of the variants see
CHUNKS = [17, 1, 22]


def some_ids(n_rows: int = 3, n_tokens: int = N_TOKENS, vocab_size: int = 101) -> Tensor:
    return torch.randint(vocab_size, (n_rows, n_tokens), generator=torch.Generator().manual_seed(1))


def relative_gap(ours: Tensor, theirs: Tensor) -> float:
    return float((ours.double() - theirs.double()).abs().max() / theirs.double().abs().max())


def mean_gap(ours: Tensor, theirs: Tensor) -> float:
    """Root mean square: rounding makes the largest of thousands of differences a matter of luck."""
    return float((ours.double() - theirs.double()).square().mean().sqrt() / theirs.double().square().mean().sqrt())


def test_every_supported_family_is_compared() -> None:
    assert set(SUPPORTED) == set(FAMILIES) == {variant.family for variant in VARIANTS}


@EVERY_VARIANT
def test_fp32_logits_at_once_and_cached(tmp_path: Path, variant: Variant, gap_tables: GapTables) -> None:
    theirs = save_checkpoint(tmp_path, variant.family, **variant.settings)
    ours = load_model(tmp_path)
    cache = KVCache(ours.config, batch_size=3, max_length=N_TOKENS)
    with torch.no_grad():
        expected_BTV = theirs(some_ids()).logits
        whole_BTV = ours(some_ids())
        cached_BTV = torch.cat([ours(chunk, cache=cache) for chunk in some_ids().split(CHUNKS, dim=1)], dim=1)
    gap_tables["logits against Transformers, fp32"][variant.family].append(relative_gap(whole_BTV, expected_BTV))
    assert relative_gap(whole_BTV, expected_BTV) <= 1e-5
    assert relative_gap(cached_BTV, expected_BTV) <= 1e-5


@EVERY_VARIANT
def test_bf16_logits_are_as_near_the_truth_as_theirs(tmp_path: Path, variant: Variant) -> None:
    save_checkpoint(tmp_path, variant.family, **variant.settings)
    ours = load_model(tmp_path, dtype=torch.bfloat16)
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.bfloat16, attn_implementation="eager")
    with torch.no_grad():
        truth_BTV = theirs.double()(some_ids()).logits
        their_gap = mean_gap(theirs.bfloat16()(some_ids()).logits, truth_BTV)
        assert mean_gap(ours(some_ids()), truth_BTV) <= 1.1 * their_gap


@EVERY_VARIANT
def test_exported_again_every_bit_is_the_same(tmp_path: Path, variant: Variant) -> None:
    theirs = save_checkpoint(tmp_path / "theirs", variant.family, **variant.settings)
    save_hf_checkpoint(load_model(tmp_path / "theirs"), tmp_path / "ours", tmp_path / "theirs")
    before, after = (load_file(tmp_path / name / "model.safetensors") for name in ("theirs", "ours"))
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    again = AutoModelForCausalLM.from_pretrained(
        tmp_path / "ours", attn_implementation=theirs.config._attn_implementation
    )
    with torch.no_grad():
        assert torch.equal(again(some_ids()).logits, theirs(some_ids()).logits)


def in_three_files(tensors: Mapping[str, Tensor], directory: Path) -> None:
    """Shards with an index; q, k and v of a layer, where they are three tensors, in three files."""
    homes = {name: number % 3 for number, name in enumerate(tensors)}
    homes |= {name: "qkv".index(part) for name in tensors for part in "qkv" if f".{part}_proj." in name}
    files = {number: f"model-0000{number + 1}-of-00003.safetensors" for number in range(3)}
    for number, file in files.items():
        save_file({name: tensors[name] for name, home in homes.items() if home == number}, directory / file)
    index = {"metadata": {}, "weight_map": {name: files[home] for name, home in homes.items()}}
    (directory / "model.safetensors.index.json").write_text(json.dumps(index))


@EVERY_FAMILY
@pytest.mark.parametrize("form", ["three shards", "bin"])
def test_other_forms_of_the_same_weights_are_the_same_model(tmp_path: Path, family: str, form: str) -> None:
    save_checkpoint(tmp_path, family)
    whole = load_model(tmp_path).state_dict()
    tensors = load_file(tmp_path / "model.safetensors")
    (tmp_path / "model.safetensors").unlink()
    if form == "bin":
        torch.save(tensors, tmp_path / "pytorch_model.bin")
    else:
        in_three_files(tensors, tmp_path)
    again = load_model(tmp_path).state_dict()
    assert whole.keys() == again.keys()
    assert all(torch.equal(whole[name], again[name]) for name in whole)


@EVERY_VARIANT
def test_gradients_of_every_parameter(tmp_path: Path, variant: Variant) -> None:
    """Of q, k and v a gap is told relative to the largest of the three: a key's bias moves no attention at all."""
    theirs, ours = save_checkpoint(tmp_path, variant.family, **variant.settings), load_model(tmp_path)
    weights_BTV = torch.randn(3, N_TOKENS, 101, generator=torch.Generator().manual_seed(2))
    (theirs(some_ids()).logits * weights_BTV).mean().backward()
    (ours(some_ids()) * weights_BTV).mean().backward()
    modules = dict(theirs.named_modules())
    n_compared = 0
    for place in places(ours.config):
        if place.lit == "lm_head" and ours.config.tie_embeddings:
            continue
        here, there = ours.get_submodule(place.lit), modules["lm_head" if place.hf == "embed_out" else place.hf]
        for kind, parameter in here.named_parameters():
            expected = getattr(there, kind).grad
            expected = expected.T if place.is_transposed and kind == "weight" else expected
            gap = (parameter.grad[place.rows] - expected).abs().max()
            assert gap <= 1e-5 * parameter.grad.abs().max(), f"{place.hf}.{kind}"
            n_compared += expected.numel()
    assert n_compared == theirs.num_parameters()


def test_a_real_model(shared: Path) -> None:
    checkpoint_dir = shared / "checkpoints/karpathy/stories260K"
    theirs = AutoModelForCausalLM.from_pretrained(checkpoint_dir)
    ids_BT = some_ids(2, 300, 512)
    with torch.no_grad():
        assert relative_gap(load_model(checkpoint_dir)(ids_BT), theirs(ids_BT).logits) <= 1e-5

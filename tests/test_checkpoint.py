"""Checkpoint directories: every layout loads, nothing wrong loads, and conversion loses no bit."""

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoModelForCausalLM

from lit_gpt import weight_files
from lit_gpt.checkpoint import (
    checkpoint_hashes,
    convert_hf_to_lit,
    find_checkpoints,
    load_config,
    load_model,
)
from lit_gpt.config import Config
from lit_gpt.errors import UserError
from lit_gpt.export import convert_lit_to_hf, save_hf_checkpoint
from lit_gpt.files import read_json, sha256_of
from lit_gpt.model import GPT
from lit_gpt.weight_files import Spec, write_sharded
from lit_gpt.weight_slots import hf_slots
from tests.tiny import save_checkpoint

ROOT = Path(__file__).resolve().parents[1]
FAMILIES = pytest.mark.parametrize("family", ["llama", "gpt_neox"])
IDS = torch.arange(40).view(2, 20)
# A shard size that parts q, k and v of a layer
SMALL = "12KB"


def weights_of(directory: Path) -> dict[str, Tensor]:
    return {name: tensor for path in directory.glob("model*.safetensors") for name, tensor in load_file(path).items()}


def change_weights(directory: Path, **changes: Tensor | None) -> None:
    """Set tensors by name ("__" for "."), or remove those given as None."""
    tensors = load_file(directory / "model.safetensors")
    for name, tensor in changes.items():
        tensors.pop(name.replace("__", "."), None)
        if tensor is not None:
            tensors[name.replace("__", ".")] = tensor
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})


def change_config(directory: Path, **changes: Any) -> None:
    path = directory / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def same_bits(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return first.keys() == second.keys() and all(
        first[name].dtype == second[name].dtype and torch.equal(first[name], second[name]) for name in first
    )


def refusal(directory: Path, **settings: Any) -> UserError:
    with pytest.raises(UserError) as error:
        load_model(directory, **settings)
    return error.value


# ---- layouts


@FAMILIES
@pytest.mark.parametrize("layout", ["sharded", "bin", "sharded bin", "legacy bin"])
def test_every_layout_loads_the_same_weights(tmp_path: Path, family: str, layout: str) -> None:
    whole, other = tmp_path / "whole", tmp_path / "other"
    save_checkpoint(whole, family)
    model = save_checkpoint(other, family, max_shard_size=SMALL)
    if layout != "sharded":
        shards = {path.name: load_file(path) for path in other.glob("*.safetensors")}
        for path in other.glob("model*"):
            path.unlink()
        if layout == "sharded bin":
            for name, tensors in shards.items():
                torch.save(tensors, other / f"pytorch_{name.replace('safetensors', 'bin')}")
            index = {
                tensor: f"pytorch_{n.replace('safetensors', 'bin')}" for n, held in shards.items() for tensor in held
            }
            (other / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": index}))
        else:
            is_zip = layout == "bin"
            torch.save(model.state_dict(), other / "pytorch_model.bin", _use_new_zipfile_serialization=is_zip)
    assert same_bits(load_model(other).state_dict(), load_model(whole).state_dict())


def test_q_k_and_v_may_sit_in_different_shards(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, max_shard_size=SMALL)
    weight_map = read_json(tmp_path / "model.safetensors.index.json")["weight_map"]
    shards_of_layers = [
        {weight_map[f"model.layers.{i}.self_attn.{part}_proj.weight"] for part in "qkv"} for i in range(2)
    ]
    assert any(len(shards) > 1 for shards in shards_of_layers)
    load_model(tmp_path)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_weights_are_cast_on_the_way(tmp_path: Path, dtype: torch.dtype) -> None:
    save_checkpoint(tmp_path)
    model = load_model(tmp_path, dtype=dtype)
    assert {parameter.dtype for parameter in model.parameters()} == {dtype}
    assert not model.training
    source = load_file(tmp_path / "model.safetensors")["model.layers.1.self_attn.k_proj.weight"]
    assert torch.equal(model.transformer.h[1].attn.qkv.weight[48:64], source.to(dtype))


def test_weights_keep_their_own_type_if_asked(tmp_path: Path) -> None:
    save_checkpoint(tmp_path)
    change_weights(tmp_path, model__norm__weight=torch.ones(48, dtype=torch.bfloat16))
    model = load_model(tmp_path, dtype=None)
    assert model.transformer.ln_f.weight.dtype == torch.bfloat16
    assert model.lm_head.weight.dtype == torch.float32


@FAMILIES
@pytest.mark.parametrize("carries_head", [True, False])
def test_a_tied_checkpoint_may_carry_its_head_or_not(tmp_path: Path, family: str, carries_head: bool) -> None:
    theirs = save_checkpoint(tmp_path, family, tie_word_embeddings=True)
    head = "embed_out__weight" if family == "gpt_neox" else "lm_head__weight"
    change_weights(tmp_path, **{head: theirs.get_input_embeddings().weight.data.clone() if carries_head else None})
    model = load_model(tmp_path)
    assert model.lm_head.weight is model.transformer.wte.weight
    with torch.no_grad():
        assert torch.allclose(model(IDS), theirs(IDS).logits, atol=1e-5)


def test_old_buffers_are_let_pass(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, "gpt_neox")
    change_weights(
        tmp_path,
        gpt_neox__layers__0__attention__bias=torch.ones(1, 1, 64, 64, dtype=torch.bool),
        gpt_neox__layers__0__attention__masked_bias=torch.tensor(-1e9),
        gpt_neox__layers__0__attention__rotary_emb__inv_freq=torch.ones(1),
    )
    load_model(tmp_path)


def test_a_padded_vocabulary_is_stated_and_then_cut(tmp_path: Path) -> None:
    theirs = save_checkpoint(tmp_path, vocab_size=128)
    change_config(tmp_path, vocab_size=101)
    assert '"padded_vocab_size": 128' in refusal(tmp_path).do
    change_config(tmp_path, padded_vocab_size=128)
    with torch.no_grad():
        torch.testing.assert_close(load_model(tmp_path)(IDS), theirs(IDS).logits[..., :101], rtol=1e-5, atol=1e-5)


def test_nothing_is_allocated_before_the_checkpoint_is_found_to_fit(tmp_path: Path) -> None:
    save_checkpoint(tmp_path)
    change_config(tmp_path, vocab_size=2**45)  # 13 PB of embedding
    assert "(101, 48)" in refusal(tmp_path).got


# VmHWM, not ru_maxrss: the latter is handed down from the process that starts this one
MEASURE = """
import re, sys
from pathlib import Path
from lit_gpt.checkpoint import load_model
peak_kib = lambda: int(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])
before_kib = peak_kib()
load_model(Path(sys.argv[1]))
print(peak_kib() - before_kib)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
@pytest.mark.parametrize("layout", ["safetensors", pytest.param("bin", marks=pytest.mark.slow)])
def test_the_checkpoint_is_never_held_twice(tmp_path: Path, layout: str) -> None:
    theirs = save_checkpoint(tmp_path, vocab_size=8000, hidden_size=960, intermediate_size=2800, num_hidden_layers=4)
    if layout == "bin":
        (tmp_path / "model.safetensors").unlink()
        torch.save(theirs.state_dict(), tmp_path / "pytorch_model.bin")
    model_kib = sum(parameter.numel() * 4 for parameter in theirs.parameters()) / 1024
    run = [sys.executable, "-c", MEASURE, str(tmp_path)]
    growth_kib = int(subprocess.run(run, capture_output=True, text=True, check=True, cwd=ROOT).stdout)
    # 30 MiB is the largest tensor; the rest of the margin is what torch allocates for itself on first use
    assert model_kib < growth_kib < model_kib + 130 * 1024 < 2 * model_kib


# ---- strictness


@pytest.mark.parametrize(
    "name",
    ["model.embed_tokens.weight", "model.layers.1.self_attn.k_proj.weight", "model.norm.weight", "lm_head.weight"],
)
def test_a_missing_tensor_is_named(tmp_path: Path, name: str) -> None:
    save_checkpoint(tmp_path)
    change_weights(tmp_path, **{name.replace(".", "__"): None})
    assert name in refusal(tmp_path).got


@pytest.mark.parametrize("name", ["model.layers.2.input_layernorm.weight", "model.layers.0.self_attn.q_proj.bias", "x"])
def test_an_unexpected_tensor_is_named(tmp_path: Path, name: str) -> None:
    save_checkpoint(tmp_path)
    change_weights(tmp_path, **{name.replace(".", "__"): torch.zeros(48)})
    assert name in refusal(tmp_path).got


def test_one_tensor_under_two_spellings_is_one_too_many(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, "gpt_neox")
    change_weights(tmp_path, lm_head__weight=torch.zeros(101, 48))
    assert "lm_head.weight" in refusal(tmp_path).got


def test_an_untied_head_under_a_tied_config_is_refused(tmp_path: Path) -> None:
    save_checkpoint(tmp_path)
    change_config(tmp_path, tie_word_embeddings=True)
    assert "lm_head.weight differs" in refusal(tmp_path).got


@pytest.mark.parametrize("shape", [(48, 47), (47, 48), (48,), (48, 48, 1)])
def test_a_wrong_shape_is_named(tmp_path: Path, shape: tuple[int, ...]) -> None:
    save_checkpoint(tmp_path)
    change_weights(tmp_path, model__layers__0__self_attn__o_proj__weight=torch.zeros(shape))
    error = refusal(tmp_path)
    assert "o_proj" in error.got
    assert str(shape) in error.got
    assert "(48, 48)" in error.expected


def test_quantised_weights_are_refused(tmp_path: Path) -> None:
    save_checkpoint(tmp_path)
    change_weights(tmp_path, model__norm__weight=torch.zeros(48, dtype=torch.int8))
    assert "torch.int8" in refusal(tmp_path).got


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, max_shard_size=SMALL)
    shard = sorted(tmp_path.glob("model-*.safetensors"))[1]
    shard.unlink()
    error = refusal(tmp_path)
    assert shard.name in error.got
    assert "again" in error.do


def test_an_index_may_not_name_files_elsewhere(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "victim")
    save_checkpoint(tmp_path / "hostile", max_shard_size=SMALL)
    (tmp_path / "hostile/model.safetensors.index.json").write_text(
        json.dumps({"weight_map": {"model.norm.weight": "../victim/model.safetensors"}})
    )
    assert "outside" in refusal(tmp_path / "hostile").got


@pytest.mark.parametrize("damage", [b"", b"not json", b"[]", b'{"weight_map": []}', b'{"weight_map": {"a": 1}}'])
def test_a_broken_index_is_named(tmp_path: Path, damage: bytes) -> None:
    save_checkpoint(tmp_path, max_shard_size=SMALL)
    (tmp_path / "model.safetensors.index.json").write_bytes(damage)
    assert "model.safetensors.index.json" in refusal(tmp_path).got


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
@pytest.mark.parametrize("n_kept", [0, 4, 100, -1])
def test_a_truncated_file_is_named(tmp_path: Path, name: str, n_kept: int) -> None:
    model = save_checkpoint(tmp_path)
    if name == "pytorch_model.bin":
        (tmp_path / "model.safetensors").unlink()
        torch.save(model.state_dict(), tmp_path / name)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:n_kept])
    assert name in refusal(tmp_path).got


@pytest.mark.parametrize("layout", ["safetensors", "bin", "legacy bin"])
@pytest.mark.parametrize("n_mutants", [150, pytest.param(5000, marks=pytest.mark.slow)])
def test_a_damaged_file_loads_or_is_refused_but_never_crashes(tmp_path: Path, layout: str, n_mutants: int) -> None:
    model = save_checkpoint(tmp_path, vocab_size=11, hidden_size=12, intermediate_size=8, num_hidden_layers=1)
    path = tmp_path / "model.safetensors"
    if layout != "safetensors":
        path.unlink()
        path = tmp_path / "pytorch_model.bin"
        torch.save(model.state_dict(), path, _use_new_zipfile_serialization=layout == "bin")
    whole, chance, n_refused = path.read_bytes(), random.Random(0), 0
    for _ in range(n_mutants):
        mutant = bytearray(whole)
        for _ in range(chance.choice((1, 3))):
            mutant[chance.randrange(len(whole))] = chance.randrange(256)
        path.write_bytes(mutant if chance.random() < 0.9 else mutant[: chance.randrange(len(whole))])
        try:
            load_model(tmp_path)
        except UserError:
            n_refused += 1
    assert 0 < n_refused < n_mutants


def test_a_pickle_that_runs_code_is_refused_and_does_not_run(tmp_path: Path) -> None:
    class Payload:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(tmp_path / "proof"),)

    save_checkpoint(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    torch.save({"model.norm.weight": Payload()}, tmp_path / "pytorch_model.bin")
    assert "pytorch_model.bin" in refusal(tmp_path).got
    assert not (tmp_path / "proof").exists()


@pytest.mark.parametrize("value", [[1, 2], {"a": 1}, torch.zeros(3)])
def test_a_pickle_of_something_else_is_refused(tmp_path: Path, value: Any) -> None:
    save_checkpoint(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    torch.save(value, tmp_path / "pytorch_model.bin")
    assert "pytorch_model.bin" in refusal(tmp_path).got


def test_no_weights_and_no_config_say_what_is_near_and_how_to_get_it(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "org/whole")
    save_checkpoint(tmp_path / "org/name")
    (tmp_path / "org/name/model.safetensors").unlink()
    for directory in ("org/name", "org/absent", "other/absent"):
        error = refusal(tmp_path / directory)
        assert directory in error.got
        assert "scripts/download.py" in error.do
        assert str(tmp_path / "org/whole") in error.do


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
def test_a_broken_config_is_named(tmp_path: Path, damage: bytes) -> None:
    save_checkpoint(tmp_path)
    (tmp_path / "config.json").write_bytes(damage)
    assert "config.json" in refusal(tmp_path).got


# ---- conversion


@FAMILIES
@pytest.mark.parametrize("settings", [{}, {"tie_word_embeddings": True}, {"attention_bias": True}])
def test_a_round_trip_keeps_every_bit(tmp_path: Path, family: str, settings: dict[str, Any]) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    theirs = save_checkpoint(source, family, **settings)
    lit_path = convert_hf_to_lit(source)
    assert lit_path == source / "lit_model.safetensors"
    assert convert_lit_to_hf(source, out) == out
    assert same_bits(weights_of(out), weights_of(source))
    with torch.no_grad():
        assert torch.equal(AutoModelForCausalLM.from_pretrained(out)(IDS).logits, theirs(IDS).logits)


@FAMILIES
def test_converted_weights_are_the_ones_used(tmp_path: Path, family: str) -> None:
    save_checkpoint(tmp_path, family, max_shard_size=SMALL)
    plain = load_model(tmp_path).state_dict()
    convert_hf_to_lit(tmp_path)
    assert same_bits(load_model(tmp_path).state_dict(), plain)
    for path in [*tmp_path.glob("model*"), tmp_path / "config.json"]:
        path.unlink()
    assert same_bits(load_model(tmp_path).state_dict(), plain)


def test_mixed_types_survive_a_round_trip(tmp_path: Path) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    save_checkpoint(source)
    halves = {name: t.bfloat16() if "norm" in name else t.half() for name, t in weights_of(source).items()}
    save_file(halves, source / "model.safetensors", metadata={"format": "pt"})
    convert_hf_to_lit(source)
    convert_lit_to_hf(source, out)
    assert same_bits(weights_of(out), halves)


def test_parts_of_several_types_cannot_be_fused_unasked(tmp_path: Path) -> None:
    save_checkpoint(tmp_path)
    change_weights(tmp_path, model__layers__0__self_attn__k_proj__weight=torch.zeros(16, 48, dtype=torch.bfloat16))
    with pytest.raises(UserError, match="several types"):
        convert_hf_to_lit(tmp_path)
    convert_hf_to_lit(tmp_path, dtype=torch.float32)
    load_model(tmp_path)


def test_conversion_to_another_type(tmp_path: Path) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    save_checkpoint(source)
    convert_hf_to_lit(source, dtype=torch.bfloat16)
    convert_lit_to_hf(source, out)
    assert same_bits(weights_of(out), {name: tensor.bfloat16() for name, tensor in weights_of(source).items()})
    assert read_json(out / "config.json")["dtype"] == "bfloat16"


@pytest.mark.parametrize("changed", ["model.safetensors", "config.json"])
def test_stale_conversions_are_not_used(tmp_path: Path, changed: str, capsys: pytest.CaptureFixture[str]) -> None:
    save_checkpoint(tmp_path)
    convert_hf_to_lit(tmp_path)
    load_model(tmp_path)
    assert "stale" not in capsys.readouterr().err
    save_checkpoint(tmp_path / "other", seed=1)
    shutil.copyfile(tmp_path / "other" / changed, tmp_path / changed)
    loaded = load_model(tmp_path).state_dict()
    assert f"stale: {changed}" in capsys.readouterr().err
    if changed == "model.safetensors":
        assert same_bits(loaded, load_model(tmp_path / "other").state_dict())
    with pytest.raises(UserError, match="was not made from"):
        convert_lit_to_hf(tmp_path, tmp_path / "out")


def test_exporting_needs_a_conversion(tmp_path: Path) -> None:
    save_checkpoint(tmp_path)
    with pytest.raises(UserError) as error:
        convert_lit_to_hf(tmp_path, tmp_path / "out")
    assert "convert_hf_checkpoint.py" in error.value.do


def test_a_failed_conversion_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_checkpoint(tmp_path)
    before = sorted(tmp_path.iterdir())

    def no_space(_: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(weight_files, "sync_directory", no_space)
    monkeypatch.setattr(Path, "replace", lambda *_: no_space(tmp_path))
    with pytest.raises(OSError, match="No space"):
        convert_hf_to_lit(tmp_path)
    assert sorted(tmp_path.iterdir()) == before


# ---- saving


@FAMILIES
def test_a_saved_model_loads_in_transformers(tmp_path: Path, family: str) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    save_checkpoint(source, family)
    for name in ("tokenizer.json", "tokenizer_config.json", "LICENSE", "generation_config.json"):
        (source / name).write_text("{}")
    (source / "training_args.bin").write_text("not to be copied")
    model = load_model(source)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.25)
        expected_BTV = model(IDS)
        save_hf_checkpoint(model.bfloat16(), out, source)
        assert same_bits(load_model(out, dtype=None).state_dict(), model.state_dict())
        theirs = AutoModelForCausalLM.from_pretrained(out, dtype=torch.float32)
        assert (theirs(IDS).logits - expected_BTV).abs().max() < 0.1 * expected_BTV.abs().max()
    assert theirs.config.tie_word_embeddings is False
    assert read_json(out / "config.json")["dtype"] == "bfloat16"
    copied = {"tokenizer.json", "tokenizer_config.json", "LICENSE", "generation_config.json"}
    assert {path.name for path in out.iterdir()} == copied | {"config.json", "model.safetensors", "manifest.json"}


@FAMILIES
@pytest.mark.parametrize("stays_tied", [True, False])
def test_a_tied_model_is_saved_as_it_is_now(tmp_path: Path, family: str, stays_tied: bool) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    save_checkpoint(source, family, tie_word_embeddings=True)
    model = load_model(source)
    if not stays_tied:
        model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight * 2)
    save_hf_checkpoint(model, out, source)
    assert load_config(out).tie_embeddings is stays_tied
    with torch.no_grad():
        expected_BTV = model(IDS)
        assert torch.equal(load_model(out)(IDS), expected_BTV)
        assert torch.allclose(AutoModelForCausalLM.from_pretrained(out)(IDS).logits, expected_BTV, atol=1e-5)


def test_large_models_are_saved_in_shards(tmp_path: Path) -> None:
    tensors = {f"t{i}": torch.full((i + 1, 100), float(i)) for i in range(8)}
    specs = {name: Spec(tensor.dtype, tuple(tensor.shape)) for name, tensor in tensors.items()}
    asked: list[str] = []

    def read(name: str) -> Tensor:
        asked.append(name)
        return tensors[name]

    write_sharded(tmp_path, specs, read, max_shard_bytes=3000)
    assert asked == list(tensors)
    index = read_json(tmp_path / "model.safetensors.index.json")
    assert index["metadata"]["total_size"] == 36 * 400
    shards = sorted(set(index["weight_map"].values()))
    assert shards[0] == f"model-00001-of-{len(shards):05d}.safetensors"
    assert {path.name for path in tmp_path.glob("*.safetensors")} == set(shards)
    held = {shard: load_file(tmp_path / shard) for shard in shards}
    assert same_bits({name: held[shard][name] for name, shard in index["weight_map"].items()}, tensors)
    for shard in shards:
        n_bytes = sum(tensor.numel() * 4 for tensor in held[shard].values())
        assert n_bytes <= 3000 or len(held[shard]) == 1


def test_the_source_is_never_replaced_nor_anything_foreign(tmp_path: Path) -> None:
    source = tmp_path / "org/source"
    save_checkpoint(source)
    model = load_model(source)
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis/chapter_1.tex").write_text("irreplaceable")
    (tmp_path / "file").write_text("irreplaceable")
    for name in ("org/source", "org/../org/source", "org", ".", "thesis", "file"):
        with pytest.raises(UserError, match="which holds"):
            save_hf_checkpoint(model, tmp_path / name, source)
    assert (tmp_path / "thesis/chapter_1.tex").exists()
    for _ in range(2):  # an earlier result may be replaced
        save_hf_checkpoint(model, tmp_path / "out", source)
    assert same_bits(weights_of(tmp_path / "out"), weights_of(source))


# ---- hashes and finding


def test_hashes_cover_what_decides_the_model(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, max_shard_size=SMALL)
    (tmp_path / "tokenizer.json").write_text("{}")
    (tmp_path / "README.md").write_text("no matter")
    hashes = checkpoint_hashes(tmp_path)
    shards = {path.name for path in tmp_path.glob("*.safetensors")}
    assert hashes.keys() == shards | {"config.json", "tokenizer.json"}
    assert hashes["config.json"] == sha256_of(tmp_path / "config.json")
    lit = convert_hf_to_lit(tmp_path)
    assert checkpoint_hashes(tmp_path) == {**hashes, lit.name: sha256_of(lit)}, "that is what is loaded from now on"


def test_hashes_are_kept_and_renewed(tmp_path: Path) -> None:
    save_checkpoint(tmp_path)
    hashes = checkpoint_hashes(tmp_path)
    record = read_json(tmp_path / ".sha256.json")
    record["config.json"]["sha256"] = "kept"
    (tmp_path / ".sha256.json").write_text(json.dumps(record))
    assert checkpoint_hashes(tmp_path)["config.json"] == "kept"
    change_config(tmp_path, bos_token_id=7)
    assert checkpoint_hashes(tmp_path)["config.json"] == sha256_of(tmp_path / "config.json") != hashes["config.json"]


def test_checkpoints_are_found(tmp_path: Path) -> None:
    for name in ("checkpoints/a/b", "checkpoints/c", "checkpoints/.cache/d"):
        save_checkpoint(tmp_path / name)
    convert_hf_to_lit(tmp_path / "checkpoints/c")
    (tmp_path / "checkpoints/empty").mkdir()
    (tmp_path / "checkpoints/only_config").mkdir()
    (tmp_path / "checkpoints/only_config/config.json").write_text("{}")
    expected = [tmp_path / "checkpoints/a/b", tmp_path / "checkpoints/c"]
    assert find_checkpoints(tmp_path / "checkpoints") == find_checkpoints(tmp_path) == expected
    assert find_checkpoints(tmp_path / "checkpoints/c") == [tmp_path / "checkpoints/c"]
    assert find_checkpoints(tmp_path / "absent") == []


def test_a_real_checkpoint(shared: Path, tmp_path: Path) -> None:
    source = tmp_path / "stories260K"
    shutil.copytree(shared / "checkpoints/karpathy/stories260K", source, copy_function=shutil.copyfile)
    source.chmod(0o755)
    convert_hf_to_lit(source)
    out = convert_lit_to_hf(source, tmp_path / "out")
    assert same_bits(weights_of(out), weights_of(source))
    assert read_json(out / "config.json") == read_json(source / "config.json")
    assert {"LICENSE", "tokenizer.model"} <= {path.name for path in out.iterdir()}


def test_a_network_without_a_family_in_transformers_cannot_be_named() -> None:
    """Every tensor of ours has a Hugging Face name, or saving would lose it."""
    config = Config("llama", 1, 2, 16, 16, 11, 8, norm="LayerNorm", mlp="plain")
    with pytest.raises(AssertionError, match="no Hugging Face name"):
        hf_slots(GPT(config))


def test_code_beside_the_weights_is_never_run(tmp_path: Path) -> None:
    save_checkpoint(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config["auto_map"] = {"AutoConfig": "evil.Config", "AutoModelForCausalLM": "evil.Model"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    mark = tmp_path / "was_run"
    (tmp_path / "evil.py").write_text(f"open({str(mark)!r}, 'w')\nclass Config: pass\nclass Model: pass\n")
    load_model(tmp_path)
    assert not mark.exists()

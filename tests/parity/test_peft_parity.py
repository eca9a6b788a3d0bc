"""LoRA against Hugging Face's `peft`: the same A and B give the same logits, gradients, merged weights and files."""

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from lit_gpt.checkpoint import load_model
from lit_gpt.errors import UserError
from lit_gpt.lora import LoraOptions, add_lora, lora_layers, lora_state_dict, merge_lora
from lit_gpt.lora_layers import LoRALinear, LowRank
from lit_gpt.model import GPT
from lit_gpt.peft_adapters import load_adapter, save_adapter
from lit_gpt.peft_settings import CONFIG
from lit_gpt.peft_stacks import TENSORS
from lit_gpt.weight_names import places
from tests.conftest import GapTables
from tests.tiny import count_trainable, save_checkpoint

# name -> family and settings of config.json; the Llamas of tests/tiny.py share each key head among 3 query heads
BASES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("llama", {"num_key_value_heads": 6}),
    "llama_gqa": ("llama", {}),
    "llama_tied": ("llama", {"tie_word_embeddings": True}),
    "gpt_neox": ("gpt_neox", {}),
    "phi3": ("phi3", {}),  # q, k, v one module, gate and up another
    "gpt2": ("gpt2", {}),  # weights (in, out) on disk: peft's fan_in_fan_out
    "gpt_bigcode": ("gpt_bigcode", {}),  # one key head for all, in the same module
    "falcon": ("falcon", {"new_decoder_architecture": True, "num_kv_heads": 2, "bias": False}),
    "gemma2": ("gemma2", {}),  # tied, normed twice, head size of its own
}
pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning:transformers"),
    pytest.mark.filterwarnings("ignore:Model (has|with) `tie_word_embeddings=True`"),
    pytest.mark.filterwarnings("ignore:The following (rank|alpha)_pattern keys did not match"),
    pytest.mark.filterwarnings("ignore:You have passed exclude_modules"),
    pytest.mark.filterwarnings("ignore:fan_in_fan_out is set to False but the target module is `Conv1D`"),
]
QKV_NAMES = r".*\.(q_proj|k_proj|v_proj|qkv_proj|query_key_value|c_attn)"
TARGET_SETS = [("q", "v"), ("q", "k", "v", "o", "mlp"), ("head",), ("k", "head")]
IDS_BT = torch.tensor([[3, 1, 4, 1, 5, 9], [2, 6, 5, 3, 5, 8]])


@pytest.fixture(scope="module", params=BASES)
def checkpoint_dir(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random checkpoint as transformers writes it."""
    directory = tmp_path_factory.mktemp(request.param)
    family, settings = BASES[request.param]
    save_checkpoint(directory, family, **settings)
    return directory


@pytest.fixture(scope="module")
def llama_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("llama")
    save_checkpoint(directory, "llama")
    return directory


def reference(checkpoint_dir: Path) -> Any:
    return transformers.AutoModelForCausalLM.from_pretrained(checkpoint_dir, dtype=torch.float32).eval()


def scramble(tensors: dict[str, Tensor]) -> None:
    """Random A and B, large enough that a misplaced row shows."""
    generator = torch.Generator().manual_seed(2)
    for tensor in tensors.values():
        with torch.no_grad():
            tensor.normal_(std=0.1, generator=generator)


def adapted(checkpoint_dir: Path, targets: tuple[str, ...] = ("q", "v"), **options: Any) -> GPT:
    """Our model with random pairs whose alpha / r is not a round number."""
    model = load_model(checkpoint_dir)
    add_lora(model, LoraOptions(r=3, alpha=10, dropout=0.0, targets=targets, **options), seed=1)
    scramble(lora_state_dict(model))
    return model.eval()


def peft_adapter(checkpoint_dir: Path, directory: Path, **settings: Any) -> Any:
    """A model that peft adapted, with random pairs, saved by peft itself."""
    model = peft.get_peft_model(reference(checkpoint_dir), peft.LoraConfig(task_type="CAUSAL_LM", **settings))
    scramble({name: p for name, p in model.named_parameters() if "lora_" in name})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peft looks for a base on the hub
        model.save_pretrained(directory)
    return model.eval()


def load_with_peft(checkpoint_dir: Path, directory: Path, **settings: Any) -> Any:
    """The reference with an adapter; a key that is missing or a pattern that fits nothing is but a warning to peft."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("error", RuntimeWarning)
        warnings.filterwarnings("ignore", message="Model (has|with) `tie_word_embeddings=True`")
        # GPT-2's head is no Conv1D as its other linears are: peft sees that and says so
        warnings.filterwarnings("ignore", message="fan_in_fan_out is set to True but the target module is `torch.nn.L")
        return peft.PeftModel.from_pretrained(reference(checkpoint_dir), directory, **settings).eval()


def assert_close(actual: Tensor, expected: Tensor, tolerance: float) -> float:
    """Largest difference, relative to the largest value."""
    assert actual.shape == expected.shape
    gap = ((actual - expected).abs().max() / expected.abs().max().clamp_min(1e-30)).item()
    assert gap <= tolerance
    return gap


@pytest.mark.parametrize("targets", TARGET_SETS)
def test_peft_loads_our_adapter_unchanged(
    checkpoint_dir: Path, tmp_path: Path, targets: tuple[str, ...], gap_tables: GapTables
) -> None:
    ours = adapted(checkpoint_dir, targets)
    save_adapter(ours, tmp_path, "some/base")
    logits = load_with_peft(checkpoint_dir, tmp_path)(IDS_BT).logits
    plain = reference(checkpoint_dir)(IDS_BT).logits
    gap_tables["LoRA against peft, logits"][ours.config.family].append(assert_close(ours(IDS_BT), logits, 1e-5))
    assert (logits - plain).abs().max() > 0.1 * plain.abs().max()
    assert peft.PeftConfig.from_pretrained(tmp_path).base_model_name_or_path == "some/base"


@pytest.mark.parametrize("targets", TARGET_SETS)
def test_gradients_equal_pefts(checkpoint_dir: Path, tmp_path: Path, targets: tuple[str, ...]) -> None:
    """Our gradients, written out as if they were the pairs, are peft's (where GPT-NeoX's stack is not zero)."""
    ours = adapted(checkpoint_dir, targets)
    save_adapter(ours, tmp_path, "base")
    theirs = load_with_peft(checkpoint_dir, tmp_path, is_trainable=True)
    compare_gradients(ours, theirs, tmp_path)


def compare_gradients(ours: GPT, theirs: Any, directory: Path) -> None:
    """`directory` holds our adapter, which `theirs` was loaded from; it is overwritten by our gradients."""
    ours(IDS_BT).logsumexp(-1).sum().backward()
    theirs(IDS_BT).logits.logsumexp(-1).sum().backward()
    stack = load_file(directory / TENSORS)
    with torch.no_grad():
        for _, layer in lora_layers(ours):
            for parameter in layer.lora.parameters():
                parameter.copy_(parameter.grad)
    save_adapter(ours, directory, "base")
    named = dict(theirs.named_parameters())
    for key, gradient in load_file(directory / TENSORS).items():
        if "magnitude" in key:  # of untrained parts the base's lengths are written, whatever the gradients
            expected = named[f"{key}.default.weight"].grad
            is_ours = gradient != stack[key]
            assert is_ours.any()
            assert_close(gradient * is_ours, expected * is_ours, 1e-5)
        else:
            expected = named[key.replace(".weight", ".default.weight")].grad
            assert_close(gradient, expected * (stack[key] != 0), 1e-5)


@pytest.mark.parametrize("targets", TARGET_SETS)
def test_merged_weights_equal_pefts(checkpoint_dir: Path, tmp_path: Path, targets: tuple[str, ...]) -> None:
    ours = adapted(checkpoint_dir, targets)
    save_adapter(ours, tmp_path, "base")
    was_tied, unmerged = ours.config.tie_embeddings, ours(IDS_BT)
    merged = load_with_peft(checkpoint_dir, tmp_path).merge_and_unload()
    merge_lora(ours)
    assert_close(ours(IDS_BT), unmerged, 1e-5)
    weights = merged.state_dict()
    for place in places(ours.config):
        if place.lit == "transformer.wte" and was_tied and "head" in targets:
            continue  # peft's merge writes into the shared tensor, and so changes the embedding too
        name = "lm_head" if place.hf == "embed_out" else place.hf
        expected = weights[f"{name}.weight"].T if place.is_transposed else weights[f"{name}.weight"]
        assert_close(ours.get_submodule(place.lit).weight[place.rows], expected, 1e-6)


@pytest.mark.parametrize(("targets", "modules"), [(("o", "mlp"), "all-linear"), (("head",), ["lm_head"])])
def test_trainable_counts_equal_pefts(
    checkpoint_dir: Path, tmp_path: Path, targets: tuple[str, ...], modules: Any
) -> None:
    ours = adapted(checkpoint_dir, targets)
    if "mlp" in targets and ours.config.family == "phi3":
        pytest.skip("to peft, Phi-3's gate and up are one module")
    exclude = QKV_NAMES if modules == "all-linear" else None
    theirs = peft_adapter(checkpoint_dir, tmp_path, r=3, target_modules=modules, exclude_modules=exclude)
    assert count_trainable(ours) == theirs.get_nb_trainable_parameters()[0]


def test_trainable_counts_of_q_and_v_equal_pefts(llama_dir: Path, tmp_path: Path) -> None:
    """Of a Llama: to peft, GPT-NeoX's q, k and v are one module."""
    theirs = peft_adapter(llama_dir, tmp_path, r=3, target_modules=["q_proj", "v_proj"])
    assert count_trainable(adapted(llama_dir)) == theirs.get_nb_trainable_parameters()[0]


OPTIONS: dict[str, dict[str, Any]] = {
    "rank-stabilised": {"is_rank_stabilised": True},
    "DoRA": {"is_decomposed": True},
    "both, with patterns": {
        "is_rank_stabilised": True,
        "is_decomposed": True,
        "rank_pattern": {r"(layers|h)\.1\..*": 5},
        "alpha_pattern": {r"o_proj|c_proj|dense": 4.0},
    },
}


@pytest.mark.parametrize("name", OPTIONS)
def test_options_equal_pefts(checkpoint_dir: Path, tmp_path: Path, name: str) -> None:
    """Logits, gradients and merged weights of our adapter in peft; and the adapter comes back as it was."""
    ours = adapted(checkpoint_dir, ("q", "v", "o"), **OPTIONS[name])
    save_adapter(ours, tmp_path, "base")
    theirs = load_with_peft(checkpoint_dir, tmp_path, is_trainable=True)
    logits = theirs(IDS_BT).logits
    assert_close(ours(IDS_BT), logits, 1e-5)
    plain = adapted(checkpoint_dir, ("q", "v", "o"))
    assert (logits - plain(IDS_BT)).abs().max() > 0.01 * logits.abs().max(), "the option does something"
    again = load_model(checkpoint_dir)
    load_adapter(again, tmp_path)
    assert torch.equal(again(IDS_BT), ours(IDS_BT))
    weights = load_with_peft(checkpoint_dir, tmp_path).merge_and_unload().state_dict()
    compare_gradients(ours, theirs, tmp_path)  # writes over the adapter
    merge_lora(again)
    assert_close(again(IDS_BT), logits, 1e-5)
    for place in places(ours.config):
        if place.lit.endswith(("attn.qkv", "attn.proj")):
            expected = weights[f"{place.hf}.weight"].T if place.is_transposed else weights[f"{place.hf}.weight"]
            assert_close(again.get_submodule(place.lit).weight[place.rows], expected, 1e-5)


def test_magnitudes_start_where_pefts_do(llama_dir: Path, tmp_path: Path) -> None:
    """At the lengths of the base's rows, so that training starts at the base."""
    model = load_model(llama_dir)
    plain = model(IDS_BT)
    add_lora(model, LoraOptions(r=3, alpha=10, dropout=0.0, targets=("q", "mlp"), is_decomposed=True), seed=1)
    assert_close(model(IDS_BT), plain, 1e-6)
    save_adapter(model, tmp_path, "base")
    settings = {"r": 3, "use_dora": True, "target_modules": ["q_proj", "gate_proj", "up_proj", "down_proj"]}
    theirs = peft.get_peft_model(reference(llama_dir), peft.LoraConfig(task_type="CAUSAL_LM", **settings))
    named = dict(theirs.named_parameters())
    magnitudes = {key: tensor for key, tensor in load_file(tmp_path / TENSORS).items() if "magnitude" in key}
    assert len(magnitudes) == 8
    for key, tensor in magnitudes.items():
        assert_close(tensor, named[f"{key}.default.weight"], 1e-6)
    assert count_trainable(model) == theirs.get_nb_trainable_parameters()[0]


def test_dora_stretches_the_base_after_dropout_as_peft_does(tmp_path: Path) -> None:
    """With a mask that is known: an input of which dropout leaves nothing gives the bias alone."""
    ours, theirs = one_linear(torch.float32, use_dora=True)
    for part, pair in ours.pairs.items():
        pair.dropout.p = 1.0
        theirs[part].lora_dropout["default"] = nn.Dropout(1.0)
    x = torch.randn(7, 16)
    assert_close(ours.train()(x), torch.cat([theirs[part].train()(x) for part in PARTS], dim=-1), 1e-6)


PEFT_SETTINGS: dict[str, dict[str, Any]] = {
    "qkv": {"target_modules": QKV_NAMES},
    "all linears": {"target_modules": "all-linear", "r": 5, "lora_alpha": 7.5},
    "one layer": {"target_modules": r".*\.(layers|h)\.1\..*(o_proj|down_proj|c_proj|dense|query_key_value)"},
    "head": {"target_modules": ["lm_head"], "lora_dropout": 0.3},
    "DoRA, rank-stabilised": {"target_modules": QKV_NAMES, "use_dora": True, "use_rslora": True, "r": 5},
    "patterns": {
        "target_modules": "all-linear",
        "rank_pattern": {"down_proj": 2, r"layers.1.attention.query_key_value": 6, r"layers\.0.*k_proj": 1},
        "alpha_pattern": {"q_proj": 3, "dense": 5},
    },
}


@pytest.mark.parametrize("name", PEFT_SETTINGS)
def test_we_load_pefts_adapters(checkpoint_dir: Path, tmp_path: Path, name: str) -> None:
    theirs = peft_adapter(checkpoint_dir, tmp_path, **PEFT_SETTINGS[name])
    ours = load_model(checkpoint_dir)
    load_adapter(ours, tmp_path)
    expected = theirs(IDS_BT).logits
    assert_close(ours(IDS_BT), expected, 1e-5)
    again = tmp_path / "again"
    again.mkdir()
    save_adapter(ours, again, "base")
    assert_close(load_with_peft(checkpoint_dir, again)(IDS_BT).logits, expected, 1e-5)


@pytest.mark.parametrize("targets", TARGET_SETS)
def test_our_adapter_comes_back_pair_by_pair(checkpoint_dir: Path, tmp_path: Path, targets: tuple[str, ...]) -> None:
    ours = adapted(checkpoint_dir, targets)
    save_adapter(ours, tmp_path, "base")
    again = load_model(checkpoint_dir)
    load_adapter(again, tmp_path)
    before, after = lora_state_dict(ours), lora_state_dict(again)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert count_trainable(again) == count_trainable(ours)
    assert torch.equal(again(IDS_BT), ours(IDS_BT))


PARTS = {"q": slice(0, 24), "k": slice(24, 32), "v": slice(32, 40)}


def one_linear(dtype: torch.dtype, use_dora: bool = False) -> tuple[LoRALinear, Any]:
    """A fused [Q | K | V] linear of ours, and the three modules that peft adapts, with the same weights and pairs."""
    torch.manual_seed(0)
    fused = nn.Linear(16, 40).to(dtype)
    separate = nn.ModuleDict({part: nn.Linear(16, rows.stop - rows.start).to(dtype) for part, rows in PARTS.items()})
    theirs = peft.get_peft_model(
        separate, peft.LoraConfig(r=3, lora_alpha=7, target_modules=["q", "v"], use_dora=use_dora)
    )
    scramble({name: p for name, p in theirs.named_parameters() if "lora_" in name})
    modules = theirs.base_model.model
    pairs = {part: LowRank(16, modules[part].out_features, r=3, alpha=7) for part in ("q", "v")}
    with torch.no_grad():
        for part, rows in PARTS.items():
            separate[part].weight.copy_(fused.weight[rows])
            separate[part].bias.copy_(fused.bias[rows])
        for part, pair in pairs.items():
            pair.A.copy_(modules[part].lora_A["default"].weight)
            pair.B.copy_(modules[part].lora_B["default"].weight)
            if use_dora:
                pair.magnitude = nn.Parameter(modules[part].lora_magnitude_vector["default"].weight.clone())
    return LoRALinear(fused, PARTS, pairs), modules


def test_one_linear_equals_pefts_to_a_millionth() -> None:
    ours, theirs = one_linear(torch.float32)
    x = torch.randn(7, 16, requires_grad=True)
    weights = torch.randn(7, 40)
    actual, expected = ours(x), torch.cat([theirs[part](x) for part in PARTS], dim=-1)
    assert_close(actual, expected, 1e-6)
    (x_gradient,) = torch.autograd.grad((actual * weights).sum(), x, retain_graph=True)
    (actual * weights).sum().backward()
    x.grad = None
    (expected * weights).sum().backward()
    assert_close(x_gradient, x.grad, 1e-6)
    for part, pair in ours.pairs.items():
        assert_close(pair.A.grad, theirs[part].lora_A["default"].weight.grad, 1e-6)
        assert_close(pair.B.grad, theirs[part].lora_B["default"].weight.grad, 1e-6)
    merged = ours.merged().weight
    for part in ("q", "v"):
        theirs[part].merge()
    assert_close(merged, torch.cat([theirs[part].weight for part in PARTS]), 1e-6)


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_one_linear_in_other_precisions(dtype: torch.dtype, autocast: bool) -> None:
    ours, theirs = one_linear(dtype)
    x = torch.randn(7, 16, dtype=dtype)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        actual, expected = ours(x), torch.cat([theirs[part](x) for part in PARTS], dim=-1)
    assert actual.dtype == expected.dtype
    assert_close(actual, expected, 2**-8 if autocast or dtype == torch.bfloat16 else 1e-6)  # bf16 has 8 bits


def spoil_config(key: str, value: Any) -> Callable[[Path], None]:
    def spoil(directory: Path) -> None:
        config = json.loads((directory / CONFIG).read_text())
        (directory / CONFIG).write_text(json.dumps({**config, key: value}))

    return spoil


def spoil_tensors(change: Callable[[dict[str, Tensor]], Any]) -> Callable[[Path], None]:
    def spoil(directory: Path) -> None:
        tensors = load_file(directory / TENSORS)
        change(tensors)
        save_file(tensors, directory / TENSORS)

    return spoil


DOWN_A = "base_model.model.model.layers.1.mlp.down_proj.lora_A.weight"
SPOILT: dict[str, tuple[Callable[[Path], None], str]] = {
    "DoRA without magnitudes": (spoil_config("use_dora", True), "lora_magnitude_vector is missing"),
    "biases": (spoil_config("bias", "all"), "bias"),
    "saved modules": (spoil_config("modules_to_save", ["lm_head"]), "modules_to_save"),
    "PiSSA": (spoil_config("init_lora_weights", "pissa"), "pissa"),
    "layers": (spoil_config("layers_to_transform", [0]), "layers_to_transform"),
    "another technique": (spoil_config("peft_type", "LOHA"), "LOHA"),
    "a setting of the future": (spoil_config("use_wonder", 1), "use_wonder"),
    "rank": (spoil_config("r", 5), r"lora_A.weight is \(3, 48\), not \(5, 48\)"),
    "targets": (spoil_config("target_modules", ["c_attn"]), "unexpected"),
    "fewer targets": (spoil_config("target_modules", ["gate_proj"]), "up_proj.lora_A.weight is unexpected"),
    "missing": (spoil_tensors(lambda t: t.pop(DOWN_A)), f"{DOWN_A} is missing"),
    "unexpected": (spoil_tensors(lambda t: t.update(embed=torch.ones(1))), "embed is unexpected"),
    "shape": (spoil_tensors(lambda t: t.update({DOWN_A: t[DOWN_A][:, 1:].clone()})), r"is \(3, 79\), not \(3, 80\)"),
    "no tensors": (lambda d: (d / TENSORS).unlink(), TENSORS),
    "cut tensors": (lambda d: (d / TENSORS).write_bytes((d / TENSORS).read_bytes()[:-9]) and None, TENSORS),
    "no config": (lambda d: (d / CONFIG).unlink(), CONFIG),
    "broken config": (lambda d: (d / CONFIG).write_text("[") and None, CONFIG),
}


@pytest.mark.parametrize("name", SPOILT)
def test_what_we_would_compute_wrongly_is_refused(llama_dir: Path, tmp_path: Path, name: str) -> None:
    save_adapter(adapted(llama_dir, ("mlp",)), tmp_path, "base")
    spoil, told = SPOILT[name]
    spoil(tmp_path)
    model = load_model(llama_dir)
    with pytest.raises(UserError, match=told):
        load_adapter(model, tmp_path)
    assert not any(lora_layers(model))


@pytest.mark.parametrize(("family", "settings"), [BASES["llama"], BASES["gpt_neox"]])
def test_an_adapter_for_another_base_is_refused(
    llama_dir: Path, tmp_path: Path, family: str, settings: dict[str, Any]
) -> None:
    save_checkpoint(tmp_path, family, **settings)
    save_adapter(adapted(llama_dir, ("k", "head")), tmp_path, "base")
    with pytest.raises(UserError, match=r"k_proj.lora_[AB].weight is"):
        load_adapter(load_model(tmp_path), tmp_path)


def test_a_head_whose_base_was_changed_is_refused(llama_dir: Path, tmp_path: Path) -> None:
    """peft writes the base's weight beside an adapted head, in case somebody enlarged the vocabulary."""
    peft_adapter(llama_dir, tmp_path, target_modules=["lm_head"])
    key = "base_model.model.lm_head.base_layer.weight"
    assert key in load_file(tmp_path / TENSORS)
    spoil_tensors(lambda tensors: tensors[key].mul_(2))(tmp_path)
    with pytest.raises(UserError, match=f"{key} is unexpected"):
        load_adapter(load_model(llama_dir), tmp_path)


def test_a_stack_that_was_changed_is_refused(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, "gpt_neox")
    save_adapter(adapted(tmp_path), tmp_path, "base")
    tensors = load_file(tmp_path / TENSORS)
    for tensor in tensors.values():
        tensor.fill_(1.0)
    save_file(tensors, tmp_path / TENSORS, metadata={"lit_gpt.stacked_parts": "q v"})
    with pytest.raises(UserError, match="query_key_value"):
        load_adapter(load_model(tmp_path), tmp_path)


def test_a_stack_whose_untrained_rows_were_stretched_is_refused(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, "gpt_neox")
    save_adapter(adapted(tmp_path, is_decomposed=True), tmp_path, "base")
    tensors = load_file(tmp_path / TENSORS)
    for key, tensor in tensors.items():
        if "magnitude" in key:
            tensor.mul_(2)
    save_file(tensors, tmp_path / TENSORS, metadata={"lit_gpt.stacked_parts": "q v"})
    with pytest.raises(UserError, match="lengths of its own for k"):
        load_adapter(load_model(tmp_path), tmp_path)


def test_the_config_reads_as_a_person_would_write_it(llama_dir: Path, tmp_path: Path) -> None:
    save_adapter(adapted(llama_dir), tmp_path, "meta-llama/Llama-2-7b-hf")
    config = json.loads((tmp_path / CONFIG).read_text())
    assert config["target_modules"] == ["q_proj", "v_proj"]
    assert (config["r"], config["lora_alpha"], config["rank_pattern"], config["alpha_pattern"]) == (3, 10, {}, {})

"""LoRA on tiny networks of our own; parity with `peft` is in tests/parity/test_peft_parity.py."""

import math

import pytest
import torch
from torch import Tensor, nn

from lit_gpt.cards import find_card
from lit_gpt.config import Config
from lit_gpt.errors import UserError
from lit_gpt.lora import TARGETS, LoraOptions, add_lora, lora_layers, lora_state_dict, merge_lora
from lit_gpt.lora_layers import WHOLE, LoRALinear, LowRank
from lit_gpt.model import GPT
from lit_gpt.trained import copy_into, trainable_parameters
from tests.tiny import count_trainable

SIZES = {"n_layer": 2, "n_head": 4, "n_embd": 32, "intermediate_size": 48, "vocab_size": 50, "block_size": 16}
CONFIGS = {
    "llama": Config(family="llama", n_query_groups=2, **SIZES),
    "tied": Config(family="llama", tie_embeddings=True, **SIZES),
    "gpt_neox": Config(
        family="gpt_neox",
        norm="LayerNorm",
        mlp="plain",
        activation="gelu",
        rotary_percentage=0.5,
        parallel_residual=True,
        attention_bias=True,
        mlp_bias=True,
        **SIZES,
    ),
}
IDS_BT = torch.tensor([[3, 1, 4, 1, 5, 9], [2, 6, 5, 3, 5, 8]])


def make_model(name: str = "llama", dtype: torch.dtype = torch.float32) -> GPT:
    torch.manual_seed(0)
    return GPT(CONFIGS[name]).to(dtype).eval()


def adapt(model: GPT, targets: tuple[str, ...] = TARGETS, *, dropout: float = 0.0, seed: int = 1) -> GPT:
    add_lora(model, LoraOptions(r=4, alpha=8, dropout=dropout, targets=targets), seed=seed)
    return model


def scramble(model: GPT) -> GPT:
    """Large random A and B, so that a misplaced row shows."""
    generator = torch.Generator().manual_seed(2)
    for tensor in lora_state_dict(model).values():
        tensor.normal_(generator=generator)
    return model


def distance(actual: Tensor, expected: Tensor) -> float:
    """Largest difference, relative to the largest value."""
    return ((actual - expected).abs().max() / expected.abs().max()).item()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", CONFIGS)
def test_training_starts_at_the_base_to_the_bit(name: str, dtype: torch.dtype) -> None:
    model = make_model(name, dtype)
    before = model(IDS_BT)
    adapt(model, dropout=0.5)
    assert torch.equal(model(IDS_BT), before)
    assert torch.equal(model.train()(IDS_BT), before)
    assert {tensor.dtype for tensor in lora_state_dict(model).values()} == {torch.float32}


@pytest.mark.parametrize("part", ["q", "k", "v"])
def test_a_pair_changes_the_columns_of_its_part_alone(part: str) -> None:
    model = make_model("llama")
    x = torch.randn(3, 32)
    qkv = model.transformer.h[0].attn.qkv
    before = qkv(x)
    scramble(adapt(model, (part,)))
    pair = model.transformer.h[0].attn.qkv.pairs[part]
    rows = {"q": slice(0, 32), "k": slice(32, 48), "v": slice(48, 64)}[part]  # 4 heads of 8, 2 groups of 8
    expected = before.clone()
    expected[:, rows] += 8 / 4 * x @ pair.A.T @ pair.B.T
    torch.testing.assert_close(model.transformer.h[0].attn.qkv(x), expected)
    assert before.shape == (3, 64)


@pytest.mark.parametrize(("target", "modules"), [("o", {"attn.proj"}), ("mlp", {"fc", "proj"})])
def test_targets_name_linears(target: str, modules: set[str]) -> None:
    names = [name for name, _ in lora_layers(adapt(make_model(), (target,)))]
    assert len(names) == 2 * len(modules)
    assert all(any(name.endswith(module) for module in modules) for name in names)
    assert not any(("mlp" in name) == (target == "o") for name in names)


@pytest.mark.parametrize("name", CONFIGS)
def test_only_the_pairs_are_trained(name: str) -> None:
    model = adapt(make_model(name), ("q", "v", "head"), dropout=0.1).train()
    frozen = {key: tensor.clone() for key, tensor in model.state_dict().items() if ".lora." not in key}
    trained = {key: tensor.clone() for key, tensor in lora_state_dict(model).items()}
    optimizer = torch.optim.SGD((p for p in model.parameters() if p.requires_grad), lr=1.0)
    for _ in range(2):  # the first step moves B alone, for B = 0 hides A
        optimizer.zero_grad()
        model(IDS_BT).logsumexp(-1).sum().backward()
        optimizer.step()
    assert all(torch.equal(model.state_dict()[key], tensor) for key, tensor in frozen.items())
    assert not any(torch.equal(lora_state_dict(model)[key], tensor) for key, tensor in trained.items())
    assert count_trainable(model) == sum(tensor.numel() for tensor in trained.values())


@pytest.mark.parametrize(
    ("card", "n_trainable"),
    [
        ("meta-llama/Llama-2-7b-hf", 4_194_304),
        ("meta-llama/Llama-2-13b-hf", 6_553_600),
        ("stabilityai/stablelm-base-alpha-3b", 2_097_152),
        ("microsoft/phi-1_5", 1_572_864),
    ],
)
def test_published_counts(card: str, n_trainable: int) -> None:
    """r = 8 on q and v, as Lit-GPT's tables of resources give them (tutorials/resource-tables.md)."""
    with torch.device("meta"):
        model = GPT(find_card(card).config)
        add_lora(model, LoraOptions(r=8, alpha=16, dropout=0.05, targets=("q", "v")), seed=0)
    assert count_trainable(model) == n_trainable


def test_the_start_depends_on_seed_and_name_alone() -> None:
    torch.manual_seed(10)
    state = torch.get_rng_state()
    model = make_model()
    torch.set_rng_state(state)
    both = lora_state_dict(adapt(model, ("q", "v")))
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(11)
    alone = lora_state_dict(adapt(make_model(), ("q",)))
    assert all(torch.equal(both[key], tensor) for key, tensor in alone.items())
    matrices = [tensor for key, tensor in both.items() if key.endswith("A")]
    matrices += [tensor for key, tensor in lora_state_dict(adapt(make_model(), ("q",), seed=2)).items() if "A" in key]
    assert len({tensor.sum().item() for tensor in matrices}) == 6


def test_a_is_drawn_as_a_linears_weight_and_b_is_zero() -> None:
    pair = LowRank(in_features=64, out_features=8, r=512, alpha=1.0)
    pair.initialise(seed=5)
    bound = 1 / math.sqrt(64)
    assert bound * 0.999 < pair.A.abs().max() <= bound
    assert pair.A.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.02)
    assert not pair.B.any()


def test_every_pair_has_a_dropout_mask_of_its_own() -> None:
    linear = nn.Linear(64, 32, bias=False)
    nn.init.zeros_(linear.weight)
    pairs = {part: LowRank(64, 16, r=2, alpha=2.0, dropout=0.5) for part in ("q", "k")}
    for pair in pairs.values():
        nn.init.ones_(pair.A)
        nn.init.ones_(pair.B)
    layer = LoRALinear(linear.train(), {"q": slice(0, 16), "k": slice(16, 32)}, pairs)
    q, k = layer(torch.rand(5, 64)).chunk(2, dim=-1)
    assert not torch.equal(q, k)
    q, k = layer.eval()(torch.rand(5, 64)).chunk(2, dim=-1)
    assert torch.equal(q, k)


def test_dropout_sleeps_in_a_model_that_is_evaluated() -> None:
    model = scramble(adapt(make_model(), dropout=0.5))
    assert torch.equal(model(IDS_BT), model(IDS_BT))
    model.train()
    assert not torch.equal(model(IDS_BT), model(IDS_BT))


@pytest.mark.parametrize("name", CONFIGS)
def test_merged_equals_unmerged(name: str) -> None:
    model = make_model(name)
    plain = list(model.state_dict())
    unmerged = scramble(adapt(model))(IDS_BT)
    merge_lora(model)
    assert distance(model(IDS_BT), unmerged) < 1e-5
    assert list(model.state_dict()) == plain
    assert not any(lora_layers(model))


def test_merging_rounds_once() -> None:
    model = scramble(adapt(make_model(dtype=torch.bfloat16), ("v",)))
    layer = model.transformer.h[1].attn.qkv
    pair, before = layer.pairs["v"], layer.linear.weight.clone()
    merge_lora(model)
    after = model.transformer.h[1].attn.qkv.weight
    assert after.dtype == torch.bfloat16
    assert torch.equal(after[:48], before[:48])
    torch.testing.assert_close(
        after[48:], (before[48:].double() + 2 * pair.B.double() @ pair.A.double()).bfloat16(), rtol=0, atol=0
    )


@pytest.mark.parametrize("targets", [("head",), ("q", "v")])
def test_a_tied_head_is_untied_by_merging_and_only_then(targets: tuple[str, ...]) -> None:
    model = make_model("tied")
    embedding = model.transformer.wte.weight.clone()
    scramble(adapt(model, targets))
    head = model.lm_head.linear if targets == ("head",) else model.lm_head
    assert head.weight is model.transformer.wte.weight
    assert not head.weight.requires_grad
    merge_lora(model)
    is_tied = targets != ("head",)
    assert (model.lm_head.weight is model.transformer.wte.weight) == is_tied
    assert model.config.tie_embeddings == is_tied
    assert torch.equal(model.transformer.wte.weight, embedding)


def test_autocast_trains_fp32_pairs() -> None:
    model = scramble(adapt(make_model(), dropout=0.1)).train()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(IDS_BT)
    logits.float().logsumexp(-1).sum().backward()
    assert logits.dtype == torch.bfloat16
    gradients = [p.grad for p in model.parameters() if p.requires_grad]
    assert all(grad is not None and grad.dtype == torch.float32 and grad.isfinite().all() for grad in gradients)


def test_tensors_move_to_another_model() -> None:
    model = scramble(adapt(make_model()))
    other = adapt(make_model(), seed=9)
    tensors = {key: tensor.clone() for key, tensor in lora_state_dict(model).items()}
    copy_into(trainable_parameters(other), tensors)
    assert torch.equal(other(IDS_BT), model(IDS_BT))
    assert "transformer.h.0.attn.qkv.lora.q.A" in tensors


def test_wrong_tensors_are_named() -> None:
    model = adapt(make_model(), ("q",))
    tensors = dict(lora_state_dict(model))
    del tensors["transformer.h.0.attn.qkv.lora.q.A"]
    tensors["transformer.h.1.attn.qkv.lora.q.B"] = torch.ones(1, 4)
    tensors["lm_head.lora.all.A"] = torch.ones(1)
    with pytest.raises(UserError) as error:
        copy_into(trainable_parameters(model), tensors)
    assert "h.0.attn.qkv.lora.q.A is missing" in error.value.got
    assert "h.1.attn.qkv.lora.q.B is (1, 4), not (32, 4)" in error.value.got
    assert "lm_head.lora.all.A is unexpected" in error.value.got
    assert not lora_state_dict(model)["transformer.h.1.attn.qkv.lora.q.B"].any()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"targets": ("q", "haed")}, "did you mean head?"),
        ({"targets": ()}, "no LoRA target"),
        ({"r": 0}, "r 0"),
        ({"alpha": 0}, "alpha 0"),
        ({"alpha": math.nan}, "alpha nan"),
        ({"dropout": 1.0}, "dropout 1.0"),
    ],
)
def test_settings_that_cannot_work(change: dict[str, object], told: str) -> None:
    settings: dict[str, object] = {"r": 8, "alpha": 16, "dropout": 0.05, "targets": ("q", "v")}
    with pytest.raises(UserError, match=r"(?s)" + told.replace("?", r"\?")):
        LoraOptions(**{**settings, **change})  # type: ignore[arg-type]


def test_adding_twice_is_our_own_mistake() -> None:
    with pytest.raises(ValueError, match="already"):
        adapt(adapt(make_model()))


def test_a_row_of_zeros_survives_dora() -> None:
    """It has no length, and so no direction."""
    linear = nn.Linear(6, 4, bias=False)
    with torch.no_grad():
        linear.weight[1] = 0.0
    pair = LowRank(6, 4, r=2, alpha=4)
    pair.initialise(0)
    pair.decompose(linear.weight)
    x = torch.randn(3, 6)
    y = LoRALinear(linear, {WHOLE: slice(0, 4)}, {WHOLE: pair})(x)
    torch.testing.assert_close(y, linear(x))
    y.sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in pair.parameters())

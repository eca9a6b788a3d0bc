"""Techniques are decided in one place: what is tried, foretold and benchmarked is what runs."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from lit_gpt.checkpoint import load_model
from lit_gpt.errors import UserError
from lit_gpt.model import GPT
from lit_gpt.studies.speed import big_model
from lit_gpt.trained import trainable_parameters
from lit_gpt.training.budget_settings import BudgetSettings
from lit_gpt.training.dry_run import foretell
from lit_gpt.training.lora_settings import LoraSettings
from lit_gpt.training.loss import SummedLoss
from lit_gpt.training.methods import Lora
from lit_gpt.training.run import finetune
from lit_gpt.training.settings import JournalSettings, RunSettings, ScheduleSettings
from lit_gpt.training.techniques import Techniques, add_techniques

LORA = Lora(LoraSettings(lora_dropout=0.0))


def ways(loss: SummedLoss) -> dict[str, Any]:
    """How a model computes: whatever its techniques changed about it."""
    changed = {
        name: (type(module), "forward" in vars(module), len(module._forward_hooks), len(module._forward_pre_hooks))
        for name, module in loss.model.named_modules()
    }
    is_compiled = loss.model._compiled_call_impl is not None
    return {"is_chunked": loss.is_chunked, "is_compiled": is_compiled, "modules": changed}


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The ways of every loss that was computed while training; torch.compile is noted and traces nothing."""
    found: list[dict[str, Any]] = []
    honest = SummedLoss.forward

    def forward(self: SummedLoss, *args: Any, **kwargs: Any) -> Any:
        if self.training:
            found.append(ways(self))
        return honest(self, *args, **kwargs)

    monkeypatch.setattr(SummedLoss, "forward", forward)
    monkeypatch.setattr(GPT, "compile", lambda model: setattr(model, "_compiled_call_impl", model._call_impl))
    return found


@pytest.mark.parametrize(
    "changes",
    [{"compile": True}, {"chunked_loss": False, "activation_checkpointing": True}, {"lean_activations": False}],
    ids=lambda changes: ", ".join(changes),
)
def test_a_trial_is_like_the_run(changes: dict[str, bool], seen, tiny_base, toy_set, tmp_path) -> None:
    run = RunSettings(tiny_base, toy_set, tmp_path / "run", device="cpu", **changes)
    schedule = ScheduleSettings(max_steps=1, batch_size=4, micro_batch_size=2, residual_dropout=0.1)
    settings = (LORA, run, schedule, JournalSettings(eval_rows=1))
    foretell(*settings, BudgetSettings())
    tried = seen.pop()
    seen.clear()
    finetune(*settings)
    assert all(each == tried for each in seen) and seen
    assert tried["is_compiled"] == run.compile
    assert tried["is_chunked"] == (run.chunked_loss and not run.compile)


@pytest.mark.parametrize("is_compiled", [False, True])
def test_the_big_models_steps_are_like_a_runs(is_compiled: bool, seen, tiny_base, toy_set, tmp_path) -> None:
    """But for the linears that LoRA is on, which are the benchmark's own."""
    lora = Lora(LoraSettings(lora_targets="q,k,v,o,mlp", lora_dropout=0.0))
    run = RunSettings(tiny_base, toy_set, tmp_path / "run", device="cpu", compile=is_compiled)
    finetune(lora, run, ScheduleSettings(max_steps=1, batch_size=2), JournalSettings(eval_rows=1))
    steps = big_model.Steps(1, 1, 0, None, False, "auto", is_compiled)
    loss = big_model.prepare(load_model(tiny_base), steps)
    assert loss.training and ways(loss) == seen[0]


@pytest.mark.parametrize("precision", ["auto", "32-true", "bf16-mixed"])
def test_varlen_is_planned_for_a_card_that_has_it(precision: Any, tiny_base, toy_set, tmp_path) -> None:
    """Its kernel takes bfloat16 alone; elsewhere it would go the plain way without a word."""
    run = RunSettings(tiny_base, toy_set, tmp_path / "run", precision=precision, document_attention="varlen")
    settings = (LORA, run, ScheduleSettings(max_steps=1), JournalSettings(), BudgetSettings())
    if precision == "auto":
        outlook = foretell(*settings, card_name="h200")
        assert (outlook.plan.precision, outlook.plan.techniques.attention) == ("bf16-true", "varlen")
        with pytest.raises(UserError, match="document_attention varlen"):
            foretell(*settings, card_name="cpu")
    else:
        with pytest.raises(UserError, match=f"varlen on cuda in {precision}"):
            foretell(*settings, card_name="h200")


def storages(model: GPT) -> dict[int, int]:
    """Where its numbers lie, and how many bytes."""
    places = [tensor.untyped_storage() for tensor in (*model.parameters(), *model.buffers())]
    return {place.data_ptr(): place.nbytes() for place in places}


@pytest.mark.parametrize("quantize", [None, "nf4"])
@pytest.mark.parametrize("is_compiled", [False, True])
def test_no_technique_copies_the_model(quantize: Any, is_compiled: bool, seen, tiny_base) -> None:
    model = load_model(tiny_base, quantize=quantize)
    base = storages(model)
    LORA.build(model, 0, tiny_base)
    run = RunSettings(quantize=quantize, activation_checkpointing=True, compile=is_compiled)
    schedule = ScheduleSettings(neftune_alpha=5.0, residual_dropout=0.3)
    loss = add_techniques(model, Techniques.of(run, schedule)).train()
    ids_BT = torch.arange(20)[None]
    loss(ids_BT, [12, 8], torch.tensor([*range(11), *range(12, 19)])).backward()
    added = storages(model).keys() - base.keys()
    assert base.items() <= storages(model).items(), "the base lies where it lay"
    assert added == {p.untyped_storage().data_ptr() for p in trainable_parameters(model).values()}
    assert loss.model is model


def test_compiling_needs_the_plain_ways() -> None:
    fast = Techniques.of(RunSettings(), ScheduleSettings())
    assert (fast.is_lean, fast.is_chunked, fast.attention, fast.is_compiled) == (True, True, "auto", False)
    traced = Techniques.of(RunSettings(compile=True), ScheduleSettings())
    assert traced == replace(fast, is_lean=False, is_chunked=False, attention="plain", is_compiled=True)

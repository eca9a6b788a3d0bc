"""What a run hands out loads elsewhere, unchanged, and gives the same logits; and peft would have trained the same.

Oracles: Transformers' models, peft's adapters, torch's AdamW and gradient clipping in a loop of five lines.
"""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

import lit_gpt
from lit_gpt.tokens.loader import Order
from lit_gpt.tokens.store import TokenSet, prepared_token_sets
from lit_gpt.training.journal import read_metrics
from lit_gpt.training.schedule import Schedule
from lit_gpt.training.settings import ScheduleSettings
from tests.jobs import Job

IDS_BT = torch.tensor([[0, 17, 230, 45, 301, 9, 88]])


@pytest.mark.parametrize("name", ["best", "final"])
@pytest.mark.parametrize("targets", ["q,v", "q,k,v,o,mlp"])
def test_an_adapter_gives_the_same_logits_in_peft(job: Job, name: str, targets: str) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    out_dir = replace(job, lora_targets=targets).run()
    base = AutoModelForCausalLM.from_pretrained(job.checkpoint_dir)
    theirs_BTV = PeftModel.from_pretrained(base, str(out_dir / name))(IDS_BT).logits
    ours, _ = lit_gpt.load(job.checkpoint_dir, adapter_dir=out_dir / name)
    ours_BTV = ours(IDS_BT)
    assert (ours_BTV - theirs_BTV).abs().max() <= 1e-5 * theirs_BTV.abs().max()
    plain, _ = lit_gpt.load(job.checkpoint_dir)
    assert (ours_BTV - plain(IDS_BT)).abs().max() > 1e-2 * theirs_BTV.abs().max(), "the adapter does something"


def test_a_full_run_loads_in_transformers(job: Job) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    out_dir = replace(job, method="full").run()
    theirs_BTV = AutoModelForCausalLM.from_pretrained(out_dir / "best")(IDS_BT).logits
    ours, tokenizer = lit_gpt.load(out_dir / "best")
    assert (ours(IDS_BT) - theirs_BTV).abs().max() <= 1e-5 * theirs_BTV.abs().max()
    text = "What is the first letter of lantern?"
    their_ids = AutoTokenizer.from_pretrained(out_dir / "best")(text, add_special_tokens=False).input_ids
    assert tokenizer.encode(text) == their_ids


def their_losses(job: Job, n_steps: int) -> list[float]:
    """The same run by Transformers, peft and torch: row by row, without packing, nothing of ours but order and rate."""
    from peft import LoraConfig, get_peft_model
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM

    tokens = TokenSet.open(next(prepared_token_sets(job.data_dir))[0]).split("train")
    settings = ScheduleSettings(max_steps=n_steps, batch_size=8, learning_rate=job.learning_rate)
    order = Order(len(tokens), 8, seed=1337)
    schedule = Schedule(settings, order.steps_per_epoch)
    config = LoraConfig(
        r=8, lora_alpha=16, lora_dropout=0.0, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"
    )
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(job.checkpoint_dir), config)
    start = load_file(job.out_dir.parent / "start" / "adapter_model.safetensors")
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                parameter.copy_(start[name.replace(".default", "")])
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, betas=(0.9, 0.999), weight_decay=0.01)
    losses = []
    for step in range(n_steps):
        per_token = []
        for row in order.rows_of(step):
            ids, is_target = (torch.from_numpy(array.astype("int64")) for array in tokens[row])
            logits_TV = model(ids[None]).logits[0, :-1]
            loss_T = torch.nn.functional.cross_entropy(logits_TV, ids[1:], reduction="none")
            per_token.append(loss_T[is_target[1:].bool()])
        loss = torch.cat(per_token).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        for group in optimizer.param_groups:
            group["lr"] = schedule.learning_rate(step, 0.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses


def test_training_equals_a_plain_loop_over_peft(job: Job) -> None:
    from lit_gpt.lora import LoraOptions, add_lora
    from lit_gpt.peft_adapters import save_adapter
    from lit_gpt.seeds import derive_seed

    n_steps = 20
    job = replace(job, lora_targets="q,v", lora_dropout=0.0, max_steps=n_steps, learning_rate=1e-2)
    model, _ = lit_gpt.load(job.checkpoint_dir)
    options = LoraOptions(r=8, alpha=16, dropout=0.0, targets=("q", "v"))
    add_lora(model, options, derive_seed(1337, "initialisation"))
    (start := job.out_dir.parent / "start").mkdir()
    save_adapter(model, start, base_model=str(job.checkpoint_dir))
    ours = [record["train_loss"] for record in read_metrics(job.run()) if "train_loss" in record]
    assert ours == pytest.approx(their_losses(job, n_steps), rel=1e-4)
    assert ours[-1] < ours[0]


def test_a_merged_model_gives_the_adapters_logits(job: Job, tmp_path: Path) -> None:
    from lit_gpt.loading import merge_adapter

    out_dir = replace(job, lora_targets="q,k,v,o,mlp,head").run()
    merged, _ = lit_gpt.load(merge_adapter(job.checkpoint_dir, out_dir / "best", tmp_path / "merged"))
    adapted, _ = lit_gpt.load(job.checkpoint_dir, adapter_dir=out_dir / "best")
    expected_BTV = adapted(IDS_BT)
    assert (merged(IDS_BT) - expected_BTV).abs().max() <= 1e-5 * expected_BTV.abs().max()

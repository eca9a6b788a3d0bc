"""An adapter as vLLM reads one: its file contract, followed here step by step without vLLM.

Source, read on 2026-11-21: vllm/lora/peft_helper.py, lora_model.py, utils.py and config/lora.py of
https://github.com/vllm-project/vllm. From adapter_config.json it takes r, lora_alpha and target_modules (required),
bias, modules_to_save, use_rslora and use_dora, and no patterns: one scale, alpha / r, holds for all modules, whatever
the rank of each. Tensors come from adapter_model.safetensors; of a name it drops `base_model.model.` and keeps what
stands before `.lora_A.weight` or `.lora_B.weight`; its last word must be a linear of the model.
"""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

import lit_gpt
from lit_gpt.checkpoint import load_model
from lit_gpt.lora import LoraOptions, add_lora, lora_layers
from lit_gpt.peft_adapters import save_adapter
from tests.jobs import Job
from tests.tiny import save_checkpoint

MAX_LORA_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)  # what --max-lora-rank may be
LINEARS = {  # of vLLM's Llama (models/llama.py): packed ones by their parts, and the vocabulary's two
    "llama": {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj", "embed_tokens", "lm_head"},
    "gpt_neox": {"query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h", "embed_out"},
}


def read_as_vllm(
    directory: Path, linears: set[str], max_lora_rank: int
) -> tuple[float, dict[str, dict[str, torch.Tensor]]]:
    """The scale, and A and B by module; AssertionError where vLLM would refuse."""
    config = json.loads((directory / "adapter_config.json").read_text())
    assert {"r", "lora_alpha", "target_modules"} <= config.keys()
    assert isinstance(config["r"], int) and isinstance(config["target_modules"], list)
    assert config["r"] <= max_lora_rank
    assert config.get("bias", "none") == "none"
    assert not config.get("modules_to_save") and not config.get("use_dora") and not config.get("use_rslora")
    modules: dict[str, dict[str, torch.Tensor]] = {}
    for name, tensor in load_file(directory / "adapter_model.safetensors").items():
        assert name.startswith("base_model.model.")
        module, which, last = name.removeprefix("base_model.model.").rsplit(".", 2)
        assert which in ("lora_A", "lora_B") and last == "weight"
        assert module.rsplit(".", 1)[-1] in linears
        modules.setdefault(module, {})[which] = tensor
    for pair in modules.values():
        assert pair["lora_A"].size(0) == pair["lora_B"].size(1) <= max_lora_rank
    return config["lora_alpha"] / config["r"], modules


def logits_as_vllm(
    base_dir: Path, adapter_dir: Path, family: str, max_lora_rank: int, ids_BT: torch.Tensor
) -> torch.Tensor:
    """Transformers' base with each module's scale B A added."""
    model = AutoModelForCausalLM.from_pretrained(base_dir)
    scale, modules = read_as_vllm(adapter_dir, LINEARS[family], max_lora_rank)
    with torch.no_grad():
        for name, pair in modules.items():
            model.get_submodule(name).weight += scale * pair["lora_B"] @ pair["lora_A"]
        return model(ids_BT).logits


def test_a_runs_adapter(job: Job) -> None:
    out_dir = replace(job, max_steps=12).run()
    ids_BT = torch.tensor([[0, 17, 230, 45, 301, 9, 88]])
    theirs_BTV = logits_as_vllm(job.checkpoint_dir, out_dir / "best", "llama", 8, ids_BT)
    ours, _ = lit_gpt.load(job.checkpoint_dir, adapter_dir=out_dir / "best")
    plain, _ = lit_gpt.load(job.checkpoint_dir)
    scale = theirs_BTV.abs().max()
    assert (ours(ids_BT) - theirs_BTV).abs().max() <= 1e-5 * scale < (ours(ids_BT) - plain(ids_BT)).abs().max()


@pytest.mark.parametrize("targets", [("q", "v"), ("q", "k", "v", "o", "mlp")])
@pytest.mark.parametrize("family", ["llama", "gpt_neox"])
def test_modules_of_several_ranks_share_one_scale(tmp_path: Path, family: str, targets: tuple[str, ...]) -> None:
    """GPT-NeoX's stacked q and v have twice the rank: --max-lora-rank has to be the largest, and the scale is one."""
    save_checkpoint(tmp_path / "base", family)
    model = load_model(tmp_path / "base")
    add_lora(model, LoraOptions(r=4, alpha=12, dropout=0.0, targets=targets), seed=0)
    for _, layer in lora_layers(model):
        for pair in layer.pairs.values():
            torch.nn.init.normal_(pair.B, std=0.1, generator=torch.Generator().manual_seed(1))
    (tmp_path / "adapter").mkdir()
    save_adapter(model, tmp_path / "adapter", base_model="base")
    ids_BT = torch.randint(101, (2, 12), generator=torch.Generator().manual_seed(0))
    theirs_BTV = logits_as_vllm(tmp_path / "base", tmp_path / "adapter", family, 16, ids_BT)
    assert 16 in MAX_LORA_RANKS
    assert (model(ids_BT) - theirs_BTV).abs().max() <= 1e-5 * theirs_BTV.abs().max()

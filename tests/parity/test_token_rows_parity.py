"""Trained rows of single tokens against `peft`'s trainable tokens: logits, gradients and files, both ways."""

from pathlib import Path
from typing import Any

import peft
import pytest
import torch
import transformers
from torch import Tensor

from lit_gpt.checkpoint import load_model
from lit_gpt.errors import UserError
from lit_gpt.export_check import probe
from lit_gpt.lora import LoraOptions, add_lora, lora_layers, merge_lora
from lit_gpt.model import GPT
from lit_gpt.peft_adapters import load_adapter, save_adapter
from lit_gpt.token_rows import TokenRows, add_token_rows, merge_token_rows, rows_of_both
from lit_gpt.training.loss import SummedLoss
from tests.conftest import GapTables
from tests.tiny import save_checkpoint

BASES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("llama", {}),
    "llama_tied": ("llama", {"tie_word_embeddings": True}),
    "gpt_neox": ("gpt_neox", {}),
    "gpt2": ("gpt2", {}),
    "gemma2": ("gemma2", {}),  # tied, the embedding is scaled, the logits are capped
}
IDS = [100, 5]
IDS_BT = torch.tensor([[3, 100, 4, 1, 5, 9], [2, 5, 5, 3, 100, 8]])
pytestmark = [pytest.mark.filterwarnings("ignore::UserWarning"), pytest.mark.filterwarnings("ignore::FutureWarning")]


@pytest.fixture(scope="module", params=BASES)
def checkpoint_dir(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp(request.param)
    family, settings = BASES[request.param]
    save_checkpoint(directory, family, **settings)
    return directory


def theirs(checkpoint_dir: Path) -> tuple[peft.PeftModel, dict[str, list[int]]]:
    """peft's model with random pairs and random rows of the tokens."""
    base = transformers.AutoModelForCausalLM.from_pretrained(checkpoint_dir)
    words = {id(module): name.rpartition(".")[2] for name, module in base.named_modules()}
    indices = {words[id(base.get_input_embeddings())]: IDS}
    if not base.config.tie_word_embeddings:
        indices[words[id(base.get_output_embeddings())]] = IDS
    targets = "all-linear"
    config = peft.LoraConfig(r=2, target_modules=targets, trainable_token_indices=indices, task_type="CAUSAL_LM")
    model = peft.get_peft_model(base, config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                parameter.copy_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(len(name))) * 0.3)
    return model.eval(), indices


def ours(checkpoint_dir: Path) -> GPT:
    """Ours with random pairs and rows."""
    model = load_model(checkpoint_dir)
    add_lora(model, LoraOptions(2, 4.0, 0.0, ("q", "v")), seed=1)
    add_token_rows(model, rows_of_both(model, IDS))
    with torch.no_grad():
        for _, layer in lora_layers(model):
            for pair in layer.pairs.values():
                pair.B.normal_(0, 0.3, generator=torch.Generator().manual_seed(2))
        for module in model.modules():
            if isinstance(module, TokenRows):
                module.token_rows.normal_(0, 0.3, generator=torch.Generator().manual_seed(3))
    return model


def gap(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).abs().max() / expected.abs().max())


def test_reads_what_peft_wrote(checkpoint_dir: Path, tmp_path: Path, gap_tables: GapTables) -> None:
    reference, _ = theirs(checkpoint_dir)
    reference.save_pretrained(tmp_path, save_embedding_layers=False)
    model = load_model(checkpoint_dir)
    plain_BTV = model(IDS_BT)
    load_adapter(model, tmp_path)
    expected_BTV = reference(IDS_BT).logits
    found = gap(model(IDS_BT), expected_BTV)
    gap_tables["rows of tokens, logits"][checkpoint_dir.name].append(found)
    assert found < 1e-5 < gap(plain_BTV, expected_BTV)


def test_gradients_are_pefts(checkpoint_dir: Path, tmp_path: Path, gap_tables: GapTables) -> None:
    """Of the summed loss as training computes it, in chunks and plainly, on two packed documents."""
    reference, _ = theirs(checkpoint_dir)
    reference.save_pretrained(tmp_path, save_embedding_layers=False)
    loss = torch.nn.functional.cross_entropy
    expected = loss(reference(IDS_BT).logits[:, :-1].flatten(0, 1), IDS_BT[:, 1:].flatten(), reduction="sum")
    expected.backward()
    deltas = {name: p.grad for name, p in reference.named_parameters() if "trainable_tokens_delta" in name}
    for is_chunked in (True, False):
        model = load_model(checkpoint_dir)
        load_adapter(model, tmp_path)
        rows = {name: p for name, p in model.named_parameters() if name.endswith(".token_rows")}
        for parameter in rows.values():
            parameter.requires_grad_()
        predicting_N = torch.tensor([0, 1, 2, 3, 4, 6, 7, 8, 9, 10])
        found = SummedLoss(model, is_chunked)(IDS_BT.view(1, -1), [6, 6], predicting_N)
        found.backward()
        assert found.item() == pytest.approx(expected.item(), rel=1e-5)
        assert len(rows) == len(deltas)
        for name, parameter in rows.items():
            its = next(g for key, g in deltas.items() if ("lm_head" in key) == name.startswith("lm_head"))
            gaps = gap(parameter.grad, its)
            gap_tables["rows of tokens, gradients"][checkpoint_dir.name].append(gaps)
            assert gaps < 1e-4


def test_peft_reads_what_we_wrote(checkpoint_dir: Path, tmp_path: Path) -> None:
    model = ours(checkpoint_dir)
    save_adapter(model, tmp_path, base_model=str(checkpoint_dir))
    base = transformers.AutoModelForCausalLM.from_pretrained(checkpoint_dir)
    reference = peft.PeftModel.from_pretrained(base, tmp_path).eval()
    expected_BTV = reference(IDS_BT).logits
    assert gap(model(IDS_BT), expected_BTV) < 1e-5
    again = load_model(checkpoint_dir)
    load_adapter(again, tmp_path)
    assert torch.equal(again(IDS_BT), model(IDS_BT))


def test_merged_is_the_same(checkpoint_dir: Path) -> None:
    model = ours(checkpoint_dir)
    adapted_TV, adapted_BTV = probe(model), model(IDS_BT)
    merge_lora(model)
    merge_token_rows(model)
    assert gap(model(IDS_BT), adapted_BTV) < 1e-5 and gap(probe(model), adapted_TV) < 1e-5
    assert not any(isinstance(module, TokenRows) for module in model.modules())
    assert (model.lm_head.weight is model.transformer.wte.weight) == model.config.tie_embeddings


def test_rows_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "base", "llama")
    save_checkpoint(tmp_path / "smaller", "llama", vocab_size=50)
    (tmp_path / "adapter").mkdir()
    save_adapter(ours(tmp_path / "base"), tmp_path / "adapter", base_model="base")
    with pytest.raises(UserError, match="trained row for token 100"):
        load_adapter(load_model(tmp_path / "smaller"), tmp_path / "adapter")

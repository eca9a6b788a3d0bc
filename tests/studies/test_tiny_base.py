"""The embedded base: trained small here, and the one in the repository looked at."""

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

import lit_gpt
from lit_gpt.data.world.documents import VOLUME_CHARS, vocabulary, volumes
from lit_gpt.errors import UserError
from lit_gpt.manifest import damaged_files, read_manifest
from lit_gpt.studies import tiny_base
from lit_gpt.studies.base_settings import BaseSettings

EMBEDDED = Path(__file__).resolve().parents[2] / "assets" / "tiny_base"
MOST_BYTES = 12_000_000


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BaseSettings:
    small = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
    monkeypatch.setattr(tiny_base, "SHAPE", {**tiny_base.SHAPE, **small, "num_key_value_heads": 2})
    monkeypatch.setattr(tiny_base, "VOCAB_SIZE", 400)
    monkeypatch.setattr(tiny_base, "TOKENIZER_DOCUMENTS", 50)
    return BaseSettings(out_dir=tmp_path / "base", work_dir=tmp_path / "work", n_volumes=40, device="cpu")


def test_trained_small_it_is_a_checkpoint_with_its_record(
    settings: BaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiny_base, "VALIDATION_SHARE", 0.2)
    directory = tiny_base.train_tiny_base(settings)
    card = (directory / "README.md").read_text()
    losses = [line for line in card.splitlines() if line.startswith("| ") and line.split("|")[1].strip() != "model"]
    assert [line.split("|")[1].strip() for line in losses] == ["unigram", "5-gram", "tiny_base"]
    assert "Origin: program" in card
    log = [json.loads(line) for line in (directory / "training_log.jsonl").read_text().splitlines()]
    assert any("val_loss" in record for record in log)
    assert "<svg" in (directory / "loss_curve.html").read_text()
    assert damaged_files(directory, read_manifest(directory, "checkpoint")) == []
    model, _ = lit_gpt.load(directory)
    assert not (directory / "prompt_style.json").exists()
    assert {parameter.dtype for parameter in model.parameters()} <= {torch.bfloat16, torch.float32}
    assert tiny_base.train_tiny_base(settings) == directory


def test_no_volumes_are_a_mistake() -> None:
    with pytest.raises(UserError, match="n_volumes"):
        BaseSettings(n_volumes=0)


def test_volumes_fill_the_context_and_quote_no_instruction() -> None:
    remaining = volumes(5)
    texts = [next(remaining) for _ in range(200)]
    assert min(map(len, texts)) >= VOLUME_CHARS
    wordings = [wording for kind in tiny_base.ALL for wording in kind.wordings if "{" not in wording]
    assert [
        wording for wording in wordings if len(wording.split()) > 4 and any(wording in text for text in texts)
    ] == []
    assert all(vocabulary(kind) for kind in tiny_base.ALL)


def test_the_embedded_base_is_small_whole_and_what_its_manifest_says() -> None:
    assert sum(path.stat().st_size for path in EMBEDDED.iterdir()) <= MOST_BYTES
    assert damaged_files(EMBEDDED, read_manifest(EMBEDDED, "checkpoint")) == []


def test_the_embedded_base_gives_transformers_logits() -> None:
    model, tokenizer = lit_gpt.load(EMBEDDED, dtype="float32")
    theirs = AutoModelForCausalLM.from_pretrained(EMBEDDED, dtype=torch.float32)
    ids_BT = torch.tensor([tokenizer.encode("Words in alphabetical order\n\nWords: pear fig", bos=True)])
    with torch.no_grad():
        difference = (model(ids_BT) - theirs(ids_BT).logits).abs().max()
        assert difference <= 1e-5 * theirs(ids_BT).logits.abs().max()

"""An end-of-turn token: what the copy holds, that others open it, and that it is trained, merged and stopped at."""

import json
import shutil
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file

import lit_gpt
from lit_gpt.checkpoint import load_config, load_model
from lit_gpt.end_of_turn import TOKEN, add_end_of_turn
from lit_gpt.errors import UserError
from lit_gpt.example import Message
from lit_gpt.generation import generate_ids
from lit_gpt.loading import merge_adapter
from lit_gpt.prompt_styles import find_style, style_to_ask_in
from lit_gpt.tokenizer import Tokenizer
from lit_gpt.tokens.encode import encode_prompt, stop_ids
from tests.training.test_methods import run

DIALOGUE = [
    Message("user", f"Name a fruit {TOKEN} and stop."),
    Message("assistant", "Plum."),
    Message("user", "Another."),
]
IDS_BT = torch.tensor([[0, 17, 230, 45, 301, 9, 88]])
N_BASE = 512


@pytest.fixture(scope="module")
def base_eot(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return add_end_of_turn(tiny_base, tmp_path_factory.mktemp("checkpoints") / "tiny-eot")


@pytest.fixture(scope="module")
def run_dir(base_eot: Path, toy_set: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """LoRA on the copy, the token's rows included."""
    flags = {"lora_tokens": f"['{TOKEN}']", "learning_rate": "0.02", "prompt_style": "template", "max_steps": "20"}
    return run("lora", base_eot, toy_set, tmp_path_factory.mktemp("run") / "run", **flags)


def test_the_base_is_what_it_was(tiny_base: Path, base_eot: Path) -> None:
    before, after = load_model(tiny_base), load_model(base_eot)
    assert load_config(base_eot).vocab_size == N_BASE + 1
    assert torch.equal(after(IDS_BT)[..., :N_BASE], before(IDS_BT))
    torch.testing.assert_close(after.transformer.wte.weight[N_BASE], before.transformer.wte.weight.mean(0))


def test_others_open_it_and_ask_as_we_do(base_eot: Path) -> None:
    model = transformers.AutoModelForCausalLM.from_pretrained(base_eot)
    tokenizer = transformers.AutoTokenizer.from_pretrained(base_eot)
    torch.testing.assert_close(model(IDS_BT).logits, load_model(base_eot)(IDS_BT), rtol=1e-4, atol=1e-5)
    assert tokenizer.convert_tokens_to_ids(TOKEN) == N_BASE
    assert model.generation_config.eos_token_id == [1, N_BASE]
    dialogue = [{"role": m.role, "content": m.content} for m in DIALOGUE[1:]]
    text = tokenizer.apply_chat_template(dialogue, tokenize=False, add_generation_prompt=True)
    own = Tokenizer(base_eot)
    parts = [segment.text for segment in find_style(None, base_eot).render(DIALOGUE[1:])]
    assert text == "".join(parts) == f"<s>Plum.{TOKEN}Another.{TOKEN}"
    assert tokenizer(text, add_special_tokens=False)["input_ids"].count(N_BASE) == 2
    assert encode_prompt(DIALOGUE[1:], own, find_style(None, base_eot)).count(N_BASE) == 2


def test_a_text_never_spells_it(base_eot: Path) -> None:
    tokenizer, style = Tokenizer(base_eot), style_to_ask_in(None, base_eot)
    ids = encode_prompt(DIALOGUE, tokenizer, style)
    assert ids.count(N_BASE) == 3 and N_BASE not in tokenizer.encode(f"{TOKEN}")
    assert stop_ids(tokenizer, style) == {1, N_BASE}


def test_a_row_of_padding_is_taken_before_a_new_one(tiny_base: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_base, tmp_path / "padded")
    (tmp_path / "padded" / "lit_model.safetensors").unlink(missing_ok=True)
    tensors = load_file(tmp_path / "padded" / "model.safetensors")
    embedding = tensors["model.embed_tokens.weight"]
    tensors["model.embed_tokens.weight"] = torch.cat((embedding, torch.ones(32, embedding.size(1))))
    from safetensors.torch import save_file

    save_file(tensors, tmp_path / "padded" / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((tiny_base / "config.json").read_text())
    (tmp_path / "padded" / "config.json").write_text(json.dumps({**config, "vocab_size": N_BASE + 32}))
    out = add_end_of_turn(tmp_path / "padded", tmp_path / "out")
    rows = load_model(out).transformer.wte.weight
    assert len(rows) == N_BASE + 32
    torch.testing.assert_close(rows[N_BASE], embedding.mean(0))


def test_a_sentencepiece_model_learns_it_too(shared: Path, tmp_path: Path) -> None:
    base = shared / "checkpoints" / "karpathy" / "stories260K"
    if not (base / "tokenizer.model").is_file():
        pytest.skip("needs a checkpoint with a SentencePiece model, which is not there")
    shutil.copytree(base, tmp_path / "base", ignore=shutil.ignore_patterns("tokenizer.json", "lit_*"))
    (tmp_path / "base").chmod(0o755)
    out = add_end_of_turn(tmp_path / "base", tmp_path / "out")
    tokenizer = Tokenizer(out)
    ids = encode_prompt(DIALOGUE, tokenizer, find_style(None, out))
    id = tokenizer.control_tokens[TOKEN]
    assert id == Tokenizer(tmp_path / "base").vocab_size and ids.count(id) == 3


@pytest.mark.parametrize("token", ["", " <|eot|>", "</s>"])
def test_a_token_that_cannot_be_one_is_a_users_mistake(token: str, tiny_base: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError):
        add_end_of_turn(tiny_base, tmp_path / "out", token)
    assert not (tmp_path / "out").exists()


def test_its_row_is_trained_saved_and_loaded(base_eot: Path, run_dir: Path) -> None:
    saved = load_file(run_dir / "final" / "adapter_model.safetensors")
    (row,) = (tensor for key, tensor in saved.items() if "trainable_tokens" in key)
    given = load_model(base_eot).transformer.wte.weight[N_BASE]
    assert row.shape == (1, len(given)) and (row[0] - given).abs().max() > 0.01
    model, _ = lit_gpt.load(base_eot, run_dir / "final")
    assert torch.equal(model.transformer.wte(torch.tensor([N_BASE]))[0], row[0])


def test_merged_it_is_a_plain_directory_that_stops_there(base_eot: Path, run_dir: Path, tmp_path: Path) -> None:
    merged = merge_adapter(base_eot, run_dir / "final", tmp_path / "merged")
    theirs = transformers.AutoModelForCausalLM.from_pretrained(merged).eval()
    tokenizer, style = Tokenizer(merged), style_to_ask_in(None, merged)
    prompt = encode_prompt([Message("user", "What is 2 plus 3?")], tokenizer, style)
    new = theirs.generate(torch.tensor([prompt]), max_new_tokens=40, do_sample=False)[0, len(prompt) :].tolist()
    assert new[-1] == N_BASE, "it has learnt to end its turn, in the token and not in EOS"
    model, _ = lit_gpt.load(base_eot, run_dir / "final")
    assert list(generate_ids(model, prompt, 40, stop_ids=stop_ids(tokenizer, style))) == new[:-1]

"""Models given back: what a merged directory holds, that it is checked, and that others read it as we do."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

import lit_gpt
from lit_gpt import export_check, loading
from lit_gpt.checkpoint import convert_hf_to_lit, load_model
from lit_gpt.errors import UserError
from lit_gpt.example import Message
from lit_gpt.export import convert_lit_to_hf
from lit_gpt.loading import merge_adapter
from lit_gpt.lora import LoraOptions, add_lora, lora_layers
from lit_gpt.model_card import Evidence, describe_base
from lit_gpt.peft_adapters import save_adapter
from lit_gpt.prompt_styles import find_style, write_prompt_style, write_style_template
from lit_gpt.tokens.encode import encode_prompt
from tests.jobs import Job
from tests.tiny import save_checkpoint

DIALOGUE = [("user", "Name a fruit."), ("assistant", "Plum."), ("user", "What is </s> the first letter of lantern?")]


@pytest.fixture(scope="module")
def run_dir(tiny_base: Path, toy_set: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return replace(Job(tiny_base, toy_set, tmp_path_factory.mktemp("run") / "run"), max_steps=12).run()


@pytest.fixture(scope="module")
def merged(tiny_base: Path, run_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return merge_adapter(tiny_base, run_dir / "best", tmp_path_factory.mktemp("merged") / "model")


def front_of(card: Path) -> dict:
    return yaml.safe_load(card.read_text().split("---\n")[1])


def test_the_merged_directory_is_whole(merged: Path) -> None:
    names = {path.name for path in merged.iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"} <= names
    assert {"chat_template.jinja", "prompt_style.json", "README.md", "manifest.json"} <= names


def test_the_card_names_base_data_training_and_licences(merged: Path, run_dir: Path, toy_set: Path) -> None:
    card = (merged / "README.md").read_text()
    data = json.loads((toy_set / "manifest.json").read_text())
    best = json.loads((run_dir / "best/manifest.json").read_text())
    for said in (
        data["content_hash"],
        best["content_hash"],
        data["settings"]["name"],
        str(data["counts"]["train"]),
        "alpaca",
    ):
        assert said in card
    assert front_of(merged / "README.md")["base_model"] == "tiny"
    assert "license" not in front_of(merged / "README.md"), "no licence is invented"


def test_the_card_has_the_results_of_this_adapter_alone(
    tiny_base: Path, toy_set: Path, run_dir: Path, tmp_path: Path
) -> None:
    from lit_gpt.evaluation.runner import evaluate
    from lit_gpt.evaluation.settings import EvaluationSettings

    common = {"checkpoint_dir": tiny_base, "data_dir": toy_set, "split": "validation", "max_new_tokens": 4}
    ours = evaluate(EvaluationSettings(**common, adapter_dir=run_dir / "best", out_dir=tmp_path / "eval/ours"))
    base = evaluate(EvaluationSettings(**common, out_dir=tmp_path / "eval/base"))
    out_dir = merge_adapter(tiny_base, run_dir / "best", tmp_path / "model", Evidence(toy_set, (ours, base)))
    card = (out_dir / "README.md").read_text()
    results = json.loads((ours / "results.json").read_text())
    assert card.count(f"| {results['task']} |") == 1
    assert f"{results['value']:.1%}" in card and f"| {results['n']} |" in card


def test_another_data_set_is_not_named(tiny_base: Path, run_dir: Path, toy_set: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(toy_set, other)
    from lit_gpt.manifest import read_manifest

    manifest = read_manifest(toy_set, "example_set")
    replace(manifest, counts={"read": 1}).write(other, manifest.files)
    with pytest.raises(UserError, match="another data set"):
        merge_adapter(tiny_base, run_dir / "best", tmp_path / "model", Evidence(other))


@pytest.mark.parametrize(
    ("path", "card", "licence"),
    [
        ("EleutherAI/pythia-70m", "", "apache-2.0"),
        ("me/mine", "---\nlicense: cc-by-4.0\n---\n# mine\n", "cc-by-4.0"),
        ("me/mine", "# mine\nlicense: mit\n", "unknown"),
        ("me/mine", "---\nlicense: [\n---\n", "unknown"),
        ("me/mine", "", "unknown"),
    ],
)
def test_a_bases_licence_is_known_or_not(tmp_path: Path, path: str, card: str, licence: str) -> None:
    directory = tmp_path / path
    directory.mkdir(parents=True)
    if card:
        (directory / "README.md").write_text(card)
    assert describe_base(directory).licence == licence


def test_a_downloaded_base_is_named_with_its_commit(tmp_path: Path) -> None:
    record = {"repo_id": "EleutherAI/pythia-70m", "commit": "c" * 40, "files": {}}
    (tmp_path / "source.json").write_text(json.dumps(record))
    base = describe_base(tmp_path)
    assert (base.name, base.commit, base.licence) == ("EleutherAI/pythia-70m", "c" * 40, "apache-2.0")


# ---- others read it


def test_transformers_opens_it_and_gives_the_same_logits(merged: Path) -> None:
    from transformers import AutoModelForCausalLM

    ids_BT = torch.tensor([[0, 17, 230, 45, 301, 9, 88]])
    theirs_BTV = AutoModelForCausalLM.from_pretrained(merged)(ids_BT).logits
    ours, _ = lit_gpt.load(merged)
    assert (ours(ids_BT) - theirs_BTV).abs().max() <= 1e-5 * theirs_BTV.abs().max()


@pytest.mark.parametrize("name", ["alpaca", "chat", "raw", "zephyr", "vicuna"])
def test_the_chat_template_gives_transformers_the_ids_it_was_trained_with(
    tiny_base: Path, tmp_path: Path, name: str
) -> None:
    """Whatever style the weights were trained in, others that read the directory ask in it.

    We encode each answer by itself, Transformers the whole text: where no line break parts prompt and answer (alpaca,
    raw), the token at the seam of an earlier turn is another.
    """
    from transformers import AutoTokenizer

    shutil.copytree(tiny_base, tmp_path / "model")
    style = find_style(name, tiny_base)
    write_style_template(tmp_path / "model", style)
    theirs = AutoTokenizer.from_pretrained(tmp_path / "model")
    ours = lit_gpt.load(tiny_base)[1]
    for length in (1,) if name in ("alpaca", "raw") else (1, 3):
        turns = [(role, content.replace("</s> ", "")) for role, content in DIALOGUE[:length]]
        expected = theirs.apply_chat_template(
            [{"role": role, "content": content} for role, content in turns],
            add_generation_prompt=True,
            return_dict=False,
        )
        assert encode_prompt([Message(*turn) for turn in turns], ours, style) == expected, (name, length)


def test_what_was_trained_in_a_template_is_asked_in_it_everywhere(merged: Path, tiny_base: Path) -> None:
    noted = json.loads((merged / "prompt_style.json").read_text())
    assert noted["prompt_style"] == "alpaca"
    assert (merged / "chat_template.jinja").read_text().count("### Instruction") == 1


# ---- what is refused


def adapter(base: Path, directory: Path, B: float | None = 0.1) -> Path:
    """An adapter of q and v of that base, with a B of normal numbers of this width."""
    model = load_model(base)
    add_lora(model, LoraOptions(r=4, alpha=8, dropout=0.0, targets=("q", "v")), seed=0)
    generator = torch.Generator().manual_seed(1)
    for _, layer in lora_layers(model):
        for pair in layer.pairs.values():
            if B is not None:
                torch.nn.init.normal_(pair.B, std=B, generator=generator)
    directory.mkdir()
    save_adapter(model, directory, base_model=str(base))
    return directory


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_merging_is_checked_in_every_dtype(tmp_path: Path, dtype: str, capsys) -> None:
    save_checkpoint(tmp_path / "base", dtype=getattr(torch, dtype))
    merge_adapter(tmp_path / "base", adapter(tmp_path / "base", tmp_path / "adapter"), tmp_path / "merged")
    said = capsys.readouterr().err
    assert "read again: the same logits" in said
    print(dtype, said)


def test_an_adapter_that_changes_nothing_is_refused(tiny_base: Path, tmp_path: Path) -> None:
    zero = adapter(tiny_base, tmp_path / "adapter", B=None)
    with pytest.raises(UserError, match="changes nothing"):
        merge_adapter(tiny_base, zero, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_that_are_none_are_refused(tiny_base: Path, tmp_path: Path, number: float) -> None:
    directory = adapter(tiny_base, tmp_path / "adapter")
    tensors = load_file(directory / "adapter_model.safetensors")
    name = sorted(tensors)[0]
    tensors[name][0, 0] = number
    save_file(tensors, directory / "adapter_model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match="not finite"):
        merge_adapter(tiny_base, directory, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_an_update_lost_in_rounding_is_refused(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "base", dtype=torch.bfloat16)
    tiny = adapter(tmp_path / "base", tmp_path / "adapter", B=1e-9)
    with pytest.raises(UserError, match=r"lost when rounded|changes nothing"):
        merge_adapter(tmp_path / "base", tiny, tmp_path / "merged")


def test_a_merge_that_goes_wrong_is_found_out(tiny_base: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    def wrong(model) -> None:
        for _, layer in lora_layers(model):
            first, second = layer.pairs.values()
            first.B.data, second.B.data = second.B.data.roll(1, 0), second.B.data
        honest(model)

    honest = loading.merge_lora
    monkeypatch.setattr(loading, "merge_lora", wrong)
    model_adapter = adapter_of_equal_heads(tiny_base, tmp_path / "adapter")
    with pytest.raises(UserError, match="off by"):
        merge_adapter(tiny_base, model_adapter, tmp_path / "merged")


def adapter_of_equal_heads(base: Path, directory: Path) -> Path:
    """k and v have rows of one number, so that their pairs can be mixed up."""
    model = load_model(base)
    add_lora(model, LoraOptions(r=4, alpha=8, dropout=0.0, targets=("k", "v")), seed=0)
    for _, layer in lora_layers(model):
        for pair in layer.pairs.values():
            torch.nn.init.normal_(pair.B, std=0.3, generator=torch.Generator().manual_seed(2))
    directory.mkdir()
    save_adapter(model, directory, base_model=str(base))
    return directory


@pytest.mark.parametrize("way", ["merge", "convert"])
def test_a_file_written_wrongly_is_found_out(tiny_base: Path, tmp_path: Path, monkeypatch, way: str) -> None:
    """A bit flipped on the way to the disk."""
    honest = export_check.load_model

    def flipped(directory: Path, **options):
        path = directory / "model.safetensors"
        if directory.name.startswith(".tmp-"):
            data = bytearray(path.read_bytes())
            data[-2] ^= 0x40
            path.write_bytes(data)
        return honest(directory, **options)

    base = tmp_path / "base"
    shutil.copytree(tiny_base, base)
    convert_hf_to_lit(base)
    monkeypatch.setattr(export_check, "load_model", flipped)
    with pytest.raises(UserError, match="other logits"):
        if way == "merge":
            merge_adapter(base, adapter(base, tmp_path / "adapter"), tmp_path / "out")
        else:
            convert_lit_to_hf(base, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_converted_checkpoint_keeps_its_card(tiny_base: Path, tmp_path: Path) -> None:
    base = tmp_path / "base"
    shutil.copytree(tiny_base, base)
    convert_hf_to_lit(base)
    assert "unknown" in (convert_lit_to_hf(base, tmp_path / "plain") / "README.md").read_text()
    (base / "README.md").write_text("---\nlicense: mit\n---\n# mine\n")
    assert "# mine" in (convert_lit_to_hf(base, tmp_path / "own") / "README.md").read_text()


def test_the_style_is_noted_beside_a_merged_model(merged: Path, tiny_base: Path, tmp_path: Path) -> None:
    write_prompt_style(tmp_path, find_style("alpaca", tiny_base))
    assert (tmp_path / "prompt_style.json").read_bytes() == (merged / "prompt_style.json").read_bytes()

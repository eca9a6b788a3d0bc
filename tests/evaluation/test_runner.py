"""A whole evaluation of a real small model: every number can be counted by hand."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lit_gpt.checkpoint import load_model
from lit_gpt.errors import UserError
from lit_gpt.evaluation import runner
from lit_gpt.evaluation.results import ACCURACIES, ITEMS, RESULTS
from lit_gpt.evaluation.runner import default_out_dir, evaluate
from lit_gpt.evaluation.settings import EvaluationSettings
from lit_gpt.example import Example, Message, Provenance, user_message
from lit_gpt.export import save_hf_checkpoint
from lit_gpt.generation import generate_ids, new_text
from lit_gpt.manifest import Manifest, damaged_files, read_manifest
from lit_gpt.prompt_styles import write_prompt_style
from lit_gpt.prompts import TEXT_STYLES
from lit_gpt.tokenizer import Tokenizer
from lit_gpt.tokens.encode import encode_prompt
from tests.evaluation.files import Row, write_labels, write_set
from tests.jobs import Job

N_NEW = 6
QUESTIONS = ["Repeat this word.", "What is 1 plus 2?", "Ärger, 東京, 🎈?", "x " * 40, "a\u2028b\x85c", "?"]
TRAIN: list[Row] = [("What is 1 plus 1?", "2", "sums")]


def answers_of(checkpoint_dir: Path, questions: list[str], style: str = "alpaca") -> list[str]:
    """One prompt at a time."""
    model, tokenizer = load_model(checkpoint_dir), Tokenizer(checkpoint_dir)
    prompts = [encode_prompt([user_message(question)], tokenizer, TEXT_STYLES[style]) for question in questions]
    return [
        new_text(tokenizer, prompt, list(generate_ids(model, prompt, N_NEW, stop_ids=tokenizer.stop_ids)))
        for prompt in prompts
    ]


@pytest.fixture(scope="module")
def base(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny base with weights so large that it answers every question in another way."""
    model = load_model(tiny_base)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 2:
                parameter.mul_(15)
        model.lm_head.weight[Tokenizer(tiny_base).eos_id] = 0  # another token is always likelier: it never stops
    return save_hf_checkpoint(model, tmp_path_factory.mktemp("lively") / "base", tiny_base)


@pytest.fixture(scope="module")
def answers(base: Path) -> list[str]:
    found = answers_of(base, QUESTIONS)
    assert all(answer.strip() for answer in found) and len(set(found)) == len(QUESTIONS)
    return found


@pytest.fixture
def data_dir(tmp_path: Path, answers: list[str]) -> Path:
    """Six questions; the model's own answer is expected to the first, the third and the fourth, no more."""
    rows = [
        (q, a if n in (0, 2, 3) else f"{a}!", "odd" if n % 2 else "even")
        for n, (q, a) in enumerate(zip(QUESTIONS, answers, strict=True))
    ]
    return write_set(tmp_path / "set", TRAIN, rows)


@pytest.fixture
def settings(base: Path, data_dir: Path, tmp_path: Path) -> EvaluationSettings:
    return EvaluationSettings(
        base,
        None,
        data_dir,
        "validation",
        max_new_tokens=N_NEW,
        out_dir=tmp_path / "e",
        device="cpu",
        batch_size=4,
    )


def results(out_dir: Path) -> dict:
    return json.loads((out_dir / RESULTS).read_text("utf-8"))


def items(out_dir: Path) -> list[dict]:
    return [json.loads(line) for line in (out_dir / ITEMS).read_text("utf-8").splitlines()]


def test_a_models_answers_are_judged_item_by_item(settings: EvaluationSettings, answers: list[str]) -> None:
    found = evaluate(settings)
    assert [item["answer"] for item in items(found)] == answers
    assert [item["prompt"] for item in items(found)] == QUESTIONS
    assert [item["is_correct"] for item in items(found)] == [True, False, True, True, False, False]
    numbers = results(found)
    assert (numbers["task"], numbers["n"], numbers["value"]) == ("tiny", 6, 0.5)
    assert {kind: part["value"] for kind, part in numbers["kinds"].items()} == {
        "even": pytest.approx(2 / 3),
        "odd": pytest.approx(1 / 3),
    }
    assert numbers["n_cut"] == 6 == sum(item["is_cut"] for item in items(found)), "it never learnt to stop"
    assert list(numbers["groups"]) == ["all"] and numbers["levels"] == {}


def test_a_stop_id_ends_an_answer_which_is_not_cut(
    settings: EvaluationSettings, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompt = encode_prompt([user_message(QUESTIONS[0])], Tokenizer(base), TEXT_STYLES["alpaca"])
    stop = next(generate_ids(load_model(base), prompt, N_NEW))

    def load(*arguments: object) -> tuple:
        tokenizer = Tokenizer(base)
        tokenizer.stop_ids = (stop,)
        return load_model(base), tokenizer

    monkeypatch.setattr(runner, "load", load)
    first = items(evaluate(settings))[0]
    assert (first["answer"], first["is_cut"], first["is_correct"]) == ("", False, False)


def test_done_once_and_found_again(settings: EvaluationSettings, capsys: pytest.CaptureFixture[str]) -> None:
    first = (evaluate(settings) / RESULTS).read_bytes()
    for again in (settings, replace(settings, batch_size=1)):
        assert (evaluate(again) / RESULTS).read_bytes() == first
        assert "already" in capsys.readouterr().err
    for name, value in {"max_new_tokens": 3, "n_items": 4, "prompt_style": "raw", "method": "constant"}.items():
        evaluate(replace(settings, **{name: value}))
        assert "another evaluation, which is replaced" in capsys.readouterr().err


def test_accuracies_are_added_to_an_evaluation_of_before_they_were_written(
    settings: EvaluationSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    out_dir = evaluate(settings)
    written = {name: (out_dir / name).read_bytes() for name in (RESULTS, ITEMS, ACCURACIES)}
    lines = [json.loads(line) for line in written[ACCURACIES].splitlines()]
    assert lines == [{"id": "even", "value": 2 / 3, "n": 3}, {"id": "odd", "value": 1 / 3, "n": 3}]
    (out_dir / ACCURACIES).unlink()
    found = read_manifest(out_dir, "evaluation")
    Manifest("evaluation", found.parents, found.counts, found.settings).write(out_dir, (RESULTS, ITEMS))
    monkeypatch.setattr(runner, "load", lambda *_: pytest.fail("it answered again"))
    assert evaluate(settings) == out_dir
    assert {name: (out_dir / name).read_bytes() for name in written} == written
    found = read_manifest(out_dir, "evaluation")
    assert set(found.files) == set(written) and not damaged_files(out_dir, found)


def test_other_weights_or_rows_are_another_evaluation(settings: EvaluationSettings, tmp_path: Path) -> None:
    before = read_manifest(evaluate(settings), "evaluation")
    assert before.parents.keys() == {"checkpoint", "example_set"}
    shutil.copytree(settings.checkpoint_dir, tmp_path / "copy")
    same = replace(settings, checkpoint_dir=tmp_path / "copy")
    assert read_manifest(evaluate(same), "evaluation").created == before.created
    config = json.loads((tmp_path / "copy/config.json").read_text())
    (tmp_path / "copy/config.json").write_text(json.dumps({**config, "rms_norm_eps": 1e-3}))
    assert read_manifest(evaluate(same), "evaluation").parents["checkpoint"] != before.parents["checkpoint"]
    other = write_set(tmp_path / "other", TRAIN, [("?", "!", "")])
    after = read_manifest(evaluate(replace(settings, data_dir=other)), "evaluation")
    assert after.parents["example_set"] != before.parents["example_set"]


def test_an_adapter_changes_the_answers_and_brings_its_style(job: Job, settings: EvaluationSettings) -> None:
    """Adapters of a short run at a high rate; the base is asked in its own way."""
    adapter_dir = replace(job, max_steps=8, learning_rate=0.1).run() / "final"
    with_adapter = replace(settings, adapter_dir=adapter_dir, out_dir=settings.out_dir.with_name("after"))
    before, after = evaluate(settings), evaluate(with_adapter)
    assert [item["answer"] for item in items(before)] != [item["answer"] for item in items(after)]
    manifest = read_manifest(after, "evaluation")
    assert manifest.parents["adapter"] == read_manifest(adapter_dir, "lora").content_hash
    (adapter_dir / "prompt_style.json").unlink()
    write_prompt_style(adapter_dir, TEXT_STYLES["chat"])
    checkpoint_dir = shutil.copytree(settings.checkpoint_dir, settings.out_dir.with_name("trained before"))
    write_prompt_style(checkpoint_dir, TEXT_STYLES["raw"])
    found = evaluate(replace(with_adapter, checkpoint_dir=checkpoint_dir))
    assert read_manifest(found, "evaluation").settings["prompt_style"] == "chat", "the adapter's goes before the base's"


def test_the_prompt_style_is_the_checkpoints_unless_chosen(
    settings: EvaluationSettings, base: Path, tmp_path: Path
) -> None:
    shutil.copytree(base, tmp_path / "trained")
    write_prompt_style(tmp_path / "trained", TEXT_STYLES["raw"])
    trained = replace(settings, checkpoint_dir=tmp_path / "trained")
    assert [item["answer"] for item in items(evaluate(trained))] == answers_of(base, QUESTIONS, "raw")
    (tmp_path / "trained/prompt_style.json").write_text('{"prompt_style": "raw", "version": 99}')
    chosen = replace(trained, prompt_style="chat")
    assert [item["answer"] for item in items(evaluate(chosen))] == answers_of(base, QUESTIONS, "chat")


def test_the_test_split_is_asked_by_default(settings: EvaluationSettings, answers: list[str], tmp_path: Path) -> None:
    rows = list(zip(QUESTIONS, answers, ["k"] * len(answers), strict=True))
    directory = write_set(tmp_path / "tested", TRAIN, rows, split="test")
    found = evaluate(replace(settings, data_dir=directory, split=EvaluationSettings().split))
    assert [item["id"] for item in items(found)] == [f"test-{n:04d}" for n in range(len(rows))]
    assert results(found)["value"] == 1.0


def test_a_dialogue_is_asked_with_its_history(settings: EvaluationSettings, base: Path, tmp_path: Path) -> None:
    history = (Message("user", "Hi"), Message("assistant", "Ho"), Message("user", "Why?"))
    model, tokenizer = load_model(base), Tokenizer(base)
    prompt = encode_prompt(history, tokenizer, TEXT_STYLES["alpaca"])
    expected = new_text(tokenizer, prompt, list(generate_ids(model, prompt, N_NEW, stop_ids=tokenizer.stop_ids)))
    row = Example("d", (*history, Message("assistant", expected)), Provenance("t", "1", 0, "CC0-1.0", "program"))
    directory = write_set(tmp_path / "dialogues", TRAIN, [row])
    assert results(evaluate(replace(settings, data_dir=directory)))["value"] == 1.0


@pytest.mark.parametrize("is_asked_for", [False, True])
def test_labels_beside_the_set_or_asked_for(settings: EvaluationSettings, is_asked_for: bool, tmp_path: Path) -> None:
    rows = [
        (f"validation-{n:04d}", "odd" if n % 2 else "even", "new kinds" if n % 2 else "trained kinds", n // 3)
        for n in range(6)
    ]
    directory = write_labels(tmp_path / ("elsewhere" if is_asked_for else "set-labels"), rows)
    found = evaluate(replace(settings, labels_dir=directory if is_asked_for else None))
    numbers = results(found)
    assert {group: part["value"] for group, part in numbers["groups"].items()} == {
        "trained kinds": pytest.approx(2 / 3),
        "new kinds": pytest.approx(1 / 3),
    }
    assert {level: part["n"] for level, part in numbers["levels"].items()} == {"0": 3, "1": 3}
    assert numbers["kinds"]["odd"]["group"] == "new kinds"
    assert "labels" in read_manifest(found, "evaluation").parents


def test_labels_of_other_splits_alone_are_said(
    settings: EvaluationSettings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_labels(tmp_path / "set-labels", [("test-0000", "k", "g", 1)], split="test")
    assert list(results(evaluate(settings))["groups"]) == ["all"]
    assert "no labels for the split validation" in capsys.readouterr().err


def test_a_sample_larger_than_the_split_is_said(
    settings: EvaluationSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert results(evaluate(replace(settings, n_items=7)))["n"] == 6
    assert "all are used" in capsys.readouterr().err


def test_baselines_answer_the_same_items(settings: EvaluationSettings, capsys: pytest.CaptureFixture[str]) -> None:
    asked = [item["id"] for item in items(evaluate(settings))]
    for method in ("constant", "copy-nearest"):
        found = items(evaluate(replace(settings, method=method, out_dir=settings.out_dir.with_name(method))))
        assert [item["id"] for item in found] == asked
        assert {item["answer"] for item in found} == {"2"}
        assert f"--checkpoint_dir plays no part in --method {method}" in capsys.readouterr().err


def test_a_prompt_that_fills_the_context_names_its_row(settings: EvaluationSettings, tmp_path: Path) -> None:
    directory = write_set(tmp_path / "long", TRAIN, [("?", "!", ""), ("a b c " * 300, "!", "")])
    with pytest.raises(UserError) as error:
        evaluate(replace(settings, data_dir=directory))
    assert "the row validation-0001: a prompt of" in error.value.got
    assert "1 to 255 tokens" in error.value.expected
    assert not settings.out_dir.exists()


def test_an_empty_prompt_is_asked_where_a_bos_opens_it(settings: EvaluationSettings, tmp_path: Path) -> None:
    directory = write_set(tmp_path / "empty", TRAIN, [("", "!", "")])
    found = items(evaluate(replace(settings, data_dir=directory, prompt_style="raw")))
    assert (found[0]["prompt"], found[0]["is_correct"]) == ("", False)


def test_names_of_results(settings: EvaluationSettings) -> None:
    before = replace(settings, checkpoint_dir=Path("checkpoints/ORG/NAME"), data_dir=Path("data/world"), split="test")
    assert default_out_dir(before) == Path("out/eval/world-test-ORG-NAME")
    after = replace(before, adapter_dir=Path("out/lora/world/best"))
    assert default_out_dir(after) == Path("out/eval/world-test-ORG-NAME-world-best")
    assert default_out_dir(replace(before, method="constant")) == Path("out/eval/world-test-constant")

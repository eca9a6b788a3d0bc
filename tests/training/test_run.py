"""A run from settings to files."""

import itertools
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

import lit_gpt
from lit_gpt.data.settings import DataSettings
from lit_gpt.data.sources import user_file
from lit_gpt.errors import Diverged, UserError
from lit_gpt.files import locked, sha256_of
from lit_gpt.tokens.prepare import prepare
from lit_gpt.tokens.settings import TokenSettings
from lit_gpt.training import loop
from lit_gpt.training.journal import Journal, read_metrics
from lit_gpt.training.resume import latest_state
from tests.jobs import Job


def values(out_dir: Path, name: str) -> list[float]:
    return [record[name] for record in read_metrics(out_dir) if name in record]


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_run_learns_and_leaves_what_the_contract_says(job: Job, method: str) -> None:
    out_dir = replace(job, method=method, lora_targets="q,k,v,o,mlp,head").run()
    val_losses = values(out_dir, "val_loss")
    assert val_losses[-1] < val_losses[0] - 0.1
    steps = [record for record in read_metrics(out_dir) if "train_loss" in record]
    assert [record["step"] for record in steps] == list(range(1, 41))
    expected = [
        "step",
        "epoch",
        "tokens",
        "elapsed_s",
        "train_loss",
        "learning_rate",
        "tokens_per_s",
        "data_wait_share",
        "peak_memory_gib",
    ]
    assert all(record[name] > 0 for record in steps for name in expected)
    assert all(a["tokens"] < b["tokens"] for a, b in pairwise(steps))
    manifest = json.loads((out_dir / "manifest.json").read_text())
    assert set(manifest["parents"]) == {"checkpoint", "token_set", "example_set"}
    assert manifest["counts"]["best_val_loss"] == min(val_losses)


def test_validation_is_the_same_rows_each_time(job: Job) -> None:
    out_dir = job.run()
    assert len(set(values(out_dir, "n_targets"))) == 1


def test_best_is_the_step_with_the_lowest_validation_loss(job: Job) -> None:
    out_dir = replace(job, method="full", learning_rate=1.0, max_steps=20).run()  # so high that it gets worse
    validations = {r["step"]: r["val_loss"] for r in read_metrics(out_dir) if "val_loss" in r}
    best = json.loads((out_dir / "best" / "manifest.json").read_text())["counts"]
    assert best == {"step": min(validations, key=validations.get), "val_loss": min(validations.values())}
    assert best["step"] != 20, "the last weights are not the best ones here"


def test_hyperparameters_run_it_again(job: Job) -> None:
    from lit_gpt.cli import parse
    from tests.test_configs import lora_line

    out_dir = job.run()
    settings = yaml.safe_load((out_dir / "hyperparameters.yaml").read_text())
    assert settings["batch_size"] == 8
    arguments = parse(lora_line(), ["--config", str(out_dir / "hyperparameters.yaml")])
    assert arguments["schedule"].learning_rate == job.learning_rate
    assert arguments["lora"].lora_targets == job.lora_targets
    assert arguments["run"].out_dir == out_dir


def test_a_finished_run_is_left_alone(job: Job, capsys: pytest.CaptureFixture[str]) -> None:
    out_dir = job.run()
    before = {path: path.stat().st_mtime_ns for path in out_dir.rglob("*")}
    assert job.run() == out_dir
    assert {path: path.stat().st_mtime_ns for path in out_dir.rglob("*")} == before
    assert "finished" in capsys.readouterr().err


def test_resume_never_starts_over(job: Job) -> None:
    out_dir = job.run()
    weights = sha256_of(out_dir / "final" / "adapter_model.safetensors")
    replace(job, resume="never").run()
    assert [r["step"] for r in read_metrics(out_dir) if "train_loss" in r] == list(range(1, 41))
    assert sha256_of(out_dir / "final" / "adapter_model.safetensors") == weights


def test_other_settings_are_refused_by_name(job: Job) -> None:
    job.run()
    with pytest.raises(UserError) as error:
        replace(job, learning_rate=1e-3).run()
    assert "learning_rate: 0.003 -> 0.001" in error.value.got
    (job.out_dir / "manifest.json").unlink()  # the same for a run that is not finished
    with pytest.raises(UserError, match="learning_rate"):
        replace(job, learning_rate=1e-3).run()


@pytest.mark.parametrize("name", ["best/adapter_model.safetensors", "final/adapter_config.json", "final/manifest.json"])
def test_a_finished_run_that_was_damaged_is_not_called_finished(job: Job, name: str) -> None:
    out_dir = job.run()
    path = out_dir / name
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(UserError, match=name):
        job.run()


def test_the_order_of_targets_does_not_matter(job: Job) -> None:
    replace(job, lora_targets="v,q").run()
    assert replace(job, lora_targets="q, v,q").run() == job.out_dir, "finished, not refused"


def test_a_state_at_a_validated_step_is_not_validated_again(job: Job) -> None:
    out_dir = replace(job, save_every=5).run()
    (out_dir / "manifest.json").unlink()
    shutil.rmtree(out_dir / "state" / "step-00000040")
    replace(job, save_every=5).run()
    validated = [record["step"] for record in read_metrics(out_dir) if "val_loss" in record]
    assert validated.count(35) == 1, "the state at 35 was saved after its validation"
    assert validated.count(40) == 2, "the one at 40 was lost, so that step was done and validated again"


def test_a_torn_last_line_is_cut(tmp_path: Path) -> None:
    whole = '{"step": 1, "train_loss": 2.5}\n'
    (tmp_path / "metrics.jsonl").write_text(whole + '{"step": 2, "tr')
    pending = [{"step": 1, "train_loss": 2.5}, {"step": 2, "train_loss": 2.25}]
    Journal(tmp_path, first_step=2, done=0.5, pending=pending, loggers=[]).close()
    assert read_metrics(tmp_path) == [*pending, {"resumed_at": 2}]


def test_two_runs_do_not_share_a_directory(job: Job) -> None:
    with locked(job.out_dir / ".lock", wait=False), pytest.raises(UserError, match="another run"):
        job.run()
    job.run()


def test_a_damaged_state_is_passed_over(job: Job, capsys: pytest.CaptureFixture[str]) -> None:
    out_dir = job.run()
    newest, older = sorted((out_dir / "state").iterdir(), reverse=True)
    path = newest / "optimizer.safetensors"
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)
    state = latest_state(out_dir / "state")
    assert state is not None
    assert f"step-{state.progress.step:08d}" == older.name
    assert "optimizer.safetensors" in capsys.readouterr().err


def test_a_loss_that_is_not_finite_stops_the_run_and_names_the_rows(job: Job, tiny_base: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    broken = tmp_path / "broken"
    shutil.copytree(tiny_base, broken)
    weights = load_file(broken / "model.safetensors")
    weights["model.norm.weight"][:] = torch.inf
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(Diverged) as error:
        replace(job, checkpoint_dir=broken).run()
    known = {example.id for example in lit_gpt.read_examples(job.data_dir, split="validation")}
    named = set(error.value.got.partition("validation rows ")[2].split(", "))
    assert named and named <= known


def poison(monkeypatch: pytest.MonkeyPatch, is_hit: Callable[[list[int]], bool]) -> None:
    """Training losses of micro-batches with such rows are no numbers."""
    honest = loop.summed_loss

    def poisoned(model, batch, device):
        loss = honest(model, batch, device)
        return loss * float("nan") if model.training and is_hit(batch.rows) else loss

    monkeypatch.setattr(loop, "summed_loss", poisoned)


def test_a_step_that_is_not_finite_is_left_out_and_its_rows_are_named(
    job: Job, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    poison(monkeypatch, lambda rows: 7 in rows)
    out_dir = replace(job, max_steps=28).run()
    row_7 = list(lit_gpt.read_examples(job.data_dir, split="train"))[7].id
    skipped = [record for record in read_metrics(out_dir) if record.get("event") == "skipped"]
    assert [(record["step"] - 1) // 14 for record in skipped] == [0, 1], "once an epoch"
    assert all(row_7 in record["rows"] and record["got"] == "a loss of nan" for record in skipped)
    assert row_7 in capsys.readouterr().err
    taken = {record["step"] for record in read_metrics(out_dir) if "train_loss" in record}
    assert taken == set(range(1, 29)) - {record["step"] for record in skipped}
    assert json.loads((out_dir / "manifest.json").read_text())["counts"]["n_skipped"] == len(skipped)
    assert_finite(out_dir)


def test_a_gradient_that_is_not_finite_is_left_out_too(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = loop._clip
    monkeypatch.setattr(loop, "_clip", lambda run: honest(run) * (float("inf") if run.progress.step == 4 else 1))
    out_dir = replace(job, max_steps=8).run()
    (skipped,) = [record for record in read_metrics(out_dir) if "event" in record]
    assert (skipped["step"], skipped["got"], len(skipped["rows"])) == (5, "a gradient norm of inf", 8)
    assert_finite(out_dir)


def test_three_such_steps_in_a_row_end_the_run(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = {name: i for i, name in enumerate(e.id for e in lit_gpt.read_examples(job.data_dir, split="train"))}
    n_steps = itertools.count()
    poison(monkeypatch, lambda _: next(n_steps) >= 6)
    with pytest.raises(Diverged) as error:
        job.run()
    named = error.value.got.partition("train rows ")[2].split(", ")
    assert named and set(named) <= rows.keys()
    assert "the 3rd such step in a row" in error.value.got
    assert len([record for record in read_metrics(job.out_dir) if "event" in record]) == 2


def test_one_such_step_in_a_hundred_ends_the_run(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    poison(monkeypatch, lambda rows: 7 in rows)  # once in 14 steps
    with pytest.raises(Diverged, match=r"3 of \d+ steps left out") as error:
        job.run()
    row_7 = list(lit_gpt.read_examples(job.data_dir, split="train"))[7].id
    assert row_7 in error.value.got, "what to look at"
    assert len([record for record in read_metrics(job.out_dir) if "event" in record]) == 2


def test_fewer_are_borne(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "MAX_SKIPPED_SHARE", 0.11)  # 3 of 28 steps is below it, and of 15 is not
    honest, hit = loop._clip, {3, 14, 27}
    monkeypatch.setattr(loop, "_clip", lambda run: honest(run) * (float("inf") if run.progress.step in hit else 1))
    out_dir = replace(job, max_steps=30).run()
    assert json.loads((out_dir / "manifest.json").read_text())["counts"]["n_skipped"] == 3
    hit.add(10)
    with pytest.raises(Diverged, match="3 of 15 steps left out"):
        replace(job, max_steps=30, resume="never").run()


def test_weights_that_are_not_finite_are_never_written(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    """However they came to be so: a step can go wrong though its gradient did not."""
    honest = loop._clip

    def spoil(run) -> float:
        if run.progress.step == 6:
            next(weight for weight in run.model.parameters() if weight.requires_grad).data[0, 0] = float("inf")
        return honest(run)

    monkeypatch.setattr(loop, "_clip", spoil)
    with pytest.raises(Diverged, match="not finite after step 7"):
        job.run(save_every=1)
    assert_finite(job.out_dir)


def assert_finite(out_dir: Path) -> None:
    """Every weight that lies in the run's directory."""
    from safetensors.torch import load_file

    paths = [*out_dir.rglob("adapter_model.safetensors"), *out_dir.rglob("trained.safetensors")]
    assert paths
    assert all(tensor.isfinite().all() for path in paths for tensor in load_file(path).values())


def test_a_set_too_small_to_validate_trains_on_everything(
    job: Job, tiny_base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "one.csv").write_text('instruction,input,output\n"Say hi","","hi"\n')
    settings = DataSettings(source=str(tmp_path / "one.csv"), destination_path=tmp_path / "one")
    data_dir = prepare(user_file.source(), settings, TokenSettings(tiny_base))
    out_dir = replace(job, data_dir=data_dir, max_steps=3).run()
    assert "no validation rows" in capsys.readouterr().err
    assert values(out_dir, "val_loss") == []
    assert sha256_of(out_dir / "best/adapter_model.safetensors") == sha256_of(
        out_dir / "final/adapter_model.safetensors"
    )


def test_the_adapter_answers_in_the_public_surface(job: Job) -> None:
    out_dir = job.run()
    base, tokenizer = lit_gpt.load(job.checkpoint_dir)
    tuned, _ = lit_gpt.load(job.checkpoint_dir, adapter_dir=out_dir / "best")
    ids = tokenizer.encode("What is 1 plus 2?", bos=True)
    assert lit_gpt.loglikelihood(tuned, ids).shape == (len(ids) - 1,)
    assert not np.allclose(lit_gpt.loglikelihood(tuned, ids), lit_gpt.loglikelihood(base, ids))
    assert isinstance(lit_gpt.generate(tuned, tokenizer, "What is 1 plus 2?", max_new_tokens=5), str)
    assert len(list(lit_gpt.read_examples(job.data_dir, split="train"))) > 50


def test_a_run_killed_at_its_page_gets_it_on_the_next_start(job: Job) -> None:
    """The manifest says finished; the page is not there, half there or older."""
    out_dir = replace(job, max_steps=2).run()
    page = out_dir / "report.html"
    whole = page.read_bytes()
    page.unlink()
    half = out_dir / ".tmp-0123abcd-report.html"
    half.write_bytes(whole[:100])
    replace(job, max_steps=2).run()
    assert page.is_file() and not half.exists()
    page.write_bytes(b"of the middle of the run")
    os.utime(page, ns=(0, 0))
    replace(job, max_steps=2).run()
    assert page.read_bytes().startswith(whole[:15])


def test_what_a_kill_left_half_written_is_swept(job: Job) -> None:
    replace(job, max_steps=2).run()
    half, own = job.out_dir / ".tmp-0123abcd-metrics.jsonl", job.out_dir / ".tmp-notes"
    half.write_bytes(b"{")
    own.write_bytes(b"mine")
    replace(job, max_steps=2, resume="never").run()
    assert not half.exists() and own.exists()

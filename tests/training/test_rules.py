"""Finetuning under --challenge refuses what the rules refuse, before any weight is loaded; its manifests say so."""

import shutil

import pytest

from lit_gpt.errors import UserError
from lit_gpt.manifest import read_manifest
from lit_gpt.training.lora_settings import LoraSettings
from lit_gpt.training.methods import Lora
from lit_gpt.training.run import finetune
from lit_gpt.training.settings import JournalSettings, RunSettings, ScheduleSettings
from tests import toy
from tests.data.sets import prepared


@pytest.fixture(scope="module")
def approved_base(tiny_base, tmp_path_factory):
    """The tiny base in a folder of an approved model's name: names are all the check has."""
    folder = tmp_path_factory.mktemp("checkpoints") / "EleutherAI" / "pythia-70m"
    return shutil.copytree(tiny_base, folder)


def run(base, data_dir, out_dir, **chosen):
    settings = RunSettings(base, data_dir, out_dir, device="cpu", max_seq_length=128, **chosen)
    schedule = ScheduleSettings(max_steps=1, batch_size=2, micro_batch_size=1)
    return finetune(Lora(LoraSettings()), settings, schedule, JournalSettings())


def test_people_s_rows_pass_and_the_verdict_travels_to_the_adapter(approved_base, tmp_path):
    data_dir = prepared(tmp_path, "people", toy.rows(12, seed=1))
    out_dir = run(approved_base, data_dir, tmp_path / "run", challenge="strict")
    for directory, kind in ((out_dir, "run"), (out_dir / "final", "lora"), (out_dir / "best", "lora")):
        verdicts = read_manifest(directory, kind).verdicts
        n_rows = sum(verdicts[split]["human"]["people"] for split in ("train", "validation") if verdicts[split])
        assert n_rows == 12 and verdicts["challenge"] == "strict" and verdicts["allow_llm_scores"] is False


@pytest.mark.parametrize(("challenge", "origin"), [("strict", "program"), ("official", "unknown"), ("strict", "llm")])
def test_other_rows_are_refused_before_anything_is_written(approved_base, tmp_path, challenge, origin):
    data_dir = prepared(tmp_path, "mine", toy.rows(12, seed=1), origin=origin)
    (broken := tmp_path / "weights" / "EleutherAI" / "pythia-70m").mkdir(parents=True)  # nothing to load at all
    with pytest.raises(UserError, match="mine-000000"):
        run(broken, data_dir, tmp_path / "run", challenge=challenge)
    assert not (tmp_path / "run").exists() and not (data_dir / "tokens").exists()


def test_a_base_that_is_not_approved_is_refused(tiny_base, tmp_path):
    data_dir = prepared(tmp_path, "people", toy.rows(12, seed=1))
    with pytest.raises(UserError, match="on no line of the list"):
        run(tiny_base, data_dir, tmp_path / "run", challenge="official")


def test_a_run_under_no_gate_does_not_become_one_under_it(approved_base, tmp_path):
    data_dir = prepared(tmp_path, "people", toy.rows(12, seed=1))
    run(approved_base, data_dir, tmp_path / "run")
    with pytest.raises(UserError, match="challenge"):
        run(approved_base, data_dir, tmp_path / "run", challenge="strict")

"""A run sees its rows in the order asked for, goes on in it when interrupted, and says how often it saw each source."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from lit_gpt.data.merge import merge_sets
from lit_gpt.data.merge_settings import MergeSettings
from lit_gpt.data.store import read_examples
from lit_gpt.errors import Interrupted, UserError
from lit_gpt.files import sha256_of
from lit_gpt.manifest import read_manifest
from lit_gpt.training import loop
from lit_gpt.training.lora_settings import LoraSettings
from lit_gpt.training.methods import Lora
from lit_gpt.training.plan import Plan
from lit_gpt.training.run import finetune
from lit_gpt.training.settings import JournalSettings, RunSettings, ScheduleSettings
from tests import toy
from tests.data.sets import prepared


@pytest.fixture(scope="module")
def mixed_set(tmp_path_factory):
    """Ten rows of `math`, each twice, and twenty of `talk`."""
    folder = tmp_path_factory.mktemp("mixed")
    rows = list({str(row): row for row in toy.rows(60, seed=2)}.values())  # some are the same
    sets = [prepared(folder, "math", rows[:10], fraction=0.0), prepared(folder, "talk", rows[10:30], fraction=0.0)]
    settings = MergeSettings(
        sources=["math", "talk"], repeat=[2, 1], val_split_fraction=0.0, destination_path=folder / "merged"
    )
    return merge_sets(sets, settings)


def settings_of(tiny_base, data_dir, out_dir, **chosen):
    return RunSettings(tiny_base, data_dir, out_dir, device="cpu", max_seq_length=128, **chosen)


def plan_of(run, epochs=2):
    schedule = ScheduleSettings(epochs=epochs, batch_size=4, micro_batch_size=2)
    return Plan.of(Lora(LoraSettings()), run, schedule, JournalSettings())


def rows_in_order(plan, data_dir, epoch=0):
    """The examples as the loader hands them out in an epoch."""
    examples = list(read_examples(data_dir))
    steps = range(epoch * plan.order.steps_per_epoch, (epoch + 1) * plan.order.steps_per_epoch)
    places = [place for step in steps for place in plan.order.rows_of(step)]
    return [examples[plan.train_tokens.rows[place]] for place in places], plan.train_tokens.lengths[places]


@pytest.mark.parametrize(("order", "sign"), [("short_to_long", 1), ("long_to_short", -1)])
def test_the_loader_goes_by_length(tiny_base, mixed_set, tmp_path, order, sign):
    plan = plan_of(settings_of(tiny_base, mixed_set, tmp_path / "run", order=order))
    for epoch in (0, 1):
        rows, lengths = rows_in_order(plan, mixed_set, epoch)
        assert len(rows) == len(plan.train_tokens) and (np.diff(sign * lengths) >= 0).all()


def test_the_loader_goes_by_score(tiny_base, mixed_set, tmp_path):
    hashes = sorted({row.content_hash for row in read_examples(mixed_set)})
    table = tmp_path / "scores.parquet"
    pq.write_table(pa.table({"content_hash": hashes, "difficulty": np.arange(len(hashes)) * 1.0}), table)
    scored = settings_of(
        tiny_base, mixed_set, tmp_path / "run", order="easy_to_hard", score_table=table, score_column="difficulty"
    )
    rows, _ = rows_in_order(plan_of(scored), mixed_set)
    found = [hashes.index(row.content_hash) for row in rows]
    assert found == sorted(found)
    with pytest.raises(UserError, match="which cannot be read"):
        _ = plan_of(replace(scored, score_column="score")).order


def test_the_loader_goes_by_group(tiny_base, mixed_set, tmp_path):
    grouped = plan_of(settings_of(tiny_base, mixed_set, tmp_path / "a", order="grouped"))
    sources = [row.provenance.source for row in rows_in_order(grouped, mixed_set)[0]]
    assert sum(a != b for a, b in pairwise(sources)) == 1
    first = plan_of(settings_of(tiny_base, mixed_set, tmp_path / "b", order="specialised_first", specialised=["math"]))
    sources = [row.provenance.source for row in rows_in_order(first, mixed_set)[0]]
    assert sources == ["math"] * 20 + ["talk"] * 20
    by_category = plan_of(settings_of(tiny_base, mixed_set, tmp_path / "c", order="grouped", order_by="category"))
    assert (by_category.ordering.keys == 0).all(), "no category is one group"


def test_an_interrupted_run_goes_on_in_its_order(tiny_base, mixed_set, tmp_path, monkeypatch):
    torch.set_num_threads(1)
    schedule = ScheduleSettings(max_steps=14, batch_size=4, micro_batch_size=2)
    journal, lora = JournalSettings(save_every=3), Lora(LoraSettings(lora_dropout=0.2))

    def run(name, **chosen):
        return finetune(lora, settings_of(tiny_base, mixed_set, tmp_path / name, **chosen), schedule, journal)

    seen: dict[str, dict[int, list[int]]] = {"whole": {}, "broken": {}}

    def watch(name, stop_at=None):
        def train_step(run):
            if run.progress.step == stop_at:
                raise Interrupted(15)
            seen[name][run.progress.step] = run.order.rows_of(run.progress.step)
            step(run)

        monkeypatch.setattr(loop, "train_step", train_step)

    step = loop.train_step
    watch("whole")
    whole = run("whole", order="interleaved")
    watch("broken", stop_at=8)
    with pytest.raises(Interrupted):
        run("broken", order="interleaved")
    watch("broken")
    broken = run("broken", order="interleaved")
    assert seen["whole"] == seen["broken"] and len(seen["whole"]) == 14
    weights = "final/adapter_model.safetensors"
    assert sha256_of(whole / weights) == sha256_of(broken / weights)
    with pytest.raises(UserError, match="order"):
        run("broken", order="grouped")


def test_a_run_says_how_often_it_saw_each_source(tiny_base, mixed_set, tmp_path, capsys):
    run = settings_of(tiny_base, mixed_set, tmp_path / "run", order="specialised_first", specialised=["math"])
    schedule = ScheduleSettings(max_steps=15, batch_size=4, micro_batch_size=4)  # an epoch and a half
    manifest = read_manifest(finetune(Lora(LoraSettings()), run, schedule, JournalSettings()), "run")
    assert manifest.counts["seen"] == {
        "math": {"rows": 10, "seen": 40, "times_each": 4.0},
        "talk": {"rows": 20, "seen": 20, "times_each": 1.0},
    }
    assert manifest.settings["order"]["kind"] == "specialised_first"
    assert "math: 10 rows, each seen 4 times in all" in capsys.readouterr().err


@pytest.mark.parametrize(
    "chosen",
    [
        {"order_by": "category"},
        {"order": "specialised_first"},
        {"specialised": ["math"]},
        {"order": "easy_to_hard"},
        {"score_column": "quality"},
        {"allow_llm_scores": True},
    ],
    ids=str,
)
def test_settings_without_effect_are_refused(chosen):
    with pytest.raises(UserError):
        RunSettings(**chosen)

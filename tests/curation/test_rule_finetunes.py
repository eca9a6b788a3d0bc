"""The table of finetunes: its samples, its means by hand, its losses as a reader of the adapters has them, a kill."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lit_gpt.curation.bench import Bench
from lit_gpt.curation.indicators.likelihoods import Reader, likelihoods
from lit_gpt.curation.recipes import read_recipe
from lit_gpt.curation.rows import Pool
from lit_gpt.curation.rule_finetunes import LEFT_OUT, TABLE, Sampling, indicator_names, sample, sample_finetunes
from lit_gpt.data.prepare import prepare_examples
from lit_gpt.data.settings import DataSettings
from lit_gpt.data.sources import user_file
from lit_gpt.data.store import read_examples
from lit_gpt.errors import UserError
from lit_gpt.loading import load
from lit_gpt.prompts import TEXT_STYLES
from lit_gpt.training.warm_up import WarmUpSettings
from tests.curation.pools import prepare, prompts, recipe, settings
from tests.test_user_mistakes import assert_mistake, run

ROOT = Path(__file__).resolve().parents[2]
NAMES = ["prompt_words", "answer_words"]


def test_samples_lie_on_one_side_of_one_indicator() -> None:
    scores = np.random.default_rng(0).normal(size=(100, 2))
    middles = np.median(scores, axis=0)
    for number, (column, above) in enumerate([(0, True), (1, True), (0, False), (1, False), (0, True)]):
        places = sample(scores, number)
        assert len(set(places.tolist())) == 25 and ((scores[places, column] > middles[column]) == above).all()
    assert sample(scores, 0).tolist() == sample(scores, 0).tolist() != sample(scores, 4).tolist()
    assert len(sample(scores, 0, 7)) == 7


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sampled")
    (folder / "pool.jsonl").write_text("".join(json.dumps(row) + "\n" for row in prompts(60)))
    data = DataSettings(source=str(folder / "pool.jsonl"), destination_path=folder / "pool", val_split_fraction=0.2)
    return prepare_examples(user_file.source(), data)


@pytest.fixture(scope="module")
def adapters(pool: Path, tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two that differ."""
    folder = tmp_path_factory.mktemp("adapters")
    rates = ((0.01, folder / "a"), (0.03, folder / "b"))
    return [
        WarmUpSettings(learning_rate=rate, lora_r=2).finetune(tiny_base, "chat")(pool, out_dir, 1, 16, 0)
        for rate, out_dir in rates
    ]


class Trainer:
    """In the place of training: one adapter and the other, taking turns; stops at a number, as a kill would."""

    def __init__(self, adapters: list[Path], stop_at: int = -1) -> None:
        self.adapters, self.stop_at, self.samples = adapters, stop_at, dict[int, set[str]]()

    def __call__(self, data_dir: Path, run_dir: Path, seed: int) -> Path:
        if seed == self.stop_at:
            raise KeyboardInterrupt
        self.samples[seed] = {example.id for example in read_examples(data_dir)}
        return shutil.copytree(self.adapters[seed % 2], run_dir)


def make(pool: Path, base: Path, out_dir: Path, train: Any, n: int = 5, most: int | None = None, **more: Any) -> Path:
    own = recipe(out_dir.parent, "scores: {prompt_words: prompt_words, answer_words: answer_words}\nsteps: []")
    scores_dir = out_dir.parent / "scores"
    ours = settings(pool, checkpoint_dir=base, prompt_style="chat", scores_dir=scores_dir, **more)
    rows = Pool.of(pool).rows
    bench = Bench(ours, len(rows), own.scorers)
    sampling = Sampling(n, 9, (pool, "validation", most))
    return sample_finetunes(bench, rows, indicator_names(own), sampling, train, out_dir, epochs=1)


def test_a_line_is_the_mean_of_its_rows_and_the_loss_of_its_adapter(
    pool: Path, tiny_base: Path, adapters: list[Path], tmp_path: Path
) -> None:
    trainer = Trainer(adapters)
    heading, *lines = csv.reader(make(pool, tiny_base, tmp_path / "o", trainer).read_text().splitlines())
    assert heading == [*NAMES, "loss"] and len(lines) == len(trainer.samples) == 5
    rows = {example.id: example for example in read_examples(pool)}
    held_out = list(read_examples(pool, "validation"))
    losses = []
    for adapter in adapters:
        reader = Reader(*load(tiny_base, adapter), TEXT_STYLES["chat"])
        losses.append(np.mean([found.given for _, found in likelihoods(held_out, reader)]))
    assert abs(losses[0] - losses[1]) > 1e-3
    for number, line in enumerate(lines):
        chosen = [rows[id] for id in trainer.samples[number]]
        words = [[len(e.messages[turn].content.split()) for e in chosen] for turn in (0, 1)]
        assert [float(cell) for cell in line] == pytest.approx([*np.mean(words, axis=1), losses[number % 2]])
    assert (tmp_path / "o" / LEFT_OUT).read_text() == "" and not (tmp_path / "o" / "samples").exists()


def test_interrupted_it_goes_on_to_the_same_table(
    pool: Path, tiny_base: Path, adapters: list[Path], tmp_path: Path
) -> None:
    whole = make(pool, tiny_base, tmp_path / "whole", Trainer(adapters)).read_bytes()
    with pytest.raises(KeyboardInterrupt):
        make(pool, tiny_base, tmp_path / "o", Trainer(adapters, stop_at=3))
    assert len((tmp_path / "o" / TABLE).read_text().splitlines()) == 4
    again = Trainer(adapters)
    assert make(pool, tiny_base, tmp_path / "o", again).read_bytes() == whole
    assert sorted(again.samples) == [3, 4]
    assert make(pool, tiny_base, tmp_path / "o", again, n=7).read_bytes().startswith(whole)
    assert sorted(again.samples) == [3, 4, 5, 6]
    with pytest.raises(UserError, match="differ from these in held_out"):
        make(pool, tiny_base, tmp_path / "o", again, most=2)


def test_what_is_left_out_can_be_read_back(tmp_path: Path, tiny_base: Path, adapters: list[Path]) -> None:
    rows = [*prompts(40), {"instruction": "Go on", "output": "word " * 5_000}]
    long = prepare(tmp_path / "long", rows)
    own = recipe(tmp_path, "scores: {mtld: mtld, loss: {perplexity: {}}}\nsteps: []")
    pool = Pool.of(long)
    told = {}
    for missing in ("drop", "error"):
        ours = settings(
            long, checkpoint_dir=tiny_base, prompt_style="chat", missing=missing, scores_dir=tmp_path / "scores"
        )
        sampling = Sampling(1, 5, (long, "train", None))
        bench = Bench(ours, len(pool.ids), own.scorers)
        ask = (bench, pool.rows, ["mtld", "loss"], sampling, Trainer(adapters), tmp_path / "o")
        if missing == "error":
            with pytest.raises(UserError, match="no score 'loss' for 1 of 41 rows"):
                sample_finetunes(*ask)
        else:
            table = sample_finetunes(*ask)
            lines = [json.loads(line) for line in (tmp_path / "o" / LEFT_OUT).read_text().splitlines()]
            told = {(line["split"], line["reason"], line.get("why")) for line in lines}
            assert np.isfinite([float(cell) for cell in table.read_text().splitlines()[1].split(",")]).all()
    assert told == {("train", "score_missing", "too_long"), ("held_out", "too_long", None)}


def test_indicators_are_the_recipe_s_scores_but_the_rule() -> None:
    refit = read_recipe(ROOT / "configs" / "curate" / "instructmining-refit.yaml")
    assert indicator_names(refit) == ["reward", "perplexity", "input_tokens", "output_tokens", "mtld", "knn_6"]
    assert indicator_names(refit, ["mtld"]) == ["mtld"]
    with pytest.raises(UserError, match=r"did you mean mtld\?"):
        indicator_names(refit, ["mltd"])


def test_too_few_finetunes_rows_or_held_out_rows(pool: Path, tiny_base: Path, tmp_path: Path) -> None:
    done = run(tmp_path, "scripts/sample_finetunes.py", "--data_dir", pool, "--n_finetunes", 8)
    assert_mistake(done, "--n_finetunes 8 for 6 indicators", "at least 9", "name fewer --indicators")
    ours = settings(pool, checkpoint_dir=tiny_base, prompt_style="chat")
    rows = Pool.of(pool).rows
    bench = Bench(ours, len(rows), recipe(tmp_path, "steps: []").scorers)
    for name, n_rows, held_out, got in (
        ("a", len(rows) // 2, pool, "samples of .* rows from"),
        ("b", 5, prepare(tmp_path, prompts(9)), "without a validation row"),
    ):
        sampling = Sampling(9, n_rows, (held_out, "validation", None))
        with pytest.raises(UserError, match=got):
            sample_finetunes(bench, rows, ["answer_words"], sampling, Trainer([]), tmp_path / name)

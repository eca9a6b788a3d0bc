"""The study of sizes: its grid, its search against a known best, and a small one from settings to page."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lit_gpt.curation.recipes import find_recipe, read_recipe
from lit_gpt.data.prepare import prepare_examples
from lit_gpt.data.settings import DataSettings
from lit_gpt.data.sources import user_file, world
from lit_gpt.errors import UserError
from lit_gpt.proof.candidates import Candidate
from lit_gpt.proof.settings import ComparisonSettings
from lit_gpt.proof.size_curve import SizeCurve, correct
from lit_gpt.proof.size_found import losses
from lit_gpt.proof.size_search import search
from lit_gpt.proof.size_settings import SizeSettings
from lit_gpt.proof.trials import Outcome
from lit_gpt.report.measure_section import TOO_FEW
from lit_gpt.report.size_answer import answer
from lit_gpt.report.size_report import size_report
from lit_gpt.seeds import derive_seed
from lit_gpt.training.lora_settings import LoraSettings
from lit_gpt.training.settings import ScheduleSettings

ROOT = Path(__file__).resolve().parents[2]


def test_sizes_are_evenly_spaced_by_their_logarithm() -> None:
    assert SizeSettings(least_tokens=1000, n_sizes=4).grid(8000) == [1000, 2000, 4000, 8000]


@pytest.mark.parametrize(("wrong", "told"), [({"n_sizes": 1}, "n_sizes 1"), ({"most_tokens": 2000}, "most_tokens")])
def test_wrong_settings_are_refused(wrong: dict, told: str) -> None:
    with pytest.raises(UserError, match=told):
        SizeSettings(**wrong)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"least_tokens": 7000}, "--least_tokens 7000, where the largest size is 6,546"),
        ({"most_tokens": 13_093}, "--most_tokens 13093, of a pool with 13,092 tokens"),
    ],
)
def test_sizes_that_the_pool_has_not_are_refused(asked: dict, told: str) -> None:
    with pytest.raises(UserError, match=told) as refused:
        SizeSettings(**asked).largest(13_092)
    assert "do this:" in str(refused.value)


def test_the_largest_size_may_be_the_whole_pool() -> None:
    assert SizeSettings(most_tokens=13_092).largest(13_092) == 13_092 and SizeSettings().largest(13_092) == 6_546


def test_the_search_finds_the_best_size_from_the_cheap_end() -> None:
    asked: list[int] = []

    def loss_of(tokens: int) -> float:
        asked.append(tokens)
        return abs(math.log(tokens / 3000))

    best, tried = search(loss_of, (500, 100_000), 25)
    assert asked[0] == 500 and len(tried) == 25
    assert 2000 < best < 4500
    assert np.mean([each["tokens"] for each in tried]) < 20_000, "it pays for few large ones"
    assert search(loss_of, (500, 100_000), 25)[0] == best, "the same search every time"
    assert len(asked) == 2 * len({each["tokens"] for each in tried}), "a size is trained once"


def test_what_a_study_of_sizes_does_not_do_is_refused(tmp_path: Path) -> None:
    comparison = ComparisonSettings(pool=tmp_path, recipes=["longest"], budget_tokens=100)
    study = SizeCurve(comparison, SizeSettings(), ScheduleSettings(), LoraSettings(), read_recipe)
    with pytest.raises(UserError, match="--budget_tokens 100 in a study of sizes"):
        study.run()


def test_sets_in_a_study_of_sizes_are_told_what_to_do_instead(tmp_path: Path) -> None:
    comparison = ComparisonSettings(pool=tmp_path, sets=[tmp_path / "a", tmp_path / "b"])
    study = SizeCurve(comparison, SizeSettings(), ScheduleSettings(), LoraSettings(), read_recipe)
    with pytest.raises(UserError, match="in a study of sizes") as refused:
        study.run()
    told = str(refused.value)
    assert "PosixPath" not in told and f"--sets {tmp_path / 'a'} {tmp_path / 'b'}" in told
    assert "a recipe chooses at each" in told and "--recipes" in told


def test_falling_back_is_corrected_for_all_steps_that_are_looked_at() -> None:
    def gain(value: float, p: float) -> dict:
        return {"effect": value, "p": p, "by_seed": [value] * 3}

    gains = [gain(-0.1, 0.03), gain(-0.5, 1e-6), gain(0.5, 1e-6)]
    curves = {"a": {"gains": gains}, "b": {"gains": [gain(-0.1, 0.5)]}}
    correct(curves)
    assert [each["p_corrected"] for each in gains] == pytest.approx([0.06, 4e-6, 4e-6])
    assert curves["a"]["falls_back"] == [False, True, False] and curves["b"]["falls_back"] == [False]


def study_of(pool: Path, base: Path, out_dir: Path) -> SizeCurve:
    comparison = ComparisonSettings(
        pool=pool,
        recipes=["longest"],
        seeds=2,
        steps=4,
        checkpoint_dir=base,
        out_dir=out_dir,
        prompt_style="chat",
        max_seq_length=128,
        n_items=0,
        n_loss_rows=12,
    )
    sizes = SizeSettings(least_tokens=600, most_tokens=2400, n_sizes=2, search_trials=1)
    read = lambda name: read_recipe(find_recipe(name, ROOT / "configs" / "curate"))  # noqa: E731
    schedule = ScheduleSettings(epochs=1, learning_rate=1e-2)
    return SizeCurve(comparison, sizes, schedule, LoraSettings(), read)


@pytest.fixture(scope="module")
def curve(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sizes")
    pool = prepare_examples(world.source(n_rows=330, n_test=30), DataSettings(destination_path=folder / "world"))
    return study_of(pool, tiny_base, folder / "out").run()


def test_a_pool_without_held_out_rows_is_refused_before_anything_is_chosen(tiny_base: Path, tmp_path: Path) -> None:
    rows = [{"instruction": f"Add {n} and {n}.", "output": str(2 * n)} for n in range(300)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    source, pool = str(tmp_path / "rows.jsonl"), tmp_path / "pool"
    prepare_examples(user_file.source(), DataSettings(source=source, destination_path=pool, val_split_fraction=0.0))
    with pytest.raises(UserError, match="can be measured"):
        study_of(pool, tiny_base, tmp_path / "out").run()
    assert not (tmp_path / "out" / "sets").exists() and not (tmp_path / "out" / "runs").exists()


def test_the_base_is_measured_on_the_same_rows_and_shown(curve: Path) -> None:
    results = json.loads((curve / "results.json").read_text())
    base, random = (json.loads((curve / f"measured/{n}/losses.json").read_text()) for n in ("base", "random-600-0"))
    assert base["losses"].keys() == random["losses"].keys()
    told = results["base"]["held_out_loss"]
    assert told == pytest.approx(np.mean(list(base["losses"].values()))) and results["base"]["exact_match"] is None
    assert "The base, not trained" in size_report(results) and f"held-out loss {told:.3f}" in size_report(results)
    del results["base"]  # as results were before
    assert "The base, not trained" not in size_report(results)


def test_small_sizes_take_fewer_steps_and_the_curve_follows_from_the_trials(curve: Path) -> None:
    results = json.loads((curve / "results.json").read_text())
    told = results["measures"]["held_out_loss"]["longest"]
    assert told["tokens"] == [600, 2400]
    for tokens, steps, mean in zip(told["tokens"], (1, 4), told["means"], strict=True):
        losses = []
        for seed in (0, 1):
            lines = (curve / "runs" / f"longest-{tokens}-{seed}" / "metrics.jsonl").read_text().splitlines()
            assert sum("train_loss" in line for line in lines) == steps
            measured = json.loads((curve / "measured" / f"longest-{tokens}-{seed}" / "losses.json").read_text())
            losses.append(np.mean(list(measured["losses"].values())))
        assert mean == pytest.approx(np.mean(losses))
    assert len(told["gains"]) == 1 and len(told["against_random"]) == 2


def test_at_equal_steps_small_sizes_are_seen_as_long_as_large_ones(
    curve: Path, tiny_base: Path, tmp_path: Path
) -> None:
    study = study_of(curve.parent / "world", tiny_base, tmp_path / "out")
    study.comparison = replace(study.comparison, recipes=[], baselines=["random", "longest"], n_loss_rows=4)
    study.sizes = replace(study.sizes, equal="steps", search_trials=0)
    out = study.run()
    for run_dir in (out / "runs").iterdir():
        lines = [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]
        steps = [line for line in lines if "train_loss" in line]
        assert len(steps) == 4 and steps[-1]["tokens"] == pytest.approx(2400, rel=0.2), run_dir.name
    assert study.seen["longest", 600] == pytest.approx(2 * 2400, rel=0.2), "of two draws, each seen four times"
    assert json.loads((out / "results.json").read_text())["settings"]["equal"] == "steps"


def half_of(curve: Path, name: str) -> dict[int, dict[str, float]]:
    """By seed, the losses of the rows that chose nothing."""
    paths = {seed: curve / "measured" / f"{name}-{seed}" / "losses.json" for seed in (0, 1)}
    measured = {seed: json.loads(path.read_text())["losses"] for seed, path in paths.items()}
    is_final = {id: derive_seed("final", id) % 2 == 0 for id in measured[0]}
    return {seed: {id: loss for id, loss in each.items() if is_final[id]} for seed, each in measured.items()}


def test_what_the_search_tells_comes_from_rows_that_chose_nothing(curve: Path) -> None:
    results = json.loads((curve / "results.json").read_text())
    for name, found in results["search"].items():
        ours, largest = half_of(curve, f"{name}-600"), half_of(curve, f"{name}-2400")
        assert 2 <= len(ours[0]) < 12 and found["best_tokens"] == 600 and len(found["tried"]) == 1
        assert found["final_losses"] == pytest.approx([np.mean(list(each.values())) for each in ours.values()])
        told, gains = found["against_largest"], [[largest[s][i] - ours[s][i] for i in ours[s]] for s in ours]
        assert told["effect"] == pytest.approx(np.mean(gains)) and told["verdict"] == TOO_FEW
        assert told["interval"][0] < told["effect"] < told["interval"][1] and told["p_corrected"] is None
        assert (found["tokens_spent"], found["n_new_sizes"]) == (0, 0), "the curve has this size"
    random, ours = half_of(curve, "random-600"), half_of(curve, "longest-600")
    told = results["search"]["longest"]["against_random"]["effect"]
    assert told == pytest.approx(np.mean([[random[s][i] - ours[s][i] for i in ours[s]] for s in ours]))
    assert results["search"]["random"]["against_random"] is None


def test_a_size_that_the_curve_has_not_is_paid_for_once(
    curve: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def trial(study: SizeCurve, candidate: Candidate, tokens: int, seed: int) -> Outcome:
        asked.append(tokens)
        study.seen[candidate.name, tokens] += 1000 + seed
        return Outcome({str(n): abs(math.log(tokens / 900)) + 0.01 * n + seed for n in range(20)}, {})

    monkeypatch.setattr(SizeCurve, "trial", trial)
    settings = ComparisonSettings(pool=curve.parent / "world", checkpoint_dir=tiny_base, seeds=3, n_loss_rows=20)
    study = SizeCurve(
        settings, SizeSettings(600, 2400, 2, search_trials=8), ScheduleSettings(), LoraSettings(), read_recipe
    )
    candidate = Candidate("longest")
    study.outcomes = {"longest": {n: [[trial(study, candidate, n, seed)] for seed in range(3)] for n in (600, 2400)}}
    monkeypatch.setattr(SizeCurve, "candidates", [candidate])
    asked.clear()
    found = study._search_all()["longest"]
    new = {each["tokens"] for each in found["tried"]} - {600, 2400}
    assert sorted(asked) == sorted([*new] * 3) and found["n_new_sizes"] == len(new) > 1
    assert found["tokens_spent"] == 3003 * len(new)
    assert found["against_largest"]["verdict"] == "better than the largest size" and found["against_random"] is None


def test_too_few_rows_for_two_halves_are_told(curve: Path) -> None:
    with pytest.raises(UserError, match="one half"):
        losses([[Outcome({"a": 1.0, "b": 1.0}, {})]], is_final=True)


def test_the_page_says_whether_the_curve_falls_back(curve: Path) -> None:
    results = json.loads((curve / "results.json").read_text())
    page = size_report(results)
    assert TOO_FEW in page and "tokens of the subset" in page and "BlendSearch" in page
    told = results["measures"]["held_out_loss"]["longest"]
    assert told["falls_back"] is None and told["gains"][0]["p_corrected"] is None, "of two draws"
    for falls, words in ((False, "no larger size is shown to be worse"), (True, "longest is worse at 2,400 tokens")):
        for name, each in results["measures"]["held_out_loss"].items():
            each["falls_back"] = [falls and name == "longest"]
        assert words in size_report(results)
    assert "Two draws hardly tell" in page and "--least_tokens 600" in page and "--max_seq_length 128" in page
    assert "as spoilt as the pool" not in page, "the world has tests"
    assert "as spoilt as the pool" in size_report(results | {"measured_split": "validation"})
    assert "tokens spent" in page and "The curves above are of both halves" in page
    for each in results["search"].values():  # as results were before
        for new in ("tokens_spent", "n_new_sizes", "against_largest", "against_random"):
            del each[new]
    assert "gain over the largest" in size_report(results)


@pytest.mark.parametrize(
    ("gains", "told"),
    [
        ([(0.5, 0.01), (0.2, 0.04), (0.1, 0.4)], "up to 4,000; the last step, to 8,000, is not shown to"),
        ([(0.5, 0.4), (0.2, 0.04), (0.1, 0.01)], "up to 8,000, the largest size: the last step did, too"),
        ([(0.5, 0.06), (-0.2, 0.01), (0.1, 0.4)], "longest: no step to a larger size is shown to help"),
    ],
)
def test_the_answer_says_up_to_which_size_more_tokens_helped(gains: list[tuple[float, float]], told: str) -> None:
    steps = [{"effect": value, "p_corrected": p} for value, p in gains]
    curve = {"tokens": [1000, 2000, 4000, 8000], "gains": steps, "falls_back": [False] * 3}
    results = {"measures": {"held_out_loss": {"longest": curve}}}
    assert told in answer(results) and answer(results).startswith("By held-out loss, longest: ")
    curve["falls_back"] = None
    assert TOO_FEW in answer(results) and "helped" not in answer(results)

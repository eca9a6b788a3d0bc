"""A whole comparison, small: equal work for all, its arithmetic from its own items, going on, and what is refused."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from lit_gpt.curation.recipes import find_recipe, read_recipe
from lit_gpt.data.prepare import prepare_examples
from lit_gpt.data.settings import DataSettings
from lit_gpt.data.sources import user_file, world
from lit_gpt.data.store import read_examples
from lit_gpt.errors import UserError
from lit_gpt.proof.candidates import Choices
from lit_gpt.proof.checks import chosen_hashes, shared_prompts
from lit_gpt.proof.compare import Comparison
from lit_gpt.proof.effects import beyond_length, by_group, effects_of, is_hopeless
from lit_gpt.proof.judged import plans
from lit_gpt.proof.settings import ComparisonSettings
from lit_gpt.proof.training_curves import training_curve
from lit_gpt.proof.trials import Outcome, Trials
from lit_gpt.report.comparison_report import comparison_report
from lit_gpt.report.comparison_table import comparison_table
from lit_gpt.report.formats import duration
from lit_gpt.report.measure_section import TOO_FEW
from lit_gpt.training.lora_settings import LoraSettings
from lit_gpt.training.settings import ScheduleSettings
from tests.curation.pools import prepare

ROOT = Path(__file__).resolve().parents[2]
SCHEDULE = ScheduleSettings(epochs=2, learning_rate=1e-2)


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pool") / "world"
    return prepare_examples(world.source(n_rows=330, n_test=30), DataSettings(destination_path=folder))


def comparison(pool: Path, base: Path, out_dir: Path, **changed) -> Comparison:
    asked = {"recipes": ["longest"], "baselines": ["random", "full"], "budget_tokens": 2500, "seeds": 2, "steps": 4}
    asked |= {"n_items": 6, "n_loss_rows": 12, "max_new_tokens": 4, "max_seq_length": 128, "prompt_style": "chat"}
    settings = ComparisonSettings(pool=pool, checkpoint_dir=base, out_dir=out_dir, **(asked | changed))
    read = lambda name: read_recipe(find_recipe(name, ROOT / "configs" / "curate"))  # noqa: E731
    return Comparison(Choices(settings, read), Trials(settings, SCHEDULE, LoraSettings()))


@pytest.fixture(scope="module")
def done(pool: Path, tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return comparison(pool, tiny_base, tmp_path_factory.mktemp("compared") / "out").run()


@pytest.fixture(scope="module")
def results(done: Path) -> dict:
    return json.loads((done / "results.json").read_text())


def test_all_train_on_as_many_tokens_in_as_many_steps(done: Path, results: dict) -> None:
    run_dirs = {path.name: path for path in (done / "runs").iterdir()}
    names = {"random": "random-0-0", "random again": "random-again-0-0", "full": "full-0-0", "longest": "longest-0-0"}
    assert len(run_dirs) == 8
    for name, about in results["candidates"].items():
        lines = [json.loads(line) for line in (run_dirs[names[name]] / "metrics.jsonl").read_text().splitlines()]
        steps = [line for line in lines if "train_loss" in line]
        assert len(steps) == results["n_steps"] == 8
        assert steps[-1]["tokens"] == pytest.approx(about["tokens_seen"], rel=0.08)
        half_a_step = 0.5 * about["passes"] / results["n_steps"]
        assert about["tokens_seen"] == pytest.approx(2 * results["budget"], rel=half_a_step + 0.03)


def test_draws_differ_by_seed_and_share_their_items(done: Path, results: dict) -> None:
    rows = {name: {e.id for e in read_examples(done / "sets" / name)} for name in ("random-0", "random-1", "longest-0")}
    assert rows["random-0"] != rows["random-1"]
    names, shares = results["overlap"]["names"], np.array(results["overlap"]["shares"])
    assert names == ["random", "random again", "full", "longest"] and shares.diagonal().tolist() == [1.0] * 4


def test_effects_follow_from_the_items(done: Path, results: dict) -> None:
    lines = [json.loads(line) for line in (done / "items.jsonl").read_text().splitlines()]
    mean = {(line["candidate"], line["draw"]): np.mean(list(line["losses"].values())) for line in lines}
    told = results["measures"]["held_out_loss"]["effects"]["longest"]
    by_seed = [mean["random", seed] - mean["longest", seed] for seed in (0, 1)]
    assert told["by_seed"] == pytest.approx(by_seed) and told["effect"] == pytest.approx(np.mean(by_seed))
    assert told["interval"][0] < told["effect"] < told["interval"][1]
    assert (told["verdict"], told["p_corrected"], told["detectable"]) == (TOO_FEW, None, None), "two draws"
    assert results["measures"]["exact_match"]["n_items"] == 6


def test_the_page_draws_the_losses_of_the_runs_beside_randoms(done: Path, results: dict) -> None:
    told = results["training_loss"]["longest"]
    logs = [(done / "runs" / f"longest-{seed}-0" / "metrics.jsonl").read_text().splitlines() for seed in (0, 1)]
    steps = [[line["train_loss"] for line in map(json.loads, log) if "train_loss" in line] for log in logs]
    expected = [[step, loss] for step, loss in enumerate(np.mean(steps, axis=0), start=1)]
    assert told["steps_a_point"] == 1 and told["n_trainings"] == 2
    assert np.array(told["points"]) == pytest.approx(np.array(expected))
    page = comparison_report(results)
    assert page.count(">optimizer step<") == 3, "a chart for each but random"
    assert "levels are not comparable" in page and "hold no losses of training" not in page


def test_a_long_training_is_drawn_with_few_points(tmp_path: Path) -> None:
    for run in ("a", "b"):
        lines = [json.dumps({"step": n, "train_loss": n + (run == "b")}) + "\n" for n in range(1, 151)]
        (tmp_path / run).mkdir()
        (tmp_path / run / "metrics.jsonl").write_text("".join(lines))
    told = training_curve([tmp_path / "a", tmp_path / "b", tmp_path / "not there"])
    assert (told["steps_a_point"], told["n_trainings"], len(told["points"])) == (3, 2, 50)
    assert told["points"][0] == [3, 2.5] and told["points"][-1] == [150, 149.5]


def test_rows_left_out_are_shown_with_why(results: dict) -> None:
    shown = results["candidates"]["longest"]["left_out"]
    assert len(shown) == 3 and all("not chosen: " in row["why"] and "rank" in row["why"] for row in shown)
    assert shown[0]["why"] in comparison_report(results)


def test_costs_are_measured_and_charged(done: Path, results: dict) -> None:
    page, table = comparison_report(results), (done / "table.md").read_text()
    for about in results["candidates"].values():
        assert about["cost_is_known"] and about["cost"]["wall_s"] > 0
        clock = f"{duration(about['cost']['wall_s'])} by the clock"
        assert clock in page and clock in table
    assert "seconds of the device are not metered" in page


def test_run_again_it_trains_nothing(done: Path, pool: Path, tiny_base: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (done / "runs").rglob("*") if path.is_file()}
    told = (done / "results.json").read_bytes()
    comparison(pool, tiny_base, done).run()
    assert {path: path.stat().st_mtime_ns for path in (done / "runs").rglob("*") if path.is_file()} == before
    assert (done / "results.json").read_bytes() == told


def test_interrupted_it_goes_on_to_the_same_items(
    done: Path, pool: Path, tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, n_left = Trials.run, [3]

    def stops(self: Trials, *args: object, **more: object) -> Outcome:
        n_left[0] -= 1
        if n_left[0] < 0:
            raise KeyboardInterrupt
        return run(self, *args, **more)

    monkeypatch.setattr(Trials, "run", stops)
    with pytest.raises(KeyboardInterrupt):
        comparison(pool, tiny_base, tmp_path / "out").run()
    monkeypatch.undo()
    shutil.rmtree(tmp_path / "out" / "sets" / "longest-0")  # as if choosing had been cut short
    comparison(pool, tiny_base, tmp_path / "out").run()
    assert (tmp_path / "out" / "items.jsonl").read_bytes() == (done / "items.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"budget_tokens": 2600}, "another budget_tokens"),
        ({"prompt_style": "alpaca"}, "another prompt_style"),
        ({"steps": 5}, "other settings"),
    ],
)
def test_what_was_made_with_other_settings_is_not_taken(
    changed: dict, told: str, done: Path, pool: Path, tiny_base: Path
) -> None:
    with pytest.raises(UserError, match=told):
        comparison(pool, tiny_base, done, **changed).run()


def test_a_recipe_is_another_by_its_steps_and_not_by_its_words(pool: Path, tiny_base: Path, tmp_path: Path) -> None:
    def choose(title: str, order: str) -> None:
        card = {"title": title, "paper": "", "formula": "", "ours": [], "negatives": []}
        steps = [{"top": {"score": "answer_words", "order": order}}]
        (tmp_path / "mine.yaml").write_text(yaml.safe_dump({"card": card, "steps": steps}))
        choices = comparison(pool, tiny_base, tmp_path / "out", recipes=[str(tmp_path / "mine.yaml")]).choices
        choices.choose(next(each for each in choices.candidates if each.name == "mine"), 0)

    choose("a word", "highest")
    choose("another word", "highest")
    with pytest.raises(UserError, match="another recipe"):
        choose("a word", "lowest")


def test_each_recipe_is_given_what_it_asks_for(pool: Path, tiny_base: Path, tmp_path: Path) -> None:
    rows = list({row.content_hash: row for row in read_examples(pool)}.values())
    recipes = []
    for name, sign in (("mine", 1), ("yours", -1)):
        scores = {"content_hash": [r.content_hash for r in rows], "value": [sign * float(n) for n in range(len(rows))]}
        pq.write_table(pa.table(scores), tmp_path / f"{name}.parquet")
        card = {"title": name, "paper": "", "formula": "", "ours": [], "negatives": []}
        steps = [{"top": {"score": name, "order": "highest", "keep": {"size": 5}}}]
        recipe = {"card": card, "scores": {name: "given"}, "steps": steps}
        recipes.append(tmp_path / f"by-{name}.yaml")
        recipes[-1].write_text(yaml.safe_dump(recipe))
    asked = {"recipes": [str(each) for each in recipes], "baselines": ["random"], "size": 5, "budget_tokens": None}
    given = [f"{name}={tmp_path / name}.parquet" for name in ("mine", "yours")]
    choices = comparison(pool, tiny_base, tmp_path / "out", **asked, given=given).choices
    chosen = {each.name: choices.choose(each, 0) for each in choices.candidates}
    kept = {name: chosen_hashes(found.data_dir) for name, found in chosen.items()}
    assert kept["by-mine"] <= {r.content_hash for r in rows[-5:]}
    assert kept["by-yours"] <= {r.content_hash for r in rows[:5]}
    with pytest.raises(UserError, match="--given hers"):
        _ = comparison(pool, tiny_base, tmp_path / "out", **asked, given=[*given, "hers=x"]).choices.candidates
    (tmp_path / "mine.parquet").write_bytes((tmp_path / "yours.parquet").read_bytes())
    with pytest.raises(UserError, match="another given"):
        choices.choose(next(each for each in choices.candidates if each.name == "by-mine"), 0)


def test_rows_that_a_recipe_cannot_choose_are_counted(
    pool: Path, tiny_base: Path, tmp_path: Path, results: dict
) -> None:
    rows = list({row.content_hash: row for row in read_examples(pool)}.values())
    table = {"content_hash": [row.content_hash for row in rows[:40]], "value": [float(n) for n in range(40)]}
    pq.write_table(pa.table(table), tmp_path / "mine.parquet")
    card = {"title": "mine", "paper": "", "formula": "", "ours": [], "negatives": []}
    recipe = {"card": card, "scores": {"mine": "given"}, "steps": [{"top": {"score": "mine", "order": "highest"}}]}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(recipe))
    given = [f"mine={tmp_path / 'mine.parquet'}"]
    found = comparison(pool, tiny_base, tmp_path / "out", recipes=[str(tmp_path / "mine.yaml")], given=given)
    mine = next(each for each in found.choices.candidates if each.name == "mine")
    about = found._about(mine, {"mine": found.choices.choose(mine, 0)})
    scored = set(table["content_hash"])
    assert about["n_unscored"] == sum(row.content_hash not in scored for row in read_examples(pool)) > 0
    told = results | {"candidates": results["candidates"] | {"longest": results["candidates"]["longest"] | about}}
    assert "longest could not choose" in comparison_report(told) and "could not choose" not in comparison_report(
        results
    )


def test_a_budget_counts_tokens_as_training_cuts_them(pool: Path, tiny_base: Path, tmp_path: Path) -> None:
    cut = {"max_seq_length": 60, "budget_tokens": 1200}
    choices = comparison(pool, tiny_base, tmp_path / "out", **cut).choices
    chosen = {each.name: choices.choose(each, 0) for each in choices.candidates if each.name != "full"}
    assert all(1200 - 60 < found.n_tokens <= 1200 for found in chosen.values())
    rows = {name: list(read_examples(found.data_dir)) for name, found in chosen.items()}
    assert len(rows["longest"]) > chosen["longest"].n_rows, "some have no answer that is trained on"


def drawn(gain: float, n_seeds: int) -> list[list[Outcome]]:
    """Outcomes whose losses are lower by `gain`."""
    draw = np.random.default_rng(1)
    losses = [{str(i): 2.0 - gain + 0.01 * draw.normal() for i in range(20)} for _ in range(n_seeds)]
    return [[Outcome(each, {})] for each in losses]


def test_three_draws_have_verdicts_and_two_have_none() -> None:
    def told(n_seeds: int) -> dict:
        found = {"random": drawn(0.0, n_seeds), "random again": drawn(0.3, n_seeds), "good": drawn(0.5, n_seeds)}
        return effects_of(found, "held_out_loss")

    three, two = told(3), told(2)
    assert three["effects"]["good"]["verdict"] == "better than random" and three["noise_floor"] > 0
    assert three["effects"]["random again"]["verdict"] == "random differs from random"
    assert {each["verdict"] for each in two["effects"].values()} == {TOO_FEW} and two["noise_floor"] is None
    assert two["effects"]["good"]["interval"][0] > 0, "however sure it looks"
    groups = {str(i): "odd" if i % 2 else "even" for i in range(20)}
    cells = by_group({"random": drawn(0.0, 2), "good": drawn(0.5, 2)}, "held_out_loss", groups)
    assert [each["effects"]["good"]["p_corrected"] for each in cells.values()] == [None, None]


def test_what_a_recipe_does_beyond_the_length_of_its_answers(results: dict) -> None:
    gains = {"random": 0.0, "mine": 0.5, "length-matched to mine": 0.3, "long": 0.4, "length-matched to long": 0.4}
    outcomes = {name: drawn(value, 3) for name, value in gains.items()}
    found = beyond_length(outcomes, "held_out_loss")
    assert list(found) == ["mine", "long"]
    assert found["mine"]["effect"] == pytest.approx(0.2, abs=0.02)
    assert found["mine"]["verdict"] == "better than draws of its length"
    assert abs(found["long"]["effect"]) < 0.02 and found["long"]["p_corrected"] >= found["long"]["p"]
    assert beyond_length({name: outcomes[name] for name in ("random", "mine")}, "held_out_loss") == {}
    measured = results["measures"]["held_out_loss"]
    told = results | {"measures": {"held_out_loss": measured | {"beyond_length": found}}}
    assert "better than draws of its length" in comparison_report(told) and "Beyond length" in comparison_report(told)
    assert "| mine | +0.2" in comparison_table(told) and "Beyond length" not in comparison_report(results)


def test_groups_of_items_have_effects_of_their_own() -> None:
    draw = np.random.default_rng(2)

    def outcomes(gains: dict[str, float]) -> list[list[Outcome]]:
        items = [f"{who}{n}" for who in gains for n in range(12)]
        return [[Outcome({id: 2 - gains[id[0]] + 0.01 * draw.normal() for id in items}, {})] for _ in range(3)]

    found = {"random": outcomes({"h": 0, "l": 0}), "ours": outcomes({"h": -0.5, "l": 0.5})}
    groups = {f"{who}{n}": {"h": "human", "l": "llm"}[who] for who in "hl" for n in range(12)}
    told = by_group(found, "held_out_loss", groups)
    assert {name: each["n_items"] for name, each in told.items()} == {"human": 12, "llm": 12}
    assert told["human"]["effects"]["ours"]["effect"] == pytest.approx(-0.5, abs=0.02)
    assert told["llm"]["effects"]["ours"]["effect"] == pytest.approx(0.5, abs=0.02)
    assert all(each["effects"]["ours"]["p_corrected"] < 0.01 for each in told.values())
    assert by_group(found, "held_out_loss", dict.fromkeys(groups, "human")) == {}, "one group is the whole"


def test_the_page_says_the_verdicts(results: dict) -> None:
    page = comparison_report(results)
    assert TOO_FEW in page and "Two draws hardly tell" in page and "<script" not in page
    assert "no significant difference" not in page and "differ beyond chance" not in page
    for name in results["candidates"]:
        assert name in page


def test_the_table_says_the_same(done: Path, results: dict) -> None:
    lines = (done / "table.md").read_text().splitlines()
    row = next(line for line in lines if line.startswith("| longest |")).split(" | ")
    told = results["measures"]["held_out_loss"]["effects"]["longest"]
    assert row[2] == told["verdict"] and row[1].startswith(f"{told['effect']:+.3f}".replace("-", "−"))
    assert len({line.count("|") for line in lines if line}) == 1 and "s CPU" in row[-1]


def test_a_set_of_the_users(
    done: Path, pool: Path, tiny_base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = done / "sets" / "longest-0"
    asked = {"recipes": [], "sets": [mine], "baselines": ["random"], "budget_tokens": None, "n_items": 0, "size": 40}
    out = comparison(pool, tiny_base, tmp_path / "out", **asked).run()
    results = json.loads((out / "results.json").read_text())
    assert set(results["measures"]) == {"held_out_loss"} and not results["candidates"]["longest-0"]["cost_is_known"]
    for told in (comparison_report(results), (out / "table.md").read_text()):
        assert "a set of your own; name the recipe under --recipes to measure it" in told
    said = capsys.readouterr().err
    assert "longest-0: gain in held-out loss (+ is better) " in said and results["prompts_in_pool"]["n_measured"] == 12
    assert results["unit"] == "rows" and results["candidates"]["random"]["n_rows"] == 40


def test_a_set_with_rows_that_all_are_measured_on_is_refused(pool: Path, tiny_base: Path, tmp_path: Path) -> None:
    leaked = [example.messages for example in read_examples(pool, "validation")]
    rows = [{"instruction": m[0].content, "output": m[1].content} for m in leaked]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = DataSettings(source=str(tmp_path / "rows.jsonl"), destination_path=tmp_path / "mine")
    mine = prepare_examples(user_file.source(), settings)
    with pytest.raises(UserError, match="held out in"):
        comparison(pool, tiny_base, tmp_path / "out", recipes=[], sets=[mine]).run()


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"budget_tokens": 99_999}, r"--budget_tokens 99999, of a pool with 20,"),
        ({"budget_tokens": None, "size": 310}, "--size 310, of a pool with 30"),
    ],
)
def test_a_budget_that_is_the_whole_pool_is_refused_at_once(
    changed: dict, told: str, pool: Path, tiny_base: Path, tmp_path: Path
) -> None:
    study = comparison(pool, tiny_base, tmp_path / "out", **changed)
    for refuses in (study.run, lambda: plans(study.choices)):
        with pytest.raises(UserError, match=told):
            refuses()
    assert not (tmp_path / "out").exists(), "nothing was measured"


def test_the_budget_must_be_below_the_pool_to_the_token(pool: Path, tiny_base: Path, tmp_path: Path) -> None:
    n_tokens = comparison(pool, tiny_base, tmp_path).choices.amount_of(pool)[1]
    comparison(pool, tiny_base, tmp_path, budget_tokens=n_tokens - 1).choices.require_choice()
    with pytest.raises(UserError, match=f"--budget_tokens {n_tokens}"):
        comparison(pool, tiny_base, tmp_path, budget_tokens=n_tokens).choices.require_choice()


def test_sets_as_large_as_the_pool_need_a_budget(pool: Path, tiny_base: Path, tmp_path: Path) -> None:
    mine = shutil.copytree(pool, tmp_path / "mine")
    asked = {"recipes": [], "sets": [mine], "baselines": ["random"], "n_items": 0}
    with pytest.raises(UserError, match="--sets that have") as refused:
        comparison(pool, tiny_base, tmp_path / "out", **asked, budget_tokens=None).choices.require_choice()
    assert "pass --budget_tokens" in str(refused.value)
    comparison(pool, tiny_base, tmp_path / "out", **asked, budget_tokens=500).choices.require_choice()


def test_prompts_that_the_pool_has_too_are_counted_whatever_their_answers(tmp_path: Path) -> None:
    rows = [{"instruction": f"Add {n % 20} and 1.", "output": str(n)} for n in range(200)]
    rows += [{"instruction": f"Say {n}.", "output": str(n)} for n in range(100)]
    rows += [{"instruction": f"  ADD {n}\nand 1.", "output": str(n + 1000)} for n in range(20)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = DataSettings(source=str(tmp_path / "rows.jsonl"), destination_path=tmp_path / "mine")
    mine = prepare_examples(user_file.source(), settings)
    held_out = {each.id: each.messages[0].content.lower() for each in read_examples(mine, "validation")}
    expected = sum(prompt.split()[0] == "add" for prompt in held_out.values())
    assert shared_prompts(mine, "validation", held_out.keys()) == {"n_measured": len(held_out), "n_shared": expected}
    assert 0 < expected < len(held_out)
    one = next(id for id, prompt in held_out.items() if prompt.startswith("say"))
    assert shared_prompts(mine, "validation", {one}) == {"n_measured": 1, "n_shared": 0}


@pytest.mark.parametrize(
    "changed", [{"plateau": 0.1}, {"max_time": "01:00:00"}, {"max_steps": 3}, {"steps_per_epoch": 3}, {"batch_size": 8}]
)
def test_what_would_make_steps_unequal_is_refused(changed: dict, pool: Path, tiny_base: Path) -> None:
    settings = ComparisonSettings(pool=pool, checkpoint_dir=tiny_base)
    with pytest.raises(UserError, match=f"--{next(iter(changed))} .* where sets are compared"):
        Trials(settings, ScheduleSettings(**changed), LoraSettings())


def test_results_tell_no_schedule_that_was_not_followed(results: dict) -> None:
    told = results["settings"]["schedule"]
    assert told["epochs"] == 2 and told["learning_rate"] == 1e-2
    assert not told.keys() & {"plateau", "max_time", "max_steps", "steps_per_epoch", "batch_size"}


def test_a_prepared_set_is_no_folder_for_a_comparison(pool: Path, tiny_base: Path, tmp_path: Path) -> None:
    before = {path.name for path in pool.iterdir()}
    with pytest.raises(UserError, match="which is a prepared set"):
        comparison(pool, tiny_base, pool).run()
    assert {path.name for path in pool.iterdir()} == before


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--recipes", "ifdd"], "ifd"),
        (["--baselines", "randon"], "random"),
        (["--baselines", "longest", "--seeds", "1"], "--seeds 1"),
        ([], "nothing to compare"),
    ],
)
def test_mistakes_are_told(flags: list[str], told: str, pool: Path, tiny_base: Path, tmp_path: Path) -> None:
    command = [sys.executable, ROOT / "eval/compare_datasets.py", "--pool", pool, "--checkpoint_dir", tiny_base]
    command += ["--out_dir", tmp_path / "out", *flags]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True)
    assert done.returncode == 2 and told in done.stderr and "Traceback" not in done.stderr


def test_a_hopeless_candidate_is_told_by_the_stated_rule() -> None:
    found = {"random": drawn(0.0, 3), "bad": drawn(-0.5, 3), "good": drawn(0.5, 3)}
    assert is_hopeless(found, "bad") and not is_hopeless(found, "good")
    assert not is_hopeless({"random": drawn(0.0, 2), "bad": drawn(-0.5, 2)}, "bad"), "two seeds are too few"


@pytest.mark.parametrize("stops", [True, False])
def test_what_is_hopeless_is_trained_no_more_where_that_is_asked_for(
    stops: bool, pool: Path, tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the trainings are stood in for: the longest answers bring half a nat less than a random draw."""
    trained = []

    def run(self: Trials, chosen: object, budget: int, name: str, *more: object) -> Outcome:
        trained.append(name)
        draw = np.random.default_rng(len(trained))
        base = self.measure("base")
        return Outcome({id: 2.0 + 0.5 * ("longest" in name) + 0.01 * draw.normal() for id in base.losses}, {})

    monkeypatch.setattr(Trials, "run", run)
    asked = {"baselines": ["random"], "seeds": 5, "n_items": 0, "stop_hopeless": stops}
    out = comparison(pool, tiny_base, tmp_path / "out", **asked).run()
    results = json.loads((out / "results.json").read_text())
    assert results["stopped"] == ({"longest": 3} if stops else {})
    n_draws = 3 if stops else 5
    assert [name for name in trained if "longest" in name] == [f"longest-{n}-0" for n in range(n_draws)]
    assert len(trained) == n_draws + 2 * 5, "random draws go on"
    assert {path.name for path in (out / "sets").glob("longest-?")} == {f"longest-{n}" for n in range(n_draws)}
    told = results["measures"]["held_out_loss"]["effects"]["longest"]
    assert len(told["by_seed"]) == n_draws and told["verdict"] == "worse than random"
    assert ("longest was given up after 3 seeds" in comparison_report(results)) is stops


def test_each_draw_is_trained_as_often_as_asked(pool: Path, tiny_base: Path, tmp_path: Path) -> None:
    """What is told of a draw is the mean of its trainings, each by a seed of its own."""
    asked = {"baselines": ["random"], "training_seeds": 2, "steps": 1, "n_items": 0}
    out = comparison(pool, tiny_base, tmp_path / "out", **asked).run()
    names = {f"{name}-{draw}-{n}" for name in ("random", "random-again", "longest") for draw in (0, 1) for n in (0, 1)}
    assert {path.name for path in (out / "runs").iterdir()} == names
    assert {path.name for path in (out / "sets").glob("longest-?")} == {"longest-0", "longest-1"}, "of the same rows"
    lines = [json.loads(line) for line in (out / "items.jsonl").read_text().splitlines()]
    mean = {(x["candidate"], x["draw"], x["training"]): np.mean(list(x["losses"].values())) for x in lines}
    assert len(mean) == 12 and mean["longest", 0, 0] != mean["longest", 0, 1]
    gains = [np.mean([mean["random", draw, n] - mean["longest", draw, n] for n in (0, 1)]) for draw in (0, 1)]
    told = json.loads((out / "results.json").read_text())["measures"]["held_out_loss"]["effects"]["longest"]
    assert told["by_seed"] == pytest.approx(gains)


def test_a_recipe_that_takes_targets_is_given_them(pool: Path, tiny_base: Path, tmp_path: Path) -> None:
    """Rows of the pool as targets: nothing is more like them than they themselves."""
    wanted = list({row.messages: row for row in read_examples(pool)})[:20]
    targets = prepare(tmp_path, [{"instruction": m[0].content, "output": m[1].content} for m in wanted], "targets")
    asked = {"recipes": ["rds+"], "baselines": ["random"], "budget_tokens": None, "size": 20, "steps": 1, "n_items": 0}
    out = comparison(pool, tiny_base, tmp_path / "out", **asked, target_dir=targets).run()
    for draw in (0, 1):
        assert {row.messages for row in read_examples(out / "sets" / f"rds+-{draw}")} == set(wanted)
        assert {row.messages for row in read_examples(out / "sets" / f"random-{draw}")} != set(wanted)
    assert "rds+" in json.loads((out / "results.json").read_text())["measures"]["held_out_loss"]["effects"]
    with pytest.raises(UserError, match="another target"):
        comparison(pool, tiny_base, out, **asked, target_dir=pool).run()
    with pytest.raises(UserError, match="no --target_dir"):
        comparison(pool, tiny_base, tmp_path / "without", **asked).run()

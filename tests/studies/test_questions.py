"""The open questions, small: what each way trains on, that it goes on, and the table that is made of it."""

import json
from pathlib import Path

import pytest

from lit_gpt.data.store import read_examples
from lit_gpt.errors import UserError
from lit_gpt.evaluation.labels import read_defects
from lit_gpt.report.measure_section import TOO_FEW
from lit_gpt.report.question_table import question_table
from lit_gpt.studies.question_settings import QuestionSettings
from lit_gpt.studies.questions import OpenQuestions
from lit_gpt.training.lora_settings import LoraSettings
from lit_gpt.training.settings import ScheduleSettings

ROOT = Path(__file__).resolve().parents[2]


def asked(out_dir: Path, base: Path, **changed) -> OpenQuestions:
    small = {"n_rows": 500, "budget_tokens": 1600, "steps": 2, "seeds": 2, "n_test": 4, "n_loss_rows": 4}
    settings = {"checkpoint_dir": base, "recipes_dir": ROOT / "configs" / "curate"} | small | changed
    schedule = ScheduleSettings(epochs=1, learning_rate=3e-3)
    return OpenQuestions(QuestionSettings(out_dir=out_dir, **settings), schedule, LoraSettings())


@pytest.fixture(scope="module")
def study(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> OpenQuestions:
    return asked(tmp_path_factory.mktemp("questions") / "out", tiny_base)


def arms(study: OpenQuestions, question: str) -> dict:
    return {arm.name: arm for arm in getattr(study, f"_{question}")()}


def test_sources_are_thirds_of_the_kinds(study: OpenQuestions) -> None:
    ways = arms(study, "merging")
    kinds = {name: {e.category for e in read_examples(arm.rows(0).data_dir)} for name, arm in ways.items()}
    of_one, of_two = ({k for k in study._kinds if study._source(k) in s} for s in (["the first source"], SOURCES[:2]))
    assert kinds["one"] <= of_one and kinds["two"] <= of_two and not kinds["all three"] <= of_two


SOURCES = ["the first source", "the second", "the third"]


def test_fewer_rows_are_a_share_of_the_tokens(study: OpenQuestions) -> None:
    tokens = [arm.rows(0).n_tokens for arm in arms(study, "epochs").values()]
    assert all(1600 / of - 120 < n <= 1600 / of for of, n in zip((1, 2, 4, 8), tokens, strict=True))


def test_stages_keep_what_lift_keeps(tiny_base: Path, study: OpenQuestions) -> None:
    study = asked(study.study.out_dir, tiny_base, n_noise=0)
    rows = {name: {e.id for e in read_examples(arm.rows(0).data_dir)} for name, arm in arms(study, "stages").items()}
    n_tokens = {name: arm.rows(0).n_tokens for name, arm in arms(study, "stages").items()}
    assert rows["variety"] < rows["expanded"] and rows["variety, then quality"] < rows["variety"]
    assert len(rows["quality"]) == round(0.75 * len(rows["expanded"])) and n_tokens["variety"] <= 0.2 * 1600
    defects = read_defects(study.pool.with_name("pool-labels"), "train")
    sound = {name: sum(not defects[id] for id in ids) / len(ids) for name, ids in rows.items()}
    assert sound["quality"] > sound["expanded"] + 0.08, "the judge knows more than nothing"


def test_orders_are_of_the_same_rows_and_the_scores_the_bases(study: OpenQuestions) -> None:
    ways = arms(study, "order")
    assert len({arm.rows(0).data_dir for arm in ways.values()}) == 1
    assert [arm.order.get("order", "shuffled") for arm in ways.values()] == [
        "shuffled",
        "easy_to_hard",
        "hard_to_easy",
        "short_to_long",
        "grouped",
    ]


def test_a_question_from_start_to_table_and_not_twice(study: OpenQuestions, tiny_base: Path) -> None:
    out = asked(study.study.out_dir, tiny_base, questions=["order"]).run()
    results = json.loads((out / "results.json").read_text())
    effects = results["questions"]["order"]["measures"]["held_out_loss"]["effects"]
    assert set(effects) == {"easy to hard", "hard to easy", "short to long", "kind by kind", "the first again"}
    assert effects["easy to hard"]["by_seed"] != effects["hard to easy"]["by_seed"], "the order came through"
    table = (out / "table.md").read_text()
    assert table == question_table(results) and "| easy to hard |" in table
    assert {each["verdict"] for each in effects.values()} == {TOO_FEW} and TOO_FEW in table, "of two seeds"
    before = {path: path.stat().st_mtime_ns for path in (out / "runs").rglob("*")}
    asked(out, tiny_base, questions=["order"]).run()
    assert {path: path.stat().st_mtime_ns for path in (out / "runs").rglob("*")} == before
    assert json.loads((out / "results.json").read_text()) == results


def test_mistakes_are_told() -> None:
    with pytest.raises(UserError, match="--seeds 1"):
        QuestionSettings(seeds=1)

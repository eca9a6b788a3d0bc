"""Bad input to scripts/curate.py ends with exit code 2, and says what was got, what was expected and what to do."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from lit_gpt.curation.run import asks_for_checkpoint, curate, refuse_unused_flags
from lit_gpt.errors import UserError
from tests.curation.pools import prepare, prompts, recipe, settings
from tests.test_user_mistakes import assert_mistake, run

CURATE = "scripts/curate.py"
BY_WORDS = "steps: [{top: {score: answer_words, keep: {size: 3}}}]"
BY_MTLD = "steps: [{top: {score: mtld, keep: {size: 3}}}]"


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepare(tmp_path_factory.mktemp("data"), [*prompts(12), {"instruction": "Go on", "output": "..."}])


def test_an_unknown_recipe_suggests_the_nearest(pool: Path, tmp_path: Path) -> None:
    done = run(tmp_path, CURATE, "--data_dir", pool, "--recipe", "superfiltring")
    assert_mistake(done, "unknown recipe: superfiltring", "lima-rules", "did you mean superfiltering?")


def test_a_size_larger_than_the_pool(pool: Path, tmp_path: Path) -> None:
    done = run(tmp_path, CURATE, "--data_dir", pool, "--recipe", "random", "--size", 14, "--out_dir", "out")
    assert_mistake(done, "14", "at most 13", "lower --size")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("steps", "got"),
    [
        ("{top: {score: answer_words}}", "no amount"),
        ("{length_matched: {keep: {size: 2}}}", "no --target_dir"),
        ("{difficulty_balanced: {keep: {size: 2}}}", "no --given accuracies=PATH"),
        ("{decontaminate: {}}", "no test set to decontaminate against"),
        ("{top: {score: ifd_loss, keep: {size: 2}}}", "no --checkpoint_dir"),
        ("{top: {score: reward, keep: {size: 2}}}", "a score that has to be given"),
    ],
)
def test_what_a_recipe_needs_is_asked_for_before_its_first_step(
    steps: str, got: str, pool: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = recipe(tmp_path, f"scores: {{reward: {{given: {{}}}}}}\nsteps: [exact_duplicates, {steps}]")
    with pytest.raises(UserError, match=got):
        curate(settings(pool, out_dir=tmp_path / "out", scores_dir=tmp_path / "s"), mine)
    assert "exact_duplicates" not in capsys.readouterr().err


def test_a_given_file_that_is_not_there_is_told_first(pool: Path, tmp_path: Path) -> None:
    mine = recipe(tmp_path, "scores: {reward: {given: {}}}\nsteps: [{top: {score: reward, keep: {size: 2}}}]")
    with pytest.raises(UserError, match="which does not exist"):
        curate(settings(pool, out_dir=tmp_path / "out", given=["reward=none.jsonl"]), mine)


def test_a_checkpoint_is_looked_for_only_where_one_is_needed(pool: Path, tmp_path: Path) -> None:
    by_model = recipe(tmp_path, "steps: [{top: {score: ifd_loss, keep: {size: 2}}}]")
    assert asks_for_checkpoint(settings(pool), by_model)
    assert not asks_for_checkpoint(settings(pool, given=["ifd_loss=mine.jsonl"]), by_model)
    by_words = recipe(tmp_path, BY_WORDS)
    assert not asks_for_checkpoint(settings(pool), by_words)
    assert asks_for_checkpoint(settings(pool, budget_tokens=100), by_words)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (("--challenge", "strict"), "licence_gate"),
        (("--against", "tests.jsonl"), "decontaminate"),
        (("--benchmarks_dir", "benchmarks"), "decontaminate"),
        (("--target_dir", "wanted"), "rds+"),
        (("--learning_rate", "0.5"), "warm_up"),
        (("--train_epochs", "7"), "--train_hours"),
    ],
)
def test_a_flag_that_nothing_looks_at_is_refused(
    flags: tuple[str, str], expected: str, pool: Path, tmp_path: Path
) -> None:
    done = run(tmp_path, CURATE, "--data_dir", pool, "--recipe", "random", "--size", 2, "--out_dir", "out", *flags)
    assert_mistake(done, flags[0], "nothing looks at it", expected, f"leave {flags[0]} out")


def test_what_a_step_looks_at_is_no_flag_too_many(pool: Path, tmp_path: Path) -> None:
    choose = "{top: {score: answer_words, keep: {size: 3}}}"
    mine = recipe(tmp_path, f"steps: [licence_gate, {{decontaminate: {{given_sets: optional}}}}, {choose}]")
    refuse_unused_flags(settings(pool, challenge="strict", against=[tmp_path / "tests.jsonl"]), mine)
    ignoring = recipe(tmp_path, f"steps: [{{decontaminate: {{given_sets: ignored}}}}, {choose}]")
    with pytest.raises(UserError, match="--against for"):
        refuse_unused_flags(settings(pool, against=[tmp_path / "tests.jsonl"]), ignoring)


def test_a_score_table_of_another_version(pool: Path, tmp_path: Path) -> None:
    mine = recipe(tmp_path, BY_WORDS)
    curate(settings(pool, out_dir=tmp_path / "first", scores_dir=tmp_path / "scores"), mine)
    (header,) = (tmp_path / "scores").glob("*/scorer.json")
    header.write_text(header.read_text().replace('"version": 1', '"version": 2'))
    flags = ("--recipe", tmp_path / "mine.yaml", "--scores_dir", tmp_path / "scores", "--out_dir", "out")
    done = run(tmp_path, CURATE, "--data_dir", pool, *flags)
    assert_mistake(done, str(header.parent), "version 2", "version 1", "move that folder away")
    shutil.rmtree(header.parent)
    assert run(tmp_path, CURATE, "--data_dir", pool, *flags).returncode == 0


def test_a_table_of_another_version_beside_is_told_of(pool: Path, tmp_path: Path) -> None:
    """In what the run says and on the page; and once no row is scored anew, it is told no more."""
    mine = recipe(tmp_path, BY_WORDS)
    asked = settings(pool, out_dir=tmp_path / "first", scores_dir=tmp_path / "scores")
    curate(asked, mine)
    (header,) = (tmp_path / "scores").glob("*/scorer.json")
    older = header.parent.with_name(header.parent.name.replace("-v1-", "-v7-"))
    header.parent.rename(older)
    header = older / header.name
    header.write_text(header.read_text().replace('"version": 1', '"version": 7'))
    said = "A table of version 7 of answer_words lies beside and is not used"
    flags = ("--recipe", tmp_path / "mine.yaml", "--scores_dir", tmp_path / "scores", "--out_dir", "out")
    done = run(tmp_path, CURATE, "--data_dir", pool, *flags)
    assert done.returncode == 0 and f"{said}\n  {older.name}: rows are scored anew by version 1" in done.stderr
    assert said in (tmp_path / "out" / "report.html").read_text()
    (tmp_path / "scores" / "answer_words-v9-damaged").mkdir()
    (tmp_path / "scores" / "answer_words-v9-damaged" / "scorer.json").write_text("{")
    curate(replace(asked, out_dir=tmp_path / "again", report=True), mine)
    assert said not in (tmp_path / "again" / "report.html").read_text()


def test_a_scorer_without_a_number_for_some_rows(pool: Path, tmp_path: Path) -> None:
    recipe(tmp_path, BY_MTLD)
    flags = ("--data_dir", pool, "--recipe", tmp_path / "mine.yaml", "--out_dir", "out", "--report", "false")
    done = run(tmp_path, CURATE, *flags)
    assert_mistake(done, "no score 'mtld' for 1 of 13 rows", "a finite number for every row", "--missing drop")
    done = run(tmp_path, CURATE, *flags, "--missing", "drop")
    assert done.returncode == 0, done.stderr
    assert "no_words" in (tmp_path / "out" / "rejects.jsonl").read_text()

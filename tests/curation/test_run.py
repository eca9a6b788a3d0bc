"""Curating: rows in are rows out and rows in the ledger, in any order of steps, and the same for the same seed."""

from pathlib import Path

import pytest

from lit_gpt.curation.run import curate
from lit_gpt.data.store import load_example_set, read_examples
from lit_gpt.data.subset import read_dropped
from lit_gpt.errors import UserError
from lit_gpt.files import read_json, sha256_of
from lit_gpt.manifest import damaged_files
from lit_gpt.report.curation_report import curation_report
from tests.curation.pools import ledger, prepare, prompts, recipe, settings

STEPS = {
    "exact": "  - exact_duplicates\n",
    "near": "  - near_duplicates: {threshold: 0.9}\n",
    "bounds": "  - score_bounds: {score: answer_words, at_least: 3, below: 38}\n",
    "top": "  - top: {score: answer_words, keep: {size: 8}}\n",
}
ORDERS = [("exact", "bounds", "top"), ("bounds", "near", "top"), ("top", "exact", "bounds"), ("near", "top", "bounds")]


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = prompts(40)
    return prepare(
        tmp_path_factory.mktemp("data"), [*rows, *rows[:6], {**rows[7], "instruction": "  TELL me\nabout it"}]
    )


def files(directory: Path) -> dict[str, str]:
    return {name: sha256_of(directory / name) for name in ("train.parquet", "dropped.parquet", "rejects.jsonl")}


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_input_is_output_and_dropped(pool: Path, tmp_path: Path, order: tuple[str, ...]) -> None:
    mine = recipe(tmp_path, "steps:\n" + "".join(STEPS[name] for name in order))
    out = curate(settings(pool, out_dir=tmp_path / "out"), mine)
    kept, dropped = [e.id for e in read_examples(out)], [e.id for e, _ in read_dropped(out)]
    whole = [e.id for e in read_examples(pool)]
    assert sorted(kept + dropped) == sorted(whole) and not set(kept) & set(dropped)
    assert kept == [id for id in whole if id in set(kept)], "in the order of the pool"
    counts = load_example_set(out).counts
    assert counts["read"] == len(whole) == counts["used"] + sum(counts["dropped"].values())
    assert all(line["meaning"] and line["evidence"] and line["step_name"] for line in ledger(out))
    assert damaged_files(out, load_example_set(out)) == []
    assert load_example_set(out).parents == {"example_set": load_example_set(pool).content_hash}


def test_dropped_rows_are_read_back_whole(pool: Path, tmp_path: Path) -> None:
    out = curate(settings(pool, out_dir=tmp_path / "out"), recipe(tmp_path, "steps: [exact_duplicates]"))
    rows = {example.id: example for example in read_examples(pool)}
    found = list(read_dropped(out))
    assert len(found) == 6
    for example, against in found:
        assert example == rows[example.id]
        assert rows[against["evidence"]["same_as"]].messages == example.messages


def test_the_same_again(pool: Path, tmp_path: Path) -> None:
    mine = recipe(tmp_path, "steps: [random]")
    first, second, other = (
        curate(settings(pool, out_dir=tmp_path / name, size=9, seed=seed), mine)
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert files(first) == files(second) != files(other)
    assert load_example_set(first).counts == load_example_set(second).counts


def test_what_replaces_a_set_and_what_the_recipe_decides_is_told(
    pool: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = recipe(tmp_path, f"steps:\n{STEPS['top']}")
    curate(settings(pool, out_dir=tmp_path / "out", size=9), mine)
    first = capsys.readouterr().err
    assert "replaced" not in first and "its own amount" not in first
    curate(settings(pool, out_dir=tmp_path / "out"), mine)
    again = capsys.readouterr().err
    assert "out is there already, and will be replaced" in again and "keeps 8 rows, its own amount" in again


def test_a_curated_set_is_curated_again(pool: Path, tmp_path: Path) -> None:
    first = curate(settings(pool, out_dir=tmp_path / "a"), recipe(tmp_path, "steps: [exact_duplicates]"))
    second = curate(settings(first, out_dir=tmp_path / "b", size=4), recipe(tmp_path, "steps: [random]"))
    assert {e.id for e in read_examples(second)} < {e.id for e in read_examples(first)}


def test_what_is_asked_for_replaces_the_last_choice_alone(pool: Path, tmp_path: Path) -> None:
    text = "steps:\n  - top: {score: answer_words, keep: {size: 20}}\n  - random: {keep: {size: 10}}\n"
    out = curate(settings(pool, out_dir=tmp_path / "out", size=3), recipe(tmp_path, text))
    assert load_example_set(out).counts["used"] == 3
    assert sum(line["step"] == 1 for line in ledger(out)) == 47 - 20


@pytest.mark.parametrize(
    ("text", "more", "said"),
    [
        ("steps: [random]", {"size": 48}, "48 rows asked for, and 47 to choose from"),
        ("steps: [exact_duplicates, random]", {"size": 47}, "6 of the pool's 47 are left out by earlier steps"),
        ("steps: [exact_duplicates]", {"size": 5}, "keeps every row that its rules let pass"),
        ("steps: [random]", {"fraction": 0.01}, "which is none"),
        ("steps: [random]", {}, "no amount"),
        ("steps: [{score_bounds: {score: answer_words, above: 900}}]", {}, "no row left after step 1"),
        ("steps: [{top: {score: lenght}}]", {"size": 1}, "the score 'lenght'"),
        ("steps: [random]", {"size": 3, "given": ["rewrad=x.jsonl"]}, "--given rewrad"),
    ],
)
def test_mistakes(pool: Path, tmp_path: Path, text: str, more: dict[str, object], said: str) -> None:
    with pytest.raises(UserError) as error:
        curate(settings(pool, out_dir=tmp_path / "out", **more), recipe(tmp_path, text))
    assert said in str(error.value)
    assert not (tmp_path / "out").exists()


def test_the_pool_and_other_peoples_folders_are_left_alone(pool: Path, tmp_path: Path) -> None:
    full = recipe(tmp_path, "steps: []")
    for out_dir in (pool, tmp_path):
        with pytest.raises(UserError):
            curate(settings(pool, out_dir=out_dir), full)
    out = curate(settings(pool, out_dir=tmp_path / "out"), full)
    assert curate(settings(pool, out_dir=out), full) == out, "a curated set is replaced"


def test_a_step_that_breaks_the_contract_is_our_bug(pool: Path, tmp_path: Path) -> None:
    from dataclasses import replace

    from lit_gpt.curation.step import Drop

    class Liar:
        REASONS = {"because": "It is so."}  # noqa: RUF012

        def __init__(self, *drops: Drop) -> None:
            self.found = drops

        def drops(self, rows: object, bench: object) -> tuple[Drop, ...]:
            return self.found

    full = recipe(tmp_path, "steps: []")
    id = next(read_examples(pool)).id
    for drops in [(Drop("nobody", "because"),), (Drop(id, "unheard_of"),), (Drop(id, "because"), Drop(id, "because"))]:
        with pytest.raises(ValueError, match="contract"):
            curate(settings(pool, out_dir=tmp_path / "out"), replace(full, steps=(("liar", Liar(*drops)),)))


def test_report_and_facts(pool: Path, tmp_path: Path) -> None:
    mine = recipe(tmp_path, "steps:\n" + STEPS["exact"] + STEPS["top"])
    out = curate(settings(pool, out_dir=tmp_path / "out", report=True), mine)
    facts = read_json(out / "curation.json")
    assert facts["n_kept"] == 8 and facts["n_pool"] == 47
    assert [stage["n_out"] for stage in facts["stages"]] == [41, 8]
    assert facts["composition"][0]["before"] == 47 and facts["composition"][0]["after"] == 8
    (score,) = facts["scores"]
    assert score["with_length"] == pytest.approx(1.0) and sum(score["kept"]) == 8
    page = (out / "report.html").read_text()
    assert page == curation_report(facts), "of curation.json alone"
    assert "exact duplicate" in page and "<script" not in page and "http-equiv" in page
    assert "after step 2, top by answer_words" in page
    assert "A kept answer has 36 words at the median, one left out" in page

"""Merging loses nothing silently, keeps every origin, and never moves a row to another side."""

import json
from collections import Counter

import pytest

from lit_gpt.cli import CommandLine, parse
from lit_gpt.data.merge import merge_sets
from lit_gpt.data.merge_settings import MergeSettings
from lit_gpt.data.store import load_example_set, read_examples
from lit_gpt.errors import UserError
from lit_gpt.manifest import damaged_files
from lit_gpt.tokens.merge import merge as merge_with_tokens
from lit_gpt.tokens.settings import TokenSettings
from lit_gpt.tokens.store import prepared_token_sets
from tests.data.sets import exchanges, prepared, sides


def merge(folder, *names, out="merged", tokens=None, **settings):
    data = folder / "data"
    chosen = MergeSettings(sources=list(names), destination_path=data / out, **settings)
    folders = [data / name for name in names]
    if tokens is None:
        return merge_sets(folders, chosen)
    return merge_with_tokens(folders, chosen, TokenSettings(tokens, max_seq_length=64))


def rejects(directory):
    return [json.loads(line) for line in (directory / "rejects.jsonl").read_text().splitlines()]


def by_source(directory, split="train"):
    return Counter(example.provenance.source for example in read_examples(directory, split))


def test_everything_is_taken_and_every_row_accounted_for(tmp_path):
    prepared(tmp_path, "a", exchanges("a", 60))
    prepared(tmp_path, "b", exchanges("b", 40))
    merged = merge(tmp_path, "a", "b")
    manifest = load_example_set(merged)
    counts = manifest.counts
    assert counts["read"] == 100 == counts["used"] + sum(counts["dropped"].values()) and not counts["dropped"]
    assert counts["train"] + counts["validation"] == 100 and counts["validation"] > 0
    assert manifest.parents == {name: load_example_set(tmp_path / "data" / name).content_hash for name in "ab"}
    assert damaged_files(merged, manifest) == [] and rejects(merged) == []
    human = manifest.verdicts["train"]["human"]
    assert human == dict(by_source(merged))


def test_of_equal_rows_the_first_stays_and_names_all_origins(tmp_path):
    shared_rows = exchanges("x", 3)
    prepared(tmp_path, "a", [*exchanges("a", 20), *shared_rows])
    prepared(tmp_path, "b", [*shared_rows, *exchanges("b", 20), *shared_rows[:1]], origin="llm", generator="gpt-4")
    merged = merge(tmp_path, "a", "b")
    assert load_example_set(merged).counts["dropped"] == {"exact_duplicate": 4}
    rows = {row.id: row for split in sides(merged).values() for row in split}
    origins = [[origin.source for origin in rows[f"a-{number:06d}"].also_from] for number in (19, 20, 21, 22)]
    assert origins == [[], ["b", "b"], ["b"], ["b"]]
    assert {reject["same_as"] for reject in rejects(merged)} == {"a-000020", "a-000021", "a-000022"}
    # what a model wrote, too, is not people's any more
    verdicts = load_example_set(merged).verdicts
    assert sum(verdicts[split].get("llm-restricted", {}).get("a", 0) for split in sides(merged)) == 3


def test_merging_merged_sets_keeps_all_origins(tmp_path):
    for name in "abc":
        prepared(tmp_path, name, [*exchanges("x", 1), *exchanges(name, 12)])
    merge(tmp_path, "a", "b", out="ab")
    merged = merge(tmp_path, "ab", "c", out="abc")
    found = [row for split in sides(merged).values() for row in split if row.also_from]
    assert [[origin.source for origin in row.also_from] for row in found] == [["b", "c"]]


def test_no_row_changes_side_when_rows_are_added(tmp_path):
    prepared(tmp_path, "a", exchanges("a", 150))
    prepared(tmp_path, "b", exchanges("b", 150), fraction=0.5)  # on other sides in its own set
    alone, both = merge(tmp_path, "a", out="alone"), merge(tmp_path, "a", "b", out="both")
    side_of = {row.content_hash: side for side, rows in sides(both).items() for row in rows}
    for side, rows in sides(alone).items():
        assert rows and all(side_of[row.content_hash] == side for row in rows)


def test_a_near_duplicate_of_a_held_out_row_does_not_train(tmp_path):
    long = [{"instruction": f"tell {i}", "output": " ".join(f"w{i}x{k}" for k in range(60))} for i in range(80)]
    edited = [{**row, "output": row["output"].replace("x59", "z")} for row in long]  # one word in 62
    prepared(tmp_path, "a", long)
    prepared(tmp_path, "b", edited)
    merged = merge(tmp_path, "a", "b")
    found = [reject for reject in rejects(merged) if reject["reason"] == "near_duplicate_of_validation"]
    rows = sides(merged)
    held_out = {row.id: row for row in rows["validation"]}
    assert found and all(reject["close_to"] in held_out and 0.9 < reject["similarity"] < 1 for reject in found)
    numbers = {row.id[2:] for row in rows["validation"]}
    assert not numbers & {row.id[2:] for row in rows["train"]}
    everything = merge(tmp_path, "a", "b", out="all", near_duplicate_threshold=0.0)
    assert load_example_set(everything).counts["dropped"] == {}


def test_repetition_is_explicit(tmp_path):
    prepared(tmp_path, "a", exchanges("a", 10), fraction=0.0)
    prepared(tmp_path, "b", exchanges("b", 30), fraction=0.0)
    merged = merge(tmp_path, "a", "b", repeat=[3, 1], val_split_fraction=0.0)
    counts = load_example_set(merged).counts
    assert by_source(merged) == {"a": 30, "b": 30} and counts["used"] == 40 and counts["train"] == 60
    assert counts["sources"]["a"]["times_per_epoch"] == {"least": 3, "most": 3}
    ids = [row.id for row in read_examples(merged)]
    assert ids[:3] == ["a-000000", "a-000000~2", "a-000000~3"] and len(set(ids)) == 60


def test_rows_by_weight_and_budget(tmp_path):
    prepared(tmp_path, "a", exchanges("a", 100), fraction=0.0)
    prepared(tmp_path, "b", exchanges("b", 100), fraction=0.0)
    merged = merge(tmp_path, "a", "b", weights=[3, 1], budget_rows=80, val_split_fraction=0.0)
    assert by_source(merged) == {"a": 60, "b": 20}
    assert load_example_set(merged).counts["dropped"] == {"not_drawn": 120}
    larger = merge(tmp_path, "a", "b", out="larger", weights=[3, 1], budget_rows=100, val_split_fraction=0.0)
    assert {row.id for row in read_examples(merged)} < {row.id for row in read_examples(larger)}
    other = merge(tmp_path, "a", "b", out="other", weights=[3, 1], budget_rows=80, seed=7, val_split_fraction=0.0)
    assert {row.id for row in read_examples(merged)} != {row.id for row in read_examples(other)}


def test_temperature(tmp_path):
    prepared(tmp_path, "a", exchanges("a", 160), fraction=0.0)
    prepared(tmp_path, "b", exchanges("b", 10), fraction=0.0)
    merged = merge(tmp_path, "a", "b", mix="temperature", temperature=2.0, val_split_fraction=0.0)
    assert by_source(merged) == {"a": 40, "b": 10}  # 4 : 1, and no row of b twice


def test_held_out_rows_are_thinned_like_their_source(tmp_path):
    prepared(tmp_path, "a", exchanges("a", 200))
    prepared(tmp_path, "b", exchanges("b", 200))
    whole, merged = merge(tmp_path, "a", "b", out="whole"), merge(tmp_path, "a", "b", weights=[4, 1])
    share = by_source(merged)["b"] / by_source(whole)["b"]
    assert by_source(merged, "validation")["b"] == round(share * by_source(whole, "validation")["b"])
    assert by_source(merged, "validation")["a"] == by_source(whole, "validation")["a"]


def test_a_budget_of_tokens_is_what_training_sees(tmp_path, tiny_base):
    prepared(tmp_path, "a", exchanges("a", 80))
    prepared(tmp_path, "b", exchanges("b", 80))
    merged = merge(tmp_path, "a", "b", tokens=tiny_base, weights=[1, 3], budget_tokens=2_000)
    _, tokens = next(prepared_token_sets(merged))
    n_tokens = tokens.counts["train"]["tokens"]
    assert 2_000 - 64 < n_tokens <= 2_000
    sources = load_example_set(merged).counts["sources"]
    assert sum(source["train_tokens"] for source in sources.values()) == n_tokens
    assert abs(sources["b"]["train_tokens"] - 1_500) < 64
    assert tokens.verdicts == load_example_set(merged).verdicts


def test_the_same_merge_leaves_what_is_there(tmp_path):
    prepared(tmp_path, "a", exchanges("a", 20))
    before = (merge(tmp_path, "a") / "manifest.json").read_bytes()
    assert (merge(tmp_path, "a") / "manifest.json").read_bytes() == before


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"sources": []}, "--sources"),
        ({"weights": [1.0]}, "--weights"),
        ({"repeat": [0, 1]}, "--repeat"),
        ({"weights": [0.0, 0.0]}, "--weights"),
        ({"mix": "all", "budget_rows": 5}, "--budget_rows"),
        ({"mix": "temperature"}, "--temperature"),
        ({"temperature": 2.0, "weights": [1.0, 1.0]}, "--weights"),
        ({"mix": "rows", "temperature": 2.0}, "--temperature"),
        ({"budget_rows": 5, "budget_tokens": 5}, "--budget_rows"),
        ({"mix": "tokens", "budget_rows": 5}, "--budget_rows"),
        ({"near_duplicate_threshold": 1.5}, "--near_duplicate_threshold"),
        ({"val_split_fraction": 1.0}, "--val_split_fraction"),
    ],
)
def test_settings_that_cannot_be(settings, named):
    with pytest.raises(UserError) as error:
        MergeSettings(**{"sources": ["a", "b"], **settings})
    assert error.value.got.startswith(named)


def test_sets_that_cannot_be_merged(tmp_path):
    a = prepared(tmp_path, "a", exchanges("a", 5))
    again = prepared(tmp_path / "more", "a", exchanges("a", 5))
    settings = MergeSettings(sources=["a", "a"], destination_path=tmp_path / "out")
    with pytest.raises(UserError, match="two sources"):
        merge_sets([a, again], settings)
    with pytest.raises(UserError, match="source and destination"):
        merge_sets([a], MergeSettings(sources=["a"], destination_path=a))
    with pytest.raises(UserError, match="without --checkpoint_dir"):
        merge_with_tokens([a], MergeSettings(sources=["a"], budget_tokens=9), TokenSettings())
    (a / "train.parquet").write_bytes(b"damaged")
    with pytest.raises(UserError, match="not what its manifest says"):
        merge_sets([a], MergeSettings(sources=["a"], destination_path=tmp_path / "out"))


def test_lists_are_typed_as_one_would():
    def main(merge: MergeSettings):
        return merge

    flags = ["--sources", "lima", "007", "--weights", "1", "2.5", "--repeat", "[10, 1]", "--seed", "3"]
    merge = parse(CommandLine(main, summary="x"), flags)["merge"]
    assert (merge.sources, merge.weights, merge.repeat, merge.seed) == (["lima", "007"], [1.0, 2.5], [10, 1], 3)

"""`prepare_world.py` from the command line: the set, the labels beside it, a second run, and a user's mistakes."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from lit_gpt import read_examples
from lit_gpt.data.world.labels import label_schema
from lit_gpt.data.world.pool import FINAL_RATES, World
from lit_gpt.files import sha256_of
from lit_gpt.manifest import read_manifest
from tests.test_user_mistakes import assert_mistake, run

SCRIPT = "scripts/prepare_world.py"
N_ROWS, N_TESTS, SEED = 1_500, 120, 9
FLAGS = ("--n_rows", N_ROWS, "--n_test", N_TESTS, "--seed", SEED, "--defects", "true", "--final", "true")
SPLITS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    done = run(folder, SCRIPT, *FLAGS)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "data/world"
    return folder


@pytest.fixture(scope="module")
def rows():
    return list(World(SEED, 0.1, N_ROWS, N_TESTS, has_defects=True, is_final=True).rows())


def labels(folder: Path, split: str) -> list[dict]:
    return pq.read_table(folder / "data" / "world-labels" / f"{split}.parquet").to_pylist()


def test_the_set_holds_the_rows_of_the_world(folder, rows):
    for split in SPLITS:
        examples = list(read_examples(folder / "data" / "world", split=split))
        expected = [row for row in rows if row.split == split]
        assert [example.messages for example in examples] == [row.messages for row in expected]
        assert [example.category for example in examples] == [row.kind.name for row in expected]
    assert len(list(read_examples(folder / "data" / "world", split="test"))) == N_TESTS


def test_every_row_has_its_label_and_no_other(folder, rows):
    by_messages = {}
    for row in rows:
        by_messages.setdefault((row.messages, row.split), []).append(row)
    for split in SPLITS:
        examples, table = list(read_examples(folder / "data" / "world", split)), labels(folder, split)
        assert [label["id"] for label in table] == [example.id for example in examples]
        for example, label in zip(examples, table, strict=True):
            row = by_messages[example.messages, split].pop(0)
            assert (label["kind"], label["group"], label["level"]) == (row.kind.name, row.group, row.level)
            assert (label["wording"], label["defect"]) == (row.wording, row.defect)
    assert not any(by_messages.values())


def test_the_table_is_of_the_set_and_counts_what_is_in_it(folder, rows):
    manifest = read_manifest(folder / "data" / "world-labels", "labels")
    assert manifest.parents == {"example_set": read_manifest(folder / "data" / "world", "example_set").content_hash}
    found = [label["defect"] for split in SPLITS for label in labels(folder, split)]
    assert manifest.counts == {"defects": {d or "none": found.count(d) for d in sorted(set(found))}}
    assert set(found) == {"", *FINAL_RATES} and not any(label["defect"] for label in labels(folder, "test"))
    for split in SPLITS:
        schema = pq.read_schema(folder / "data" / "world-labels" / f"{split}.parquet")
        assert schema.equals(label_schema()) and schema.names == ["id", "kind", "group", "level", "wording", "defect"]


def test_the_set_itself_holds_no_trace_of_a_defect(folder, rows):
    data_dir = folder / "data" / "world"
    assert sorted(path.name for path in data_dir.iterdir()) == [
        "manifest.json", "rejects.jsonl", "test.parquet", "train.parquet", "validation.parquet"
    ]  # fmt: skip
    assert not (data_dir / "rejects.jsonl").read_bytes()
    for split in SPLITS:
        table = pq.read_table(data_dir / f"{split}.parquet").to_pylist()
        of_split = [row for row in rows if row.split == split]
        assert len({json.dumps({**row["provenance"], "row": 0, "line": 0}) for row in table}) == 1
        for row, truth in zip(table, of_split, strict=True):
            assert row.keys() == {"id", "content_hash", "messages", "provenance", "category", "also_from"}
            besides_messages = json.dumps([row["id"], row["provenance"], row["category"]])
            assert not [name for name in FINAL_RATES if name in besides_messages]
            assert row["provenance"]["row"] == int(row["id"].removeprefix("world-"))
            assert rows[row["provenance"]["row"]].messages == truth.messages


def test_the_manifest_tells_rates_and_no_counts_of_defects(folder):
    manifest = json.loads((folder / "data" / "world" / "manifest.json").read_text())
    assert manifest["settings"].pop("defects") == FINAL_RATES
    assert not [name for name in FINAL_RATES if name in json.dumps(manifest)]
    assert manifest["counts"]["used"] == N_ROWS + N_TESTS and manifest["counts"]["dropped"] == {}


def test_a_second_run_changes_nothing(folder):
    def hashes() -> dict[str, str]:
        return {str(path): sha256_of(path) for path in sorted(folder.rglob("*.parquet"))}

    manifests = [folder / "data" / name / "manifest.json" for name in ("world", "world-labels")]
    before, contents = hashes(), [json.loads(path.read_text())["content_hash"] for path in manifests]
    set_manifest = manifests[0].read_bytes()
    done = run(folder, SCRIPT, *FLAGS)
    assert done.returncode == 0 and "left as it is" in done.stderr
    assert hashes() == before and len(before) == 6
    assert [json.loads(path.read_text())["content_hash"] for path in manifests] == contents
    assert manifests[0].read_bytes() == set_manifest


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--n_rows", 0), "--n_rows 0"),
        (("--n_rows", -5), "--n_rows -5"),
        (("--n_rows", "many"), "--n_rows many"),
        (("--n_test", 0), "--n_test 0"),
        (("--defects", "maybe"), "--defects maybe"),
        (("--source", "mine.csv"), "made by a program"),
        (("--revision", "main"), "made by a program"),
        (("--val_split_fraction", 1), "--val_split_fraction"),
        (("--defect", "true"), "unknown setting: defect"),
    ],
)
def test_mistakes(tmp_path, words, said):
    assert_mistake(run(tmp_path, SCRIPT, *words), said)
    assert not list(tmp_path.iterdir()), "nothing was begun"


def test_what_lies_where_the_labels_go_is_not_replaced(tmp_path):
    mine = tmp_path / "mine-labels" / "notes.txt"
    mine.parent.mkdir()
    mine.write_text("months of work")
    done = run(tmp_path, SCRIPT, "--n_rows", 5, "--n_test", 2, "--destination_path", "mine")
    assert_mistake(done, "mine-labels", "notes.txt")
    assert mine.read_text() == "months of work"


def test_options_show_in_the_set(tmp_path):
    """Another seed, other rows; the same tests."""
    sets = []
    for seed in (1, 2):
        done = run(tmp_path, SCRIPT, "--n_rows", 20, "--n_test", 12, "--seed", seed, "--destination_path", f"w{seed}")
        assert done.returncode == 0, done.stderr
        sets.append({split: [e.messages for e in read_examples(tmp_path / f"w{seed}", split)] for split in SPLITS})
    one, other = sets
    assert one["test"] == other["test"] and one["train"] != other["train"]


def test_labels_are_on_the_side_of_their_rows_where_all_rows_are_held_out(tmp_path):
    flags = ("--n_rows", 3, "--n_test", 2, "--val_split_fraction", 0.999, "--destination_path", "data/world")
    assert run(tmp_path, SCRIPT, *flags).returncode == 0
    for split in SPLITS:
        examples = read_examples(tmp_path / "data" / "world", split)
        assert [label["id"] for label in labels(tmp_path, split)] == [example.id for example in examples]

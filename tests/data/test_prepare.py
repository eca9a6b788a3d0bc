"""From a file to an ExampleSet, as `prepare_examples` does it."""

import json
import subprocess
import sys

import pyarrow.parquet as pq
import pytest

from lit_gpt.data.prepare import prepare_examples
from lit_gpt.data.settings import DataSettings
from lit_gpt.data.sources import lima, user_file
from lit_gpt.data.store import count_examples, find_example_sets, load_example_set, read_examples
from lit_gpt.errors import UserError
from tests.data.files import write

ROWS = [{"instruction": f"question {i}", "input": "", "output": f"answer {i}"} for i in range(200)]


def json_lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.fixture
def prepare(tmp_path):
    """Prepare rows, or a file's bytes, into `tmp_path / out`."""

    def run(data, name="mine.jsonl", source=None, **settings):
        path = write(tmp_path, name, data if isinstance(data, str | bytes) else json_lines(data))
        chosen = DataSettings(source=str(path), destination_path=tmp_path / "out", **settings)
        return prepare_examples(source or user_file.source("mine"), chosen)

    return run


def both(directory):
    return [list(read_examples(directory, split)) for split in ("train", "validation")]


def test_each_row_is_on_one_side_and_says_where_it_comes_from(prepare):
    train, validation = both(prepare(ROWS))
    assert 5 < len(validation) < 40
    examples = sorted(train + validation, key=lambda example: example.id)
    assert [example.id for example in examples] == [f"mine-{i:06d}" for i in range(200)]
    assert [example.messages[1].content for example in examples] == [row["output"] for row in ROWS]
    provenance = examples[7].provenance
    assert (provenance.source, provenance.row, provenance.licence, provenance.origin) == (
        "mine",
        7,
        "unknown",
        "unknown",
    )
    assert provenance.revision.startswith("sha256:")


def test_parquet_read_by_itself_says_the_same(prepare):
    directory = prepare([{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}] * 3)
    rows = pq.read_table(directory / "train.parquet").to_pylist()
    assert rows == [example.to_row() for example in read_examples(directory)]
    assert [set(row) for row in rows] == [{"id", "content_hash", "messages", "provenance", "category", "also_from"}] * 3
    assert rows[0]["messages"][0] == {"role": "user", "content": "q", "input": ""}


def test_the_split_is_stable_when_rows_are_added_and_puts_copies_together(prepare):
    first = {example.content_hash for example in both(prepare(ROWS[:100]))[1]}
    train, validation = both(prepare(ROWS[100:] + ROWS + ROWS))
    second = {example.content_hash for example in validation}
    assert first < second
    assert not second & {example.content_hash for example in train}
    assert len(train) + len(validation) == 500


def test_every_row_left_out_is_counted_and_can_be_read_back(prepare, capsys):
    bad = ['{"instruction": "x"\n', json.dumps({"instruction": "x", "output": " "}) + "\n", "[1]\n", "[2]\n"]
    directory = prepare("".join(bad[:2]) + json_lines(ROWS[:10]) + "".join(bad[2:]))
    counts = load_example_set(directory).counts
    assert counts["dropped"] == {"empty_output": 1, "invalid_json": 1, "not_an_object": 2}
    assert counts["read"] == 14 == counts["used"] + sum(counts["dropped"].values())
    rejects = [json.loads(line) for line in (directory / "rejects.jsonl").read_text().splitlines()]
    assert [(reject["file"], reject["line"]) for reject in rejects] == [("mine.jsonl", n) for n in (1, 2, 13, 14)]
    assert rejects[1]["text"] == bad[1].strip()
    train, validation = both(directory)
    assert min(example.provenance.row for example in train + validation) == 2
    message = capsys.readouterr().err
    assert "14 rows read = 10 used + 4 dropped" in message
    assert "dropped 2  not_an_object" in message


def test_cut_turns_are_counted(prepare):
    directory = prepare(json_lines([{"conversations": ["q", "a", "q2"]}]), source=lima.source())
    assert load_example_set(directory).counts["noted"] == {"trailing_user_turn_cut": 1}


@pytest.mark.parametrize("fraction", [0.01, 0.99], ids=["none held out", "all held out"])
def test_a_set_too_small_to_split_trains_on_everything_and_says_so(prepare, capsys, fraction):
    train, validation = both(prepare(ROWS[:2], val_split_fraction=fraction))
    assert (len(train), validation) == (2, [])
    assert "too few rows" in capsys.readouterr().err


def test_fraction_zero_is_no_complaint(prepare, capsys):
    assert count_examples(prepare(ROWS, val_split_fraction=0.0), "validation") == 0
    assert "too few" not in capsys.readouterr().err


def test_the_same_rows_again_leave_the_set_and_its_tokens_alone(prepare, capsys):
    directory = prepare(ROWS)
    (directory / "tokens").mkdir()
    before = (directory / "manifest.json").stat()
    assert prepare(ROWS) == directory
    after = (directory / "manifest.json").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert (directory / "tokens").is_dir()
    assert "left as it is" in capsys.readouterr().err


def test_other_rows_replace_the_set_and_its_tokens_but_keep_scores(prepare):
    directory = prepare(ROWS)
    (directory / "tokens").mkdir()
    (directory / "scores").mkdir()
    prepare(ROWS[1:])
    assert load_example_set(directory).counts["read"] == 199
    assert not (directory / "tokens").exists()
    assert (directory / "scores").exists()


def test_a_damaged_set_is_written_again(prepare):
    directory = prepare(ROWS)
    (directory / "train.parquet").write_bytes(b"")
    assert count_examples(prepare(ROWS)) > 150


def test_the_content_hash_is_a_function_of_the_input_alone(prepare, tmp_path):
    first = load_example_set(prepare(ROWS)).content_hash
    (tmp_path / "out").rename(tmp_path / "moved")
    assert load_example_set(prepare(ROWS)).content_hash == first
    assert load_example_set(prepare(ROWS, seed=43)).content_hash != first


@pytest.mark.parametrize(
    ("name", "data", "got", "expected"),
    [
        ("a.csv", "", "no rows in a.csv, read as CSV", "instruction and output, or messages"),
        ("a.csv", "instruction,input,output\n", "no rows in a.csv", "instruction and output, or messages"),
        ("a.csv", "left,right\nq,a\n", "columns: left, right", "instruction and output, or messages"),
        ("a.json", "[]", "no rows in a.json, read as JSON array", "instruction and output, or messages"),
        ("a.jsonl", '{"question": "q"}\n', "columns: question", "instruction and output, or messages"),
        ("a.jsonl", "[1]\n", "1 rows and none of them usable (not_an_object 1)", "instruction and output, or messages"),
        ("a.csv", "instruction,output\nq,\n", "empty_output 1", "instruction and output"),
    ],
)
def test_a_file_without_a_usable_row_is_refused_and_nothing_is_left(prepare, tmp_path, name, data, got, expected):
    with pytest.raises(UserError) as error:
        prepare(data, name)
    assert got in error.value.got
    assert expected in error.value.expected
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_destination_with_other_things_in_it_is_not_touched(prepare, tmp_path):
    precious = tmp_path / "out"
    precious.mkdir()
    write(precious, "thesis.tex", "x")
    with pytest.raises(UserError, match=r"thesis\.tex"):
        prepare(ROWS)
    (precious / "thesis.tex").unlink()
    write(prepare(ROWS), "notes.md", "x")
    with pytest.raises(UserError, match=r"notes\.md"):
        prepare(ROWS[1:])


def test_sets_are_found_and_misspelt_ones_refused(prepare, tmp_path):
    directory = prepare(ROWS)
    (tmp_path / "other").mkdir()
    write(tmp_path / "other", "manifest.json", '{"kind": "run"}')
    assert find_example_sets(tmp_path) == [directory]
    with pytest.raises(UserError, match="no prepared data set"):
        read_examples(tmp_path / "nowhere")
    with pytest.raises(UserError) as misspelt:
        read_examples(directory.with_name(f"{directory.name}s"))
    assert misspelt.value.do == f"did you mean {directory}?"
    with pytest.raises(UserError, match="split 'test'"):
        read_examples(directory, "test")


def test_a_summary_shows_the_first_row_and_the_licence(prepare, capsys):
    prepare(ROWS, source=user_file.source("mine", licence="CC0-1.0", origin="human"))
    message = capsys.readouterr().err
    assert "licence CC0-1.0, origin human" in message
    assert "assistant: answer 0" in message


MEASURE = """
import resource, sys
from pathlib import Path
from lit_gpt.data.prepare import prepare_examples
from lit_gpt.data.settings import DataSettings
from lit_gpt.data.sources import alpaca
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
prepare_examples(alpaca.source(), DataSettings(source=sys.argv[1], destination_path=Path(sys.argv[2])))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_preparing_52_000_rows_stays_within_1_gib(shared, tmp_path):
    command = [sys.executable, "-c", MEASURE, str(shared / "data/instructions/alpaca_52k"), str(tmp_path / "out")]
    grown_mib = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert grown_mib < 1024
    assert count_examples(tmp_path / "out") + count_examples(tmp_path / "out", "validation") == 51_953

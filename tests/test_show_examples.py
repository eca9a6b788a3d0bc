"""scripts/show_examples.py: rows to browse, the way of one row, and what was left out, by reason."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lit_gpt.data.settings import DataSettings
from lit_gpt.data.sources import user_file
from lit_gpt.data.store import read_examples
from lit_gpt.data.subset import write_subset
from lit_gpt.tokens.prepare import prepare
from lit_gpt.tokens.settings import TokenSettings

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def data_dir(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty rows, one of them much too long, and three bad ones."""
    folder = tmp_path_factory.mktemp("shown")
    rows = [{"instruction": f"Question {i}", "output": f"Answer {i}"} for i in range(60)]
    rows[7]["output"] = "word " * 400
    bad = [{"instruction": "Empty", "output": " "}, {"instruction": "Empty too", "output": ""}]
    lines = [json.dumps(row) for row in [*rows[:30], *bad, *rows[30:]]] + ['{"instruction": "cut off']
    (folder / "mine.jsonl").write_text("\n".join(lines))
    settings = DataSettings(source=str(folder / "mine.jsonl"), destination_path=folder / "data", val_split_fraction=0.2)
    return prepare(user_file.source("mine"), settings, TokenSettings(tiny_base, max_seq_length=256))


def show(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / "scripts/show_examples.py", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)


def test_why_follows_a_row_to_its_line(data_dir: Path) -> None:
    example = next(
        e
        for split in ("train", "validation")
        for e in read_examples(data_dir, split)
        if "word" in e.messages[1].content
    )
    for name in (example.id, example.content_hash[:12]):
        told = show("--data_dir", data_dir, "--why", name)
        assert told.returncode == 0, told.stderr
        assert "read from     mine.jsonl, line 8" in told.stdout
        assert example.content_hash in told.stdout
        assert "trimmed" in told.stdout


def test_why_tells_of_a_row_that_was_dropped_and_of_one_that_never_was(data_dir: Path) -> None:
    told = show("--data_dir", data_dir, "--why", "mine-000030")
    assert "empty_output" in told.stdout
    assert "mine.jsonl, line 31" in told.stdout
    unknown = show("--data_dir", data_dir, "--why", "mine-999999")
    assert unknown.returncode == 2
    assert "neither holds nor dropped" in unknown.stderr


def test_why_looks_through_the_sets_a_set_was_made_of(data_dir: Path) -> None:
    id = next(read_examples(data_dir)).id
    part = write_subset(
        data_dir, data_dir.with_name("part"), lambda e: {"reason": "not_wanted"} if e.id == id else None, {}
    )
    told = show("--data_dir", part, "--why", id).stdout
    assert f"{part}: dropped" in told
    assert "not_wanted" in told
    assert f"{data_dir}: train" in told


def test_dropped_rows_by_reason(data_dir: Path) -> None:
    everything = show("--data_dir", data_dir, "--dropped")
    assert everything.returncode == 0, everything.stderr
    assert "2 dropped: empty_output" in everything.stdout
    assert "1 dropped: invalid_json" in everything.stdout
    one = show("--data_dir", data_dir, "--dropped", "empty_output", "--n_rows", 1).stdout
    assert "1 of them not shown" in one
    assert "invalid_json" not in one
    assert "Empty" in one
    wrong = show("--data_dir", data_dir, "--dropped", "empty_outputs")
    assert wrong.returncode == 2
    assert "did you mean empty_output" in wrong.stderr


def test_rows_can_be_browsed_in_order_and_by_their_text(data_dir: Path, tiny_base: Path) -> None:
    common = ("--data_dir", data_dir, "--checkpoint_dir", tiny_base)
    first, third = (show(*common, "--start", start, "--n_rows", 1).stdout for start in (0, 2))
    train = list(read_examples(data_dir))
    assert first.startswith(train[0].id)
    assert third.startswith(train[2].id)
    held_out = next(read_examples(data_dir, "validation"))
    found = show(*common, "--split", "validation", "--contains", held_out.messages[1].content).stdout
    assert found.startswith(held_out.id)
    assert "no such row" in show(*common, "--contains", "nowhere").stderr

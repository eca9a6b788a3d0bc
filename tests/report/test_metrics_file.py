"""The journal as a report reads it: each step once, torn and strange lines left out by name."""

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from lit_gpt.report.metrics_file import METRICS, Metrics, number, settled_metrics


def write(folder: Path, *records: object, torn: str = "") -> Path:
    (folder / METRICS).write_text("".join(json.dumps(record) + "\n" for record in records) + torn)
    return folder


def read(folder: Path) -> Metrics:
    metrics = settled_metrics(folder)
    assert metrics is not None
    return metrics


def test_steps_and_validations(tmp_path: Path) -> None:
    write(tmp_path, {"step": 0, "val_loss": 6.0}, {"step": 1, "train_loss": 5.0}, {"step": 2, "train_loss": 4.0})
    metrics = read(tmp_path)
    assert metrics.series("train_loss") == [(1, 5.0), (2, 4.0)]
    assert metrics.series("val_loss") == [(0, 6.0)]
    assert metrics.last("train_loss") == 4.0
    assert metrics.last("tokens") is None


def test_a_resume_undoes_what_came_after_it(tmp_path: Path) -> None:
    steps = [{"step": n, "train_loss": float(n)} for n in (1, 2, 3, 4)]
    again = [{"step": 3, "train_loss": 33.0}]
    write(tmp_path, *steps, {"step": 4, "val_loss": 1.0}, {"resumed_at": 2}, *again)
    metrics = read(tmp_path)
    assert metrics.series("train_loss") == [(1, 1.0), (2, 2.0), (3, 33.0)]
    assert metrics.series("val_loss") == []
    assert (metrics.resumed_at, metrics.n_repeated) == ([2], 3)


def test_a_torn_last_line_is_left_out_as_the_journal_leaves_it(tmp_path: Path) -> None:
    # even one that would parse: it is not known to be whole
    write(tmp_path, {"step": 1, "train_loss": 5.0}, torn='{"step": 2, "train_loss": 4.0}')
    metrics = read(tmp_path)
    assert metrics.is_torn
    assert metrics.series("train_loss") == [(1, 5.0)]
    assert metrics.unread_lines == []


def test_lines_that_are_no_records_are_named(tmp_path: Path) -> None:
    write(tmp_path, {"step": 1, "train_loss": 5.0}, [1], "x", {"step": "2"}, {"step": True}, None, {"resumed_at": "x"})
    metrics = read(tmp_path)
    assert metrics.unread_lines == [2, 3, 4, 5, 6, 7]
    assert metrics.series("train_loss") == [(1, 5.0)]


def test_bytes_that_are_no_json_are_named(tmp_path: Path) -> None:
    (tmp_path / METRICS).write_bytes(b'\xff\xfe\n{"step": 1, "train_loss": NaN}\n' + b"[" * 100_000 + b"\n\n")
    metrics = read(tmp_path)
    assert metrics.unread_lines == [1, 3, 4]
    assert metrics.series("train_loss") == []


def test_none_without_a_journal(tmp_path: Path) -> None:
    assert settled_metrics(tmp_path) is None


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists, max_leaves=3))
def test_only_finite_numbers_are_numbers(value: object) -> None:
    found = number(value)
    assert found is None or (found == value and not isinstance(value, bool))
    assert number(10**400) is None

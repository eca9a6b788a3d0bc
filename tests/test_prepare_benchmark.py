"""benchmarks/prepare.py: both sides do the same work on the same rows."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq

from lit_gpt.data.store import SPLITS, read_examples

ROOT = Path(__file__).resolve().parents[1]


def test_ours_and_datasets_make_the_same_rows(tmp_path: Path) -> None:
    rows = [{"instruction": f"q{i}", "input": "i" * (i % 2), "output": "a" * (i % 3)} for i in range(30)]
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    command = [sys.executable, ROOT / "benchmarks/prepare.py", "--source", tmp_path / "rows.json", "--n_rows", "90"]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "home")}
    out = tmp_path / "out"
    done = subprocess.run([*map(str, command), "--work_dir", str(out)], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "times the rows per CPU second" in done.stderr
    results = json.loads((out / "results.json").read_text())
    for step in ("prepare", "merge"):
        assert results[f"{step}, ours"]["n_used"] == results[f"{step}, datasets"]["n_used"] == 60
    for name in ("", "-merged"):
        ours = [e.content_hash for split in SPLITS for e in read_examples(out / f"ours{name}", split)]
        tables = [pq.read_table(out / f"datasets{name}" / f"{split}.parquet").to_pylist() for split in SPLITS]
        assert sorted(row["content_hash"] for table in tables for row in table) == sorted(ours)

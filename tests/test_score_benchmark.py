"""benchmarks/score.py runs, compares what both ways say, and tells the ratio."""

import json
import math
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_both_ways_agree_and_the_ratio_is_of_their_speeds(tiny_base: Path, tmp_path: Path) -> None:
    out = tmp_path / "speed.json"
    flags = f"--n_rows 24 --n_theirs 4 --pieces 2 --max_tokens 200 --checkpoint_dir {tiny_base} --out {out}".split()
    command = [sys.executable, "benchmarks/score.py", *flags]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    record = json.loads(out.read_text())
    assert [way["rows"] for way in record.values()] == [24, 4, 4]
    packed, padded = record["packed"], record["one by one, padded"]
    assert math.isclose(padded["packed_is_faster"][0], packed["rows_per_s"] / padded["rows_per_s"])
    assert done.stdout.splitlines()[-1] == str(out) and "packed over one by one:" in done.stdout

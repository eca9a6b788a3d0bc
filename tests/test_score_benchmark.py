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
    packed, padded = record["packed"], record["one by one, padded"]
    assert [way["rows"] for way in record.values()] == [24, 4, 4]
    for job in (padded["ifd"], padded["perplexity and ifd"]):
        faster = job["packed_is_faster"]["rows_per_cpu_s"]
        assert math.isclose(faster, packed["rows_per_cpu_s"] / job["rows_per_cpu_s"])
    assert padded["perplexity and ifd"]["rows_per_cpu_s"] < padded["ifd"]["rows_per_cpu_s"]
    assert done.stdout.splitlines()[-1] == str(out) and "one by one, perplexity and ifd " in done.stdout

"""The command: it writes one file, prints its path, and tells a user's mistakes in three lines."""

import subprocess
import sys
from pathlib import Path

from tests.report.build import items, write_evaluation, write_run

SCRIPT = Path(__file__).resolve().parents[2] / "scripts/write_report.py"
SHARES = {"trained kinds": 0.5, "new wordings": 0.5, "new kinds": 0.5}


def call(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, SCRIPT, *map(str, words)], capture_output=True, text=True, check=False)


def test_it_writes_the_report_beside_the_run(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", tmp_path / "data")
    evaluation = write_evaluation(tmp_path / "e", items(24, SHARES, 1))
    commands = ["python a.py --x 'y: z'", "python b.py # [1]"]
    done = call("--run_dir", run, "--after", evaluation, "--command", commands[0], "--command", commands[1])
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{run / 'report.html'}\n"
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "python a.py --x &#x27;y: z&#x27;</code><code>python b.py # [1]</code>" in page
    # the data set and the base are found through the run's settings
    assert "2,020" in page
    assert "checkpoints/toy/base" in page


def test_mistakes_of_a_user(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", tmp_path / "data")
    for words, got in [
        (["--run_dir", tmp_path], "holds no run"),
        (["--run_dir", run, "--before", tmp_path], "has no manifest.json"),
        (["--run_dir", run, "--before", run], "holds a run"),
        (["--run_dir", run, "--power_w", "-3"], "--power_w -3"),
        (["--run_dir", run, "--samples", tmp_path / "nothing.json"], "nothing.json"),
        (["--run_dir", run, "--out", run], None),
    ]:
        done = call(*words)
        assert done.returncode == (2 if got else 4), done.stderr
        assert done.stderr.startswith("got: ") and (got or "") in done.stderr
        assert "Traceback" not in done.stderr
    (run / "hyperparameters.yaml").write_text("- a\n- b\n")
    assert call("--run_dir", run).returncode == 2

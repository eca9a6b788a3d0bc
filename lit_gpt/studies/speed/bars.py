"""The bars of the speed benchmark: which library, in which environment, with which flags; run one after the other.

Each bar is a process of its own and prints one JSON line (benchmarks/peers/meter.py). A bar whose environment is not
there is skipped with that as the reason; one that fails is told with what it said last.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LIMIT_S = 1800


@dataclass(frozen=True)
class Bar:
    """`environment` is the folder of the interpreter's environment, under --peers_dir; None is this one."""

    name: str
    script: str
    flags: tuple[str, ...] = ()
    environment: str | None = None


BARS = (
    Bar("litgpt", "with_litgpt.py", (), "litgpt"),
    Bar("TRL + peft, padded", "with_trl.py", ("--batching", "padded"), "trl"),
    Bar("TRL + peft, packed", "with_trl.py", ("--batching", "packed"), "trl"),
    Bar("TRL + peft, grouped by length", "with_trl.py", ("--batching", "grouped"), "trl"),
    Bar("torchtune, padded", "with_torchtune.py", ("--batching", "padded"), "torchtune"),
    Bar("torchtune, packed", "with_torchtune.py", ("--batching", "packed"), "torchtune"),
    Bar("ours, plain", "with_ours.py", ("--fast", "false")),
    Bar("ours", "with_ours.py"),
    Bar("ours, checkpointing", "with_ours.py", ("--checkpointing",)),
    # what one changes when memory runs out (tutorials/out_of_memory.md)
    Bar("ours, half the micro-batch", "with_ours.py", ("--micro_blocks", "1")),
    Bar("ours, nf4", "with_ours.py", ("--quantize", "nf4")),
    Bar("ours, rows of 512 at most", "with_ours.py", ("--length", "512")),
)

Result = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """Where things are: the bars' scripts, the environments of the peers, the fixture, and a folder to work in."""

    scripts: Path
    peers: Path
    fixture: Path
    work: Path
    environment: Mapping[str, str]  # of the processes


def run_bars(bars: Sequence[Bar], place: Place, dtype: str, steps: int) -> Iterator[Result]:
    """One result a bar: what it printed, or {"bar": name, "skipped": reason}."""
    for bar in bars:
        python = place.peers / bar.environment / "bin/python" if bar.environment else Path(sys.executable)
        if not python.exists():
            reason = f"no {python}; pip install -r benchmarks/requirements-bench-{bar.environment}.txt there"
            yield {"bar": bar.name, "skipped": reason}
            continue
        work = place.work / f"{place.fixture.name}-{dtype}-{bar.script.removesuffix('.py')}"
        command = [python, place.scripts / bar.script, *bar.flags, "--fixture", place.fixture, "--work_dir", work]
        found = _run([*map(str, command), "--dtype", dtype, "--steps", str(steps)], place.environment)
        yield found | {"bar": bar.name}


def _run(command: list[str], environment: Mapping[str, str]) -> Result:
    one_core = {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}
    try:
        done = subprocess.run(command, env={**environment, **one_core}, capture_output=True, text=True, timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        return {"skipped": f"not done after {LIMIT_S} s"}
    lines = [line for line in done.stdout.splitlines() if line.startswith('{"tokens_per_cpu_s"')]
    if done.returncode or not lines:
        return {"skipped": f"it failed: {(done.stderr.strip().splitlines() or ['no word'])[-1]}"}
    result: Result = json.loads(lines[-1])
    return result

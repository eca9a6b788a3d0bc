"""Measure LoRA finetuning beside litgpt, TRL + peft and torchtune: useful tokens a processor second, training memory.

    python benchmarks/speed.py                       # or: make bench
    python benchmarks/speed.py --fixtures head --dtypes bf16 --only ours

The same model of random weights, rows of instruction lengths, LoRA of rank 16 on every linear and some 2,000 token
slots a micro-batch, one thread, each library in a process and an environment of its own:

    python3.11 -m venv out/benchmarks/peers/trl
    out/benchmarks/peers/trl/bin/pip install -r benchmarks/requirements-bench-trl.txt

Fixture `head` has a large vocabulary for its size, as small models do; in `body` the head's share is a 7B's. Processor
seconds and not wall time are compared, for other work on the machine should not decide. Linux.
"""

import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from lit_gpt.cli import run_command


@dataclass(frozen=True)
class BenchmarkSettings:
    """What to measure.

    Args:
        fixtures: head, body or tiny
        dtypes: fp32 or bf16
        only: bars whose name begins so; all by default
        steps: optimizer steps, of which the first is not counted; 40 of `--only ours` draw better curves
        peers_dir: where the peers' environments lie: litgpt, trl, torchtune
        out_dir: fixtures, raw results (results.jsonl), the table (table.md), losses of our two ways (curves.html)
    """

    fixtures: list[Literal["head", "body", "tiny"]] = field(default_factory=lambda: ["head", "body"])
    dtypes: list[Literal["fp32", "bf16"]] = field(default_factory=lambda: ["fp32", "bf16"])
    only: str = ""
    steps: int = 4
    peers_dir: Path = Path("out/benchmarks/peers")
    out_dir: Path = Path("out/benchmarks/speed")


def main(benchmark: BenchmarkSettings) -> Path:
    from lit_gpt.studies.speed.bars import BARS, Place, run_bars
    from lit_gpt.studies.speed.curves import curves_page
    from lit_gpt.studies.speed.fixture import write_fixture
    from lit_gpt.studies.speed.table import table, useful_share

    out = benchmark.out_dir.resolve()
    out.mkdir(parents=True, exist_ok=True)
    bars = [bar for bar in BARS if bar.name.startswith(benchmark.only)]
    scripts, peers = Path(__file__).resolve().parent / "peers", benchmark.peers_dir.resolve()
    tables, results_of = [], {}
    with open(out / "results.jsonl", "a", encoding="utf-8") as log:
        for name in benchmark.fixtures:
            fixture = write_fixture(out / "fixtures" / name, name)
            place = Place(scripts, peers, fixture, out / "work", os.environ)
            for dtype in benchmark.dtypes:
                results = []
                for result in run_bars(bars, place, dtype, benchmark.steps):
                    results.append(result)
                    print(f"{name} {dtype} {len(results)}/{len(bars)}: {result}", file=sys.stderr)
                    log.write(json.dumps({"fixture": name, "dtype": dtype, **result}) + "\n")
                    log.flush()
                results_of[f"{name}, {dtype}"] = results
                tables.append(f"## {name}, {dtype}\n\n{table(results, useful_share(fixture))}\n")
                print(tables[-1], file=sys.stderr)
    (out / "table.md").write_text("\n".join(tables), encoding="utf-8")
    (out / "curves.html").write_text(curves_page(results_of), encoding="utf-8")
    return out / "table.md"


if __name__ == "__main__":
    run_command(main)

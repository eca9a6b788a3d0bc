"""The cost of curating: rows a second and peak memory of whole commands, at several sizes of one pool.

    python scripts/prepare_world.py --defects true --n_rows 100000 --val_split_fraction 0.01 \\
        --destination_path data/pool
    python benchmarks/curation_cost.py --data_dir data/pool --sizes 10000 30000 99000

Each size is a random draw from the pool, curated by each recipe in a process of its own, report and all; clock and CPU
seconds and the peak are that process's, its start included. Embeddings lie on disk and are read a block at a time.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lit_gpt.cli import run_command
from lit_gpt.errors import UserError

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class CostSettings:
    """What is curated.

    Args:
        data_dir: the prepared set that the sizes are drawn from
        sizes: rows of each draw
        recipes: names of configs/curate
        fraction: how much a recipe that chooses keeps
        out_dir: where the draws and results go
    """

    data_dir: Path
    sizes: list[int] = field(default_factory=lambda: [10_000, 30_000, 100_000])
    recipes: list[str] = field(default_factory=lambda: ["clean", "lift-variety"])
    fraction: float = 0.2
    out_dir: Path = Path("out/curate_cost")

    def __post_init__(self) -> None:
        if not self.sizes or min(self.sizes) < 1:
            raise UserError(f"--sizes {' '.join(map(str, self.sizes))}", "numbers above 0", "correct --sizes")
        if not self.recipes:
            raise UserError("no --recipes", "names of configs/curate", "name one or more")


def main(cost: CostSettings) -> Path:
    from lit_gpt.files import write_json

    cost.out_dir.mkdir(parents=True, exist_ok=True)
    records = []
    for record in _records(cost):
        records.append(record)
        print("{recipe:14} {rows:9,} rows {clock_s:8.1f} s {cpu_s:8.1f} CPU s".format(**record), end=" ")
        print("{rows_per_cpu_s:8,.0f} rows/CPU s   peak {peak_mem_gib:.2f} GiB".format(**record), flush=True)
        write_json(cost.out_dir / "cost.json", records)
    return cost.out_dir / "cost.json"


def _records(cost: CostSettings) -> Iterator[dict[str, Any]]:
    for size in cost.sizes:
        drawn = cost.out_dir / f"pool-{size}"
        _curate(cost.data_dir, "random", drawn, "--size", str(size), "--report", "false")
        for recipe in cost.recipes:
            amount = ["--fraction", str(cost.fraction)] if _chooses(recipe) else []
            out_dir = cost.out_dir / f"pool-{size}-{recipe}"
            yield {"recipe": recipe, "rows": size, **_curate(drawn, recipe, out_dir, *amount)}


def _chooses(recipe: str) -> bool:
    from lit_gpt.curation.recipes import find_recipe, read_recipe
    from lit_gpt.curation.step import is_chooser

    found = read_recipe(find_recipe(recipe, ROOT / "configs" / "curate"))
    return any(is_chooser(step) for _, step in found.steps)


def _curate(data_dir: Path, recipe: str, out_dir: Path, *more: str) -> dict[str, float]:
    """Run the command; what it cost."""
    flags = ["--data_dir", str(data_dir), "--recipe", recipe, "--out_dir", str(out_dir), *more]
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, ROOT / "scripts" / "curate.py", *flags], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    clock_s = time.perf_counter() - began
    if status:
        raise UserError(f"scripts/curate.py {' '.join(flags)}, which failed", "a recipe that runs", "see above")
    with open(out_dir / "manifest.json", encoding="utf-8") as file:
        n_rows = json.load(file)["counts"]["read"]
    cpu_s = usage.ru_utime + usage.ru_stime
    unit = 1 if sys.platform == "darwin" else 1024
    peak_mem_gib = usage.ru_maxrss * unit / 2**30
    return {"clock_s": clock_s, "cpu_s": cpu_s, "rows_per_cpu_s": n_rows / cpu_s, "peak_mem_gib": peak_mem_gib}


if __name__ == "__main__":
    run_command(main)

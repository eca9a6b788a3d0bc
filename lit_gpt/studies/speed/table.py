"""The speed table: each bar beside litgpt, in useful tokens a processor second and in training memory.

Bars that pad at random draw lucky or unlucky batches in a few steps: their slots a second are multiplied with the
useful share that batches of four rows have in the mean over many draws of this fixture.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

RANDOMLY_PADDED = ("litgpt", "TRL + peft, padded", "torchtune, padded")
N_DRAWS, ROWS_A_BATCH = 2000, 4
BASE = "litgpt"
COLUMNS = ["bar", "useful tokens a CPU second", "× litgpt", "training memory, MB", "× litgpt", "of the limit"]
COLUMNS += ["first step, s"]


def useful_share(fixture: Path) -> float:
    """Mean over many batches of ROWS_A_BATCH rows drawn at random: tokens over slots."""
    rows = json.loads((fixture / "data/train.json").read_text("utf-8"))
    lengths = np.array([len(row["instruction"].split()) + len(row["output"].split()) + 1 for row in rows])
    drawn = np.random.default_rng(0).choice(lengths, (N_DRAWS, ROWS_A_BATCH))
    return float(drawn.sum() / (ROWS_A_BATCH * drawn.max(axis=1).sum()))


def tokens_per_cpu_s(result: dict[str, Any], expected_share: float) -> float:
    """Useful ones; of bars that pad at random, in the mean over batches."""
    if result["bar"] not in RANDOMLY_PADDED:
        return float(result["tokens_per_cpu_s"])
    return float(result["tokens_per_cpu_s"] / result["useful_share"] * expected_share)


def table(results: Sequence[dict[str, Any]], expected_share: float) -> str:
    """Markdown; ratios are to litgpt where it ran."""
    ran = [result for result in results if "skipped" not in result]
    speeds = {result["bar"]: tokens_per_cpu_s(result, expected_share) for result in ran}
    memory = {result["bar"]: result["training_mb"] for result in ran}
    lines = [f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|"]
    for result in results:
        name = result["bar"]
        if "skipped" in result:
            lines.append(f"| {name} | skipped: {result['skipped']} | | | | | |")
            continue
        ratios = [f"{x[name] / x[BASE]:.2f}" if BASE in x else "" for x in (speeds, memory)]
        share = ""
        if "matmul_flop_per_s" in result:
            share = f"{speeds[name] * result['flop_per_token'] / result['matmul_flop_per_s']:.2f}"
        cells = [f"{speeds[name]:,.0f}", ratios[0], f"{memory[name]:,.0f}", ratios[1], share]
        lines.append(f"| {name} | {' | '.join(cells)} | {result['first_step_s']:.1f} |")
    return "\n".join(lines)

"""How a candidate's trainings went: the loss of their steps, few enough points for a page to draw.

From each run's metrics.jsonl. A point is the mean over the trainings, and over the steps up to it since the point
before; a step that a run skipped, or that its journal does not hold, is left to the other runs.
"""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from lit_gpt.report.metrics_file import settled_metrics

MOST_POINTS = 60  # of a small chart; more are not seen


def training_curve(run_dirs: Iterable[Path]) -> dict[str, Any]:
    """Points (step, nats a target token), how many steps each is the mean of, and of how many trainings."""
    runs = [metrics.series("train_loss") for path in run_dirs if (metrics := settled_metrics(path))]
    n_steps = max((int(step) for series in runs for step, _ in series), default=0)
    a_point = max(1, math.ceil(n_steps / MOST_POINTS))
    losses: dict[int, list[float]] = {}
    for step, loss in (point for series in runs for point in series):
        last = min(n_steps, math.ceil(step / a_point) * a_point)
        losses.setdefault(last, []).append(loss)
    points = [[step, float(np.mean(losses[step]))] for step in sorted(losses)]
    return {"points": points, "steps_a_point": a_point, "n_trainings": len(runs)}

"""Exact match before and after finetuning on the sound world, on several seeds, beside answers without a model."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lit_gpt.data.world.row import TRAINED_KINDS
from lit_gpt.evaluation.resampling import hierarchical_interval
from lit_gpt.evaluation.results import Judged, read_judged
from lit_gpt.studies.embedded_settings import StudySettings
from lit_gpt.studies.workbench import Workbench

WANTED_GAIN = 0.2  # of a kind, to be counted among those that gained


def before_and_after(bench: Workbench, study: StudySettings) -> dict[str, Any]:
    """Train and evaluate on each seed; the numbers by group and by kind."""
    before: dict[str, Judged] = {}
    after: list[dict[str, Judged]] = []
    baselines: dict[str, Any] = {}
    for seed in range(study.n_seeds):
        data_dir = bench.world(f"world-{seed}", seed, n_rows=study.n_rows, n_test=study.n_test)
        before = before or read_judged(bench.evaluate("before", data_dir))
        run_dir = bench.train(f"world-{seed}", data_dir, seed)
        after.append(read_judged(bench.evaluate(f"after-{seed}", data_dir, run_dir / "best")))
        baselines = baselines or _baselines(bench, data_dir)
    groups = sorted({item.group for item in before.values()})
    kinds = sorted({item.kind for item in before.values() if item.group == TRAINED_KINDS})
    gains = {kind: _numbers(before, after, TRAINED_KINDS, kind) for kind in kinds}
    return {
        "n_seeds": study.n_seeds,
        "groups": {group: _numbers(before, after, group) for group in groups},
        "kinds": gains,
        "n_kinds": len(gains),
        "n_kinds_that_gain": sum(numbers["rise"] >= WANTED_GAIN for numbers in gains.values()),
        "baselines": baselines,
    }


def _numbers(
    before: Mapping[str, Judged], after: Sequence[Mapping[str, Judged]], group: str, kind: str | None = None
) -> dict[str, Any]:
    """Of the items of a group, and of a kind within it: before, after, and the rise with its interval."""
    ids = [id for id, item in before.items() if item.group == group and kind in (None, item.kind)]
    was_N = np.array([before[id].is_correct for id in ids], float)
    is_SN = np.array([[judged[id].is_correct for id in ids] for judged in after], float)
    rise = hierarchical_interval(is_SN - was_N)
    return {
        "n_items": len(ids),
        "before": was_N.mean(),
        "after": is_SN.mean(),
        "after_by_seed": list(is_SN.mean(axis=1)),
        "rise": rise.value,
        "rise_interval": [rise.low, rise.high],
    }


def _baselines(bench: Workbench, data_dir: Path) -> dict[str, Any]:
    """The share right, by group, of answers that need no model."""
    shares: dict[str, Any] = {}
    for method in ("constant", "copy-nearest"):
        judged = read_judged(bench.evaluate(method, data_dir, method=method)).values()
        groups = sorted({item.group for item in judged})
        shares[method] = {
            group: float(np.mean([item.is_correct for item in judged if item.group == group])) for group in groups
        }
    return shares

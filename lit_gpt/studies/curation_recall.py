"""What each way to choose rows finds of a pool's planted defects, at one kept share; the labels are read here alone.

For every method: the share of sound rows among those kept (precision), and for every kind of defect the share of its
rows left out (recall). A method that leaves rows out by chance leaves out 1 - kept share of each kind; a method is
said to find a kind where it leaves out more than that by two standard errors, to prefer it where it keeps more.
Methods run under the local model and local stand-ins, so this is no verdict on the published ones under theirs.
Not covered: difficulty-balanced (the base answers 0 % of every kind, so it is a draw by kind), MoDS's last third and
InstructMining (their models), cleaning and decontamination (not in this room).
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np

from lit_gpt.checkpoint import checkpoint_hashes
from lit_gpt.curation.selection.coverage import facility_location, k_center, qdit
from lit_gpt.curation.selection.necessity import seed_rows
from lit_gpt.curation.selection.order import beyond, count_of, top_k
from lit_gpt.curation.selection.redundancy import unlike_each_other
from lit_gpt.curation.selection.targets import Checkpoint, less, rds_plus
from lit_gpt.curation.selection.variety import lift_variety
from lit_gpt.evaluation.labels import read_defects
from lit_gpt.files import write_json
from lit_gpt.manifest import Manifest
from lit_gpt.progress import watched
from lit_gpt.studies.curation_recall_settings import RecallSettings
from lit_gpt.studies.curation_scores import Pool
from lit_gpt.studies.workbench import Workbench
from lit_gpt.training.lora_settings import LoraSettings
from lit_gpt.training.settings import ScheduleSettings

KIND = "study"
RESULTS = "results.json"
TABLE = "table.md"
N_TEST = 12  # the pool needs some; nothing here reads them
MODS_QUANTILE = 0.25
N_ERRORS = 2.0  # standard errors beyond chance

Choice = Callable[[Pool, int], Sequence[int]]


def study_curation_recall(study: RecallSettings) -> Path:
    """Judge every method; the directory that holds results.json and table.md."""
    schedule = ScheduleSettings(max_steps=study.learn_steps, batch_size=16, learning_rate=1e-3)
    bench = Workbench(study.out_dir, study.checkpoint_dir, schedule, LoraSettings())
    pool_dir = bench.world("pool", study.seed, n_rows=study.n_rows, n_test=N_TEST, defects=True)
    defects = read_defects(pool_dir.with_name(f"{pool_dir.name}-labels"), "train")
    pool = Pool(study, bench, pool_dir)
    spoilt = [defects[example.id] for example in pool.examples]
    k = count_of(len(spoilt), study.kept_share)
    settings = {name: value for name, value in asdict(study).items() if not name.endswith("_dir")}
    results = {"n_rows": len(spoilt), "k": k, "defects": dict(Counter(spoilt)), "settings": settings}
    judged: dict[str, dict[str, Any]] = {}
    for name, choose in watched(METHODS.items(), "choose", "method", len(METHODS)):
        judged[name] = judge(choose(pool, k), spoilt)
        write_json(study.out_dir / RESULTS, {**results, "methods": judged, "missing": pool.all_missing()})
        (study.out_dir / TABLE).write_text(table(judged), encoding="utf-8")
    Manifest(KIND, checkpoint_hashes(study.checkpoint_dir), settings=settings).write(study.out_dir, [RESULTS, TABLE])
    return study.out_dir


def judge(kept: Sequence[int], spoilt: Sequence[str]) -> dict[str, Any]:
    """Precision, and for each defect what share is left out, with what chance would leave out and its error."""
    is_kept = np.zeros(len(spoilt), bool)
    is_kept[list(kept)] = True
    chance = 1 - is_kept.mean()
    recall, verdict = {}, {}
    for defect in sorted(set(spoilt) - {""}):
        left_out = ~is_kept[[name == defect for name in spoilt]]
        recall[defect] = float(left_out.mean())
        beyond_chance = (recall[defect] - chance) / max(sqrt(chance * (1 - chance) / len(left_out)), 1e-9)
        verdict[defect] = "finds" if beyond_chance > N_ERRORS else "prefers" if beyond_chance < -N_ERRORS else "blind"
    sound = np.array([not name for name in spoilt])
    precision = float(sound[is_kept].mean()) if is_kept.any() else 0.0
    return {"n_kept": int(is_kept.sum()), "precision": precision, "recall": recall, "verdict": verdict}


def table(judged: Mapping[str, Mapping[str, Any]]) -> str:
    """In Markdown; a share found beyond chance is bold, one preferred is in italics."""
    marks = {"finds": "**", "prefers": "_", "blind": ""}
    defects = list(next(iter(judged.values()))["recall"])
    lines = [f"| method | kept | sound | {' | '.join(name.replace('_', ' ') for name in defects)} |"]
    lines += ["|---|" + "---|" * (len(defects) + 2)]
    for name, row in judged.items():
        cells = [f"{m}{100 * row['recall'][d]:.0f}{m}" for d in defects for m in [marks[row["verdict"][d]]]]
        lines += [f"| {name} | {row['n_kept']} | {100 * row['precision']:.1f} | {' | '.join(cells)} |"]
    return "\n".join(lines) + "\n"


def by_score(name: str, highest: bool = True, limit: float | None = None, or_equal: bool = False) -> Choice:
    """The best rows that have a score; of a limit, those not above it only."""

    def choose(pool: Pool, k: int) -> list[int]:
        scores = pool.scores(name)
        there = np.flatnonzero(~np.isnan(scores))
        if limit is not None:
            there = there[beyond(scores[there], limit, or_equal=or_equal, above=False)]
        return there[top_k(scores[there], min(k, len(there)), highest)].tolist()

    return choose


def _deita(pool: Pool, k: int) -> list[int]:
    return unlike_each_other(_filled(pool, "deita"), pool.vectors("hashed"), k)


def _qdit(pool: Pool, k: int) -> list[int]:
    """Half coverage, half the reward's rank from 0 to 1."""
    ranks = _filled(pool, "local-reward").argsort().argsort() / len(pool.examples)
    return qdit(pool.vectors("hashed"), ranks, k, alpha=0.5)


def _mods(pool: Pool, k: int) -> list[int]:
    """Quality is the upper three quarters: the published 0 means nothing to a head that is fitted to differences."""
    rewards = _filled(pool, "local-reward")
    limit = float(np.quantile(rewards, MODS_QUANTILE))
    n_good = len(beyond(rewards, limit, or_equal=False))
    return seed_rows(rewards, pool.vectors("hashed"), min(k, n_good), pool.study.seed, quality_above=limit)


def _less(pool: Pool, k: int) -> list[int]:
    rows, targets = pool.gradients()
    return less([Checkpoint(1.0, rows, targets)], [example.category for example in pool.targets], k)


def _rds_plus(pool: Pool, k: int) -> list[int]:
    tasks = [example.category for example in pool.targets]
    return rds_plus(pool.vectors("states"), pool.target_vectors("states"), tasks, k)


def _filled(pool: Pool, name: str) -> np.ndarray:
    """For methods that need a score of each row: a row without one comes last."""
    scores = pool.scores(name)
    return np.where(np.isnan(scores), np.nanmin(scores) - 1, scores)


def _random(pool: Pool, k: int) -> list[int]:
    return np.random.default_rng(pool.study.seed).permutation(len(pool.examples))[:k].tolist()


METHODS: dict[str, Choice] = {
    "random": _random,
    "longest": by_score("output_length"),
    "shortest": by_score("output_length", highest=False),
    "mtld": by_score("mtld"),
    "word entropy": by_score("word_entropy"),
    "common words": by_score("word_commonness"),
    "low perplexity": by_score("perplexity", highest=False),
    "high perplexity": by_score("perplexity"),
    "ifd (loss, at most 1)": by_score("ifd_loss", limit=1.0, or_equal=True),
    "superfiltering (ppl, below 1)": by_score("ifd_ppl", limit=1.0),
    "low ifd": by_score("ifd_loss", highest=False),
    "far from 6th neighbour": by_score("knn_6"),
    "near 6th neighbour": by_score("knn_6", highest=False),
    "k-center": lambda pool, k: k_center(pool.vectors("hashed"), k, pool.study.seed),
    "facility location": lambda pool, k: facility_location(pool.vectors("hashed"), k),
    "lift-variety": lambda pool, k: lift_variety(pool.vectors("hashed"), k),
    "local reward": by_score("local-reward"),
    "mods (quality, coverage)": _mods,
    "qdit (local reward)": _qdit,
    "rds+": _rds_plus,
    "learnability": by_score("learnability"),
    "deita (own grades)": _deita,
    "less": _less,
}

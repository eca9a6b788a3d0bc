"""What each recipe finds of a pool's planted defects; the labels are read here alone.

For every recipe, over several pools: the share of sound rows among those kept (precision), and for every kind of defect
the share of its rows left out (recall). What leaves rows out by chance leaves out 1 - kept share of each kind; a recipe
is said to find a kind where it leaves out more than that by two standard errors, to prefer it where it keeps more.
Recipes run from their files, as the command line runs them, under the local model and local stand-ins, so this is no
verdict on the published methods under theirs; those that need scores by published models, or a judge, are not run.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np

from lit_gpt.checkpoint import checkpoint_hashes
from lit_gpt.curation.amounts import Amount
from lit_gpt.curation.bench import Bench
from lit_gpt.curation.recipes import Recipe, read_recipe
from lit_gpt.curation.rows import Pool
from lit_gpt.curation.run import scorers_of, with_amount
from lit_gpt.curation.stages import run_steps
from lit_gpt.curation.step import SCORE_MISSING, is_chooser
from lit_gpt.errors import UserError
from lit_gpt.evaluation.labels import read_defects
from lit_gpt.files import write_bytes, write_json
from lit_gpt.manifest import Manifest
from lit_gpt.progress import watched
from lit_gpt.studies.curation_inputs import Inputs, curate_settings
from lit_gpt.studies.curation_recall_settings import RecallSettings
from lit_gpt.training.warm_up import WarmUpSettings

KIND = "study"
RESULTS, TABLE = "results.json", "table.md"
N_ERRORS = 2.0  # standard errors beyond chance
LEARNING_RATE = 3e-3  # of recipes that warm up, as in configs/finetune/quickstart.yaml
OTHERS_MODELS = ("deita", "instructmining-v1", "instructmining-v3", "mods", "mods-necessity")
JUDGED = ("alpagasus", "humpback", "lift", "lift-code", "lift-quality")  # a base of five million weights judges nothing
# beside the recipes, single scores, best first
INDICATORS = {
    "shortest answers": ("output_tokens", "lowest"),
    "longest prompts": ("input_tokens", "highest"),
    "mtld": ("mtld", "highest"),
    "word entropy": ("word_entropy", "highest"),
    "common words": ("word_commonness", "highest"),
    "low perplexity": ("perplexity", "lowest"),
    "high perplexity": ("perplexity", "highest"),
    "low ifd": ("ifd_loss", "lowest"),
    "far from 6th neighbour": ("neighbour_distance", "highest"),
    "near 6th neighbour": ("neighbour_distance", "lowest"),
    "local reward": ("local_reward", "highest"),
    "learnability": ("learnability", "highest"),
}


@dataclass(frozen=True)
class Verdict:
    """One recipe on one pool: which rows it keeps, how many had no score; or why it could not run."""

    is_kept: Sequence[bool]
    n_unscored: int = 0
    failure: str = ""


def study_curation_recall(study: RecallSettings) -> Path:
    """Judge every recipe; the directory that holds results.json and table.md."""
    inputs = Inputs.of(study)
    recipes = [*_recipes(study), *_indicators(study.out_dir / "indicators")]
    spoilt: list[str] = []
    found: dict[str, list[Verdict]] = {recipe.name: [] for recipe in recipes}
    sizes = []
    for seed in range(study.seeds):
        pool_dir = inputs.pool(seed)
        defects = read_defects(pool_dir.with_name(f"{pool_dir.name}-labels"), "train")
        pool = Pool.of(pool_dir)
        spoilt += [defects[id] for id in pool.ids]
        sizes.append(len(pool.ids))
        for recipe in watched(recipes, f"pool {seed}", "recipe", len(recipes)):
            found[recipe.name].append(_run(recipe, pool, inputs, seed))
        _write(study, spoilt, sizes, found)
    checkpoint = checkpoint_hashes(study.checkpoint_dir)
    Manifest(KIND, checkpoint, settings=_settings(study)).write(study.out_dir, [RESULTS, TABLE])
    return study.out_dir


def _recipes(study: RecallSettings) -> Iterator[Recipe]:
    for path in sorted(study.recipes_dir.glob("*.yaml")):
        if path.stem not in (*OTHERS_MODELS, *JUDGED):
            yield read_recipe(path)


def _indicators(folder: Path) -> Iterator[Recipe]:
    """A recipe for each, written down like any other."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (score, order) in INDICATORS.items():
        card = "card: {title: one score, paper: none, formula: by one score, ours: [all], negatives: [untried]}\n"
        path = folder / f"{name}.yaml"
        write_bytes(path, f"{card}steps: [{{top: {{score: {score}, order: {order}}}}}]\n".encode())
        yield read_recipe(path)


def _run(recipe: Recipe, pool: Pool, inputs: Inputs, seed: int) -> Verdict:
    settings = curate_settings(inputs, recipe, seed)
    asked = Amount(fraction=inputs.study.kept_share) if any(is_chooser(step) for _, step in recipe.steps) else None
    recipe = with_amount(recipe, asked)
    warm_up = WarmUpSettings(learning_rate=LEARNING_RATE).finetune(settings.checkpoint_dir, settings.prompt_style)
    scorers = scorers_of(recipe, settings)
    bench = Bench(settings, len(pool.ids), scorers, recipe.embedders, asked=recipe.kept, finetune=warm_up)
    try:
        stages = run_steps(recipe, pool.rows, bench)
    except UserError as error:
        return Verdict([], failure=error.got)
    drops = {id: drop for stage in stages for id, drop in stage.drops.items()}
    n_unscored = sum(drop.reason == SCORE_MISSING for drop in drops.values())
    return Verdict([id not in drops for id in pool.ids], n_unscored)


def _write(study: RecallSettings, spoilt: Sequence[str], sizes: Sequence[int], found: dict[str, list[Verdict]]) -> None:
    """What is known after the pools so far."""
    judged = {name: _summary(verdicts, spoilt, sizes) for name, verdicts in found.items()}
    defects = dict(Counter(spoilt))
    write_json(study.out_dir / RESULTS, {"settings": _settings(study), "defects": defects, "recipes": judged})
    write_bytes(study.out_dir / TABLE, table(judged).encode())


def _settings(study: RecallSettings) -> dict[str, Any]:
    return {name: value for name, value in vars(study).items() if not name.endswith("_dir")}


def _summary(verdicts: Sequence[Verdict], spoilt: Sequence[str], sizes: Sequence[int]) -> dict[str, Any]:
    """All pools together, and the precision of each."""
    if failures := [verdict.failure for verdict in verdicts if verdict.failure]:
        return {"failure": failures[0]}
    parts = np.split(np.array(spoilt), np.cumsum(sizes)[:-1])
    each = [judge(v.is_kept, part.tolist())["precision"] for v, part in zip(verdicts, parts, strict=True)]
    kept = [is_kept for verdict in verdicts for is_kept in verdict.is_kept]
    unscored = sum(verdict.n_unscored for verdict in verdicts)
    return {**judge(kept, spoilt), "precision_of_each": each, "n_unscored": unscored}


def judge(is_kept: Sequence[bool], spoilt: Sequence[str]) -> dict[str, Any]:
    """Precision, and for each defect what share is left out, with what chance would leave out and its error."""
    kept = np.array(is_kept, dtype=bool)
    chance = 1 - kept.mean()
    recall, verdict = {}, {}
    for defect in sorted(set(spoilt) - {""}):
        left_out = ~kept[[name == defect for name in spoilt]]
        recall[defect] = float(left_out.mean())
        beyond_chance = (recall[defect] - chance) / max(sqrt(chance * (1 - chance) / len(left_out)), 1e-9)
        verdict[defect] = "finds" if beyond_chance > N_ERRORS else "prefers" if beyond_chance < -N_ERRORS else "blind"
    sound = np.array([not name for name in spoilt])
    precision = float(sound[kept].mean()) if kept.any() else 0.0
    return {"n_kept": int(kept.sum()), "precision": precision, "recall": recall, "verdict": verdict}


def table(judged: Mapping[str, Mapping[str, Any]]) -> str:
    """In Markdown, most sound rows first; a share found beyond chance is bold, one preferred is in italics."""
    marks = {"finds": "**", "prefers": "_", "blind": ""}
    ran = {name: row for name, row in judged.items() if "failure" not in row}
    defects = list(next(iter(ran.values()))["recall"])
    lines = [f"| recipe | kept | sound | of each pool | {' | '.join(name.replace('_', ' ') for name in defects)} |"]
    lines += ["|---|" + "---|" * (len(defects) + 3)]
    for name, row in sorted(ran.items(), key=lambda pair: -pair[1]["precision"]):
        cells = [f"{m}{100 * row['recall'][d]:.0f}{m}" for d in defects for m in [marks[row["verdict"][d]]]]
        each = " ".join(f"{100 * precision:.0f}" for precision in row.get("precision_of_each", []))
        lines += [f"| {name} | {row['n_kept']} | {100 * row['precision']:.1f} | {each} | {' | '.join(cells)} |"]
    lines += [f"\n{name} could not run: {row['failure']}" for name, row in judged.items() if "failure" in row]
    return "\n".join(lines) + "\n"

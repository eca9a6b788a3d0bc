"""Curating: the recipe's steps one after another, then the curated set with the ledger of what was left out and why.

    rows of the pool = rows of the curated set + rows in the ledger, each with step, reason and evidence

Only training rows are chosen from; validation and test rows go along as they are. The same pool, recipe, settings and
seed give the same files, however often the work was interrupted.
"""

import json
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, cast

from lit_gpt.curation.amounts import Amount
from lit_gpt.curation.bench import Bench, Finetune
from lit_gpt.curation.judging.settings import JudgeSettings
from lit_gpt.curation.needs import check_needs, needs_checkpoint, refuse_unused
from lit_gpt.curation.recipes import Recipe
from lit_gpt.curation.rows import Pool
from lit_gpt.curation.scorers import with_given
from lit_gpt.curation.settings import CurateSettings
from lit_gpt.curation.stages import Stage, run_steps
from lit_gpt.curation.step import Drop, is_chooser
from lit_gpt.data.accounting import say
from lit_gpt.data.store import load_example_set
from lit_gpt.data.subset import write_subset
from lit_gpt.errors import UserError, suggestion

CURATION = "curation.json"
REPORT = "report.html"


def curate(
    settings: CurateSettings, recipe: Recipe, judge: JudgeSettings | None = None, finetune: Finetune | None = None
) -> Path:
    """Write the curated set; returns its folder.

    judge: who grades, where the recipe has somebody grade
    finetune: how a recipe's warm-up trains, where it has one
    """
    began = time.monotonic()
    out_dir = settings.out_dir or settings.data_dir.with_name(f"{settings.data_dir.name}-{recipe.name}")
    check_out_dir(out_dir, settings.data_dir)
    if out_dir.is_dir() and any(out_dir.iterdir()):
        say(f"{out_dir} is there already, and will be replaced; --out_dir names another folder")
    whole = load_example_set(settings.data_dir)
    pool = Pool.of(settings.data_dir)
    recipe = with_amount(recipe, settings.amount)
    bench = replace(bench_of(settings, recipe), n_pool=len(pool.ids), judge=judge, finetune=finetune)
    check_needs(recipe, bench)
    if settings.amount is None and recipe.kept is not None:
        asks = "--size, --fraction, --budget_tokens or --train_hours asks for another"
        say(f"{recipe.name} keeps {recipe.kept.words}, its own amount; {asks}")
    stages = run_steps(recipe, pool.rows, bench)
    against = {id: (stage, drop) for stage in stages for id, drop in stage.drops.items()}
    report = _report(settings, recipe, pool, stages, bench) if settings.report else {}
    write_subset(
        settings.data_dir,
        out_dir,
        lambda example: _ledger_entry(*against[example.id]) if example.id in against else None,
        {
            "name": out_dir.name,
            "curated_from": whole.settings.get("name"),
            "recipe": recipe.settings,
            **_asked(settings),
        },
        report,
        scored_by=sorted(bench.scored_by),
    )
    elapsed_s, n_rows = time.monotonic() - began, len(pool.ids)
    rate = f"{n_rows / elapsed_s:,.0f} rows/s"
    say(f"{n_rows:,} rows in {elapsed_s:.1f} s ({rate}), peak memory of this process {peak_mem_gib():.2f} GiB")
    return out_dir


def bench_of(settings: CurateSettings, recipe: Recipe) -> Bench:
    """Where the recipe, which keeps what was asked for, finds its scores and vectors."""
    return Bench(settings, 0, scorers_of(recipe, settings), recipe.embedders, asked=recipe.kept)


def asks_for_checkpoint(settings: CurateSettings, recipe: Recipe) -> bool:
    """Whether something in it asks a model, or counts by its tokenizer."""
    recipe = with_amount(recipe, settings.amount)
    return needs_checkpoint(recipe, bench_of(settings, recipe))


def refuse_unused_flags(settings: CurateSettings, recipe: Recipe, of_warm_up: Sequence[str] = ()) -> None:
    """UserError for a flag that changes nothing with this recipe."""
    recipe = with_amount(recipe, settings.amount)
    refuse_unused(recipe, bench_of(settings, recipe), of_warm_up)


def peak_mem_gib() -> float:
    """The most this process ever held in memory."""
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB on Linux
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30


def _report(
    settings: CurateSettings, recipe: Recipe, pool: Pool, stages: list[Stage], bench: Bench
) -> dict[str, bytes]:
    """curation.json and the page made from it."""
    from lit_gpt.curation.facts import curation_facts
    from lit_gpt.report.curation_report import curation_report

    facts = curation_facts(settings, recipe, pool, stages, bench)
    written = json.dumps(facts, indent=1, ensure_ascii=True) + "\n"
    return {CURATION: written.encode(), REPORT: curation_report(json.loads(written)).encode()}


def scorers_of(recipe: Recipe, settings: CurateSettings) -> dict[str, Any]:
    """The recipe's scorers, those given as tables in their places; UserError for a --given that nothing asks for."""
    files, inputs = settings.given_files, recipe.inputs
    known = {*recipe.asked_scorers, *inputs}
    for name in files:
        if name not in known:
            do = suggestion(name, known) or "leave it out"
            raise UserError(f"--given {name}=...", f"one of {', '.join(sorted(known)) or '(none)'}", do)
    return with_given(recipe.scorers, {name: path for name, path in files.items() if name not in inputs})


def _asked(settings: CurateSettings) -> dict[str, Any]:
    """What the command line asked for beside the recipe; no path of this machine."""
    amount = asdict(settings.amount) if settings.amount else {}
    challenge = {"challenge": settings.challenge} if settings.challenge else {}
    return {"curation_seed": settings.seed, "missing": settings.missing, **challenge, **amount}


def check_out_dir(out_dir: Path, data_dir: Path) -> None:
    """UserError unless the folder is new, empty or a curated set."""
    if out_dir.resolve() == data_dir.resolve():
        raise UserError(f"--out_dir {out_dir}, which is the pool", "another folder", "choose another --out_dir")
    if not out_dir.exists() or (out_dir.is_dir() and not any(out_dir.iterdir())):
        return
    if not out_dir.is_dir() or "recipe" not in load_example_set(out_dir).settings:
        got = f"--out_dir {out_dir}, which is there already"
        raise UserError(got, "a new folder, or a curated set to replace", "choose another --out_dir")


def with_amount(recipe: Recipe, asked: Amount | None) -> Recipe:
    """The recipe with what is asked for in the place of its last choosing step's own amount."""
    choosers = [place for place, (_, step) in enumerate(recipe.steps) if is_chooser(step)]
    if asked is None:
        return recipe
    if not choosers:
        got = f"{asked.words} asked of {recipe.name}, which keeps every row that its rules let pass"
        raise UserError(got, "a recipe that chooses", "leave the amount out, or add a step such as random")
    steps = list(recipe.steps)
    name, step = steps[choosers[-1]]
    steps[choosers[-1]] = (name, replace(cast(Any, step), keep=asked))
    return replace(recipe, steps=tuple(steps))


def _ledger_entry(stage: Stage, drop: Drop) -> dict[str, Any]:
    return {
        "reason": drop.reason,
        "meaning": stage.meanings[drop.reason],
        "step": stage.number,
        "step_name": stage.step,
        "evidence": dict(drop.evidence),
    }

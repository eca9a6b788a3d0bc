"""Curating: the recipe's steps one after another, then the curated set with the ledger of what was left out and why.

    rows of the pool = rows of the curated set + rows in the ledger, each with step, reason and evidence

Only training rows are chosen from; validation and test rows go along as they are. The same pool, recipe, settings and
seed give the same files, however often the work was interrupted.
"""

import json
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any, cast

from lit_gpt.curation.amounts import Amount, checked_size, within_budget
from lit_gpt.curation.bench import Bench, Finetune
from lit_gpt.curation.judging.settings import JudgeSettings
from lit_gpt.curation.needs import check_needs, needs_checkpoint, required_amount
from lit_gpt.curation.recipes import Recipe
from lit_gpt.curation.rows import Pool, Rows
from lit_gpt.curation.scorers import with_given
from lit_gpt.curation.settings import CurateSettings
from lit_gpt.curation.step import NOT_CHOSEN, SCORE_MISSING, Chooser, Drop, Filter, Ranking, Step, is_chooser
from lit_gpt.data.accounting import say
from lit_gpt.data.store import load_example_set
from lit_gpt.data.subset import write_subset
from lit_gpt.errors import UserError, suggestion

CURATION = "curation.json"
REPORT = "report.html"


@dataclass(frozen=True)
class Stage:
    """What one step did: rows that came, rows that went on, and the drops in between."""

    number: int
    step: str
    n_in: int
    n_out: int
    drops: Mapping[str, Drop]
    meanings: Mapping[str, str]


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
        asks = "--size, --fraction or --budget_tokens asks for another"
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
    return {"curation_seed": settings.seed, "missing": settings.missing, **amount}


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


def run_steps(recipe: Recipe, rows: Rows, bench: Bench) -> list[Stage]:
    """Each step on what the one before let through."""
    stages = []
    say(f"{recipe.name}: {len(rows):,} rows")
    for number, (name, step) in enumerate(recipe.steps, 1):
        drops = apply(step, rows, bench)
        left = rows.without(drops)
        stages.append(Stage(number, name, len(rows), len(left), drops, step.REASONS))
        assert len(rows) == len(left) + len(drops)
        _tell(stages[-1])
        rows = left
        if not len(rows):
            got = f"no row left after step {number} ({name}) of {recipe.name}"
            raise UserError(got, "at least one", "choose less strictly, or take that step out")
    return stages


def apply(step: Step, rows: Rows, bench: Bench) -> dict[str, Drop]:
    """The rows a step leaves out, by id. ValueError for a step that breaks the contract."""
    chooser = is_chooser(step)
    found = choice(cast(Chooser, step), rows, bench) if chooser else cast(Filter, step).drops(rows, bench)
    known, drops = set(rows.ids), dict[str, Drop]()
    for drop in found:
        if drop.id not in known or drop.reason not in step.REASONS or drop.id in drops:
            raise ValueError(f"{type(step).__name__} dropped {drop} against the contract of a step")
        drops[drop.id] = drop
    return drops


def choice(step: Chooser, rows: Rows, bench: Bench) -> Iterable[Drop]:
    """A Drop for every row that the chooser does not keep."""
    keep = required_amount(step)
    n_wanted = keep.n_rows(bench.n_pool)
    if n_wanted is None:
        ranking, n_kept = _within_tokens(step, rows, bench, cast(int, keep.budget_tokens))
    else:
        checked_size(n_wanted, len(rows), bench.n_pool)
        ranking = step.rank(rows, bench, n_wanted)
        n_kept = _enough(n_wanted, ranking, len(rows))
    yield from ranking.excluded
    stays = {*ranking.order[:n_kept]}
    excluded = {drop.id for drop in ranking.excluded}
    ranks = dict(zip(ranking.order, count(1), strict=False))
    for place, id in enumerate(rows.ids):
        if place not in stays and id not in excluded:
            rank = {"rank": ranks[place]} if place in ranks else {}
            yield Drop(id, NOT_CHOSEN, {**ranking.evidence(place), **rank, "kept": n_kept})


def _enough(n_wanted: int, ranking: Ranking, n_rows: int) -> int:
    """UserError where a step ranks fewer rows: the others have no score, are too like those chosen, or match none."""
    n_ranked = len(ranking.order)
    if n_wanted <= n_ranked:
        return n_wanted
    n_unscored = sum(drop.reason == SCORE_MISSING for drop in ranking.excluded)
    why = f"; {n_unscored:,} have no score" if n_unscored else ""
    choosable = f"only {n_ranked:,} of {n_rows:,} that this recipe's last step can choose{why}"
    do = "lower --size or --fraction, or choose less strictly" if n_ranked else "see what the card says its scores need"
    raise UserError(f"{n_wanted:,} rows asked for, and {choosable}", f"at most {n_ranked:,}", do)


def _within_tokens(step: Chooser, rows: Rows, bench: Bench, budget: int) -> tuple[Ranking, int]:
    """The ranking as far as the budget reaches, and how many rows fit."""
    lengths = bench.scores("row_tokens", rows)
    at_least = min(len(rows), int(1.5 * budget / max(float(lengths.mean()), 1.0)) + 1)
    while True:
        ranking = step.rank(rows, bench, at_least)
        n = within_budget([int(lengths[place]) for place in ranking.order], budget)
        if n is not None or at_least == len(rows):
            break
        at_least = min(len(rows), 2 * at_least)
    if n == 0:
        got = f"--budget_tokens {budget:,}, less than the first row has"
        raise UserError(got, "room for one row", "raise --budget_tokens")
    return ranking, len(ranking.order) if n is None else n


def _ledger_entry(stage: Stage, drop: Drop) -> dict[str, Any]:
    return {
        "reason": drop.reason,
        "meaning": stage.meanings[drop.reason],
        "step": stage.number,
        "step_name": stage.step,
        "evidence": dict(drop.evidence),
    }


def _tell(stage: Stage) -> None:
    say(f"  {stage.number}. {stage.step}: {stage.n_in:,} = {stage.n_out:,} + {stage.n_in - stage.n_out:,} dropped")
    for reason, n in Counter(drop.reason for drop in stage.drops.values()).most_common():
        say(f"     dropped {n:,}  {reason}: {stage.meanings[reason]}")

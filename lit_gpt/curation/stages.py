"""Running a recipe's steps one after another, and keeping the books: at each, rows in = rows out + rows dropped.

A chooser ranks; how many of its ranking stay is decided here, by a number of rows or by a budget of tokens.
Not covered: what is written of it (run.py).
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import cast

from lit_gpt.curation.amounts import checked_size, within_budget
from lit_gpt.curation.bench import Bench
from lit_gpt.curation.needs import required_amount
from lit_gpt.curation.recipes import Recipe
from lit_gpt.curation.rows import Rows
from lit_gpt.curation.step import NOT_CHOSEN, SCORE_MISSING, Chooser, Drop, Filter, Ranking, Step, is_chooser
from lit_gpt.data.accounting import say
from lit_gpt.errors import UserError


@dataclass(frozen=True)
class Stage:
    """What one step did: rows that came, rows that went on, and the drops in between."""

    number: int
    step: str
    n_in: int
    n_out: int
    drops: Mapping[str, Drop]
    meanings: Mapping[str, str]


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
        got = f"a budget of {budget:,} tokens, less than the first row has"
        raise UserError(got, "room for one row", "raise --budget_tokens or --train_hours")
    return ranking, len(ranking.order) if n is None else n


def _tell(stage: Stage) -> None:
    say(f"  {stage.number}. {stage.step}: {stage.n_in:,} = {stage.n_out:,} + {stage.n_in - stage.n_out:,} dropped")
    for reason, n in Counter(drop.reason for drop in stage.drops.values()).most_common():
        say(f"     dropped {n:,}  {reason}: {stage.meanings[reason]}")

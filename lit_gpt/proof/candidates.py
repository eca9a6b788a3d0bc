"""The sets that are compared: what each recipe and baseline chooses from the pool, what choosing cost.

Every candidate is asked for the same budget. What chooses by chance is drawn anew with each seed; a recipe that
does not is chosen anew, too, for seeds break its ties, from the scores of the first time. The cost is of the first
time, with no scores at hand: processor seconds of this process and all it starts.

A candidate that has less than the budget (its rules leave no more, or it is a set of the user's) is seen more often,
one that has more (the full pool) less often, so that all train on as many tokens in as many steps.
"""

import resource
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from lit_gpt.curation.bench import Finetune
from lit_gpt.curation.recipes import Recipe
from lit_gpt.curation.run import curate
from lit_gpt.curation.settings import CurateSettings
from lit_gpt.curation.step import is_chooser
from lit_gpt.data.store import TEST, load_example_set, read_columns, split_name
from lit_gpt.errors import UserError
from lit_gpt.files import read_json, write_json
from lit_gpt.proof.settings import ComparisonSettings
from lit_gpt.tokens.prepare import Wanted, find_or_encode

RANDOM, AGAIN, FULL = "random", "random again", "full"
MATCHED = "length-matched"
COST = "cost.json"
AGAIN_SEED = 1_000_000  # far from those of the first draws


@dataclass(frozen=True)
class Candidate:
    """What may be trained on.

    recipe: how it chooses; None for a set that is there already
    like: the candidate whose lengths it takes, for length-matched
    """

    name: str
    recipe: Recipe | None = None
    own_set: Path | None = None
    like: "Candidate | None" = None
    seed_offset: int = 0

    @property
    def way(self) -> Recipe:
        """ValueError for a set that is there already."""
        if self.recipe is None:
            raise ValueError(f"{self.name} is a set, and chooses nothing")
        return self.recipe


@dataclass(frozen=True)
class Chosen:
    """A candidate's rows with one seed. `amount` is tokens, or rows where a number of rows was asked for."""

    data_dir: Path
    n_rows: int
    n_tokens: int
    amount: int


@dataclass(frozen=True)
class Cost:
    """Of choosing, once and with nothing at hand."""

    cpu_s: float
    wall_s: float


@dataclass(frozen=True)
class Choices:
    """Chooses, and remembers under `out_dir`.

    read: finds a recipe by its name
    sets_dir: where the sets go; the default is sets in the comparison's folder
    finetune: how a recipe's warm-up trains
    """

    settings: ComparisonSettings
    read: Callable[[str], Recipe]
    sets_dir: Path | None = None
    finetune: Finetune | None = None

    @cached_property
    def candidates(self) -> list[Candidate]:
        """Random twice, then the baselines, the recipes and the sets."""
        s = self.settings
        random = self.read(RANDOM)
        named = [Candidate(Path(name).stem, self.read(name)) for name in s.recipes]
        named += [Candidate(path.name, own_set=path) for path in s.sets]
        plain = [name for name in s.baselines if name not in (RANDOM, MATCHED)]
        matched = [Candidate(f"{MATCHED} to {each.name}", self.read(MATCHED), like=each) for each in named]
        found = [Candidate(RANDOM, random), Candidate(AGAIN, random, seed_offset=AGAIN_SEED)]
        found += [Candidate(name, self.read(name)) for name in plain]
        found += named + (matched if MATCHED in s.baselines else [])
        _require_different([each.name for each in found])
        for path in s.sets:
            _require_no_held_out(path, s.pool)
        return found

    @cached_property
    def budget(self) -> int:
        """Tokens, or rows, of an epoch."""
        s = self.settings
        if s.size is not None:
            return s.size
        if s.budget_tokens is not None:
            return s.budget_tokens
        if s.sets:
            return min(self.amount_of(path)[1] for path in s.sets)
        return self.amount_of(s.pool)[1] // 10

    def choose(self, candidate: Candidate, seed: int) -> Chosen:
        """The candidate's rows with this seed, chosen now or found."""
        data_dir = candidate.own_set or self._set_dir(candidate, seed)
        if not data_dir.is_dir():
            self._curate(candidate, seed, data_dir)
        n_rows, n_tokens = self.amount_of(data_dir)
        return Chosen(data_dir, n_rows, n_tokens, n_tokens if self.settings.size is None else n_rows)

    def cost(self, candidate: Candidate) -> Cost:
        """Of a candidate that was chosen; nothing for a set of the user's, of which we do not know."""
        path = self._scores_dir(candidate) / COST
        return Cost(**read_json(path)) if path.is_file() else Cost(0.0, 0.0)

    def amount_of(self, data_dir: Path) -> tuple[int, int]:
        """Training rows and tokens as they are trained on."""
        s = self.settings
        wanted = Wanted(s.max_seq_length, s.prompt_style)
        train = find_or_encode(data_dir, s.base, wanted).manifest.counts["train"]
        return int(train["rows"]), int(train["tokens"])

    def _set_dir(self, candidate: Candidate, seed: int) -> Path:
        folder = self.sets_dir or self.settings.out_dir / "sets"
        return folder / f"{_plain(candidate.name)}-{seed}"

    def _scores_dir(self, candidate: Candidate) -> Path:
        return self.settings.out_dir / "scores" / _plain(candidate.name)

    def _curate(self, candidate: Candidate, seed: int, data_dir: Path) -> None:
        s, scores_dir = self.settings, self._scores_dir(candidate)
        is_first = not (scores_dir / COST).is_file()
        if is_first and scores_dir.is_dir():
            shutil.rmtree(scores_dir)  # begun and not finished: its cost would be told too low
        curation = CurateSettings(
            data_dir=s.pool,
            recipe=candidate.way.name,
            **self._amount(candidate, seed),
            out_dir=data_dir,
            seed=seed + candidate.seed_offset,
            checkpoint_dir=s.checkpoint_dir,
            prompt_style=s.prompt_style,
            target_dir=self.choose(candidate.like, seed).data_dir if candidate.like else s.target_dir,
            given=s.given,
            missing="drop",
            scores_dir=scores_dir,
            report=False,
        )
        before = _used()
        curate(curation, candidate.way, finetune=self.finetune)
        if is_first:
            after = _used()
            scores_dir.mkdir(parents=True, exist_ok=True)
            write_json(scores_dir / COST, {"cpu_s": after[0] - before[0], "wall_s": after[1] - before[1]})

    def _amount(self, candidate: Candidate, seed: int) -> dict[str, Any]:
        """What is asked of a recipe: the budget; of a match as many rows as it is like; of one that keeps all that its
        rules let pass, nothing."""
        if candidate.like is not None:
            return {"size": self.choose(candidate.like, seed).n_rows}
        if not any(is_chooser(step) for _, step in candidate.way.steps):
            return {}
        return {"size": self.budget} if self.settings.size is not None else {"budget_tokens": self.budget}


def _plain(name: str) -> str:
    return name.replace(" ", "-")


def _used() -> tuple[float, float]:
    """Processor seconds of this process and its children, and the clock."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages), time.monotonic()


def _require_different(names: list[str]) -> None:
    if twice := [name for name in names if names.count(name) > 1]:
        raise UserError(f"two candidates called {twice[0]}", "names that differ", "leave one out, or rename its folder")


def _require_no_held_out(own_set: Path, pool: Path) -> None:
    """UserError where a set trains on rows that all are measured on."""
    measured = set(_hashes(pool, "validation")) | set(_hashes(pool, TEST))
    n_seen = sum(each in measured for each in _hashes(own_set, "train"))
    if n_seen:
        got = f"{own_set}, of whose training rows {n_seen:,} are held out in {pool}"
        raise UserError(got, "a set that trains on none of them", f"curate it from {pool}")


def _hashes(data_dir: Path, split: str) -> Iterator[str]:
    if split_name(split) in load_example_set(data_dir).files:
        for batch in read_columns(data_dir, split, ("content_hash",)):
            yield from batch.column(0).to_pylist()


def chosen_hashes(data_dir: Path) -> frozenset[str]:
    """The training rows of a set, by their content."""
    return frozenset(_hashes(data_dir, "train"))

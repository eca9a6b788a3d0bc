"""The sets that are compared: what each recipe and baseline chooses from the pool, what choosing cost.

Every candidate is asked for the same budget. What chooses by chance is drawn anew with each seed; a recipe that
does not is chosen anew, too, for seeds break its ties, from the scores of the first time. The cost is of the first
time, with no scores at hand: processor seconds of this process and all it starts, and the clock. A device's seconds are
not metered: where a GPU helps, the clock is the cost.

A candidate that has less than the budget (its rules leave no more, or it is a set of the user's) is seen more often,
one that has more (the full pool) less often, so that all train on as many tokens in as many steps.

Beside every set lies what decided it; where that is no longer what is asked for, nothing goes on.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from lit_gpt.checkpoint import checkpoint_hashes
from lit_gpt.curation.bench import Finetune
from lit_gpt.curation.judging.scorers import asks_judge
from lit_gpt.curation.judging.settings import JudgeSettings
from lit_gpt.curation.models import folder_identity
from lit_gpt.curation.recipes import Recipe
from lit_gpt.curation.run import curate
from lit_gpt.curation.settings import CurateSettings, given_files
from lit_gpt.curation.step import is_chooser
from lit_gpt.data.store import load_example_set
from lit_gpt.errors import UserError
from lit_gpt.files import hash_json, read_json, sha256_of, write_json
from lit_gpt.proof import checks
from lit_gpt.proof.purse import Cost, Purse, used
from lit_gpt.proof.settings import ComparisonSettings
from lit_gpt.tokens.prepare import Wanted, find_or_encode

RANDOM, AGAIN, FULL = "random", "random again", "full"
MATCHED = "length-matched"
COST = "cost.json"
DECIDES = ("judge_model", "judge_temperature", "judge_tokens", "judge_replies")  # the judge's grades
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
class Choices:
    """Chooses, and remembers under `out_dir`.

    read: finds a recipe by its name
    judge: who grades, for recipes that have somebody grade
    sets_dir: where the sets go; the default is sets in the comparison's folder
    shared: the purse, where others pay from it, too
    finetune: how a recipe's warm-up trains
    """

    settings: ComparisonSettings
    read: Callable[[str], Recipe]
    judge: JudgeSettings = JudgeSettings()  # noqa: RUF009 (frozen)
    sets_dir: Path | None = None
    shared: Purse | None = None
    finetune: Finetune | None = None

    @cached_property
    def purse(self) -> Purse:
        return self.shared or Purse.of(self.judge, self.settings.out_dir)

    @cached_property
    def candidates(self) -> list[Candidate]:
        """Random twice, then the baselines, the recipes and the sets."""
        s = self.settings
        checks.require_own_folder(s.out_dir)
        if not (s.recipes or s.sets or set(s.baselines) - {RANDOM}):
            raise UserError("nothing to compare", "a recipe, a set or a baseline beside random", "name one")
        random = self.read(RANDOM)
        named = [Candidate(Path(name).stem, self.read(name)) for name in s.recipes]
        named += [Candidate(path.name, own_set=path) for path in s.sets]
        plain = [name for name in s.baselines if name not in (RANDOM, MATCHED)]
        matched = [Candidate(f"{MATCHED} to {each.name}", self.read(MATCHED), like=each) for each in named]
        found = [Candidate(RANDOM, random), Candidate(AGAIN, random, seed_offset=AGAIN_SEED)]
        found += [Candidate(name, self.read(name)) for name in plain]
        found += named + (matched if MATCHED in s.baselines else [])
        checks.require_different([each.name for each in found])
        checks.require_asked_for(s.given, [each.recipe for each in found if each.recipe])
        for path in s.sets:
            checks.require_no_held_out(path, s.pool)
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

    def require_choice(self) -> None:
        """UserError where the budget leaves nothing to choose: every candidate would be the whole pool."""
        s, is_rows = self.settings, self.settings.size is not None
        is_given, n_pool = is_rows or s.budget_tokens is not None, self.amount_of(s.pool)[0 if is_rows else 1]
        checks.require_smaller(self.budget, n_pool, "size" if is_rows else "budget_tokens", is_given)

    def choose(self, candidate: Candidate, seed: int) -> Chosen:
        """The candidate's rows with this seed, chosen now or found."""
        data_dir = candidate.own_set or self._set_dir(candidate, seed)
        if candidate.own_set is None:
            self._choose(candidate, seed, data_dir)
        n_rows, n_tokens = self.amount_of(data_dir)
        return Chosen(data_dir, n_rows, n_tokens, n_tokens if self.settings.size is None else n_rows)

    def cost(self, candidate: Candidate) -> Cost:
        """Of a candidate that was chosen; nothing for a set of the user's, of which we do not know."""
        path = self._scores_dir(candidate) / COST
        return Cost(**read_json(path)) if path.is_file() else Cost()

    def amount_of(self, data_dir: Path) -> tuple[int, int]:
        """Training rows and tokens as they are trained on."""
        s = self.settings
        wanted = Wanted(s.max_seq_length, s.prompt_style)
        train = find_or_encode(data_dir, s.base, wanted).manifest.counts["train"]
        return int(train["rows"]), int(train["tokens"])

    def _set_dir(self, candidate: Candidate, seed: int) -> Path:
        folder = self.sets_dir or self.settings.out_dir / "sets"
        return folder / f"{plain(candidate.name)}-{seed}"

    def _scores_dir(self, candidate: Candidate) -> Path:
        return self.settings.out_dir / "scores" / plain(candidate.name)

    def _choose(self, candidate: Candidate, seed: int, data_dir: Path) -> None:
        """Unless it is done. UserError where it was done with other settings."""
        record = data_dir.with_name(f"{data_dir.name}.json")
        asked = json.loads(json.dumps(self._decided_by(candidate, seed)))
        if not (data_dir.is_dir() and record.is_file()):
            self._curate(candidate, seed, data_dir)
            write_json(record, asked)  # last: without it, choosing was interrupted
        elif other := [name for name, value in read_json(record).items() if asked.get(name) != value]:
            got = f"{data_dir}, chosen with another {', another '.join(other)}"
            raise UserError(got, "the settings it was chosen with", "give them again, or another --out_dir")

    def _decided_by(self, candidate: Candidate, seed: int) -> dict[str, Any]:
        """Everything that decides which rows are chosen."""
        s = self.settings
        judge = {key: value for key, value in asdict(self.judge).items() if key.startswith(DECIDES)}
        return {
            "pool": load_example_set(s.pool).content_hash,
            "recipe": candidate.way.decisive,
            "seed": seed + candidate.seed_offset,
            "checkpoint": hash_json(checkpoint_hashes(s.base)),
            "prompt_style": s.prompt_style,
            "judge": judge if asks_judge(candidate.way.asked_scorers.values()) else None,
            "given": {name: _identity(path) for name, path in self._given(candidate).items()},
            "target": load_example_set(target).content_hash if (target := self._target(candidate, seed)) else None,
            "warm_up": self.finetune.identity if self.finetune and "warm_up" in dict(candidate.way.steps) else None,
            **self._amount(candidate, seed),
        }

    def _given(self, candidate: Candidate) -> dict[str, Path]:
        """What this recipe asks for of all that is given."""
        wanted = {*candidate.way.asked_scorers, *candidate.way.inputs}
        return {name: path for name, path in given_files(self.settings.given).items() if name in wanted}

    def _target(self, candidate: Candidate, seed: int) -> Path | None:
        return self.choose(candidate.like, seed).data_dir if candidate.like else self.settings.target_dir

    def _curate(self, candidate: Candidate, seed: int, data_dir: Path) -> None:
        s, scores_dir, name = self.settings, self._scores_dir(candidate), plain(candidate.name)
        is_first = not (scores_dir / COST).is_file()
        if is_first and scores_dir.is_dir():
            shutil.rmtree(scores_dir)  # begun and not finished: its cost would be told too low; replies lie elsewhere
        curation = CurateSettings(
            data_dir=s.pool,
            recipe=candidate.way.name,
            **self._amount(candidate, seed),
            out_dir=data_dir,
            seed=seed + candidate.seed_offset,
            score_seed=0,  # the grades of the first time are those of all seeds
            checkpoint_dir=s.checkpoint_dir,
            prompt_style=s.prompt_style,
            target_dir=self._target(candidate, seed),
            given=[f"{each}={path}" for each, path in self._given(candidate).items()],
            missing="drop",
            scores_dir=scores_dir,
            report=False,
        )
        before = used()
        curate(curation, candidate.way, self.purse.settings_for(name), self.finetune)
        if is_first:
            after, paid = used(), self.purse.paid(name)
            dollars = self.purse.dollars(paid) if paid.n_calls else 0.0
            cost = Cost(after[0] - before[0], after[1] - before[1], paid.n_calls, paid.n_in, paid.n_out, dollars)
            scores_dir.mkdir(parents=True, exist_ok=True)
            write_json(scores_dir / COST, asdict(cost))

    def _amount(self, candidate: Candidate, seed: int) -> dict[str, Any]:
        """What is asked of a recipe: the budget; of a match as many rows as it is like; of one that keeps all that its
        rules let pass, nothing."""
        if candidate.like is not None:
            return {"size": self.choose(candidate.like, seed).n_rows}
        if not any(is_chooser(step) for _, step in candidate.way.steps):
            return {}
        if self.settings.size is not None:
            return {"size": self.budget}
        return {"budget_tokens": self.budget, "max_seq_length": self.settings.max_seq_length}


def _identity(path: Path) -> str:
    return sha256_of(path) if path.is_file() else folder_identity(path)


def plain(name: str) -> str:
    """A candidate's name as that of a folder."""
    return name.replace(" ", "-")

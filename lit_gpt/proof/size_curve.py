"""How many tokens of a pool are worth training on: held-out loss and exact match against the size of the subset.

Every recipe and the random draw are trained at each size with several seeds, and measured on the same rows. Whether the
curve falls all the way, or rises in between (InstructMining's "double descent", arXiv 2307.06290, section 5, seen there
once, with one seed), is asked of each two neighbouring sizes: an effect with an interval, as everywhere here.

A search for the best size (BlendSearch, Wang et al. 2021, openreview VbLH04pRA3, by FLAML) looks at one half of the
rows that losses are measured on; what is told of the size it finds comes from the other half, which chose nothing
(size_found.py). The curves are of both halves.
"""

import json
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lit_gpt.curation.judging.settings import JudgeSettings
from lit_gpt.curation.recipes import Recipe
from lit_gpt.errors import UserError
from lit_gpt.files import write_bytes, write_json
from lit_gpt.progress import bar
from lit_gpt.proof.candidates import AGAIN, RANDOM, Candidate, Choices, plain
from lit_gpt.proof.checks import shared_prompts
from lit_gpt.proof.effects import MEASURES, shared_ids, table
from lit_gpt.proof.intervals import LEAST_DRAWS, effect, holm
from lit_gpt.proof.purse import Purse
from lit_gpt.proof.settings import ComparisonSettings
from lit_gpt.proof.size_found import compare_found, losses
from lit_gpt.proof.size_search import search
from lit_gpt.proof.size_settings import SizeSettings
from lit_gpt.proof.trials import Outcome, Trials
from lit_gpt.report.measure_section import is_certain
from lit_gpt.report.size_answer import answer
from lit_gpt.report.size_report import size_report
from lit_gpt.seeds import derive_seed
from lit_gpt.training.lora_settings import LoraSettings
from lit_gpt.training.settings import ScheduleSettings
from lit_gpt.training.warm_up import ShortFinetune

RESULTS, REPORT = "results.json", "report.html"
UNUSED = ("sets", "budget_tokens", "size", "training_seeds", "stop_hopeless", "n_judged")
TOLD = ("seeds", "steps", "max_seq_length", "prompt_style", "n_items", "n_loss_rows", "max_new_tokens")
SIZES = "sizes from --least_tokens to --most_tokens"
ONCE = "each draw at each size trained once, and measured by loss and exact match"
EXPECTED = {"sets": "recipes: a set has one size, a recipe chooses at each", "budget_tokens": SIZES, "size": SIZES}
INSTEAD = {"sets": ", and name its recipe under --recipes; eval/compare_datasets.py compares sets"}

Values = NDArray[np.float64]  # (seeds, items)
Sizes = Mapping[int, list[list[Outcome]]]


@dataclass
class SizeCurve:
    """A study of sizes in progress. `comparison.steps` are those of an epoch of the largest size."""

    comparison: ComparisonSettings
    sizes: SizeSettings
    schedule: ScheduleSettings
    lora: LoraSettings
    read: Callable[[str], Recipe]
    judge: JudgeSettings = JudgeSettings()  # noqa: RUF009 (frozen)
    outcomes: dict[str, dict[int, list[list[Outcome]]]] = field(default_factory=dict)  # candidate -> tokens -> seed
    searched: dict[str, dict[int, list[list[Outcome]]]] = field(default_factory=dict)  # the same of sizes between those
    seen: Counter[tuple[str, int]] = field(default_factory=Counter)  # (candidate, size) -> tokens of all its trainings

    @property
    def out_dir(self) -> Path:
        return self.comparison.out_dir

    @cached_property
    def purse(self) -> Purse:
        return Purse.of(self.judge, self.out_dir)

    @cached_property
    def most_tokens(self) -> int:
        return self.sizes.largest(self._choices(1).amount_of(self.comparison.pool)[1])

    @cached_property
    def trials(self) -> Trials:
        """Those of the largest size."""
        return Trials(self.comparison, self.schedule, self.lora)

    @cached_property
    def candidates(self) -> list[Candidate]:
        return [each for each in self._choices(1).candidates if each.name != AGAIN and each.own_set is None]

    def run(self) -> Path:
        """Train at every size, then search; the directory with results.json and report.html."""
        _require_unused(self.comparison, self.judge)
        names, trials = self.candidates, self.trials  # what is misnamed is told before the pool is read
        grid = self.sizes.grid(self.most_tokens)
        base = trials.measure("base")  # first: what cannot be measured is told before anything is trained
        with bar(len(grid) * len(names) * self.comparison.seeds, "trials", "training") as progress:
            for seed in range(self.comparison.seeds):
                for tokens in grid:
                    for candidate in names:
                        of_size = self.outcomes.setdefault(candidate.name, {}).setdefault(tokens, [])
                        of_size.append([self.trial(candidate, tokens, seed)])
                        progress.update()
        found = self._results(self._search_all())
        split, ids = trials.measured_split, {*base.losses, *base.correct}
        found |= {"base": base.means, "measured_split": split}
        found["prompts_in_pool"] = shared_prompts(self.comparison.pool, split, ids)
        results = json.loads(json.dumps(found))
        write_json(self.out_dir / RESULTS, results)
        write_bytes(self.out_dir / REPORT, size_report(results).encode())
        print(answer(results), file=sys.stderr)
        return self.out_dir

    def trial(self, candidate: Candidate, tokens: int, seed: int) -> Outcome:
        """One training on so many tokens."""
        s = self.comparison
        choices = self._choices(tokens)
        chosen = choices.choose(candidate, seed)
        takes_longer = self.sizes.equal == "steps"
        steps = s.steps if takes_longer else max(1, round(s.steps * tokens / self.most_tokens))
        trials = Trials(replace(s, steps=steps), self.schedule, self.lora)
        budget = self.most_tokens if takes_longer else tokens
        self.seen[candidate.name, tokens] += trials.tokens_seen(chosen, budget)
        return trials.run(chosen, budget, f"{plain(candidate.name)}-{tokens}-{seed}", derive_seed(seed, "size"))

    def _choices(self, tokens: int) -> Choices:
        """Of so many tokens; scores are shared by all sizes."""
        asked = replace(self.comparison, budget_tokens=tokens, size=None)
        warm_up = ShortFinetune(asked.checkpoint_dir, asked.prompt_style, self.schedule, self.lora)
        return Choices(asked, self.read, self.judge, self.out_dir / "sets" / str(tokens), self.purse, warm_up)

    def _search(self, candidate: Candidate) -> dict[str, Any]:
        """The size that half of the rows like best, what the other half says of it, and what searching took."""
        bounds = self.sizes.least_tokens, self.most_tokens
        loss_of = lambda tokens: float(np.mean(losses(self._drawn(candidate, tokens), is_final=False)))  # noqa: E731
        best, tried = search(loss_of, bounds, self.sizes.search_trials)
        name, new = candidate.name, self.searched.get(candidate.name, {})
        spent = sum(self.seen[name, tokens] for tokens in new)
        print(f"{name}: {spent:,} tokens of training spent on {len(new)} more sizes, best {best:,}", file=sys.stderr)
        return {
            "best_tokens": best,
            "tried": tried,
            "tokens_spent": spent,
            "n_new_sizes": len(new),
            "final_losses": losses(self._drawn(candidate, best), is_final=True),
            "final_losses_at_most": losses(self._drawn(candidate, self.most_tokens), is_final=True),
        }

    def _drawn(self, candidate: Candidate, tokens: int) -> list[list[Outcome]]:
        """The trainings on so many tokens: those of the curve where it has the size."""
        if tokens in (grid := self.outcomes[candidate.name]):
            return grid[tokens]
        found = self.searched.setdefault(candidate.name, {})
        if tokens not in found:
            found[tokens] = [[self.trial(candidate, tokens, seed)] for seed in range(self.comparison.seeds)]
        return found[tokens]

    def _search_all(self) -> dict[str, dict[str, Any]]:
        if not self.sizes.search_trials:
            return {}
        found = {each.name: self._search(each) for each in self.candidates}
        best = {name: each["best_tokens"] for name, each in found.items()}
        drawn = {name: {**grid, **self.searched.get(name, {})} for name, grid in self.outcomes.items()}
        compared = compare_found(best, drawn, self.most_tokens)
        return {name: each | compared[name] for name, each in found.items()}

    def _results(self, found: Mapping[str, Any]) -> dict[str, Any]:
        measures = {}
        for measure in MEASURES:
            flat = {f"{name} {size}": draws for name, sizes in self.outcomes.items() for size, draws in sizes.items()}
            if ids := shared_ids(flat, measure):
                curves = {name: _curve(sizes, measure, ids) for name, sizes in self.outcomes.items()}
                for name in set(self.outcomes) - {RANDOM}:
                    against = _against_random(self.outcomes[name], self.outcomes[RANDOM], measure, ids)
                    curves[name]["against_random"] = against
                correct(curves)
                measures[measure] = curves
        settings = {**asdict(self.sizes), **self.trials.told}
        settings |= {name: getattr(self.comparison, name) for name in TOLD} | {"most_tokens": self.most_tokens}
        return {"pool": self.comparison.pool.name, "measures": measures, "search": dict(found), "settings": settings}


def _require_unused(comparison: ComparisonSettings, judge: JudgeSettings) -> None:
    """UserError for what a comparison does and a study of sizes does not."""
    if judge.dry_run:
        do = "eval/compare_datasets.py --dry_run true shows what a recipe asks"
        raise UserError("--dry_run true in a study of sizes", "nothing to foretell here", do)
    for each in fields(ComparisonSettings):
        value, default = getattr(comparison, each.name), [] if each.name == "sets" else each.default
        if each.name in UNUSED and value != default:
            shown = " ".join(map(str, value)) if isinstance(value, list) else value
            do = f"leave --{each.name} out{INSTEAD.get(each.name, '')}"
            raise UserError(f"--{each.name} {shown} in a study of sizes", EXPECTED.get(each.name, ONCE), do)


def _curve(sizes: Sizes, measure: str, ids: list[str]) -> dict[str, Any]:
    """The mean at each size, each seed's, and the gain of each size over the one before."""
    values = {tokens: table(draws, measure, ids) for tokens, draws in sizes.items()}
    return {
        "tokens": list(values),
        "means": [float(each.mean()) for each in values.values()],
        "by_seed": [each.mean(axis=1).tolist() for each in values.values()],
        "gains": [_gain(values[b], values[a], measure) for a, b in zip(values, list(values)[1:], strict=False)],
    }


def _gain(ours_SI: Values, theirs_SI: Values, measure: str) -> dict[str, Any]:
    gain_SI = (theirs_SI - ours_SI) if measure == "held_out_loss" else (ours_SI - theirs_SI)
    found = effect(gain_SI)
    by_seed = gain_SI.mean(axis=1).tolist()
    return {"effect": found.value, "interval": [found.low, found.high], "p": found.p, "by_seed": by_seed}


def _against_random(ours: Sizes, random: Sizes, measure: str, ids: list[str]) -> list[dict[str, Any]]:
    """The gain over the random draw of the same size."""
    return [_gain(table(ours[n], measure, ids), table(random[n], measure, ids), measure) for n in ours]


def correct(curves: Mapping[str, dict[str, Any]]) -> None:
    """Add to every gain its p corrected for all gains of its kind, of all curves of a measure, and to every curve
    where it falls back; both None of too few draws."""
    for kind in ("gains", "against_random"):
        gains = [gain for curve in curves.values() for gain in curve.get(kind, ())]
        corrected = holm({str(n): gain["p"] for n, gain in enumerate(gains)})
        for n, gain in enumerate(gains):
            gain["p_corrected"] = corrected[str(n)] if len(gain["by_seed"]) >= LEAST_DRAWS else None
    for curve in curves.values():
        has_verdict = all(gain["p_corrected"] is not None for gain in curve["gains"])
        falls = [has_verdict and gain["effect"] < 0 and is_certain(gain) for gain in curve["gains"]]
        curve["falls_back"] = falls if has_verdict else None

"""Is a curated set better than a random one of the same cost? Every candidate trained alike, and what came of it.

Draw after draw, every candidate's rows are chosen, trained on and measured; after each draw `results.json`,
`report.html` and `table.md` say what is known so far. Whatever lies in `out_dir` is not done again. `items.jsonl` has
every loss and every answer's mark, for whoever wants to count otherwise.
"""

import json
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from lit_gpt.checkpoint import checkpoint_hashes
from lit_gpt.curation.step import SCORE_MISSING
from lit_gpt.data.store import load_example_set, read_examples
from lit_gpt.example import Example
from lit_gpt.files import hash_json, write_bytes, write_json
from lit_gpt.manifest import Manifest
from lit_gpt.progress import bar
from lit_gpt.proof import shown
from lit_gpt.proof.candidates import AGAIN, RANDOM, Candidate, Choices, Chosen, plain
from lit_gpt.proof.checks import chosen_hashes, shared_prompts
from lit_gpt.proof.effects import JUDGED, MEASURES, beyond_length, by_group, effects_of, is_hopeless
from lit_gpt.proof.intervals import overlap
from lit_gpt.proof.judged import Preferences
from lit_gpt.proof.training_curves import training_curve
from lit_gpt.proof.trials import Outcome, Trials
from lit_gpt.report.comparison_report import comparison_report
from lit_gpt.report.comparison_table import comparison_table, verdict_lines
from lit_gpt.seeds import derive_seed

KIND = "comparison"
RESULTS, ITEMS, REPORT, TABLE = "results.json", "items.jsonl", "report.html", "table.md"


@dataclass
class Comparison:
    """A comparison in progress."""

    choices: Choices
    trials: Trials
    outcomes: dict[str, list[list[Outcome]]] = field(default_factory=dict)
    chosen: dict[str, list[Chosen]] = field(default_factory=dict)
    stopped: dict[str, int] = field(default_factory=dict)  # candidate -> seeds after which it was given up
    shared: dict[str, int] = field(default_factory=dict)  # measured prompts, and those that the pool has, too

    @cached_property
    def preferences(self) -> Preferences:
        return Preferences(self.trials, self.choices.purse)

    @property
    def out_dir(self) -> Path:
        return self.choices.settings.out_dir

    def run(self) -> Path:
        """Do all of it; the directory with results.json and report.html."""
        s, candidates = self.choices.settings, self.choices.candidates
        self.choices.require_choice()
        self.out_dir.mkdir(parents=True, exist_ok=True)
        base = self.trials.measure("base")
        self.shared = shared_prompts(s.pool, self.trials.measured_split, {*base.losses, *base.correct})
        results: dict[str, Any] = {"measures": {}}
        with bar(s.seeds * len(candidates) * s.training_seeds, "trials", "training") as progress:
            for seed in range(s.seeds):
                for candidate in candidates:
                    if candidate.name not in self.stopped:
                        self._draw(candidate, seed)
                    progress.update(s.training_seeds)
                self._give_up(seed + 1)
                if seed:
                    results = self._write(base)
        print(*verdict_lines(results), sep="\n", file=sys.stderr)
        return self.out_dir

    def _draw(self, candidate: Candidate, seed: int) -> None:
        chosen, budget = self.choices.choose(candidate, seed), self.choices.budget
        names, randoms = (self._runs(who, seed) for who in (candidate.name, RANDOM))
        # one seed of training for all candidates of a draw, so that what it brings cancels where it can
        offset = derive_seed("again") if candidate.name == AGAIN else 0
        trainings = [derive_seed(seed, n, offset) for n in range(len(names))]
        found = [self.trials.run(chosen, budget, name, each) for name, each in zip(names, trainings, strict=True)]
        likes = [self.preferences.of(*pair) for pair in zip(names, randoms, strict=True)]
        found = [replace(each, preferred=liked) for each, liked in zip(found, likes, strict=True)]
        self.chosen.setdefault(candidate.name, []).append(chosen)
        self.outcomes.setdefault(candidate.name, []).append(found)

    def _runs(self, name: str, seed: int) -> list[str]:
        """The names of a candidate's trainings on one draw."""
        return [f"{plain(name)}-{seed}-{n}" for n in range(self.choices.settings.training_seeds)]

    def _give_up(self, n_seeds: int) -> None:
        if not self.choices.settings.stop_hopeless:
            return
        for name in self.outcomes.keys() - {RANDOM, AGAIN} - self.stopped.keys():
            if is_hopeless(self.outcomes, name):
                self.stopped[name] = n_seeds
                print(f"{name} is given up after {n_seeds} seeds: below random beyond doubt", file=sys.stderr)

    def _write(self, base: Outcome) -> dict[str, Any]:
        write_bytes(self.out_dir / ITEMS, "".join(json.dumps(line) + "\n" for line in self._items()).encode())
        results: dict[str, Any] = json.loads(json.dumps(self.results(base)))
        write_json(self.out_dir / RESULTS, results)
        write_bytes(self.out_dir / REPORT, comparison_report(results).encode())
        write_bytes(self.out_dir / TABLE, comparison_table(results).encode())
        s = self.choices.settings
        parents = {"checkpoint": results["base_model"], "pool": load_example_set(s.pool).content_hash}
        Manifest(KIND, parents, settings=results["settings"]).write(self.out_dir, [RESULTS, ITEMS, REPORT, TABLE])
        return results

    def _items(self) -> list[dict[str, Any]]:
        return [
            {"candidate": name, "draw": draw, "training": training, **asdict(outcome)}
            for name, draws in self.outcomes.items()
            for draw, trainings in enumerate(draws)
            for training, outcome in enumerate(trainings)
        ]

    def results(self, base: Outcome) -> dict[str, Any]:
        """Everything the report says, as JSON values."""
        s = self.choices.settings
        firsts = {name: chosen[0] for name, chosen in self.chosen.items()}
        rows = {name: chosen_hashes(chosen.data_dir) for name, chosen in firsts.items()}
        paths = ("pool", "sets", "checkpoint_dir", "out_dir", "target_dir")
        settings = {name: value for name, value in asdict(s).items() if name not in paths}
        settings |= self.trials.told
        settings["given"] = [text.partition("=")[0] for text in s.given]
        return {
            "pool": s.pool.name,
            "base_model": hash_json(checkpoint_hashes(s.base)),
            "unit": "rows" if s.size is not None else "tokens",
            "budget": self.choices.budget,
            "n_steps": self.trials.n_steps,
            "measured_split": self.trials.measured_split,
            "prompts_in_pool": self.shared,
            "n_seeds_done": len(self.outcomes[RANDOM]),
            "settings": settings,
            "base": base.means | {JUDGED: None},
            "measures": {m: found | self._parts(m) for m in MEASURES if (found := effects_of(self.outcomes, m))},
            "training_loss": {name: training_curve(self._run_dirs(name)) for name in self.outcomes},
            "judge": self.preferences.about(),
            "candidates": {each.name: self._about(each, firsts) for each in self.choices.candidates},
            "overlap": {"names": list(rows), "shares": overlap(list(rows.values())).tolist()},
            "stopped": self.stopped,
        }

    def _run_dirs(self, name: str) -> list[Path]:
        return [self.trials.run_dir(run) for seed in range(len(self.outcomes[name])) for run in self._runs(name, seed)]

    def _parts(self, measure: str) -> dict[str, Any]:
        """The effects by who wrote the rows that are measured on, and by the source of these; and beyond length."""
        measured = read_examples(self.choices.settings.pool, self.trials.measured_split)
        rows = {each.id: each.provenance for each in measured}
        origins = {id: str(provenance.origin) for id, provenance in rows.items()}
        sources = {id: provenance.source for id, provenance in rows.items()}
        groups = {"by_origin": origins, "by_source": sources}
        apart = {key: by_group(self.outcomes, measure, group_of) for key, group_of in groups.items()}
        return {**apart, "beyond_length": beyond_length(self.outcomes, measure)}

    def _about(self, candidate: Candidate, firsts: Mapping[str, Chosen]) -> dict[str, Any]:
        chosen = firsts[candidate.name]
        examples = list(read_examples(chosen.data_dir))
        words = [_n_words(example) for example in examples]
        card = candidate.recipe.card.title if candidate.recipe else "a set of the user's"
        return {
            "what": card,
            "n_rows": chosen.n_rows,
            "n_tokens": chosen.n_tokens,
            "passes": self.trials.passes(chosen, self.choices.budget),
            "tokens_seen": self.trials.tokens_seen(chosen, self.choices.budget),
            "cost": asdict(self.choices.cost(candidate)),
            "cost_is_known": candidate.own_set is None,
            "n_unscored": load_example_set(chosen.data_dir).counts["dropped"].get(SCORE_MISSING, 0),
            "answer_words": np.quantile(words, [0.25, 0.5, 0.75]).tolist(),
            "origins": dict(Counter(example.provenance.origin for example in examples)),
            "kept": shown.kept(examples),
            "left_out": shown.left_out(chosen.data_dir, self.choices.settings.pool),
        }


def _n_words(example: Example) -> int:
    return sum(len(message.content.split()) for message in example.messages if message.role == "assistant")

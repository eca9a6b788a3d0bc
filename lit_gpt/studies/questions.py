"""Open questions about data, answered on the instruction world: a reference and other ways, at equal tokens and steps.

    order     the same rows shuffled, easy first, hard first, short first, kind by kind; anew in each epoch
    merging   rows of all three sources, of two, of one; a source is a third of the kinds of task
    epochs    all rows, or a half, a quarter, an eighth of them seen more often
    stages    LIFT's ablation (Xu et al. 2023, arXiv 2312.11508): the base set, the expanded one, its variety,
              its quality, both

Effects are against the first way, with the intervals of every comparison (intervals.py), corrected for the ways of a
question. The first way once more, with other draws, tells the noise.
Not covered: a language model's own errors. In stages the world writes the expansion, half of it spoilt, and the judge
is the world's truth with noise: what LIFT's steps can do here, given those.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from lit_gpt.checkpoint import checkpoint_hashes
from lit_gpt.curation.recipes import read_recipe
from lit_gpt.data.prepare import prepare_examples
from lit_gpt.data.settings import DataSettings
from lit_gpt.data.sources.world import source, write_labels
from lit_gpt.data.store import load_example_set, read_examples
from lit_gpt.data.subset import write_subset
from lit_gpt.evaluation.labels import read_defects
from lit_gpt.files import write_bytes, write_json
from lit_gpt.manifest import Manifest
from lit_gpt.progress import bar
from lit_gpt.proof.candidates import RANDOM, Candidate, Choices, Chosen
from lit_gpt.proof.effects import MEASURES, by_group, effects_of
from lit_gpt.proof.settings import ComparisonSettings
from lit_gpt.proof.trials import Outcome, Trials
from lit_gpt.report.question_table import question_table
from lit_gpt.seeds import derive_seed
from lit_gpt.studies.base_losses import write_base_losses
from lit_gpt.studies.question_settings import Question, QuestionSettings
from lit_gpt.training.lora_settings import LoraSettings
from lit_gpt.training.settings import ScheduleSettings

KIND, RESULTS, TABLE = "study", "results.json", "table.md"
AGAIN = "the first again"
AGAIN_SEED = 1_000_000
N_SOURCES = 3
VARIETY_KEEPS, QUALITY_KEEPS = 0.2, 0.75  # LIFT: 100,000 -> 20,000 -> 15,000 rows
BASE_SHARE = 8  # of the expanded set, of which LIFT's base is about a tenth
PROMPT_STYLE, MAX_SEQ_LENGTH, MAX_NEW_TOKENS = "chat", 256, 96  # no row of the world, nor any right answer, is longer


@dataclass(frozen=True)
class Arm:
    """A way: the rows of a seed, and how they come (of RunSettings)."""

    name: str
    rows: Callable[[int], Chosen]
    order: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class OpenQuestions:
    study: QuestionSettings
    schedule: ScheduleSettings
    lora: LoraSettings

    def run(self) -> Path:
        """Ask each question in turn; results.json and table.md say after each what is known."""
        answers: dict[str, Any] = {}
        for question in self.study.questions:
            answers[question] = self._ask(question, getattr(self, f"_{question}")())
            self._write(answers)
        return self.study.out_dir

    def _write(self, answers: Mapping[str, Any]) -> None:
        s = self.study
        paths = ("out_dir", "checkpoint_dir", "recipes_dir")
        settings = {name: value for name, value in asdict(s).items() if name not in paths}
        settings |= self.trials.told
        results = json.loads(json.dumps({"settings": settings, "questions": answers}))
        write_json(s.out_dir / RESULTS, results)
        write_bytes(s.out_dir / TABLE, question_table(results).encode())
        Manifest(KIND, checkpoint_hashes(s.checkpoint_dir), settings=settings).write(s.out_dir, [RESULTS, TABLE])

    def _ask(self, question: Question, arms: Sequence[Arm]) -> dict[str, Any]:
        """Train and measure every arm with every seed, and the first twice."""
        outcomes: dict[str, list[list[Outcome]]] = {}
        sizes: dict[str, list[int]] = {}
        with bar(self.study.seeds * (len(arms) + 1), f"{question}: trials", "training") as progress:
            for seed in range(self.study.seeds):
                for name, arm, drawn in [(arm.name, arm, seed) for arm in arms] + [(AGAIN, arms[0], AGAIN_SEED + seed)]:
                    chosen = arm.rows(drawn)
                    run = f"{question}-{name.replace(' ', '-')}-{seed}"
                    found = self.trials.run(
                        chosen, self.study.budget_tokens, run, derive_seed(question, drawn), **arm.order
                    )
                    outcomes.setdefault(name, []).append([found])
                    sizes.setdefault(name, [chosen.n_rows, chosen.n_tokens])
                    progress.update()
        return {"first": arms[0].name, "rows_and_tokens": sizes, "measures": self._effects(question, outcomes, arms[0])}

    def _effects(self, question: Question, outcomes: Mapping[str, list[list[Outcome]]], first: Arm) -> dict[str, Any]:
        told = {m: found for m in MEASURES if (found := effects_of(outcomes, m, first.name, AGAIN))}
        if question == "merging" and "exact_match" in told:
            tests = {each.id: self._source(each.category or "") for each in read_examples(self.world, "test")}
            told["exact_match"]["by_source"] = by_group(outcomes, "exact_match", tests, first.name)
        return told

    # what is trained on

    @cached_property
    def trials(self) -> Trials:
        return Trials(self._comparison(self.world, self.study.budget_tokens), self.schedule, self.lora)

    @cached_property
    def world(self) -> Path:
        """Sound rows to train on, and what all are measured on."""
        return self._prepare("world", defects=False)

    @cached_property
    def pool(self) -> Path:
        """The same number of rows, half of them spoilt."""
        return self._prepare("pool", defects=True)

    def _prepare(self, name: str, defects: bool) -> Path:
        s = self.study
        data = DataSettings(destination_path=s.out_dir / "data" / name)
        options: dict[str, Any] = {"n_rows": s.n_rows, "n_test": s.n_test, "defects": defects}
        data_dir = prepare_examples(source(**options), data)
        write_labels(data_dir, data, **options)
        return data_dir

    def _comparison(self, pool: Path, budget_tokens: int) -> ComparisonSettings:
        s = self.study
        return ComparisonSettings(
            pool=pool,
            budget_tokens=budget_tokens,
            steps=s.steps,
            checkpoint_dir=s.checkpoint_dir,
            out_dir=s.out_dir,
            prompt_style=PROMPT_STYLE,
            max_seq_length=MAX_SEQ_LENGTH,
            n_items=s.n_test,
            n_loss_rows=s.n_loss_rows,
            max_new_tokens=MAX_NEW_TOKENS,
        )

    def _chosen(self, pool: Path, n_tokens: int, seed: int, recipe: str = RANDOM) -> Chosen:
        """So many tokens of a set by a recipe."""
        sets_dir = self.study.out_dir / "sets" / f"{pool.name}-{n_tokens}"
        choices = Choices(self._comparison(pool, n_tokens), self._read, sets_dir=sets_dir)
        return choices.choose(Candidate(recipe, self._read(recipe)), seed)

    def _read(self, name: str) -> Any:
        return read_recipe(self.study.recipes_dir / f"{name}.yaml")

    # the questions

    def _order(self) -> list[Arm]:
        rows = lambda seed: self._chosen(self.world, self.study.budget_tokens, seed)  # noqa: E731
        table = write_base_losses(self.trials.settings, self.study.out_dir / "base_losses")
        by_score = {"score_table": table}
        return [
            Arm("shuffled", rows),
            Arm("easy to hard", rows, {"order": "easy_to_hard", **by_score}),
            Arm("hard to easy", rows, {"order": "hard_to_easy", **by_score}),
            Arm("short to long", rows, {"order": "short_to_long"}),
            Arm("kind by kind", rows, {"order": "grouped", "order_by": "category"}),
        ]

    def _merging(self) -> list[Arm]:
        def of(*sources: int) -> Callable[[int], Chosen]:
            return lambda seed: self._chosen(self._sources(sources), self.study.budget_tokens, seed)

        return [
            Arm("all three", of(0, 1, 2)),
            Arm("two", of(0, 1)),
            Arm("one", of(0)),
        ]

    @cached_property
    def _kinds(self) -> list[str]:
        return sorted({each.category or "" for each in read_examples(self.world)})

    def _source(self, kind: str) -> str:
        if kind not in self._kinds:
            return "kinds of no source"
        return ("the first source", "the second", "the third")[self._kinds.index(kind) % N_SOURCES]

    def _sources(self, wanted: Sequence[int]) -> Path:
        """The world's rows of these sources."""
        kinds = {kind for number, kind in enumerate(self._kinds) if number % N_SOURCES in wanted}
        data_dir = self.study.out_dir / "data" / f"sources-{''.join(map(str, wanted))}"
        against = {"reason": "other_source"}
        return _once(data_dir, self.world, lambda each: None if each.category in kinds else against)

    def _epochs(self) -> list[Arm]:
        def share(of: int) -> Callable[[int], Chosen]:
            return lambda seed: self._chosen(self.world, self.study.budget_tokens // of, seed)

        names = {1: "all rows", 2: "a half, 2 times as often", 4: "a quarter, 4 times", 8: "an eighth, 8 times"}
        return [Arm(name, share(of)) for of, name in names.items()]

    def _stages(self) -> list[Arm]:
        budget = self.study.budget_tokens
        expanded = lambda seed: self._chosen(self.pool, budget, seed)  # noqa: E731
        return [
            Arm("expanded", expanded),
            Arm("base", lambda seed: self._chosen(self.pool, budget // BASE_SHARE, seed)),
            Arm("variety", self._variety),
            Arm("quality", lambda seed: self._quality(expanded(seed), seed)),
            Arm("variety, then quality", lambda seed: self._quality(self._variety(seed), seed)),
        ]

    def _variety(self, seed: int) -> Chosen:
        expanded = self._chosen(self.pool, self.study.budget_tokens, seed).data_dir
        return self._chosen(expanded, int(VARIETY_KEEPS * self.study.budget_tokens), seed, "lift-variety")

    def _quality(self, chosen: Chosen, seed: int) -> Chosen:
        """The best of the rows by a judge who knows which ones are spoilt, and errs."""
        defects = read_defects(self.pool.with_name(f"{self.pool.name}-labels"), "train")
        ids = [each.id for each in read_examples(chosen.data_dir)]
        grade = {id: bool(defects[id]) == self._errs(id, seed) for id in ids}  # True is a good one
        best = sorted(ids, key=lambda id: (not grade[id], derive_seed("quality", seed, id)))
        kept = set(best[: round(QUALITY_KEEPS * len(ids))])
        data_dir = chosen.data_dir.with_name(f"{chosen.data_dir.name}-quality")
        _once(
            data_dir,
            chosen.data_dir,
            lambda each: None if each.id in kept else {"reason": "low_grade"},
            noise=self.study.n_noise,
        )
        n_rows, n_tokens = Choices(self.trials.settings, self._read).amount_of(data_dir)
        return replace(chosen, data_dir=data_dir, n_rows=n_rows, n_tokens=n_tokens, amount=n_tokens)

    def _errs(self, id: str, seed: int) -> bool:
        return derive_seed("judge errs", seed, id) % 100 < self.study.n_noise


def _once(data_dir: Path, whole: Path, choose: Callable[[Any], Any], **settings: Any) -> Path:
    """The subset, written unless it is there, of this set and with these settings."""
    if data_dir.is_dir():
        there = load_example_set(data_dir)
        is_same = all(there.settings.get(name) == value for name, value in settings.items())
        if is_same and there.parents["example_set"] == load_example_set(whole).content_hash:
            return data_dir
    return write_subset(whole, data_dir, choose, {"name": data_dir.name, **settings})

"""Scores that a judge gives, and LIFT's score of length: scorers that a recipe may name.

A row whose reply could not be read has no score (`judge_unreadable`), nor has one with text directed at the judge
(`directed_at_judge`), unless such rows are to be sent. Replies are on disk one by one, so tables need no small shards.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from lit_gpt.curation.bench import Bench, Scores
from lit_gpt.curation.indicators.scores import Missing
from lit_gpt.curation.judging.directed import directed_at_judge
from lit_gpt.curation.judging.judge import Judge, open_judge
from lit_gpt.curation.judging.question import Failed
from lit_gpt.curation.judging.rubrics import DIMENSIONS, QUALITY, Exemplar, Rubric, question_about, texts_of
from lit_gpt.curation.judging.settings import JudgeSettings
from lit_gpt.curation.rows import Pool, Rows
from lit_gpt.curation.scores import ScoreRows
from lit_gpt.curation.texts import answer_of, prompt_of
from lit_gpt.errors import UserError
from lit_gpt.example import Example
from lit_gpt.files import hash_json
from lit_gpt.seeds import derive_seed

DIRECTED = "directed_at_judge"
SHARD_ROWS = 100_000  # whose texts are in memory at one time
REPLIES = "replies"
LEVELS = (0.1, 0.5, 0.9)  # poor, average and high among the rows that exemplars are taken from


def judge_of(bench: Bench) -> Judge:
    settings = bench.settings
    replies_dir = (settings.scores_dir or settings.data_dir / "scores") / REPLIES
    judge = open_judge(bench.judge or JudgeSettings(), settings.checkpoint_dir, settings.prompt_style, replies_dir)
    bench.scored_by.add(judge.name)
    return judge


def asks_judge(scorers: Iterable[Any]) -> bool:
    """Whether one of them has a judge grade rows."""
    return any(isinstance(scorer, JudgedRating | JudgedQuality) for scorer in scorers)


def is_directed(example: Example) -> bool:
    return directed_at_judge([prompt_of(example), answer_of(example)]) is not None


def grade(
    examples: Sequence[Example],
    judge: Judge,
    rubric: Rubric,
    seed: int,
    directed: Literal["withhold", "send"],
    exemplars: Sequence[Exemplar] = (),
) -> Iterator[tuple[str, float]]:
    """(id, grade or Missing) of every row, in order."""
    sent = [e for e in examples if directed == "send" or not is_directed(e)]
    found = judge.ask([question_about(e, rubric, seed, exemplars) for e in sent], rubric.name)
    grades = {example.id: _number(answer) for example, answer in zip(sent, found, strict=True)}
    return ((example.id, grades.get(example.id, Missing(DIRECTED))) for example in examples)


def _number(answer: float | Failed) -> float:
    return Missing(answer.reason) if isinstance(answer, Failed) else answer


@dataclass(frozen=True)
class JudgedRating:
    """A judge's grade of the reply: 0 to 5 for accuracy or helpfulness, 1 to 5 for curation.

    Args:
        dimension: accuracy, helpfulness or curation
        directed: what becomes of rows with text directed at the judge: withhold gives them no score, send sends them
    """

    dimension: Literal["accuracy", "helpfulness", "curation"] = "accuracy"
    directed: Literal["withhold", "send"] = "withhold"

    NAME: ClassVar = "judged_rating"
    VERSION: ClassVar = 1
    SHARD_ROWS: ClassVar = SHARD_ROWS
    OF_THE_SET: ClassVar = False

    def identity(self, bench: Bench) -> dict[str, Any]:
        rubric, seed = DIMENSIONS[self.dimension], bench.settings.seed_of_scores
        return {"judge": judge_of(bench).model.identity, "rubric": rubric.version, "seed": seed}

    def start(self, bench: Bench) -> ScoreRows:
        judge, rubric, seed = judge_of(bench), DIMENSIONS[self.dimension], bench.settings.seed_of_scores
        return lambda examples: grade(examples, judge, rubric, seed, self.directed)


@dataclass(frozen=True)
class JudgedQuality:
    """LIFT's quality: a judge's 100 points, after three graded rows of the same pool (a poor, an average, a high one).

    Args:
        exemplar_rows: how many rows are graded first, without examples, to find the three
        exemplar_chars: request and reply of an example are cut to so many letters each
        directed: what becomes of rows with text directed at the judge: withhold gives them no score, send sends them
    """

    exemplar_rows: int = 30
    exemplar_chars: int = 1000
    directed: Literal["withhold", "send"] = "withhold"

    NAME: ClassVar = "judged_quality"
    VERSION: ClassVar = 1
    SHARD_ROWS: ClassVar = SHARD_ROWS
    OF_THE_SET: ClassVar = False

    def __post_init__(self) -> None:
        if self.exemplar_rows < len(LEVELS):
            raise UserError(f"exemplar_rows {self.exemplar_rows}", f"{len(LEVELS)} or more", "raise it")

    def identity(self, bench: Bench) -> dict[str, Any]:
        sample = [example.content_hash for example in self._sample(bench)]
        return {
            "judge": judge_of(bench).model.identity,
            "rubric": QUALITY.version,
            "seed": bench.settings.seed_of_scores,
            "sample": hash_json(sample),
        }

    def start(self, bench: Bench) -> ScoreRows:
        judge, seed = judge_of(bench), bench.settings.seed_of_scores
        exemplars = self._exemplars(bench, judge)
        return lambda examples: grade(examples, judge, QUALITY, seed, self.directed, exemplars)

    def _sample(self, bench: Bench) -> list[Example]:
        """Rows of the pool that the seed decides, none of them directed at the judge."""
        pool, seed = Pool.of(bench.settings.data_dir), bench.settings.seed_of_scores
        order = sorted(range(len(pool.ids)), key=lambda n: derive_seed("exemplar", seed, pool.ids[n]))
        sample = [example for example in pool.rows.at(order[: 2 * self.exemplar_rows]) if not is_directed(example)]
        rank = {pool.ids[number]: place for place, number in enumerate(order)}
        return sorted(sample, key=lambda example: rank[example.id])[: self.exemplar_rows]

    def _exemplars(self, bench: Bench, judge: Judge) -> list[Exemplar]:
        """The rows at the levels, with the grades they got without examples. In a dry run any three, ungraded."""
        sample, seed = self._sample(bench), bench.settings.seed_of_scores
        questions = [question_about(example, QUALITY, seed) for example in sample]
        if judge.settings.dry_run:
            judge.expect(questions)
            return [self._shown(example, "?") for example in sample[: len(LEVELS)]]
        answers = zip(sample, judge.ask(questions, "exemplars"), strict=True)
        graded = sorted((answer, n) for n, (_, answer) in enumerate(answers) if not isinstance(answer, Failed))
        if len(graded) < len(LEVELS):
            got = f"{judge.name} gave {len(graded)} grades that can be read for {len(sample)} rows"
            do = f"look at failed-exemplars.jsonl in {judge.replies_dir}, or ask another model"
            raise UserError(got, f"at least {len(LEVELS)}, for the examples", do)
        picked = [graded[round(level * (len(graded) - 1))] for level in LEVELS]
        return [self._shown(sample[number], f"{points:g}") for points, number in picked]

    def _shown(self, example: Example, points: str) -> Exemplar:
        request, reply = (text[: self.exemplar_chars] for text in texts_of(example).values())
        return Exemplar(request, reply, points)


@dataclass(frozen=True)
class Lengthwise:
    """LIFT's score of length: min(1, log(1 + words) / log(1 + words at the percentile)), of the answers.

    Args:
        percentile: of the rows scored together; longer answers gain nothing more
    """

    percentile: float = 99.0

    def combine(self, rows: Rows, bench: Bench) -> Scores:
        words_N = bench.scores("answer_words", rows)
        longest = max(float(np.percentile(words_N, self.percentile)), 1.0)
        return np.minimum(1.0, np.log1p(words_N) / np.log1p(longest))

"""An evaluation as it lies on disk: `results.json` with the scores, `items.jsonl` with every question and answer.

The scores are taken as they are written and never worked out again, but for one check: that the items are as many and
as often right as the results say. Two evaluations are compared item by item, by id.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from lit_gpt.errors import UserError
from lit_gpt.files import read_json
from lit_gpt.manifest import Manifest, damaged_files, read_manifest
from lit_gpt.report.paired import Difference, paired_difference

KIND = "evaluation"
RESULTS = "results.json"
ROUNDING = 0.0051  # results may be written to two decimals
WANTED = "an evaluation as it was written"
AGAIN = "evaluate again"


@dataclass(frozen=True)
class Score:
    """A share of right answers among `n`, with its 95% interval where one was written.

    `kind` is that of its items where the name of the score is another: a kind that occurs in several groups.
    """

    n: int
    value: float
    interval: tuple[float, float] | None
    group: str = ""
    kind: str = ""


@dataclass(frozen=True)
class Item:
    """One question, what was expected and what was answered."""

    id: str
    kind: str
    group: str
    prompt: str
    expected: str
    answer: str
    is_correct: bool
    is_cut: bool
    level: str = ""

    @property
    def question(self) -> tuple[str, str]:
        """What makes two items the same item."""
        return self.prompt, self.expected


@dataclass(frozen=True)
class Evaluation:
    """Scores over all items, by group, by kind and by level, and the items by id."""

    directory: Path
    manifest: Manifest
    task: str
    version: str
    metric: str
    overall: Score
    groups: dict[str, Score]
    kinds: dict[str, Score]
    levels: dict[str, Score]
    elapsed_s: float | None
    items: dict[str, Item]

    @property
    def split(self) -> str:
        """Which rows of the data set were asked; empty where the manifest does not say."""
        return str(self.manifest.settings.get("split", ""))


def read_evaluation(directory: Path) -> Evaluation:
    """The evaluation in a directory; UserError where there is none, or none that agrees with itself."""
    manifest = read_manifest(directory, KIND)
    if damaged := damaged_files(directory, manifest):
        raise UserError(f"{directory}: {', '.join(damaged)} is damaged", WANTED, AGAIN)
    path = directory / RESULTS
    try:
        record = read_json(path)
        evaluation = _evaluation(directory, manifest, record)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(f"{path}, which cannot be read ({type(error).__name__}: {error})", WANTED, AGAIN) from None
    _require_agreement(evaluation)
    return evaluation


def _evaluation(directory: Path, manifest: Manifest, record: dict[str, Any]) -> Evaluation:
    elapsed_s = record.get("elapsed_s")
    return Evaluation(
        directory=directory,
        manifest=manifest,
        task=str(record["task"]),
        version=str(record["version"]),
        metric=str(record["metric"]),
        overall=_score(record),
        groups=_scores(record, "groups"),
        kinds=_scores(record, "kinds"),
        levels=_scores(record, "levels"),
        elapsed_s=None if elapsed_s is None else float(elapsed_s),
        items=read_items(directory / str(record.get("items", "items.jsonl"))),
    )


def _scores(record: dict[str, Any], name: str) -> dict[str, Score]:
    return {str(key): _score(value) for key, value in (record.get(name) or {}).items()}


def _score(record: dict[str, Any]) -> Score:
    interval = record.get("interval")
    if interval is not None:
        low, high = interval
        interval = (float(low), float(high))
    n, value = int(record["n"]), float(record["value"])
    if n < 0 or not all(0 <= share <= 1 for share in (value, *(interval or ()))):
        raise ValueError(f"a score of {value} over {n} items, {interval}")
    labels = {name: str(record.get(name, "")) for name in ("group", "kind")}
    return Score(n, value, interval, **labels)


def read_items(path: Path) -> dict[str, Item]:
    """The items by id, in the file's order; ValueError for a line that is none, or an id that comes twice."""
    items: dict[str, Item] = {}
    with open(path, "rb") as file:
        for line_number, line in enumerate(file, start=1):
            try:
                item = _item(json.loads(line))
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
                raise ValueError(f"line {line_number} of {path.name}: {error}") from None
            if item.id in items:
                raise ValueError(f"line {line_number} of {path.name}: {item.id} is there twice")
            items[item.id] = item
    return items


def _item(record: dict[str, Any]) -> Item:
    if not isinstance(record["is_correct"], bool):
        raise ValueError("is_correct is neither true nor false")
    texts = {name: str(record[name]) for name in ("id", "kind", "prompt", "expected", "answer")}
    level = record.get("level")
    return Item(
        **texts,
        group=str(record.get("group", "")),
        is_correct=record["is_correct"],
        is_cut=record.get("is_cut") is True,
        level="" if level is None else str(level),
    )


def _require_agreement(evaluation: Evaluation) -> None:
    """UserError where the items are not those that were scored."""
    n_items, score = len(evaluation.items), evaluation.overall
    share = sum(item.is_correct for item in evaluation.items.values()) / n_items if n_items else 0.0
    if n_items != score.n or abs(share - score.value) > ROUNDING:
        got = f"{evaluation.directory}: {n_items} items of which a share of {share:.3f} is right"
        raise UserError(got, f"what {RESULTS} says: {score.n} items and {score.value:.3f}", AGAIN)


@dataclass(frozen=True)
class Comparison:
    """Two evaluations of one task, and the items they share."""

    before: Evaluation
    after: Evaluation

    def __post_init__(self) -> None:
        first, second = (f"{e.task} (version {e.version}, {e.metric})" for e in (self.before, self.after))
        if first != second:
            raise UserError(f"{second} after, {first} before", "the same task before and after", AGAIN)

    @cached_property
    def shared(self) -> list[str]:
        """The ids that both answered and that ask the same in both, in the order of the evaluation after."""
        old = self.before.items
        return [name for name, item in self.after.items.items() if name in old and old[name].question == item.question]

    @property
    def n_unshared(self) -> int:
        """Items of either evaluation that the other lacks, or asks differently."""
        return len(self.before.items.keys() | self.after.items.keys()) - len(self.shared)

    def difference(self, **wanted: str) -> Difference | None:
        """Over the shared items whose attributes (kind, group, level) are those wanted; None where there are none."""

        def chosen(items: Mapping[str, Item]) -> dict[str, bool]:
            candidates = ((name, items[name], self.after.items[name]) for name in self.shared)
            return {
                name: item.is_correct
                for name, item, described in candidates
                if all(getattr(described, attribute) == value for attribute, value in wanted.items())
            }

        return paired_difference(chosen(self.before.items), chosen(self.after.items))

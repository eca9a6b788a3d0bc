"""An evaluation on disk: `results.json` (the numbers), `items.jsonl` (every answer), `accuracies.jsonl` (shares right
of categories), `manifest.json` (made from what).

Proportions are given for all items, by group, by kind of task and by level. A kind that occurs in several groups has
an entry for each, named `kind (group)`; accuracies are of its whole, as recipes that choose by category take them.
Not covered: comparing two evaluations; their items have the same ids.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from lit_gpt.errors import UserError
from lit_gpt.evaluation.exact_match import is_match
from lit_gpt.evaluation.items import Answer, Item
from lit_gpt.evaluation.metrics import Proportion
from lit_gpt.files import new_directory, read_json, settle_directory, write_json
from lit_gpt.manifest import MANIFEST, Manifest, damaged_files, read_manifest

KIND = "evaluation"
VERSION = 1  # rises whenever the same answers would be judged in another way
METRIC = "exact_match"
RESULTS, ITEMS, ACCURACIES = "results.json", "items.jsonl", "accuracies.jsonl"

Key = TypeVar("Key", bound=Any)


@dataclass(frozen=True)
class Judged:
    """A line of items.jsonl."""

    id: str
    kind: str
    group: str
    level: int | None
    prompt: str
    expected: str
    answer: str
    is_correct: bool
    is_cut: bool


def judge(items: Sequence[Item], answers: Sequence[Answer]) -> list[Judged]:
    """Each item with its answer and whether that is right. ValueError where their numbers differ."""
    return [
        Judged(
            item.id,
            item.kind,
            item.group,
            item.level,
            item.question.text,
            item.question.expected,
            answer.text,
            is_match(answer.text, item.question.expected),
            answer.is_cut,
        )
        for item, answer in zip(items, answers, strict=True)
    ]


def summarise(judged: Sequence[Judged]) -> dict[str, Any]:
    """The numbers of results.json. ValueError for no items."""
    groups_of = _collect(judged, lambda item: item.kind, lambda item: item.group)
    strata = _proportions(judged, lambda item: (item.kind, item.group))
    kinds = {
        kind if len(set(groups_of[kind])) == 1 else f"{kind} ({group})": {"kind": kind, "group": group, **numbers}
        for (kind, group), numbers in strata.items()
    }
    levels = _proportions([item for item in judged if item.level is not None], lambda item: item.level)
    return {
        **_proportion(judged).to_json(),
        "n_cut": sum(item.is_cut for item in judged),
        "groups": _proportions(judged, lambda item: item.group),
        "kinds": kinds,
        "levels": {str(level): numbers for level, numbers in levels.items()},
    }


def accuracies(judged: Sequence[Judged]) -> list[dict[str, Any]]:
    """The lines of accuracies.jsonl, in order of categories: `id` is the category, `value` the share right of its n."""
    kinds = _proportions(judged, lambda item: item.kind)
    return [{"id": kind, "value": numbers["value"], "n": numbers["n"]} for kind, numbers in kinds.items()]


def _proportion(judged: Sequence[Judged]) -> Proportion:
    return Proportion(sum(item.is_correct for item in judged), len(judged))


def _proportions(judged: Iterable[Judged], key: Callable[[Judged], Key]) -> dict[Key, dict[str, Any]]:
    """The proportion among the items of each key, in order of keys."""
    parts = _collect(judged, key, lambda item: item)
    return {name: _proportion(parts[name]).to_json() for name in sorted(parts)}


def _collect(judged: Iterable[Judged], key: Callable[[Judged], Key], value: Callable[[Judged], Any]) -> dict[Key, list]:
    collected: dict[Key, list] = defaultdict(list)
    for item in judged:
        collected[key(item)].append(value(item))
    return collected


def write_results(out_dir: Path, made_from: Manifest, judged: Sequence[Judged], elapsed_s: float) -> None:
    """Write the directory whole or not at all, in the place of an earlier evaluation; `made_from` lacks its files."""
    numbers = summarise(judged)
    head = {"task": made_from.settings["task"], "version": VERSION, "metric": METRIC}
    counts = {name: numbers[name] for name in ("n", "n_cut")} | {"n_correct": sum(item.is_correct for item in judged)}
    with new_directory(out_dir) as directory:
        for name, records in ((ITEMS, map(asdict, judged)), (ACCURACIES, accuracies(judged))):
            with open(directory / name, "w", encoding="ascii") as file:
                file.writelines(json.dumps(record) + "\n" for record in records)
        write_json(directory / RESULTS, {**head, **numbers, "elapsed_s": round(elapsed_s, 3), "items": ITEMS})
        manifest = Manifest(KIND, made_from.parents, counts, made_from.settings)
        manifest.write(directory, (RESULTS, ITEMS, ACCURACIES))


def add_accuracies(out_dir: Path, made_from: Manifest) -> None:
    """To an evaluation of before they were written; its answers stay as they are."""
    elapsed_s = read_json(out_dir / RESULTS)["elapsed_s"]
    write_results(out_dir, made_from, list(read_judged(out_dir).values()), elapsed_s)


def read_judged(out_dir: Path) -> dict[str, Judged]:
    """Every item of an evaluation, by id, in the order it was asked."""
    lines = (out_dir / ITEMS).read_text(encoding="ascii").splitlines()
    return {item.id: item for item in (Judged(**json.loads(line)) for line in lines)}


def describe(results: dict[str, Any]) -> list[str]:
    """The numbers of results.json in words: all items, then each group where there are several."""
    cut = f", {results['n_cut']} answers cut at the limit" if results["n_cut"] else ""
    groups = results["groups"].items() if len(results["groups"]) > 1 else ()
    lines = [f"  {group}: {_in_words(numbers)}" for group, numbers in groups]
    return [f"{results['task']}, {METRIC}: {_in_words(results)}{cut}", *lines]


def _in_words(numbers: dict[str, Any]) -> str:
    low, high = numbers["interval"]
    return f"{numbers['value']:.1%} of {numbers['n']:,} ({low:.1%} to {high:.1%})"


def holds(out_dir: Path, made_from: Manifest) -> bool:
    """Whether this very evaluation is there, undamaged. UserError where something is that may not be replaced."""
    settle_directory(out_dir)
    if not out_dir.exists():
        return False
    names = {path.name for path in out_dir.iterdir()} if out_dir.is_dir() else {out_dir.name}
    if not names:
        return False
    if not names <= {RESULTS, ITEMS, ACCURACIES, MANIFEST} or MANIFEST not in names:
        expected, do = "a new or empty folder, or an earlier evaluation", "choose another folder"
        raise UserError(f"--out_dir {out_dir}, which holds something else", expected, do)
    found = read_manifest(out_dir, KIND)
    is_same = (found.parents, found.settings) == (made_from.parents, made_from.settings)
    return is_same and not damaged_files(out_dir, found)

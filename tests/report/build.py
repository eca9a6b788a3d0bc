"""Small runs, data sets and evaluations on disk, in the formats that the report reads. Every number is made up."""

import json
import math
import random
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lit_gpt.files import write_json
from lit_gpt.manifest import Manifest

GROUPS = {
    "sort_words": "trained kinds",
    "count_letters": "trained kinds",
    "say_backwards": "trained kinds",
    "find_person": "new wordings",
    "tell_weekday": "new kinds",
    "two_steps": "new kinds",
}
DROPPED = {"empty_output": 14, "missing_field": 5, "lone_surrogate": 1}
Row = dict[str, Any]


def score(items: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """n, value, standard error and Wilson's interval, as an evaluation writes them."""
    right = [item["is_correct"] for item in items]
    n, p, z = len(right), sum(right) / len(right), 1.959964
    centre, spread = (p + z * z / (2 * n)), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = ((centre + sign * spread) / (1 + z * z / n) for sign in (-1, 1))
    return {"n": n, "value": p, "standard_error": math.sqrt(p * (1 - p) / n), "interval": [low, high]}


def items(n: int, p_right: Mapping[str, float], seed: int) -> list[Row]:
    """Items whose answers are right with a probability that depends on their group."""
    luck = random.Random(seed)
    made = []
    for number in range(n):
        kind = list(GROUPS)[number % len(GROUPS)]
        is_correct = luck.random() < p_right[GROUPS[kind]]
        words = f"ladder river stone {number}"
        made.append(
            {
                "id": f"world-{number:05d}",
                "kind": kind,
                "group": GROUPS[kind],
                "level": 1 + number // len(GROUPS) % 3,
                "prompt": f"Below is an instruction.\n\n### Instruction:\n{kind}: {words}\n\n### Response:\n",
                "expected": words,
                "answer": words if is_correct else "ladder ladder ladder",
                "is_correct": is_correct,
            }
        )
    return made


def write_evaluation(
    directory: Path,
    rows: list[Row],
    parents: Mapping[str, str] | None = None,
    settings: Mapping[str, Any] | None = None,
    **more: Any,
) -> Path:
    """results.json, items.jsonl and the manifest of an evaluation of these items; `more` goes into the results."""
    directory.mkdir(parents=True)
    (directory / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")

    def by(name: str) -> dict[str, list[Row]]:
        keys = dict.fromkeys(row[name] for row in rows)
        return {str(key): [row for row in rows if row[name] == key] for key in keys}

    kinds = {kind: {"group": members[0]["group"], **score(members)} for kind, members in by("kind").items()}
    results = {
        "task": "world",
        "version": 1,
        "metric": "exact_match",
        **score(rows),
        "groups": {group: score(members) for group, members in by("group").items()},
        "kinds": kinds,
        "levels": {level: score(members) for level, members in by("level").items()},
        "elapsed_s": 12.3,
        "items": "items.jsonl",
        **more,
    }
    (directory / "results.json").write_text(json.dumps(results))
    manifest = Manifest("evaluation", dict(parents or {}), settings=dict(settings or {}))
    manifest.write(directory, ["results.json", "items.jsonl"])
    return directory


def write_data(directory: Path) -> tuple[Manifest, Manifest]:
    """The manifests of an ExampleSet and of its TokenSet, and the ledger."""
    directory.mkdir(parents=True)
    counts = {"read": 2020, "used": 2000, "dropped": DROPPED, "noted": {}, "train": 1829, "validation": 171}
    settings = {"name": "toy", "licence": "CC0-1.0", "origin": "program"}
    examples = Manifest("example_set", {"toy.jsonl": "d" * 64}, counts, settings).write(directory)
    tokens_dir = directory / "tokens" / "0123456789abcdef"
    tokens_dir.mkdir(parents=True)
    train = {"read": 1829, "rows": 1820, "tokens": 101275, "targets": 7610, "whole": 1800, "trimmed": 20}
    tallies = {
        "train": {**train, "dropped_over_long": 9},
        "validation": {"read": 171, "rows": 171, "tokens": 9507, "targets": 661, "whole": 171},
    }
    ledger = [{"id": "a", "split": "train", "outcome": "trimmed", "n_tokens": 150, "n_cut": 22}]
    (tokens_dir / "ledger.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in ledger))
    settings = {"prompt_style": "alpaca", "max_seq_length": 128, "overflow": "trim", "mask_prompt": True}
    parents = {"tokenizer": "e" * 64, "example_set": examples.content_hash}
    return examples, Manifest("token_set", parents, tallies, settings).write(tokens_dir, ["ledger.jsonl"])


def journal(n_steps: int) -> list[Row]:
    """A journal like a run's, every tenth step with a validation."""
    records: list[Row] = [{"step": 0, "val_loss": 6.5, "n_targets": 661}]
    for step in range(1, n_steps + 1):
        record = {"step": step, "epoch": 1, "tokens": 55 * step, "elapsed_s": 0.03 * step}
        record |= {"train_loss": 6.0 / step**0.3, "learning_rate": 3e-4 * (1 - step / (n_steps + 1)), "grad_norm": 1.0}
        records.append({**record, "tokens_per_s": 30000.0, "peak_memory_gib": 0.5})
        if step % 10 == 0:
            records.append({"step": step, "val_loss": 6.2 / step**0.3, "n_targets": 661})
    return records


def write_run(
    directory: Path,
    data_dir: Path,
    is_finished: bool = True,
    n_steps: int = 50,
    records: list[Row] | None = None,
    counts: Mapping[str, Any] | None = None,
) -> Path:
    """A run directory with its journal and settings; a finished one has a manifest, with `counts` beside its own."""
    examples, tokens = write_data(data_dir)
    directory.mkdir(parents=True)
    records = journal(n_steps) if records is None else records
    (directory / "metrics.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    (directory / "hyperparameters.yaml").write_text(f"checkpoint_dir: checkpoints/toy/base\ndata_dir: {data_dir}\n")
    if is_finished:
        parents = {
            "checkpoint": "c" * 64,
            "token_set": tokens.content_hash,
            "example_set": examples.content_hash,
        }
        (directory / "best").mkdir()
        best = Manifest("lora", parents, {"step": n_steps}).write(directory / "best")
        assert best.content_hash
        own = {"step": n_steps, "n_tokens": 2750, "elapsed_s": 4.5, "train_rows": 1820, "validation_rows": 171}
        settings = {"method": "lora", "seed": 1337, "precision": "32-true"}
        Manifest("run", parents, own | dict(counts or {}), settings).write(directory, ["best/manifest.json"])
    return directory


def write_samples(path: Path) -> Path:
    pieces = [
        {
            "text": "\nBelow is an instruction.\n\n### Instruction:\nSort these words.\n\n### Response:\n",
            "is_target": False,
        },
        {"text": "ladder river stone</s>", "is_target": True},
    ]
    write_json(path, [{"id": "toy-000001", "category": "sort_words", "pieces": pieces, "n_tokens": 34}])
    return path

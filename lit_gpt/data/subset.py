"""Part of a prepared set as a set of its own: chosen training rows, and the validation and test rows as they are.

Every row left out is kept whole in `dropped.parquet`, and `rejects.jsonl` has a line for each, in the same order: its
id, the reason code its chooser gives, and what else the chooser says.
"""

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lit_gpt.data.licences import SCORED
from lit_gpt.data.store import (
    DROPPED,
    KIND,
    REJECTS,
    TEST,
    ExampleWriter,
    load_example_set,
    read_examples,
    split_name,
    verdicts_of,
)
from lit_gpt.errors import UserError
from lit_gpt.example import Example
from lit_gpt.files import new_directory
from lit_gpt.manifest import Manifest

KEPT = ("scores",)  # keyed by content, as in a prepared set
Choose = Callable[[Example], Mapping[str, Any] | None]


def write_subset(
    data_dir: Path,
    destination: Path,
    choose: Choose,
    settings: dict[str, Any],
    beside: Mapping[str, bytes] | None = None,
    scored_by: Sequence[str] = (),
) -> Path:
    """Write the training rows against which `choose` says nothing; returns the destination.

    Args:
        data_dir: the set to choose from
        destination: where the new set goes
        choose: what speaks against a row: its `reason`, and any JSON values; None keeps the row
        settings: how was chosen, for the manifest
        beside: further files of the new set, by name
        scored_by: language models that graded the rows, which every row's provenance then says

    Raises UserError when no row is left.
    """
    whole = load_example_set(data_dir)
    beside = beside or {}
    with new_directory(destination, keep=KEPT) as new:
        counts, verdicts = _write_rows(data_dir, new, choose, scored_by)
        if not counts["used"]:
            raise UserError(f"no row of {data_dir} is chosen", "at least one", "choose less strictly")
        others = [name for name in map(split_name, ("validation", TEST)) if name in whole.files]
        for name in others:
            shutil.copyfile(data_dir / name, new / name)
        for name, content in beside.items():
            (new / name).write_bytes(content)
        verdicts = {**whole.verdicts, **verdicts}  # of validation as before
        sha256 = {**whole.counts["rows_sha256"], "train": counts.pop("rows_sha256")}
        counts = {**whole.counts, "noted": {}, **counts, "train": counts["used"], "rows_sha256": sha256}
        names = [split_name("train"), split_name(DROPPED), *others, REJECTS, *beside]
        parents = {"example_set": whole.content_hash}
        Manifest(KIND, parents, counts, {**whole.settings, **settings}, verdicts=verdicts).write(new, names)
    return destination


def _write_rows(
    data_dir: Path, new: Path, choose: Choose, scored_by: Sequence[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Counts and verdicts of the training rows, for the manifest."""
    reasons: Counter[str] = Counter()
    with (
        ExampleWriter(new, "train") as train,
        ExampleWriter(new, DROPPED) as dropped,
        open(new / REJECTS, "w", encoding="ascii") as rejects,
    ):
        for example in read_examples(data_dir):
            against = choose(example)
            example = _marked(example, scored_by)
            if against is None:
                train.add(example)
                continue
            reasons[against["reason"]] += 1
            dropped.add(example)
            rejects.write(json.dumps({"id": example.id, **against}) + "\n")
    n_read = train.n_rows + dropped.n_rows
    counts = {
        "read": n_read,
        "used": train.n_rows,
        "dropped": dict(sorted(reasons.items())),
        "rows_sha256": train.rows_sha256,
    }
    return counts, verdicts_of({"train": train})


def _marked(example: Example, scored_by: Sequence[str]) -> Example:
    """The row, saying in its provenance who graded it; the licence gate asks for that."""
    marks = tuple(f"{SCORED}{name}" for name in scored_by if f"{SCORED}{name}" not in example.provenance.transformed_by)
    if not marks:
        return example
    origin = replace(example.provenance, transformed_by=(*example.provenance.transformed_by, *marks))
    return replace(example, provenance=origin)


def read_dropped(directory: Path) -> Iterator[tuple[Example, dict[str, Any]]]:
    """Every row that was left out, with its line of the ledger. UserError where the set has no such rows to read."""
    examples = read_examples(directory, DROPPED)
    with open(directory / REJECTS, encoding="ascii") as rejects:
        for example, line in zip(examples, rejects, strict=True):
            against = json.loads(line)
            if against["id"] != example.id:
                got = f"{directory / REJECTS}, which names {against['id']} where {example.id} was left out"
                raise UserError(got, "the ledger as it was written", "curate again")
            yield example, against

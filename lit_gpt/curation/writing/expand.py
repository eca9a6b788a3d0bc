"""A prepared set with rows that a language model wrote: asked for, accounted for, written.

    rows one began with + rows asked for = rows of the new set + rows in rejects.jsonl, each with its reason

Only training rows are made from; validation and test rows go along as they are. All rows are in memory at one time.
"""

import json
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lit_gpt.curation.judging.judge import Judge, open_judge
from lit_gpt.curation.judging.scorers import REPLIES
from lit_gpt.curation.judging.settings import JudgeSettings
from lit_gpt.curation.steps.self_instruct_rules import SelfInstructRules
from lit_gpt.curation.writing import humpback, material, rewriting, self_instruct
from lit_gpt.curation.writing.material import Lost
from lit_gpt.curation.writing.permission import licence_class, require_permitted
from lit_gpt.curation.writing.settings import ExpandSettings
from lit_gpt.data.accounting import say
from lit_gpt.data.store import (
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
from lit_gpt.seeds import derive_seed

Write = Callable[[Sequence[Example], Judge, ExpandSettings], tuple[list[Example], list[Lost]]]
WRITERS: dict[str, Write] = {
    "lift": rewriting.expand,
    "evol": rewriting.expand,
    "humpback": humpback.backtranslate,
    "self-instruct": self_instruct.bootstrap,
}
REASONS = {**SelfInstructRules.REASONS, **material.REASONS}
WRITTEN = "expansion"  # what the manifest calls how the set was made


def expand_set(settings: ExpandSettings, asked: JudgeSettings) -> Path:
    """Write the expanded set; returns its folder. DryRun where only the plan is wanted.

    UserError, before anything is asked, for a model that the challenge's rules do not admit.
    """
    out_dir = settings.out_dir or settings.data_dir.with_name(f"{settings.data_dir.name}-{settings.method}")
    _check_out_dir(out_dir, settings.data_dir)
    load_example_set(settings.data_dir)
    replies_dir = settings.data_dir / "scores" / REPLIES
    judge = open_judge(asked, settings.checkpoint_dir, settings.prompt_style, replies_dir)
    rows = list(read_examples(settings.data_dir))
    licences = sorted({settings.licence or row.provenance.licence for row in rows})
    for licence in licences:
        require_permitted(settings, judge.name, licence)
    chosen = _chosen(rows, settings)
    judge.most_questions = _n_calls(len(chosen), settings)
    new, lost = WRITERS[settings.method](chosen, judge, settings)
    if not new:
        reasons = ", ".join(f"{reason} {n}" for reason, n in Counter(each.reason for each in lost).most_common())
        do = f"look at the replies in {judge.replies_dir}, or ask another model"
        raise UserError(f"nothing that {judge.name} wrote is of use ({reasons})", "at least one row", do)
    kept = rows if settings.keeps_originals else []
    _write(out_dir, settings, judge, kept, new, lost)
    classes = {licence_class(judge.name, licence).verdict for licence in licences}
    say(f"{out_dir}: {len(kept):,} rows as they were, {len(new):,} by {judge.name} ({', '.join(sorted(classes))})")
    for reason, n in Counter(each.reason for each in lost).most_common():
        say(f"  lost {n:,}  {reason}: {REASONS[reason]} Listed in {REJECTS}.")
    return out_dir


def _n_calls(n_rows: int, settings: ExpandSettings) -> int:
    if settings.method == "self-instruct":
        return self_instruct.n_calls(settings)
    return n_rows if settings.method == "humpback" else rewriting.n_calls(n_rows, settings)


def _chosen(rows: list[Example], settings: ExpandSettings) -> list[Example]:
    """Of self-instruct all rows are seeds; else the seed decides which, in the order of the file."""
    if settings.n_rows is None or settings.method == "self-instruct" or settings.n_rows >= len(rows):
        return rows
    keys = sorted(rows, key=lambda row: derive_seed("expand", settings.seed, row.id))
    chosen = {row.id for row in keys[: settings.n_rows]}
    return [row for row in rows if row.id in chosen]


def _check_out_dir(out_dir: Path, data_dir: Path) -> None:
    if out_dir.resolve() == data_dir.resolve():
        raise UserError(f"--out_dir {out_dir}, which is what one begins with", "another folder", "choose another")
    if not out_dir.exists() or (out_dir.is_dir() and not any(out_dir.iterdir())):
        return
    if not out_dir.is_dir() or WRITTEN not in load_example_set(out_dir).settings:
        got = f"--out_dir {out_dir}, which is there already"
        raise UserError(got, "a new folder, or an expanded set to replace", "choose another --out_dir")


def _write(
    out_dir: Path,
    settings: ExpandSettings,
    judge: Judge,
    kept: Sequence[Example],
    new: Sequence[Example],
    lost: Sequence[Lost],
) -> None:
    whole = load_example_set(settings.data_dir)
    with new_directory(out_dir, keep=("scores",)) as directory:
        with ExampleWriter(directory, "train") as train:
            for row in (*kept, *new):
                train.add(row)
        records = [{**vars(each), "meaning": REASONS[each.reason]} for each in lost]
        (directory / REJECTS).write_text("".join(json.dumps(record) + "\n" for record in records), encoding="ascii")
        others = [name for name in map(split_name, ("validation", TEST)) if name in whole.files]
        for name in others:
            shutil.copyfile(settings.data_dir / name, directory / name)
        counts = {
            **whole.counts,
            "noted": {},
            "read": train.n_rows + len(lost),
            "used": train.n_rows,
            "dropped": dict(sorted(Counter(each.reason for each in lost).items())),
            "train": train.n_rows,
            "written": len(new),
            "rows_sha256": {**whole.counts["rows_sha256"], "train": train.rows_sha256},
        }
        made = {**whole.settings, "name": out_dir.name, WRITTEN: _made_how(settings, judge), "generator": judge.name}
        parents = {"example_set": whole.content_hash}
        verdicts = {**whole.verdicts, **verdicts_of({"train": train})}
        Manifest(KIND, parents, counts, made, verdicts=verdicts).write(
            directory, [split_name("train"), *others, REJECTS]
        )


def _made_how(settings: ExpandSettings, judge: Judge) -> dict[str, Any]:
    """The settings, without paths of this machine, and who wrote."""
    asked = {name: value for name, value in asdict(settings).items() if not name.endswith("_dir")}
    return {**asked, "rounds": settings.n_rounds, "model": judge.name, "identity": judge.model.identity}

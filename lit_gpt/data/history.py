"""What happened to a row on its way from its source into a prepared set, and what was left out on the way.

A set made of others (merged, curated, a subset) names its parents by content hash; those that lie beside it are
looked through too, so that a row can be followed to the file and line it was read from.
Not handled: parents that were moved away or written anew since.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lit_gpt.data.reasons import REASONS
from lit_gpt.data.store import REJECTS, SPLITS, TEST, find_example_sets, load_example_set, read_examples, split_name
from lit_gpt.errors import UserError
from lit_gpt.example import Example

MIN_HASH_CHARS = 8  # of a content hash, to name a row by


@dataclass(frozen=True)
class Sighting:
    """A row in one set: on a split, or (with an empty split) among the rejects."""

    data_dir: Path
    split: str = ""
    example: Example | None = None
    reject: dict[str, Any] = field(default_factory=dict)


def trace(data_dir: Path, name: str) -> list[Sighting]:
    """Where a row is found, by its id or the beginning of its content hash: in the set, and in those it was made of.

    UserError when it is nowhere.
    """
    found = list(_trace(data_dir, {name}, set()))
    if not found:
        raise UserError(
            f"--why {name}, which {data_dir} neither holds nor dropped",
            "an id as show_examples prints it, or eight letters or more of a content hash",
            "look for it with --contains TEXT, or in another --data_dir",
        )
    return found


def _trace(data_dir: Path, names: set[str], done: set[Path]) -> Iterator[Sighting]:
    done.add(data_dir)
    found = list(_sightings(data_dir, names))
    yield from found
    names = names | {sighting.example.content_hash for sighting in found if sighting.example}
    parents = set(load_example_set(data_dir).parents.values())
    for other in find_example_sets(data_dir.parent):
        if other not in done and load_example_set(other).content_hash in parents:
            yield from _trace(other, names, done)


def _sightings(data_dir: Path, names: set[str]) -> Iterator[Sighting]:
    for split in splits_of(data_dir):
        for example in read_examples(data_dir, split):
            if _is_named(example, names):
                yield Sighting(data_dir, split, example)
    for reject in read_rejects(data_dir):
        if reject.get("id") in names:
            yield Sighting(data_dir, reject=reject)


def _is_named(example: Example, names: set[str]) -> bool:
    return example.id in names or any(
        len(name) >= MIN_HASH_CHARS and example.content_hash.startswith(name) for name in names
    )


def splits_of(data_dir: Path) -> list[str]:
    files = load_example_set(data_dir).files
    return [split for split in (*SPLITS, TEST) if split_name(split) in files]


def read_rejects(data_dir: Path) -> Iterator[dict[str, Any]]:
    """What was left out, in order; each has a `reason`, and what else was known of it."""
    path = data_dir / REJECTS
    if path.is_file():
        with open(path, encoding="utf-8") as file:
            yield from map(json.loads, file)


def in_words(sighting: Sighting) -> str:
    """A sighting for the terminal."""
    if sighting.example is None:
        return f"{sighting.data_dir}: dropped\n{_indented(reject_in_words(sighting.reject))}"
    example, provenance = sighting.example, sighting.example.provenance
    lines = [
        f"id            {example.id}",
        f"content hash  {example.content_hash}",
        f"source        {provenance.source}, row {provenance.row} of it, revision {provenance.revision}",
        f"read from     {_place(provenance.file, provenance.line, provenance.line, provenance.part)}",
        f"licence       {provenance.licence}",
        f"origin        {provenance.origin}{f', {provenance.generator}' if provenance.generator else ''}",
    ]
    lines += [f"changed by    {', '.join(provenance.transformed_by)}"] * bool(provenance.transformed_by)
    lines += [f"category      {example.category}"] * bool(example.category)
    turns = [f"{message.role}: {message.content}" for message in example.messages]
    return f"{sighting.data_dir}: {sighting.split}\n{_indented(chr(10).join([*lines, *turns]))}"


def reject_in_words(reject: dict[str, Any]) -> str:
    """A line of `rejects.jsonl`: the reason first, then where it was, then all that is known besides."""
    known = dict(reject)
    reason = str(known.pop("reason", "unknown"))
    meaning = known.pop("meaning", REASONS.get(reason, ""))
    lines = [f"{known.pop('id', '')} {reason}: {meaning}".strip()]
    text = known.pop("text", None)
    if known.get("file"):
        first, part = int(known.pop("line", 0)), int(known.pop("part", 0))
        lines.append(f"read from {_place(known.pop('file'), first, int(known.pop('last_line', first)), part)}")
        known.pop("byte_offset", None)
    lines += [f"{name}: {value}" for name, value in known.items()]
    return "\n".join(lines + ([text] if text else []))


def _place(file: str, first: int, last: int, part: int) -> str:
    if not file:
        return "a file that this set does not name"
    where = f"lines {first} to {last}" if last > first else f"line {first}"
    return f"{file}, {where}{f', part {part}' if part else ''}"


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.split("\n"))

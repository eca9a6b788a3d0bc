"""From a source to an ExampleSet: read, parse, split, write, and account for every row.

Rows stream from reader to parquet, so memory does not grow with their number. The set appears under its name only when
complete; preparing the same rows again leaves the one that is there, and the tokens made from it, alone.
"""

import contextlib
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from lit_gpt.data.accounting import Tally, nothing_usable, report, say
from lit_gpt.data.locate import SourceFile, locate
from lit_gpt.data.reading import format_of
from lit_gpt.data.records import Reject
from lit_gpt.data.rows import Placed, fitted, read_rows
from lit_gpt.data.settings import DataSettings
from lit_gpt.data.source import Source
from lit_gpt.data.split import Split, is_validation
from lit_gpt.data.store import (
    KIND,
    REJECTS,
    SPLITS,
    TEST,
    ExampleWriter,
    is_example_set,
    split_name,
    swap_splits,
    verdicts_of,
)
from lit_gpt.errors import UserError
from lit_gpt.example import Example
from lit_gpt.files import new_directory
from lit_gpt.manifest import MANIFEST, Manifest, damaged_files, read_manifest

KEPT = ("scores",)  # keyed by content, so they outlive a change of rows; tokens do not
OURS = {*map(split_name, (*SPLITS, TEST)), REJECTS, MANIFEST, "tokens", *KEPT}


class _Unchanged(Exception):
    """The set that is there already holds these rows."""


def prepare_examples(source: Source, settings: DataSettings) -> Path:
    """Write the ExampleSet of a source to `settings.destination_path` and return that path.

    Raises UserError when the source cannot be found or fetched, when none of its rows is usable, and when the
    destination holds anything that is not ours to replace.
    """
    check_destination(settings.destination_path)
    files = locate(source, settings)
    source = fitted(source, files)
    return write_set(settings.destination_path, lambda directory: _write_set(directory, source, settings, files))


def write_set(destination: Path, write: Callable[[Path], Manifest]) -> Path:
    """What `write` puts into a new folder takes the destination's place, unless the same rows are there already."""
    try:
        with new_directory(destination, keep=KEPT) as directory:
            if _holds(destination, write(directory)):
                raise _Unchanged
    except _Unchanged:
        say(f"{destination} holds these rows already and is left as it is")
    return destination


def check_destination(destination: Path) -> None:
    """UserError unless the folder is new, empty or a prepared set with nothing else in it."""
    if not destination.exists():
        return
    if not destination.is_dir():
        raise UserError(f"--destination_path {destination}, which is a file", "a folder", "choose another path")
    names = {path.name for path in destination.iterdir()}
    foreign = sorted(names - OURS if is_example_set(destination) else names)
    if foreign:
        raise UserError(
            f"--destination_path {destination}, which holds {', '.join(foreign[:5])}",
            "a new or empty folder, or a prepared set: what is there would be replaced",
            "choose another folder, or move those files away",
        )


def _write_set(directory: Path, source: Source, settings: DataSettings, files: list[SourceFile]) -> Manifest:
    formats = {file.name: format_of(file.path, source.layout) for file in files}
    read_as = ", ".join(f"{name}, read as {kind}" for name, kind in formats.items()) or "made by a program"
    tally = Tally()
    splits = (*SPLITS, TEST) if source.has_test else SPLITS
    rows = read_rows(source, settings, files, tally)
    written = _write_rows(directory, splits, rows, settings, source.program is None)
    if not tally.n_used:
        raise nothing_usable(source, read_as, tally)
    n_rows = {split: side.n_rows for split, side in written.items()}
    report(source, read_as, tally, n_rows, wants_split=settings.val_split_fraction > 0)
    counts = {
        "read": tally.n_read,
        "used": tally.n_used,
        "dropped": dict(sorted(tally.dropped.items())),
        "noted": dict(sorted(tally.noted.items())),
        **n_rows,
        "rows_sha256": {split: side.rows_sha256 for split, side in written.items()},
    }
    parents = {file.name: file.sha256 for file in files}
    names = [*map(split_name, splits), REJECTS]
    made_from = _settings(source, settings, files, formats)
    return Manifest(KIND, parents, counts, made_from, verdicts=verdicts_of(written)).write(directory, names)


def _write_rows(
    directory: Path, splits: tuple[str, ...], rows: Iterator[Placed | Reject], settings: DataSettings, may_swap: bool
) -> dict[str, ExampleWriter]:
    """Each row to its file; what was written on each side.

    Where all rows are held out they train instead, unless the source itself puts rows on sides.
    """
    with ExitStack() as files:
        rejects = files.enter_context(open(directory / REJECTS, "w", encoding="ascii"))
        sides = {split: files.enter_context(ExampleWriter(directory, split)) for split in splits}
        for row in rows:
            if isinstance(row, Reject):
                rejects.write(json.dumps(row.to_row()) + "\n")
            else:
                sides[_side(*row, settings)].add(row.example)
    train, validation = SPLITS
    if not sides[train].n_rows and may_swap:
        swap_splits(directory)
        sides[train], sides[validation] = sides[validation], sides[train]
    return sides


def _side(example: Example, split: Split | None, settings: DataSettings) -> Split:
    """Where the source puts the row, else where its content does."""
    if split is not None:
        return split
    is_held_out = is_validation(example.content_hash, settings.seed, settings.val_split_fraction)
    return "validation" if is_held_out else "train"


def _settings(
    source: Source, settings: DataSettings, files: list[SourceFile], formats: dict[str, Any]
) -> dict[str, Any]:
    """All that decides the rows besides the files; no path of this machine."""
    return {
        "name": source.name,
        "licence": source.licence,
        "origin": source.origin,
        "generator": source.generator,
        **source.options,
        "revisions": {file.name: file.revision for file in files},
        "formats": formats,
        "seed": settings.seed,
        "val_split_fraction": settings.val_split_fraction,
    }


def _holds(destination: Path, new: Manifest) -> bool:
    """Whether the set that is there has the same rows on the same sides, undamaged, whatever its parquet bytes."""
    if not is_example_set(destination):
        return False
    with contextlib.suppress(TypeError):  # a manifest of another version
        old = read_manifest(destination, KIND)
        same = (old.parents, old.counts, old.settings) == (new.parents, new.counts, new.settings)
        return same and not damaged_files(destination, old)
    return False

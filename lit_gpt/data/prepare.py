"""From a source to an ExampleSet: read, parse, split, write, and account for every row.

Rows stream from reader to parquet, so memory does not grow with their number. The set appears under its name only when
complete; preparing the same rows again leaves the one that is there, and the tokens made from it, alone.
"""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lit_gpt.data.accounting import Tally, nothing_usable, report, say
from lit_gpt.data.locate import SourceFile, locate
from lit_gpt.data.reading import format_of, read_records
from lit_gpt.data.records import Record, Reject
from lit_gpt.data.settings import DataSettings
from lit_gpt.data.source import Rejected, Source
from lit_gpt.data.split import is_validation
from lit_gpt.data.store import KIND, REJECTS, SPLITS, ExampleWriter, is_example_set, split_name, swap_splits
from lit_gpt.errors import UserError
from lit_gpt.example import Example, Provenance
from lit_gpt.files import new_directory
from lit_gpt.manifest import MANIFEST, Manifest, damaged_files, read_manifest
from lit_gpt.progress import bar

FILES = (*map(split_name, SPLITS), REJECTS)
KEPT = ("scores",)  # keyed by content, so they outlive a change of rows; tokens do not
OURS = {*FILES, MANIFEST, "tokens", *KEPT}
KIB = 1024


class _Unchanged(Exception):
    """The set that is there already holds these rows."""


def prepare_examples(source: Source, settings: DataSettings) -> Path:
    """Write the ExampleSet of a source to `settings.destination_path` and return that path.

    Raises UserError when the source cannot be found or fetched, when none of its rows is usable, and when the
    destination holds anything that is not ours to replace.
    """
    destination = settings.destination_path
    check_destination(destination)
    files = locate(source, settings)
    try:
        with new_directory(destination, keep=KEPT) as directory:
            manifest = _write_set(directory, source, settings, files)
            if _holds(destination, manifest):
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
    formats = {file.name: format_of(file.path) for file in files}
    read_as = ", ".join(f"{name}, read as {kind}" for name, kind in formats.items())
    tally = Tally()
    rows_sha256 = _write_rows(directory, _rows(source, files, tally), settings)
    if not tally.n_used:
        raise nothing_usable(source, read_as, tally)
    n_train, n_validation = (rows for rows, _ in rows_sha256.values())
    report(source, read_as, tally, n_train, n_validation, wants_split=settings.val_split_fraction > 0)
    counts = {
        "read": tally.n_read,
        "used": tally.n_used,
        "dropped": dict(sorted(tally.dropped.items())),
        "noted": dict(sorted(tally.noted.items())),
        "train": n_train,
        "validation": n_validation,
        "rows_sha256": {split: sha256 for split, (_, sha256) in rows_sha256.items()},
    }
    parents = {file.name: file.sha256 for file in files}
    return Manifest(KIND, parents, counts, _settings(source, settings, files, formats)).write(directory, FILES)


def _write_rows(
    directory: Path, rows: Iterator[Example | Reject], settings: DataSettings
) -> dict[str, tuple[int, str]]:
    """Each row to its file; the number and the hash of the rows on each side."""
    train, validation = (ExampleWriter(directory, split) for split in SPLITS)
    with train, validation, open(directory / REJECTS, "w", encoding="ascii") as rejects:
        for row in rows:
            if isinstance(row, Reject):
                rejects.write(json.dumps(row.to_row()) + "\n")
            elif is_validation(row.content_hash, settings.seed, settings.val_split_fraction):
                validation.add(row)
            else:
                train.add(row)
    if not train.n_rows:
        swap_splits(directory)
        train, validation = validation, train
    return {split: (side.n_rows, side.rows_sha256) for split, side in zip(SPLITS, (train, validation), strict=True)}


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


def _rows(source: Source, files: list[SourceFile], tally: Tally) -> Iterator[Example | Reject]:
    """Every row of every file, counted."""
    with bar(sum(file.path.stat().st_size for file in files) // KIB, f"reading {source.name}", "KiB") as progress:
        n_bytes = 0

        def on_bytes(n_more: int) -> None:
            nonlocal n_bytes
            progress.update((n_bytes + n_more) // KIB - n_bytes // KIB)
            n_bytes += n_more

        for file in files:
            for record in read_records(file.path, source.check_columns, on_bytes, file.name):
                row = record if isinstance(record, Reject) else _parse(record, source, file, tally)
                tally.count(row)
                yield row
    assert tally.n_read == tally.n_used + tally.dropped.total()


def _parse(record: Record, source: Source, file: SourceFile, tally: Tally) -> Example | Reject:
    try:
        parsed = source.parse(record.fields)
    except Rejected as error:
        return record.reject(error.reason)
    tally.noted.update(parsed.notes)
    provenance = Provenance(
        source=source.name,
        revision=file.revision,
        row=tally.n_read,
        licence=source.licence if parsed.licence is None else parsed.licence,
        origin=source.origin if parsed.origin is None else parsed.origin,
        generator=source.generator if parsed.generator is None else parsed.generator,
    )
    return Example(f"{source.name}-{tally.n_read:06d}", parsed.messages, provenance, parsed.category)


def _holds(destination: Path, new: Manifest) -> bool:
    """Whether the set that is there has the same rows on the same sides, undamaged, whatever its parquet bytes."""
    if not is_example_set(destination):
        return False
    with contextlib.suppress(TypeError):  # a manifest of another version
        old = read_manifest(destination, KIND)
        same = (old.parents, old.counts, old.settings) == (new.parents, new.counts, new.settings)
        return same and {*FILES} <= old.files.keys() and not damaged_files(destination, old)
    return False

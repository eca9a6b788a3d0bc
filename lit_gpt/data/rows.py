"""From a source's files to its rows: each record read, taken apart where the source says so, parsed or rejected."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import NamedTuple

from lit_gpt.data.accounting import Tally
from lit_gpt.data.locate import SourceFile
from lit_gpt.data.reading import read_records
from lit_gpt.data.records import Place, Record, Reject
from lit_gpt.data.settings import DataSettings
from lit_gpt.data.source import Program, Rejected, Source
from lit_gpt.data.split import Split
from lit_gpt.example import Example, Provenance
from lit_gpt.progress import bar, watched

KIB = 1024
N_SAMPLE = 100  # records that tell what a user's file holds


class Placed(NamedTuple):
    """An example, and its side where the source decides that."""

    example: Example
    split: Split | None


def fitted(source: Source, files: list[SourceFile]) -> Source:
    """The source as the first records of its first file show it, where it asks for them."""
    if source.fit is None or not files:
        return source
    first = files[0]
    records = read_records(first.path, lambda columns, file: None, name=first.name, layout=source.layout)
    sample = list(islice((record.fields for record in records if isinstance(record, Record)), N_SAMPLE))
    return source.fit(source, sample, first.name) if sample else source


def read_rows(
    source: Source, settings: DataSettings, files: list[SourceFile], tally: Tally
) -> Iterator[Placed | Reject]:
    """Every row, counted."""
    for record, revision in _made(source.name, source.program, settings) if source.program else _read(source, files):
        id = source.row_id(tally.n_read)
        row = record if isinstance(record, Reject) else _parse(record, source, revision, tally)
        row = replace(row, id=id) if isinstance(row, Reject) else row
        tally.count(row if isinstance(row, Reject) else row.example)
        yield row
    assert tally.n_read == tally.n_used + tally.dropped.total()


def _made(name: str, program: Program, settings: DataSettings) -> Iterator[tuple[Record, str]]:
    """What a source's program makes."""
    records = program(settings.seed, settings.val_split_fraction)
    for number, fields in enumerate(watched(records, f"making {name}", "row"), 1):
        yield Record(Place("program", number), fields), f"seed:{settings.seed}"


def _read(source: Source, files: list[SourceFile]) -> Iterator[tuple[Record | Reject, str]]:
    """What the files hold."""
    with bar(sum(file.path.stat().st_size for file in files) // KIB, f"reading {source.name}", "KiB") as progress:
        n_bytes = 0

        def on_bytes(n_more: int) -> None:
            nonlocal n_bytes
            progress.update((n_bytes + n_more) // KIB - n_bytes // KIB)
            n_bytes += n_more

        for file in files:
            for record in read_records(file.path, source.check_columns, on_bytes, file.name, source.layout):
                for row in _unfolded(record, source):
                    yield row, file.revision


def _unfolded(record: Record | Reject, source: Source) -> Iterator[Record | Reject]:
    """The records a source makes of one, or the record itself."""
    if source.unfold is None or isinstance(record, Reject):
        yield record
        return
    place = record.place
    try:
        for part, fields in enumerate(source.unfold(record.fields, place.file), 1):
            yield Record(replace(place, part=part), fields)
    except Rejected as error:
        yield record.reject(error.reason)


def _parse(record: Record, source: Source, revision: str, tally: Tally) -> Placed | Reject:
    try:
        parsed = source.parse(record.fields)
    except Rejected as error:
        return record.reject(error.reason)
    tally.noted.update(parsed.notes)
    place = record.place
    provenance = Provenance(
        source=source.name,
        revision=revision,
        row=tally.n_read,
        licence=source.licence if parsed.licence is None else parsed.licence,
        origin=source.origin if parsed.origin is None else parsed.origin,
        generator=source.generator if parsed.generator is None else parsed.generator,
        file=place.file,
        line=place.line,
        part=place.part,
    )
    example = Example(source.row_id(tally.n_read), parsed.messages, provenance, parsed.category)
    return Placed(example, parsed.split)

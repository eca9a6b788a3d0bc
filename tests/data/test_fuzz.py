"""Damage some rows of a file at random: every other row is still read, and every row is accounted for.

What a damaged row costs, by format: JSON lines and tables without quotes, its own line; CSV and TSV, the lines up to
the next that starts a row; a JSON array, the lines up to the next element; parquet, the row of a cell that is no text,
and for a corrupt file the whole file. And the oracles: on undamaged files we agree with Python's csv and json.
"""

import csv
import io
import json
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lit_gpt.data.reading import Layout, read_records
from lit_gpt.data.records import Record, Reject
from lit_gpt.errors import UserError
from tests.data.files import any_columns, read, write

FAST, FULL = 250, 10_000
COLUMNS = ["instruction", "input", "output"]

# the characters that mean something to one of the formats come up often
text = st.text(st.sampled_from("ab ,;|\t\"'\\{}[]:\n\r0é€𝄞\u2028") | st.characters(codec="utf-8"), max_size=20)
# csv.writer leaves a bare carriage return unquoted, which makes it a line end to csv.reader
cell = text.map(lambda value: value.replace("\r", "\r\n"))
row = st.fixed_dictionaries(dict.fromkeys(COLUMNS, cell))
rows = st.lists(row, min_size=1, max_size=8)
# where text begins or ends in one of these, two rows with one lost quote between them can be read in two ways
plain_ends = cell.map(lambda value: value.strip('",\t\r\n'))
plain_rows = st.lists(st.fixed_dictionaries(dict.fromkeys(COLUMNS, plain_ends)), min_size=1, max_size=8)
json_row = st.fixed_dictionaries(
    {"instruction": text, "output": text},
    optional={"input": text, "history": st.lists(st.lists(text, min_size=2, max_size=2), max_size=2)},
)
messages_row = st.fixed_dictionaries(
    {"messages": st.lists(st.fixed_dictionaries({"role": st.just("user"), "content": text}), max_size=3)}
)
json_rows = st.lists(json_row, min_size=1, max_size=8) | st.lists(messages_row, min_size=1, max_size=8)


@st.composite
def damage(draw: st.DrawFn, whole: bytes) -> bytes:
    """The row with a few bytes lost, replaced, inserted or doubled, or its end cut off."""
    damaged = whole
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(damaged)))
        n = draw(st.integers(0, 3))
        new = draw(
            st.sampled_from([b"", b'"', b"{", b"}", b"[", b"]", b",", b":", b"\\", b"\n", b"\0", b"\xff", b"x", b'""'])
        )
        kind = draw(st.sampled_from(["replace", "cut", "double"]))
        if kind == "replace":
            damaged = damaged[:at] + new + damaged[at + n :]
        elif kind == "cut":
            damaged = damaged[:at]
        else:
            damaged = damaged[:at] + damaged[max(at - n, 0) :]
    return damaged


def damage_some(data: st.DataObject, whole: list[bytes]) -> tuple[list[bytes], set[int]]:
    victims = data.draw(st.sets(st.integers(0, len(whole) - 1), max_size=3))
    return [data.draw(damage(raw)) if i in victims else raw for i, raw in enumerate(whole)], victims


def is_subsequence(wanted: list, found: list) -> bool:
    rest = iter(found)
    return all(any(each == one for one in rest) for each in wanted)


def read_bytes(name: str, data: bytes) -> tuple[list, list]:
    with tempfile.TemporaryDirectory() as folder:
        return read(write(Path(folder), name, data))


def read_rows(name: str, data: bytes, layout: Layout) -> list[Record | Reject]:
    with tempfile.TemporaryDirectory() as folder:
        return list(read_records(write(Path(folder), name, data), any_columns, layout=layout))


def strictly(line: bytes) -> dict | None:
    """What Python's json makes of a line, None where JSON (RFC 8259) and UTF-8 have no object with unique names."""

    def refuse(name: str) -> None:
        raise ValueError(name)

    def unique(pairs: list) -> dict:
        if len(dict(pairs)) < len(pairs):
            raise ValueError("a name twice")
        return dict(pairs)

    try:
        value = json.loads(line.decode("utf-8"), object_pairs_hook=unique, parse_constant=refuse, parse_int=float)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def check_json_lines(data: st.DataObject) -> None:
    """Exactly the damaged lines are missing, and each is a reject with its line."""
    whole = data.draw(json_rows)
    raw, victims = damage_some(
        data, [json.dumps(each, ensure_ascii=data.draw(st.booleans())).encode() for each in whole]
    )
    file = b"\n".join(raw)
    records, rejects = read_bytes("a.jsonl", file)
    lines = {number: line.strip() for number, line in enumerate(file.split(b"\n"), 1) if line.strip()}
    sound = {number: value for number, line in lines.items() if (value := strictly(line)) is not None}
    assert records == list(sound.values())
    assert [(reject.place.line, reject.n_lines) for reject in rejects] == [(n, 1) for n in lines if n not in sound]
    assert all(file[reject.place.byte_offset :].lstrip().startswith(lines[reject.place.line]) for reject in rejects)
    assert is_subsequence([each for i, each in enumerate(whole) if i not in victims], records)


def check_plain_table(data: st.DataObject) -> None:
    """Exactly the lines with another number of fields, or that are no UTF-8, are missing."""
    column = text.map(lambda value: "".join(value.split()))
    whole = data.draw(st.lists(st.lists(column, min_size=3, max_size=3), min_size=1, max_size=8))
    raw, _ = damage_some(data, ["\t".join(each).encode() for each in whole])
    file = b"\n".join([b"x\ty\tz", *raw])
    rows = read_rows("a.tsv", file, Layout(quotes=False, column_names=tuple(COLUMNS)))
    lines = [line.rstrip(b"\r") for line in file.split(b"\n")]
    seen = {row.place.line: row for row in rows}
    assert sorted(seen) == [number for number, line in enumerate(lines, 1) if line.strip()]
    for number, found in seen.items():
        try:
            fields = lines[number - 1].decode().split("\t")
        except UnicodeDecodeError:
            fields = []
        assert (list(found.fields.values()) == fields) if isinstance(found, Record) else len(fields) != 3


def check_parquet_cells(data: st.DataObject) -> None:
    """Exactly the rows with a cell that is no UTF-8 are missing, each told by its number."""
    cells = data.draw(st.lists(st.binary(max_size=6) | text.map(str.encode) | st.none(), min_size=1, max_size=12))
    table = pa.table({"instruction": pa.array(cells, pa.binary()).view(pa.string()), "n": list(range(len(cells)))})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, row_group_size=data.draw(st.integers(1, 12)))
    records, rejects = read_bytes("a.parquet", sink.getvalue().to_pybytes())
    sound = [i for i, cell in enumerate(cells) if cell is None or cell.decode(errors="replace").encode() == cell]
    assert [record["n"] for record in records] == sound
    texts = [cell if cell is None else cell.decode(errors="replace") for cell in cells]
    assert [record["instruction"] for record in records] == [texts[i] for i in sound]
    missing = [i + 1 for i in range(len(cells)) if i not in sound]
    assert [(reject.place.line, reject.reason) for reject in rejects] == [(n, "invalid_utf8") for n in missing]


def check_parquet_bytes(data: st.DataObject) -> None:
    """A corrupt file is refused, or has as many rows as it says: never a crash."""
    sink = pa.BufferOutputStream()
    rows = [{"instruction": f"question {i}", "output": "x" * i} for i in range(20)]
    compression = data.draw(st.sampled_from(["none", "zstd", "snappy"]))
    pq.write_table(pa.Table.from_pylist(rows), sink, row_group_size=7, compression=compression)
    whole = sink.getvalue().to_pybytes()
    damaged = data.draw(damage(whole))
    try:
        records, rejects = read_bytes("a.parquet", damaged)
    except UserError:
        assert damaged != whole
        return
    assert damaged == whole or len(records) + len(rejects) > 0 or not damaged.startswith(b"PAR1")


def check_json_array(data: st.DataObject) -> None:
    whole = data.draw(json_rows)
    indent = data.draw(st.sampled_from([None, 2]))
    raw, victims = damage_some(data, [json.dumps(each, indent=indent).encode() for each in whole])
    separator = data.draw(st.sampled_from([b",", b", ", b",\n"]))
    records, rejects = read_bytes("a.json", b"[" + separator.join(raw) + b"]")
    assert is_subsequence([each for i, each in enumerate(whole) if i not in victims], records)
    assert victims or (not rejects and records == whole)
    for i in victims:
        first = 1 + (separator.join(raw[:i]) + separator * (i > 0)).count(b"\n")
        body = raw[i].strip(b" \t\r\n,]")  # commas and closing brackets between elements may be too many
        is_lost = body and whole[i] not in records and strictly(raw[i]) is None and strictly(body) not in records
        assert not is_lost or any(_overlaps(reject, first, first + raw[i].count(b"\n")) for reject in rejects)


def _overlaps(reject: Reject, first: int, last: int) -> bool:
    return reject.place.line <= last and first <= reject.place.line + reject.n_lines - 1


def csv_line(each: dict, quoting: int, end: str, delimiter: str) -> bytes:
    out = io.StringIO(newline="")
    csv.DictWriter(out, COLUMNS, delimiter=delimiter, quoting=quoting, lineterminator=end).writerow(each)
    return out.getvalue().encode()


def check_csv(data: st.DataObject) -> None:
    check_table(data, ",", "a.csv")


def check_tsv(data: st.DataObject) -> None:
    check_table(data, "\t", "a.tsv")


def check_table(data: st.DataObject, delimiter: str, name: str) -> None:
    """Untouched rows are read, and every line that is not blank belongs to one record or to one reject."""
    whole = data.draw(plain_rows)
    quoting = data.draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    end = data.draw(st.sampled_from(["\n", "\r\n"]))
    lines = [csv_line(each, quoting, end, delimiter).removesuffix(end.encode()) for each in whole]
    raw, victims = damage_some(data, lines)
    file = end.encode().join([delimiter.join(COLUMNS).encode(), *raw])
    rows = read_rows(name, file, Layout())
    records = [row.fields for row in rows if isinstance(row, Record)]
    fields = [value for each in records for value in each.values()]
    kept = [i for i in range(len(whole)) if i not in victims and not is_swallowed(i, raw, victims, fields, end)]
    assert is_subsequence([whole[i] for i in kept], records)
    assert victims or records == whole == [row.fields for row in rows]
    blank = {number for number, line in enumerate(file.split(b"\n"), 1) if not line.rstrip(b"\r")}
    taken = [line for row in rows for line in range(row.place.line, row.place.line + _n_lines(row))]
    assert len(set(taken)) == len(taken)
    assert set(taken) | blank == set(range(2, file.count(b"\n") + 2)) | (blank & {1})


def _n_lines(row: Record | Reject) -> int:
    if isinstance(row, Reject):
        return row.n_lines
    return row.raw.count(b"\n") + (not row.raw.endswith(b"\n"))


def is_swallowed(i: int, raw: list[bytes], victims: set[int], fields: list[str], end: str) -> bool:
    """Whether all rows between two damaged ones, this row among them, are together the text of one field."""
    for first, last in ((a, b) for a in victims for b in victims if a < i < b):
        between = end.encode().join(raw[first + 1 : last]).decode(errors="replace")
        if any(f"\n{between}{end}" in field for field in fields):
            return True
    return False


def test_two_open_quotes_can_make_a_sound_record_of_what_lies_between():
    """Found by the check above: no reader can tell; each row's text is still there."""
    records, rejects = read_bytes("a.csv", b'instruction,input,output\na,,b\n,,"\n,,\n"\nc,,d')
    assert [each["output"] for each in records] == ["b", "\n,,\n", "d"]
    assert rejects == []


CHECKS = [
    check_json_lines,
    check_json_array,
    check_csv,
    check_tsv,
    check_plain_table,
    check_parquet_cells,
    check_parquet_bytes,
]


def run(check: object, count: int) -> None:
    suppressed = [HealthCheck.too_slow, HealthCheck.data_too_large]
    settings(max_examples=count, deadline=None, derandomize=True, suppress_health_check=suppressed, database=None)(
        given(data=st.data())(check)
    )()


@pytest.mark.parametrize("check", CHECKS)
def test_damaged_rows_cost_themselves_alone(check):
    run(check, FAST)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("check", CHECKS)
def test_damaged_rows_cost_themselves_alone_at_full_count(check):
    run(check, FULL)


@settings(max_examples=FAST, deadline=None, derandomize=True)
@given(
    rows=rows, delimiter=st.sampled_from(",;\t|"), quoting=st.sampled_from([0, 1]), end=st.sampled_from(["\n", "\r\n"])
)
def test_a_well_formed_table_reads_as_in_pythons_csv(rows, delimiter, quoting, end):
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, COLUMNS, delimiter=delimiter, quoting=quoting, lineterminator=end)
    writer.writeheader()
    writer.writerows(rows)
    expected = list(csv.DictReader(io.StringIO(out.getvalue(), newline=""), delimiter=delimiter))
    records, rejects = read_bytes("a.csv", out.getvalue().encode())
    assert (records, rejects) == (expected, [])


values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=FAST, deadline=None, derandomize=True)
@given(elements=st.lists(st.dictionaries(text, values, max_size=4), max_size=6), indent=st.sampled_from([None, 0, 3]))
def test_a_well_formed_array_reads_as_in_pythons_json(elements, indent):
    written = json.dumps(elements, indent=indent, ensure_ascii=False)
    records, rejects = read_bytes("a.json", written.encode())
    assert (records, rejects) == (json.loads(written), [])

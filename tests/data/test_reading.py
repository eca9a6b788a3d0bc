"""A table of small nasty files: which rows are read, and which are left out, where and why."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lit_gpt.data.reading import format_of
from lit_gpt.errors import UserError
from tests.data.files import read, write

A, B, C = ({"instruction": name, "output": name * 2} for name in "abc")
LINE_A, LINE_B, LINE_C = (json.dumps(row).encode() for row in (A, B, C))
COLUMNS = ("instruction", "input", "output")
BIG = "x" * 200_000
DEEP = b'{"instruction":' + b"[" * 100_000 + b"]" * 100_000 + b"}"


def lines(*rows):
    return b"\n".join(rows)


def array(*rows):
    return b"[" + b", ".join(rows) + b"]"


def pretty(*rows):
    return b"[\n" + b",\n".join(rows) + b"\n]\n"


# name of the file, its bytes, the records, the rejects as (line, reason)
CASES = {
    # JSON lines
    "two lines": ("a.jsonl", lines(LINE_A, LINE_B), [A, B], []),
    "byte order mark": ("a.jsonl", b"\xef\xbb\xbf" + LINE_A, [A], []),
    "CRLF": ("a.jsonl", lines(LINE_A + b"\r", LINE_B + b"\r", b""), [A, B], []),
    "blank lines": ("a.jsonl", lines(b"", LINE_A, b" ", b"", LINE_B, b""), [A, B], []),
    "cut line": ("a.jsonl", lines(LINE_A, LINE_B[:9], LINE_C), [A, C], [(2, "invalid_json")]),
    "invalid UTF-8": ("a.jsonl", lines(LINE_A, b'{"a":"\xff"}', LINE_C), [A, C], [(2, "invalid_utf8")]),
    "raw NUL": ("a.jsonl", lines(LINE_A, b'{"a":"\0"}', LINE_C), [A, C], [(2, "nul_character")]),
    "NaN": ("a.jsonl", lines(b'{"a":NaN}', LINE_B), [B], [(1, "not_a_number")]),
    "Infinity": ("a.jsonl", lines(b'{"a":-Infinity}', LINE_B), [B], [(1, "not_a_number")]),
    "deep nesting": ("a.jsonl", lines(LINE_A, DEEP, LINE_C), [A, C], [(2, "nested_too_deep")]),
    "array on a line": ("a.jsonl", lines(LINE_A, b"[1]"), [A], [(2, "not_an_object")]),
    "bare values": ("a.jsonl", lines(b'"x"', b"null", LINE_A), [A], [(1, "not_an_object"), (2, "not_an_object")]),
    "repeated name": ("a.jsonl", lines(b'{"a":"1","a":"2"}', LINE_B), [B], [(1, "duplicate_key")]),
    "huge integer": ("a.jsonl", b'{"a":"t","n":' + b"9" * 5000 + b"}", [{"a": "t", "n": float("inf")}], []),
    "two objects on a line": ("a.jsonl", lines(LINE_A + LINE_B, LINE_C), [C], [(1, "invalid_json")]),
    "unicode line separators are text": ("a.jsonl", '{"a":"x\u2028y\x85z"}'.encode(), [{"a": "x\u2028y\x85z"}], []),
    "huge line": ("a.jsonl", json.dumps({"a": BIG * 20}).encode(), [{"a": BIG * 20}], []),
    "JSON lines named .json": ("a.json", lines(LINE_A, LINE_B), [A, B], []),
    # JSON array
    "compact": ("a.json", array(LINE_A, LINE_B), [A, B], []),
    "pretty": ("a.json", json.dumps([A, B], indent=4).encode(), [A, B], []),
    "empty array": ("a.json", b" [ ] ", [], []),
    "array with a mark and CRLF": ("a.json", b"\xef\xbb\xbf[\r\n" + LINE_A + b",\r\n" + LINE_B + b"\r\n]", [A, B], []),
    "cut element": ("a.json", array(LINE_A, LINE_B[:-9], LINE_C), [A, C], [(1, "invalid_json")]),
    "cut element, pretty": ("a.json", pretty(LINE_A, LINE_B[:-9], LINE_C), [A, C], [(3, "invalid_json")]),
    "first element cut": ("a.json", array(LINE_A[:-1], LINE_B), [B], [(1, "invalid_json")]),
    "last element cut": ("a.json", pretty(LINE_A, LINE_B[:-1]), [A], [(3, "invalid_json")]),
    "lost quote": ("a.json", array(LINE_A, b'{"instruction": "b, "o": "bb"}', LINE_C), [A, C], [(1, "invalid_json")]),
    "lost brace": ("a.json", array(LINE_A, LINE_B[1:], LINE_C), [A, C], [(1, "invalid_json")]),
    "stray bracket": ("a.json", array(LINE_A, b"[" + LINE_B, LINE_C), [A, B, C], [(1, "invalid_json")]),
    "open list": ("a.json", array(LINE_A, b'{"instruction": "b", "x": [', LINE_C), [A, C], [(1, "invalid_json")]),
    "lost comma": ("a.json", b"[" + LINE_A + LINE_B + b"]", [A, B], []),
    "surplus bracket before an element": ("a.json", b"[]" + LINE_A + b"]", [A], []),
    "surplus comma": ("a.json", b"[," + LINE_A + b",," + LINE_B + b",]", [A, B], []),
    "text after the array": ("a.json", array(LINE_A) + b"\ntrailing ]", [A], [(2, "invalid_json")]),
    "two arrays": ("a.json", lines(array(LINE_A), array(LINE_B)), [A, B], [(2, "invalid_json")]),
    "array without its end": ("a.json", b"[" + LINE_A + b",\n" + LINE_B, [A, B], [(2, "damaged_file")]),
    "array cut in an element": ("a.json", b"[" + LINE_A + b",\n" + LINE_B[:20], [A], [(2, "damaged_file")]),
    "not objects": ("a.json", array(b"1", LINE_A, b'"x"', b"[2]"), [A], [(1, "not_an_object")] * 3),
    "NaN in an element": ("a.json", array(LINE_A, b'{"a": NaN}', LINE_C), [A, C], [(1, "not_a_number")]),
    "invalid UTF-8 in an element": ("a.json", array(LINE_A, b'{"a": "\xc3"}', LINE_C), [A, C], [(1, "invalid_utf8")]),
    "deep element": ("a.json", array(LINE_A, DEEP, LINE_C), [A, C], [(1, "nested_too_deep")]),
    "objects in objects": (
        "a.json",
        array(b'{"m": [{"r": 1}, {"r": 2}]}', LINE_B),
        [{"m": [{"r": 1}, {"r": 2}]}, B],
        [],
    ),
    "first damaged, objects in objects": (
        "a.json",
        array(b'"m": [{"r": ""}]}', b'{"m": []}', LINE_C),
        [{"r": ""}, {"m": []}, C],
        [(1, "invalid_json"), (1, "invalid_json")],
    ),
    "large element": ("a.json", array(json.dumps({"m": [{"r": BIG}] * 20}).encode()), [{"m": [{"r": BIG}] * 20}], []),
    # headers of CSV
    "mark, CRLF, blank lines": ("a.csv", b"\xef\xbb\xbf\r\ninstruction,output\r\n\r\na,aa\r\n\r\n", [A], []),
    "header in capitals": ("a.csv", b" Output ,INSTRUCTION\naa,a\n", [A], []),
    "semicolons": ("a.csv", b"instruction;output\na;aa\n", [A], []),
    "tabs": ("a.tsv", b"instruction\toutput\na\taa\n", [A], []),
    "bars": ("a.csv", b"instruction|output\na|aa\n", [A], []),
    "empty file": ("a.csv", b"", [], []),
}

# what follows the header instruction,input,output; the records' cells; the rejects as (line, reason)
QUOTING, COUNT = "bad_quoting", "wrong_field_count"
TABLES = {
    "table": (b"a,,aa\nb,x,bb\n", [("a", "", "aa"), ("b", "x", "bb")], []),
    "no newline at the end": (b"a,,aa", [("a", "", "aa")], []),
    "words that look like nothing": (b"NA,null,007\nNone,nan,\n", [("NA", "null", "007"), ("None", "nan", "")], []),
    "quotes and breaks": (b'"a ""q"", b",,"l1\nl2\r\n\n"\n', [('a "q", b', "", "l1\nl2\r\n\n")], []),
    "quote in an unquoted field": (b'5" pipe,,say "hi"\n', [('5" pipe', "", 'say "hi"')], []),
    "open quote": (b'a,,aa\n"b,,bb\nc,,cc\n', [("a", "", "aa"), ("c", "", "cc")], [(3, QUOTING)]),
    "two open quotes": (b'"a,,aa\n"b,,bb\nc,,cc\n', [("c", "", "cc")], [(2, QUOTING), (3, QUOTING)]),
    "open quote, closed by the next": (
        b'a,,"aa\nb,,"\nbb"\nc,,cc\n',
        [("b", "", "\nbb"), ("c", "", "cc")],
        [(2, QUOTING)],
    ),
    "open quote, closed before a comma": (
        b'"a\nb,",b",c\nc,,cc\n',
        [("b", ",b", "c"), ("c", "", "cc")],
        [(2, QUOTING)],
    ),
    "open quote and many lines": (
        b'"a,,aa\n' + b"b,,bb\n" * 500,
        [("b", "", "bb")] * 500,
        [(2, QUOTING)],
    ),
    "open quote in a row of three lines": (b'a,,"l1\nl2\nl3\nb,,bb\n', [("b", "", "bb")], [(2, QUOTING)]),
    "text after a closing quote": (b'a,,"he said "hi" to me"\nb,,bb\n', [("b", "", "bb")], [(2, QUOTING)]),
    "too many and too few fields": (b"a,,aa,1\nb,bb\nc,,cc\n", [("c", "", "cc")], [(2, COUNT), (3, COUNT)]),
    "surplus field in a row of two lines": (b'a,"l1\nl2",aa,1\nb,,bb\n', [("b", "", "bb")], [(2, COUNT)]),
    "rows inside a cell": (b'a,"x,y,z\n1,2,3\n",aa\nb,,bb\n', [("a", "x,y,z\n1,2,3\n", "aa"), ("b", "", "bb")], []),
    "invalid UTF-8": (b"a,,\xff\nb,,bb\n", [("b", "", "bb")], [(2, "invalid_utf8")]),
    "NUL is text to the reader": (b"a\0,,aa\n", [("a\0", "", "aa")], []),
    "blank cells": (b",,\n , ,\n", [("", "", ""), (" ", " ", "")], []),
    "huge field": (b"a,," + BIG.encode() + b"\n", [("a", "", BIG)], []),
    "header only": (b"", [], []),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
def test_nasty_files(tmp_path, case, zipped):
    name, data, records, rejects = CASES[case]
    found, left_out = read(write(tmp_path, name, gzip.compress(data) if zipped else data))
    assert found == records
    assert [(reject.place.line, reject.reason) for reject in left_out] == rejects


@pytest.mark.parametrize("case", TABLES)
@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
def test_nasty_tables(tmp_path, case, end):
    body, cells, rejects = TABLES[case]
    path = write(tmp_path, "a.csv", ",".join(COLUMNS).encode() + end + body)
    found, left_out = read(path)
    assert found == [dict(zip(COLUMNS, row, strict=True)) for row in cells]
    assert [(reject.place.line, reject.reason) for reject in left_out] == rejects


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv"])
def test_a_reject_says_where_it_stood_and_how_it_began(tmp_path, name):
    bad = {"a.jsonl": b'{"a": \xff', "a.json": b'{"a": \xff', "a.csv": b'"\xff'}[name]
    good = {
        "a.jsonl": (b"", b"\n", LINE_A),
        "a.json": (b"[", b",\n", LINE_A + b"]"),
        "a.csv": (b"i,o\n", b"\n", b"a,b"),
    }[name]
    data = good[0] + b"\n" + bad + b" " * 300 + good[1] + good[2]
    _, (reject,) = read(write(tmp_path, name, data))
    assert reject.place.file == name
    assert data[reject.place.byte_offset :].startswith(bad)
    assert data[: reject.place.byte_offset].count(b"\n") == reject.place.line - 1
    assert reject.text.startswith(bad.decode(errors="backslashreplace"))
    assert len(reject.text) <= 200


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv"])
def test_a_gzip_cut_short_costs_what_is_missing(tmp_path, name):
    rows = [{"instruction": f"question {i}", "output": f"{i * 7919 % 1000}"} for i in range(2000)]
    data = {
        "a.jsonl": "\n".join(json.dumps(row) for row in rows),
        "a.json": json.dumps(rows),
        "a.csv": "instruction,output\n" + "".join(f"{row['instruction']},{row['output']}\n" for row in rows),
    }[name]
    zipped = gzip.compress(data.encode())
    records, rejects = read(write(tmp_path, name, zipped[: len(zipped) // 2]))
    assert 100 < len(records) < 2000
    assert records == rows[: len(records)]
    assert [reject.reason for reject in rejects] == ["damaged_file"]


def parquet_bytes(rows, schema=None, **options):
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), sink, **options)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
def test_parquet(tmp_path, zipped):
    data = parquet_bytes([{" Instruction": "NA", "output": None}, {" Instruction": "b", "output": "007"}])
    path = write(tmp_path, "misnamed.csv", gzip.compress(data) if zipped else data)
    assert read(path) == ([{"instruction": "NA", "output": None}, {"instruction": "b", "output": "007"}], [])


def test_parquet_rows_that_are_not_utf8_cost_themselves(tmp_path):
    column = pa.array([b"a", b"\xff", b"c"], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"a": column}), tmp_path / "a.parquet")
    records, (reject,) = read(tmp_path / "a.parquet")
    assert records == [{"a": "a"}, {"a": "c"}]
    assert (reject.place.line, reject.reason) == (2, "invalid_utf8")


def test_a_parquet_with_a_damaged_page_is_refused_whole(tmp_path):
    rows = [{"a": f"text {i}"} for i in range(3000)]
    data = bytearray(parquet_bytes(rows, row_group_size=1000, compression="zstd", use_dictionary=False))
    offset = pq.ParquetFile(pa.BufferReader(bytes(data))).metadata.row_group(1).column(0).data_page_offset
    data[offset + 30 : offset + 60] = bytes(30)
    with pytest.raises(UserError, match="cannot be read beyond row 1000"):
        read(write(tmp_path, "a.parquet", bytes(data)))


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.csv", "instruction,output\n".encode("utf-16"), "UTF-16"),
        ("a.csv", b"PK\x03\x04 and so on", "Excel"),
        ("a.csv", b"a,b,A\n1,2,3\n", "more than one column named 'a'"),
        ("a.csv", b'"a,b\n1,2\n', "open quote in its header"),
        ("a.parquet", b"PAR1 and no more", "cannot be read"),
        ("a.parquet", b"", "cannot be read"),
    ],
)
def test_a_file_we_cannot_read_at_all_is_the_users_to_mend(tmp_path, name, data, message):
    with pytest.raises(UserError, match=message):
        read(write(tmp_path, name, data))


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("a.JSONL", b"", "JSON lines"),
        ("a.json.gz", b" \n[", "JSON array"),
        ("a.json", b"{", "JSON lines"),
        ("data", b"[", "JSON array"),
        ("data.txt", b"{", "JSON lines"),
        ("data.txt", b"a,b", "CSV"),
    ],
)
def test_the_format_is_told_by_name_then_by_content(tmp_path, name, data, expected):
    assert format_of(write(tmp_path, name, data)) == expected

"""A table of bad rows among good ones, from a file's bytes to dialogues: what is used, what is left out, and why."""

import gzip
import json

import pytest

from lit_gpt.data.sources import user_file
from tests.data.files import write
from tests.data.test_named_sources import read_files

GOOD = {"instruction": "q", "output": "a"}
LINE = json.dumps(GOOD).encode()
HEAD = b"instruction,output\n"


def jsonl(bad):
    """A bad line between two good ones."""
    return LINE + b"\n" + bad + b"\n" + LINE + b"\n"


def table(bad):
    return HEAD + b"q,a\n" + bad + b"\nq,a\n"


def row(**fields):
    return json.dumps({**GOOD, **fields}).encode()


BETWEEN = ["a", "a"]
# the file, its bytes, the answers used, the rejects as (line, reason)
CASES = {
    "truncated line": ("a.jsonl", jsonl(LINE[:-5]), BETWEEN, [(2, "invalid_json")]),
    "lone surrogate": (
        "a.jsonl",
        jsonl(b'{"instruction": "q", "output": "\\ud800"}'),
        BETWEEN,
        [(2, "lone_surrogate")],
    ),
    "duplicate key": (
        "a.jsonl",
        jsonl(b'{"output": "x", "instruction": "q", "output": "y"}'),
        BETWEEN,
        [(2, "duplicate_key")],
    ),
    "array on a line": ("a.jsonl", jsonl(b'["q", "a"]'), BETWEEN, [(2, "not_an_object")]),
    "invalid UTF-8": ("a.jsonl", jsonl(b'{"instruction": "q", "output": "\xe9"}'), BETWEEN, [(2, "invalid_utf8")]),
    "NaN": ("a.jsonl", jsonl(b'{"instruction": "q", "output": NaN}'), BETWEEN, [(2, "not_a_number")]),
    "raw NUL": ("a.jsonl", jsonl(b'{"instruction": "q", "output": "\0"}'), BETWEEN, [(2, "nul_character")]),
    "escaped NUL": ("a.jsonl", jsonl(row(output="x\0")), BETWEEN, [(2, "nul_character")]),
    "deep nesting": ("a.jsonl", jsonl(b'{"output":' + b"[" * 100_000), BETWEEN, [(2, "nested_too_deep")]),
    "huge integer": ("a.jsonl", jsonl(b'{"output":' + b"9" * 5_000 + b"}"), BETWEEN, [(2, "missing_field")]),
    "number for text": ("a.jsonl", jsonl(row(output=3)), BETWEEN, [(2, "non_text_value")]),
    "list for text": ("a.jsonl", jsonl(row(output=["a"])), BETWEEN, [(2, "non_text_value")]),
    "boolean for text": ("a.jsonl", jsonl(row(instruction=True)), BETWEEN, [(2, "non_text_value")]),
    "null": ("a.jsonl", jsonl(row(output=None)), BETWEEN, [(2, "missing_field")]),
    "missing field": ("a.jsonl", jsonl(b'{"instruction": "q"}'), BETWEEN, [(2, "missing_field")]),
    "empty answer": ("a.jsonl", jsonl(row(output="")), BETWEEN, [(2, "empty_output")]),
    "blank question": ("a.jsonl", jsonl(row(instruction=" \t")), BETWEEN, [(2, "empty_instruction")]),
    "words for nothing": ("a.jsonl", jsonl(row(output="NA")), ["a", "NA", "a"], []),
    "007": ("a.jsonl", jsonl(row(output="007")), ["a", "007", "a"], []),
    "byte order mark": ("a.jsonl", b"\xef\xbb\xbf" + LINE, ["a"], []),
    "CRLF": ("a.jsonl", LINE + b"\r\n" + LINE + b"\r\n", BETWEEN, []),
    "no end of line": ("a.jsonl", LINE, ["a"], []),
    "many blank lines": ("a.jsonl", b"\n" * 50 + LINE, ["a"], []),
    "gzip cut short": ("a.jsonl.gz", gzip.compress(LINE + b"\n" + LINE, mtime=0)[:-9], None, None),
    "half a file": ("a.json", json.dumps([GOOD] * 3, indent=1).encode()[:-30], BETWEEN, [(10, "damaged_file")]),
    "missing field in a table": ("a.csv", table(b"q"), BETWEEN, [(3, "wrong_field_count")]),
    "extra field": ("a.csv", table(b"q,a,b"), BETWEEN, [(3, "wrong_field_count")]),
    "open quote": ("a.csv", table(b'"q,a'), BETWEEN, [(3, "bad_quoting")]),
    "words for nothing in a table": (
        "a.csv",
        table(b"q,null\nq,nan\nq,None\nq,NA"),
        ["a", "null", "nan", "None", "NA", "a"],
        [],
    ),
    "007 in a table": ("a.csv", table(b"q,007"), ["a", "007", "a"], []),
    "blank column": ("a.csv", table(b"q, "), BETWEEN, [(3, "empty_output")]),
    "NUL in a table": ("a.csv", table(b"q,\0"), BETWEEN, [(3, "nul_character")]),
    "Latin-1 in a table": ("a.csv", table(b"q,caf\xe9"), BETWEEN, [(3, "invalid_utf8")]),
    "a field of 200,000 characters": ("a.csv", table(b"q," + b"x" * 200_000), ["a", "x" * 200_000, "a"], []),
    "line breaks in a field": ("a.csv", table(b'q,"x\n\ny"'), ["a", "x\n\ny", "a"], []),
    "a table with marks and CRLF": ("a.csv", b"\xef\xbb\xbf" + HEAD.replace(b"\n", b"\r\n") + b"q,a\r\n", ["a"], []),
    "tabs": ("a.tsv", b'instruction\toutput\nq\ta\n"q\tb\nq\ta\n', BETWEEN, [(3, "bad_quoting")]),
}


@pytest.mark.parametrize("case", CASES)
def test_a_bad_row_costs_itself_and_says_why(case, tmp_path):
    name, data, answers, rejects = CASES[case]
    found, left_out = read_files(user_file.source(), [write(tmp_path, name, data)], tmp_path)
    if answers is None:
        assert [reject.reason for reject in left_out] == ["damaged_file"]
        assert len(found) <= 1
        return
    assert [example.messages[-1].content for example in found] == answers
    assert [(reject.place.line, reject.reason) for reject in left_out] == rejects


@pytest.mark.parametrize(
    ("name", "data"),
    [("a.jsonl", b""), ("a.csv", b""), ("a.csv", HEAD), ("a.json", b"[]"), ("a.jsonl.gz", gzip.compress(b"", mtime=0))],
)
def test_files_without_a_row(name, data, tmp_path):
    assert read_files(user_file.source(), [write(tmp_path, name, data)], tmp_path) == ([], [])


def test_a_line_of_50_mib(tmp_path):
    text = "x" * (50 << 20)
    found, left_out = read_files(user_file.source(), [write(tmp_path, "a.jsonl", jsonl(row(output=text)))], tmp_path)
    assert [len(example.messages[1].content) for example in found] == [1, 50 << 20, 1]
    assert left_out == []

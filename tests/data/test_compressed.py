"""Compressed files are read as they are; one cut short gives what came before it, a corrupt one is refused."""

import bz2
import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lit_gpt.data.fetch import choose_files
from lit_gpt.data.reading import format_of
from lit_gpt.errors import UserError
from tests.data.files import read, write

ROWS = [{"instruction": f"question {i}", "output": f"{i * 7919 % 100_003}"} for i in range(6_000)]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS).encode()


def zstd(data: bytes) -> bytes:
    return pa.Codec("zstd").compress(data, asbytes=True)


COMPRESS = {".gz": gzip.compress, ".bz2": bz2.compress, ".zst": zstd}
each = pytest.mark.parametrize("suffix", COMPRESS)


@each
def test_the_rows_are_those_of_the_plain_file(tmp_path, suffix):
    path = write(tmp_path, f"a.jsonl{suffix}", COMPRESS[suffix](LINES))
    assert format_of(path) == "JSON lines"
    assert read(path) == (ROWS, [])


@each
def test_the_bytes_tell_and_not_the_name(tmp_path, suffix):
    assert read(write(tmp_path, "a.jsonl", COMPRESS[suffix](LINES[:100_000])))[0][:500] == ROWS[:500]
    assert read(write(tmp_path, f"a.jsonl{suffix}", LINES)) == (ROWS, [])


@each
def test_several_streams_in_a_row_are_one_file(tmp_path, suffix):
    compress = COMPRESS[suffix]
    assert read(write(tmp_path, f"a.jsonl{suffix}", compress(LINES) + compress(LINES))) == (ROWS + ROWS, [])


@each
def test_tables_arrays_and_parquet(tmp_path, suffix):
    compress, rows = COMPRESS[suffix], ROWS[:50]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "plain.parquet")
    table = "instruction,output\n" + "".join(f"{row['instruction']},{row['output']}\n" for row in rows)
    files = {
        "a.csv": table.encode(),
        "a.json": json.dumps(rows).encode(),
        "a.parquet": (tmp_path / "plain.parquet").read_bytes(),
    }
    for name, data in files.items():
        assert read(write(tmp_path, name + suffix, compress(data))) == (rows, [])


@each
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_file_cut_short_says_where(tmp_path, suffix, share):
    whole = COMPRESS[suffix](LINES)
    records, (reject,) = read(write(tmp_path, f"a.jsonl{suffix}", whole[: int(len(whole) * share)]))
    assert records == ROWS[: len(records)]
    assert (reject.reason, reject.place.line) == ("damaged_file", len(records) + 1)
    assert LINES[: reject.place.byte_offset].count(b"\n") == len(records)


@each
def test_a_corrupt_file_is_refused_whole(tmp_path, suffix):
    whole = bytearray(COMPRESS[suffix](LINES))
    whole[len(whole) // 2 : len(whole) // 2 + 50] = bytes(50)
    with pytest.raises(UserError, match=rf"a\.jsonl{suffix}, whose compressed bytes are corrupt before byte \d+"):
        read(write(tmp_path, f"a.jsonl{suffix}", bytes(whole)))
    pq.write_table(pa.Table.from_pylist(ROWS[:100]), tmp_path / "a.parquet")
    cut = COMPRESS[suffix]((tmp_path / "a.parquet").read_bytes())
    with pytest.raises(UserError, match="cannot be read"):
        read(write(tmp_path, f"b.parquet{suffix}", cut[: len(cut) // 2]))


@each
def test_nothing_but_a_broken_head(tmp_path, suffix):
    records, rejects = read(write(tmp_path, f"a.jsonl{suffix}", COMPRESS[suffix](LINES)[:14]))
    assert (records, [reject.reason for reject in rejects]) == ([], ["damaged_file"])


def test_a_text_that_begins_like_bzip2(tmp_path):
    assert read(write(tmp_path, "a.csv", "BZh9,output\na,b\n")) == ([{"bzh9": "a", "output": "b"}], [])


def test_a_folder_of_compressed_files(tmp_path):
    names = ["train-1.jsonl.zst", "train-0.jsonl.bz2", "test.jsonl.gz", "task_constrained.md"]
    assert choose_files(names, "here") == ["train-0.jsonl.bz2", "train-1.jsonl.zst"]
    assert choose_files(["task1_constrained.json", "task2_x.json"], "here") == [
        "task1_constrained.json",
        "task2_x.json",
    ]

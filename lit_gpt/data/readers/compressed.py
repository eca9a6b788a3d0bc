"""A data file's bytes, decompressed on the way: gzip, bzip2 and zstandard, told by the first bytes and not by the name.

Streamed, so memory does not grow with the file; several compressed streams in a row are one file. zstandard is
pyarrow's.
Not handled: xz, and archives of several files.
"""

import bz2
import contextlib
import gzip
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

SUFFIXES = (".gz", ".bz2", ".zst", ".zstd")
GZIP = b"\x1f\x8b"
ZSTANDARD = b"\x28\xb5\x2f\xfd"
BZIP2 = re.compile(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)")  # a first block, or the end of an empty stream
HEAD_BYTES = 10


@dataclass(frozen=True)
class DataFile:
    """An open file: its `content`, and the file `on_disk`, which is the same object where nothing is compressed."""

    content: Any
    on_disk: BinaryIO


@contextlib.contextmanager
def open_data(path: Path) -> Iterator[DataFile]:
    """The file, decompressed if it is compressed."""
    with open(path, "rb") as on_disk:
        head = on_disk.read(HEAD_BYTES)
        on_disk.seek(0)
        yield DataFile(_decompressed(on_disk, head), on_disk)


def _decompressed(on_disk: BinaryIO, head: bytes) -> Any:
    if head.startswith(GZIP):
        return gzip.GzipFile(fileobj=on_disk)
    if BZIP2.match(head):
        return bz2.BZ2File(on_disk)
    if head.startswith(ZSTANDARD):
        import pyarrow as pa

        return pa.CompressedInputStream(on_disk, "zstd")
    return on_disk


def without_compression(name: str) -> str:
    """The file's name without the ending that says how it is compressed."""
    return next((name.removesuffix(suffix) for suffix in SUFFIXES if name.endswith(suffix)), name)


def is_cut_short(error: Exception) -> bool:
    """Whether reading failed because the compressed bytes end too early: what came before is sound."""
    return isinstance(error, EOFError) or "Truncated compressed stream" in str(error)


def is_damage(error: Exception) -> bool:
    """Whether reading failed because the compressed bytes are cut short or corrupt, and not because of the disk."""
    if isinstance(error, EOFError | zlib.error):
        return True
    return isinstance(error, OSError) and error.errno is None

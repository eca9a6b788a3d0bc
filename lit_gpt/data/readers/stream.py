"""A data file's bytes, decompressed, and ending quietly where they are cut short, so that what came before is kept.

Handled: what `compressed.py` decompresses, a UTF-8 byte order mark. Not handled: other encodings and archives.
"""

import contextlib
import io
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from lit_gpt.data.readers.compressed import DataFile, is_cut_short, is_damage, open_data
from lit_gpt.data.records import Place, Reject, excerpt
from lit_gpt.errors import UserError

BUFFER_BYTES = 1 << 20
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
UNREADABLE = {
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
    b"PK\x03\x04": "a zip archive or an Excel workbook",
    b"\xfd7zXZ": "an xz file",
}

OnBytes = Callable[[int], None]


def ignore(n_bytes: int) -> None:
    """For those who do not want to know how far reading has come."""


class _UpToDamage(io.RawIOBase):
    """Ends where a compressed file is cut short instead of raising; tells `on_bytes` how many bytes on disk were used.

    UserError where compressed bytes are corrupt: some may have been read as others before the checksum told.
    """

    def __init__(self, file: DataFile, name: str, on_bytes: OnBytes) -> None:
        self.damaged = False
        self._file, self._name, self._on_bytes = file, name, on_bytes
        self._position = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._file.content.read1(len(buffer))
        except (EOFError, OSError, zlib.error) as error:
            if not is_damage(error):
                raise
            if not is_cut_short(error):
                at = self._file.on_disk.tell()
                got = f"{self._name}, whose compressed bytes are corrupt before byte {at} of the file ({error})"
                raise UserError(got, "a file that is whole", "fetch or compress it again") from None
            self.damaged = True
            return 0
        buffer[: len(data)] = data
        position = self._file.on_disk.tell()
        self._on_bytes(position - self._position)
        self._position = position
        return len(data)


class ByteStream:
    """A file being read; `name` stands in rejects, `start` is the size of its byte order mark."""

    def __init__(self, file: DataFile, name: str, on_bytes: OnBytes = ignore) -> None:
        self.name = name
        self._raw = _UpToDamage(file, name, on_bytes)
        self._buffered = io.BufferedReader(self._raw, BUFFER_BYTES)
        for magic, kind in UNREADABLE.items():
            if self.peek().startswith(magic):
                raise UserError(
                    f"{name}, which is {kind}", "UTF-8 text (compressed is fine) or parquet", "convert the file"
                )
        self.start = len(BYTE_ORDER_MARK) if self.peek().startswith(BYTE_ORDER_MARK) else 0
        self._buffered.read(self.start)
        self._tail: tuple[int, int, bytes] = (1, self.start, b"")

    @property
    def damaged(self) -> bool:
        """Whether the file broke off; known once everything was read."""
        return self._raw.damaged

    def read(self, n_bytes: int) -> bytes:
        return self._buffered.read(n_bytes)

    def read_all(self) -> bytes:
        return self._buffered.read()

    def peek(self) -> bytes:
        """Some of the bytes that come next, without taking them; none at the end of the file."""
        return self._buffered.peek()

    def lines(self) -> Iterator[tuple[int, int, bytes]]:
        """(line from 1, byte offset, bytes with their line end), without a last line that was cut off."""
        number, offset = 0, self.start
        for number, line in enumerate(self._buffered, start=1):
            if self.damaged and not line.endswith(b"\n"):
                self._tail = (number, offset, line)
                return
            yield number, offset, line
            offset += len(line)
        self._tail = (number + 1, offset, b"")

    def damage(self) -> Iterator[Reject]:
        """After the last of `lines()`: the reject that stands for what the break cost, if the file broke off."""
        if self.damaged:
            number, offset, tail = self._tail
            yield Reject(Place(self.name, number, offset), "damaged_file", excerpt(tail))


@contextlib.contextmanager
def open_stream(path: Path, name: str, on_bytes: OnBytes = ignore) -> Iterator[ByteStream]:
    """The file as a ByteStream, called `name` in rejects; UserError when it is neither text nor compressed text."""
    with open_data(path) as file:
        yield ByteStream(file, name, on_bytes)

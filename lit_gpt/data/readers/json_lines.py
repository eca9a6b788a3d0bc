"""JSON lines: one object per physical line (https://jsonlines.org). Blank lines are no records."""

from collections.abc import Iterator

from lit_gpt.data.readers.json_text import parse_record
from lit_gpt.data.readers.stream import ByteStream
from lit_gpt.data.records import Place, Record, Reject


def read_json_lines(stream: ByteStream) -> Iterator[Record | Reject]:
    for line, offset, raw in stream.lines():
        if text := raw.strip():
            yield parse_record(text, Place(stream.name, line, offset))
    yield from stream.damage()

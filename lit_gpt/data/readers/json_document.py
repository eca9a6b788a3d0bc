"""A file that is one JSON object as a whole (https://www.rfc-editor.org/rfc/rfc8259), such as a Super-NI task.

The object is one record, read into memory; where its text is damaged nothing of it can be trusted, and the file is
one reject.
"""

from collections.abc import Iterator

from lit_gpt.data.readers.json_text import parse_record
from lit_gpt.data.readers.stream import ByteStream
from lit_gpt.data.records import Place, Record, Reject, excerpt, n_lines_of


def read_json_document(stream: ByteStream) -> Iterator[Record | Reject]:
    raw = stream.read_all()
    place = Place(stream.name, 1, stream.start)
    if stream.damaged:
        yield Reject(place, "damaged_file", excerpt(raw), n_lines_of(raw))
    elif raw.strip():
        yield parse_record(raw, place)

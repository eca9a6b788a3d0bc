"""CSV and its relatives (RFC 4180), with a closing rule that keeps one open quote from swallowing the file.

A quote opens a field only at its start, and closes it only before a delimiter or the end of a line; inside, "" is one
quote. A row is good when its quotes close and it has as many fields as the header. After a row whose quotes do
not close, reading resumes at the next physical line at which a good row starts, or another such row; the lines
between belong to the damaged row. A quote inside an unquoted field is text.

Handled: the delimiters , ; tab and | (told from the header), line breaks and any amount of text in quoted fields, CRLF.
Not handled
- a bare carriage return as line end; tables in which quotes have no meaning are plain_table.py's;
- two damaged rows whose open quotes pair up make one sound record of themselves and all that lies between;
- a lost quote in a row of several lines leaves lines that may look like rows of their own, and those with the right
  number of fields are taken for rows;
- where quoted text begins or ends in a quote, a delimiter or a line break, a lost quote before or after it can leave a
  file that reads in two ways; then the damage may be put down to the neighbour.
"""

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from lit_gpt.data.readers.columns import CheckColumns, name_columns
from lit_gpt.data.readers.stream import ByteStream
from lit_gpt.data.records import Place, Record, Reject, excerpt
from lit_gpt.errors import UserError

DELIMITERS = (",", ";", "\t", "|")
QUOTED = re.compile(r'[^"]*(?:""[^"]*)*')
# a quoted field of several lines that is still open after this much is damaged; 4 MiB is about a million tokens
MAX_OPEN_CHARS = 4 << 20


@dataclass(frozen=True, slots=True)
class _Line:
    """A physical line with its end, one character per byte (Latin-1)."""

    number: int
    offset: int
    text: str

    @property
    def n_chars(self) -> int:
        """Without the line end."""
        return len(self.text.removesuffix("\n").removesuffix("\r"))


class _Lines:
    """The lines ahead, of which as many are read as are looked at."""

    def __init__(self, stream: ByteStream) -> None:
        self._ahead: deque[_Line] = deque()
        self._rest = stream.lines()

    def peek(self, i: int = 0) -> _Line | None:
        """The i-th line ahead, None after the last."""
        while len(self._ahead) <= i:
            try:
                number, offset, raw = next(self._rest)
            except StopIteration:
                return None
            self._ahead.append(_Line(number, offset, raw.decode("latin-1")))
        return self._ahead[i]

    def take(self, n_lines: int) -> bytes:
        return "".join(self._ahead.popleft().text for _ in range(n_lines)).encode("latin-1")

    def skip_blank(self) -> bool:
        """Leave blank lines behind; False when nothing else follows."""
        while (line := self.peek()) and not line.n_chars:
            self.take(1)
        return line is not None


@dataclass(frozen=True, slots=True)
class _Row:
    """A row whose quotes close. `n_bare_quotes` counts quotes in unquoted fields."""

    fields: list[str]
    n_lines: int
    n_bare_quotes: int


def read_csv(stream: ByteStream, check_columns: CheckColumns, names: tuple[str, ...] = ()) -> Iterator[Record | Reject]:
    """Records by column name, trimmed and in lower case; UserError when the header lacks what is needed.

    With `names` there is no header line, and these are the columns.
    """
    lines = _Lines(stream)
    if not lines.skip_blank():
        return
    delimiter, header = _read_header(lines, stream.name, len(names))
    written = [field.encode("latin-1").decode("utf-8", "replace") for field in header.fields]
    columns = name_columns(list(names) or written, stream.name)
    check_columns(columns, stream.name)
    if not names:
        lines.take(header.n_lines)
    while lines.skip_blank():
        yield _read_row(lines, delimiter, columns, stream.name)
    yield from stream.damage()


def _read_header(lines: _Lines, file: str, n_columns: int) -> tuple[str, _Row]:
    """The delimiter that gives the first row as many columns as are named, else the most, and that row."""
    parsed = ((delimiter, _parse(lines, 0, delimiter)) for delimiter in DELIMITERS)
    headers = [(delimiter, row) for delimiter, row in parsed if row]
    if not headers:
        raise UserError(f"{file} with an open quote in its header", "a header line of column names", "mend line 1")
    return max(headers, key=lambda pair: (len(pair[1].fields) == n_columns, len(pair[1].fields)))


def _read_row(lines: _Lines, delimiter: str, columns: list[str], file: str) -> Record | Reject:
    first = lines.peek()
    assert first is not None
    place = Place(file, first.number, first.offset)
    row = _parse(lines, 0, delimiter)
    if row is None:
        n_lines = _n_damaged_lines(lines, delimiter, len(columns))
        return Reject(place, "bad_quoting", excerpt(lines.take(n_lines)), n_lines)
    n_lines = _n_lines_before_neighbour(lines, row, delimiter, len(columns))
    raw = lines.take(n_lines)
    if len(row.fields) != len(columns):
        return Reject(place, "wrong_field_count", excerpt(raw), n_lines)
    if n_lines < row.n_lines:
        return Reject(place, "bad_quoting", excerpt(raw), n_lines)
    try:
        return Record(place, dict(zip(columns, map(_decode, row.fields), strict=True)), raw)
    except UnicodeDecodeError:
        return Reject(place, "invalid_utf8", excerpt(raw), n_lines)


def _n_damaged_lines(lines: _Lines, delimiter: str, n_columns: int) -> int:
    """Lines from a row with bad quoting up to the next row, good or bad in the same way."""
    n_lines = 1
    while lines.peek(n_lines):
        row = _parse(lines, n_lines, delimiter)
        if row is None or _is_good(row, n_columns):
            return n_lines
        n_lines += 1
    return n_lines


def _n_lines_before_neighbour(lines: _Lines, row: _Row, delimiter: str, n_columns: int) -> int:
    """All lines of a row, unless it has swallowed the start of another: then those before that one.

    An open quote may be closed by the quote that opens a field of a later row. It shows: the number of fields is
    wrong; or the rest of that field is left over, as a lonely quote in this row, or as a next line that is no row. In
    the last case the later row must reach beyond the end of this one.
    """
    looks_good = _is_good(row, n_columns)
    if row.n_lines == 1 or (looks_good and _may_start_row(lines, row.n_lines, delimiter, n_columns)):
        return row.n_lines
    must_reach = row.n_lines if looks_good else 0
    for n_lines in range(1, row.n_lines):
        neighbour = _parse(lines, n_lines, delimiter)
        if neighbour and _is_good(neighbour, n_columns) and n_lines + neighbour.n_lines > must_reach:
            return n_lines
    return row.n_lines


def _may_start_row(lines: _Lines, first: int, delimiter: str, n_columns: int) -> bool:
    line = lines.peek(first)
    if line is None or not line.n_chars:
        return True
    row = _parse(lines, first, delimiter)
    return row is not None and _is_good(row, n_columns)


def _is_good(row: _Row, n_columns: int) -> bool:
    """Right number of fields, and no lonely quote, which would be the end of a field of the damaged row before."""
    return len(row.fields) == n_columns and row.n_bare_quotes % 2 == 0


def _parse(lines: _Lines, first: int, delimiter: str) -> _Row | None:
    """The row that starts at the line `first` ahead, or None where a quoted field does not close as it should."""
    fields: list[str] = []
    i, at, n_bare_quotes = first, 0, 0
    line = lines.peek(i)
    while line:
        if line.text.startswith('"', at):
            quoted = _parse_quoted(lines, i, at + 1)
            if quoted is None:
                return None
            field, i, at = quoted
            line = lines.peek(i)
            assert line is not None
        else:
            end = line.text.find(delimiter, at)
            end = line.n_chars if end < 0 else end
            field, at = line.text[at:end], end
            n_bare_quotes += field.count('"')
        fields.append(field)
        if at >= line.n_chars:
            return _Row(fields, i - first + 1, n_bare_quotes)
        if line.text[at] != delimiter:
            return None
        at += 1
    return None


def _parse_quoted(lines: _Lines, i: int, at: int) -> tuple[str, int, int] | None:
    """A quoted field from after its opening quote, the line it ends on, and the index after its closing quote."""
    parts: list[str] = []
    n_chars = 0
    while (line := lines.peek(i)) and n_chars <= MAX_OPEN_CHARS:
        found = QUOTED.match(line.text, at)
        assert found is not None, "the pattern matches the empty string too"
        parts.append(found[0])
        if found.end() < len(line.text):
            return "".join(parts).replace('""', '"'), i, found.end() + 1
        n_chars += len(found[0])
        i, at = i + 1, 0
    return None


def _decode(field: str) -> str:
    return field.encode("latin-1").decode()

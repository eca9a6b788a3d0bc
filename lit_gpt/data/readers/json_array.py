"""A JSON array of objects, read element by element, whether it lies on one line or is printed over many.

A damaged element must not take its neighbours with it, so we need a mark that tells where the next one starts. It is
`{ "name" :` with unescaped quotes. Inside a string such quotes cannot stand; and were the first of them the one that
closes a string, JSON would go on with a blank, comma, colon or bracket, which we do not allow as the first
character of the name. So in undamaged text the mark is always the start of an object: of an element, unless the name
is one we have only seen further inside.

Handled: both layouts, elements of any size, missing or surplus commas and brackets between elements, an array cut
short. A list that holds such objects is taken for a stray bracket, and its objects for elements.
Not handled: a damaged element whose own text looks like the start of another may cost more than one reject.
"""

import json
import re
import sys
from collections.abc import Iterator
from typing import Any

from lit_gpt.data.readers.json_text import parse_record
from lit_gpt.data.readers.stream import BUFFER_BYTES, ByteStream
from lit_gpt.data.records import Place, Record, Reject, excerpt, n_lines_of

BLANK = " \t\r\n"
SEPARATOR = BLANK + ",]"
BLANKS = re.compile(r"[ \t\r\n]*")
SEPARATORS = re.compile(r"[ \t\r\n,\]]*")
OBJECT_START = re.compile(r'\{[ \t\r\n]*("[^"\\ \t\r\n,:\]}](?:[^"\\]|\\.)*")[ \t\r\n]*:')
# an element that is still open after this much, and holds the start of another, has lost its end
MAX_OPEN_CHARS = 1 << 20
_DECODER = json.JSONDecoder()


class _Names:
    """The names seen in sound elements: those of the elements themselves, and those of objects nested in them."""

    def __init__(self) -> None:
        self.outer: set[str] = set()
        self.nested: set[str] = set()

    def learn(self, element: dict[str, Any]) -> None:
        self.outer.update(element)
        inner = [value for value in element.values() if isinstance(value, dict | list)]
        while inner:
            value = inner.pop()
            if isinstance(value, dict):
                self.nested.update(value)
            members = value.values() if isinstance(value, dict) else value
            inner += [member for member in members if isinstance(member, dict | list)]

    def may_start_element(self, name: str | None) -> bool:
        """In doubt, yes: a false start costs a reject too many, a missed one costs a row."""
        return name in self.outer or name not in self.nested


class _Window:
    """The part of the file under the eye, one character per byte (Latin-1): structure first, UTF-8 afterwards."""

    def __init__(self, stream: ByteStream) -> None:
        self.text = ""
        self.position = 0
        self._stream = stream
        self._line, self._offset = 1, stream.start

    @property
    def n_ahead(self) -> int:
        return len(self.text) - self.position

    @property
    def place(self) -> Place:
        return Place(self._stream.name, self._line, self._offset)

    def more(self) -> bool:
        """Read on, doubling what lies ahead; False, and nothing changed, at the end of the file."""
        data = self._stream.read(max(BUFFER_BYTES, self.n_ahead))
        if data:
            self.text = self.text[self.position :] + data.decode("latin-1")
            self.position = 0
        return bool(data)

    def take(self, end: int) -> str:
        """The text up to index `end`; what follows is next."""
        taken = self.text[self.position : end]
        self._line += taken.count("\n")
        self._offset += len(taken)
        self.position = end
        return taken

    def take_all(self, pattern: re.Pattern[str]) -> str:
        """All that matches the pattern, however far it goes."""
        taken = ""
        while True:
            taken += self.take(_end_of(pattern, self.text, self.position))
            if self.n_ahead or not self.more():
                return taken


def read_json_array(stream: ByteStream) -> Iterator[Record | Reject]:
    window = _Window(stream)
    window.take_all(BLANKS)
    window.take(window.position + 1)  # the opening bracket, by which this format was told
    names = _Names()
    closed = False
    while True:
        separators = window.take_all(SEPARATORS)
        if not window.n_ahead:
            break
        place = window.place
        end = _sound_end(window, names)
        if end is not None:
            closed = False
            yield parse_record(window.take(end).encode("latin-1"), place)
            continue
        text = window.take(_next_element(window, names))
        body = text.rstrip(SEPARATOR)
        closed = "]" in text[len(body) :]
        if not window.n_ahead and not closed:
            raw = text.encode("latin-1")
            yield Reject(place, "damaged_file", excerpt(raw), n_lines_of(raw))
            return
        yield _reject(body.encode("latin-1"), place)
    if stream.damaged or not (closed or "]" in separators):
        yield Reject(window.place, "damaged_file", "")


def _reject(raw: bytes, place: Place) -> Reject:
    record = parse_record(raw, place)
    return record if isinstance(record, Reject) else record.reject("invalid_json")


def _sound_end(window: _Window, names: _Names) -> int | None:
    """Where the value under the eye ends, or None when it is damaged; learns the names its object has."""
    while True:
        try:
            value, end = _DECODER.raw_decode(window.text, window.position)
        except RecursionError:
            return None
        except json.JSONDecodeError as error:
            if _is_damage(window, error.pos, names) or not window.more():
                return None
            continue
        follower = _end_of(BLANKS, window.text, end)
        if follower == len(window.text) and window.more():
            continue  # a number may go on, and we must see what comes next
        if follower < len(window.text) and window.text[follower] not in ",]{":
            return None
        if isinstance(value, dict):
            names.learn(value)
        elif _starts_in(window, end, names):
            return None
        return end


def _is_damage(window: _Window, failed_at: int, names: _Names) -> bool:
    """Whether parsing failed because of what the text says, rather than because we have not read far enough."""
    if OBJECT_START.search(window.text, max(failed_at, window.position + 1)):
        return True
    too_long = window.n_ahead > MAX_OPEN_CHARS
    return too_long and any(name in names.outer for _, name in _marks(window))


def _starts_in(window: _Window, end: int, names: _Names) -> bool:
    return any(names.may_start_element(name) for _, name in _marks(window, end))


def _next_element(window: _Window, names: _Names) -> int:
    """Where the next element starts after a damaged one, or the end of the file."""
    while True:
        for start, name in _marks(window):
            if names.may_start_element(name):
                return start
        if not window.more():
            return len(window.text)


def _marks(window: _Window, end: int = sys.maxsize) -> Iterator[tuple[int, str | None]]:
    """Where objects seem to start after the present position and before `end`, and their first names."""
    for mark in OBJECT_START.finditer(window.text, window.position + 1, end):
        yield mark.start(), _unescape(mark[1])


def _unescape(quoted: str) -> str | None:
    try:
        return str(_DECODER.decode(quoted))
    except ValueError:
        return None


def _end_of(pattern: re.Pattern[str], text: str, start: int) -> int:
    found = pattern.match(text, start)
    assert found is not None, "the pattern matches the empty string too"
    return found.end()

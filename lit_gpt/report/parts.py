"""The small parts of a report: tables, lists of names and values, commands to copy, notes, text with marks in it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lit_gpt.report.markup import Child, Html, element, join


@dataclass(frozen=True)
class Column:
    """A column of a table: its heading, and whether it holds numbers, which stand to the right."""

    title: str
    is_number: bool = False


@dataclass(frozen=True)
class Piece:
    """A run of text that is marked, or not."""

    text: str
    is_marked: bool


def paragraph(*children: Child, class_: str | None = None) -> Html:
    return element("p", *children, class_=class_)


def heading(title: str) -> Html:
    """A heading within a section."""
    return element("h3", title)


def missing(what: str) -> Html:
    """Says that a piece is not there, in the place where it would be."""
    return element("p", element("strong", "Not available. "), what, class_="missing")


def careful(sentences: Sequence[str]) -> Html | None:
    """Reasons to read what stands above with care; None without any."""
    if not sentences:
        return None
    reasons = element("ul", *(element("li", sentence) for sentence in sentences))
    return element("div", element("strong", "Read with care"), reasons, class_="careful")


def note(*children: Child) -> Html:
    """A remark in small type."""
    return element("p", *children, class_="note")


def table(columns: Sequence[Column], rows: Iterable[Sequence[Child]], caption: str, totals: Iterable[int] = ()) -> Html:
    """A table in a box of its own that scrolls sideways. `totals` are the numbers of the rows that sum up others."""
    strong = set(totals)
    head = element("tr", *(element("th", c.title, scope="col", class_=_class(c)) for c in columns))
    body = [
        element("tr", *_cells(columns, row), class_="total" if number in strong else None)
        for number, row in enumerate(rows)
    ]
    parts = (element("caption", caption), element("thead", head), element("tbody", *body))
    return element("div", element("table", *parts), class_="scroll", tabindex=0, role="region", aria_label=caption)


def _cells(columns: Sequence[Column], row: Sequence[Child]) -> list[Html]:
    cells = []
    for place, (column, value) in enumerate(zip(columns, row, strict=True)):
        cells.append(element("td" if place else "th", value, class_=_class(column), scope=None if place else "row"))
    return cells


def _class(column: Column) -> str | None:
    return "n" if column.is_number else None


def key_values(pairs: Mapping[str, Child] | Sequence[tuple[str, Child]]) -> Html:
    """Names with their values, in two columns where there is room."""
    items = pairs.items() if isinstance(pairs, Mapping) else pairs
    return element("dl", *(element("div", element("dt", k), element("dd", v)) for k, v in items), class_="pairs")


def code_block(lines: Sequence[str]) -> Html:
    """Commands to copy: one click selects a whole line."""
    return element("pre", *(element("code", line) for line in lines), class_="commands")


def code(text: str) -> Html:
    return element("code", text)


def highlighted(pieces: Iterable[Piece]) -> Html:
    """Text as it stands, line breaks and all; what is marked has a ground and a line under it."""
    # a page drops the line break that opens a <pre>: one to lose
    return element("pre", "\n", join(_piece(piece) for piece in pieces), class_="text", dir="auto")


def _piece(piece: Piece) -> Child:
    return element("mark", piece.text) if piece.is_marked else piece.text


def verbatim(text: str) -> Html:
    """A text of somebody else's, as it stands; an empty one says so."""
    if not text:
        return element("span", "(empty)", class_="soft")
    return element("span", text, class_="verbatim", dir="auto")


def two_lines(first: Child, second: Child) -> Html:
    """A cell's number, and what is said of it below."""
    return join([element("span", first, class_="whole"), element("br"), element("span", second, class_="soft")])


def verdict(is_correct: bool) -> Html:
    """Right or wrong, by sign and word and colour."""
    sign = "✓ right" if is_correct else "✗ wrong"
    return element("span", sign, class_="right" if is_correct else "wrong")


def details(summary: Child, *children: Child) -> Html:
    """A part that is folded away until asked for."""
    return element("details", element("summary", summary), *children)

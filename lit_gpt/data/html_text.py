"""HTML of posts as plain text: paragraphs, lists with dashes, code in fences; the standard library's parser.

Not handled: tables (their cells become lines), mathematics other than as it is written, and styles.
"""

from dataclasses import dataclass
from html.parser import HTMLParser

from lit_gpt.data.reasons import Rejected

BLOCKS = {"p", "div", "ul", "ol", "pre", "blockquote", "h1", "h2", "h3", "h4", "table", "tr", "hr"}
FENCE = "```"


@dataclass(frozen=True)
class PlainText:
    """A post's text; `prose` is the text without its code."""

    text: str
    prose: str
    has_link: bool
    has_image: bool


def plain_text(html: str) -> PlainText:
    """The text of a post; Rejected when it is no HTML."""
    parser = _Parser()
    try:
        parser.feed(html)
        parser.close()
    except AssertionError:  # how html.parser says that a declaration is none
        raise Rejected("invalid_html") from None
    return PlainText(_tidy(parser.parts), _tidy(parser.prose), parser.has_link, parser.has_image)


def _tidy(parts: list[str]) -> str:
    """Blocks with one blank line between them; code stays as it is."""
    chunks = "".join(parts).split(FENCE)
    for i, chunk in enumerate(chunks):
        chunks[i] = f"{FENCE}{chunk}{FENCE}" if i % 2 else _without_surplus_lines(chunk)
    return "\n\n".join(filter(None, chunks))


def _without_surplus_lines(text: str) -> str:
    lines = [line.strip() for line in text.split("\n")]
    return "\n".join(line for i, line in enumerate(lines) if line or (i and lines[i - 1])).strip()


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.prose: list[str] = []
        self.has_link = self.has_image = False
        self._in_pre = self._in_code = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.has_link |= tag == "a"
        self.has_image |= tag == "img"
        if tag == "pre":
            self._in_pre = True
            self.parts.append(f"{FENCE}\n")
        elif tag == "code":
            self._in_code = True
            self._mark()
        elif tag == "li":
            self._both("\n- ")
        elif tag == "br":
            self._both("\n")
        elif tag in BLOCKS:
            self._both("\n\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == "pre":
            self._in_pre = False
            self.parts.append(f"\n{FENCE}")
        elif tag == "code":
            self._mark()
            self._in_code = False
        elif tag in BLOCKS:
            self._both("\n\n")

    def handle_data(self, data: str) -> None:
        if self._in_pre:
            self.parts.append(data.removesuffix("\n"))
            return
        joined = data if self._in_code else data.replace("\n", " ")
        self.parts.append(joined)
        if not self._in_code:
            self.prose.append(joined)

    def _mark(self) -> None:
        if not self._in_pre:
            self.parts.append("`")

    def _both(self, text: str) -> None:
        if not self._in_pre:
            self.parts.append(text)
            self.prose.append(text)

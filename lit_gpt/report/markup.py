"""Markup that cannot be broken into: every text becomes harmless on its way into an element.

`Html` is the type of what is markup already; a plain string is text and is escaped wherever it goes. Characters that
an HTML page cannot hold, or that would turn the reading direction of what follows, are shown as escapes (`\\u202e`).
Not covered: attribute values that a browser runs (`onclick`, `href` from data); nobody here writes any.
"""

import re
from collections.abc import Iterable
from html import escape
from typing import TypeAlias

UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls but tab and newline
    "\u202a-\u202e\u2066-\u2069"  # turns of the reading direction
    "\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff"  # halves of a pair, and no characters at all
    + "".join(chr(plane << 16 | last) for plane in range(1, 17) for last in (0xFFFE, 0xFFFF))
    + "]"
)
VOID = {"meta", "br", "hr", "wbr", "img", "link"}


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


Child: TypeAlias = str | int | None


def visible(text: str) -> str:
    """The text with what a page cannot hold spelt out."""
    return UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def markup(child: Child) -> Html:
    """Html as it is, None as nothing, anything else escaped."""
    if isinstance(child, Html):
        return child
    return Html("" if child is None else escape(visible(str(child)), quote=True))


def join(children: Iterable[Child], between: str = "") -> Html:
    """The children one after another."""
    return Html(markup(between).join(markup(child) for child in children))


def element(tag: str, *children: Child, **attributes: str | int | float | bool | None) -> Html:
    """`<tag …>children</tag>`. `class_` is `class`, `aria_label` is `aria-label`; None and False are left out."""
    pairs = [(name.rstrip("_").replace("_", "-"), value) for name, value in attributes.items()]
    written = "".join(_attribute(name, value) for name, value in pairs if value is not None and value is not False)
    if tag in VOID:
        return Html(f"<{tag}{written}>")
    return Html(f"<{tag}{written}>{join(children)}</{tag}>")


def _attribute(name: str, value: str | int | float | bool) -> str:
    return f" {name}" if value is True else f' {name}="{markup(str(value))}"'

"""The page around every report: one HTML file that loads nothing, runs nothing and reads well on paper, phone and desk.

A content security policy forbids scripts and loads of any kind, so that even a mistake of ours could not fetch a thing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lit_gpt.report.markup import Child, Html, element, join
from lit_gpt.report.style import CSS

POLICY = "default-src 'none'; style-src 'unsafe-inline'"


@dataclass(frozen=True)
class Section:
    """A part of a page. `anchor` is its name in links: letters and hyphens."""

    anchor: str
    title: str
    body: Html


def page(title: str, lead: Html, sections: Sequence[Section], footer: Child = None, kicker: str = "") -> str:
    """The whole file as text. `lead` stands under the title, before the contents; `kicker` is a line above it."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("style", Html(CSS)),
    )
    top = element("p", kicker, class_="kicker") if kicker else None
    header = element("header", top, element("h1", title), lead)
    main = element("main", *(_section(number, section) for number, section in enumerate(sections, 1)))
    bottom = element("footer", footer) if footer else None
    layout = element("div", header, _contents(sections), main, bottom, class_="layout")
    return "<!DOCTYPE html>\n" + element("html", head, "\n", element("body", layout), lang="en") + "\n"


def _section(number: int, section: Section) -> Html:
    heading = element("h2", element("span", str(number), class_="number"), " ", section.title)
    return join(["\n", element("section", heading, section.body, id=section.anchor)])


def _contents(sections: Sequence[Section]) -> Html:
    links = [element("li", element("a", section.title, href=f"#{section.anchor}")) for section in sections]
    return element("nav", element("p", "Contents"), element("ol", *links), aria_label="Contents", class_="contents")

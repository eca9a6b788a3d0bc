"""Text stays text, whatever is in it; the parts of a page are sound HTML."""

import html

import html5lib
from hypothesis import given
from hypothesis import strategies as st

from lit_gpt.report.markup import Html, element, join, markup, visible
from lit_gpt.report.parts import Column, Piece, code_block, highlighted, key_values, table, verbatim

HOSTILE = "</script></style></title></textarea><img src=x onerror=alert(1)>\"'&amp;<!--]]>"
any_text = st.text(st.characters(codec=None), max_size=40)


def parsed(fragment: str) -> html5lib.treebuilders.base.Node:
    return html5lib.HTMLParser(strict=True).parseFragment(fragment)


def test_text_is_escaped_and_markup_is_not() -> None:
    assert element("p", "<b>", element("i", "&")) == "<p>&lt;b&gt;<i>&amp;</i></p>"
    assert element("a", "x", href='"><b>') == '<a href="&quot;&gt;&lt;b&gt;">x</a>'
    assert element("p", None, class_=None, hidden=True, title=False) == "<p hidden></p>"
    assert isinstance(join(["<", Html("<br>")]), Html)
    assert join(["<", Html("<br>")], ", ") == "&lt;, <br>"


def test_what_a_page_cannot_hold_is_spelt_out() -> None:
    assert visible("a\x00b\x1b[0m\ud800\u202e\uffff\U0001fffe\r\n\t") == (
        "a\\u0000b\\u001b[0m\\ud800\\u202e\\uffff\\u1fffe\\u000d\n\t"
    )


@given(any_text)
def test_any_text_comes_back_from_a_strict_parser(text: str) -> None:
    tree = parsed(element("p", text, title=text))
    (paragraph,) = list(tree)
    assert (paragraph.text or "") == visible(text)
    assert len(paragraph) == 0
    assert paragraph.get("title") == visible(text)
    markup(text).encode()


@given(st.lists(st.tuples(any_text, st.booleans()), max_size=5))
def test_highlighted_text_keeps_every_character_and_mark(pieces: list[tuple[str, bool]]) -> None:
    (block,) = list(parsed(highlighted(Piece(*piece) for piece in pieces)))
    assert "".join(block.itertext()) == visible("".join(text for text, _ in pieces))
    marked = [mark.text or "" for mark in block]
    assert marked == [visible(text) for text, is_marked in pieces if is_marked]


def test_parts_keep_hostile_text_as_text() -> None:
    parts = [
        table([Column(HOSTILE), Column("n", True)], [[HOSTILE, HOSTILE]], HOSTILE),
        key_values({HOSTILE: HOSTILE}),
        code_block([HOSTILE]),
        verbatim(HOSTILE),
    ]
    for part in parts:
        tree = parsed(part)
        assert not [node.tag for node in tree.iter() if node.tag in ("img", "script", "style")]
        assert HOSTILE in "".join(tree.itertext())
        assert html.escape(HOSTILE) in part


def test_an_empty_text_says_so() -> None:
    assert "(empty)" in verbatim("")

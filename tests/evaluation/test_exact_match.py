"""What counts as the same answer, and what does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_gpt.evaluation.exact_match import is_match, normalise


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("blue", "blue"),
        (" blue\n", "blue"),
        ("a  \nb", "a\nb"),
        ("a\r\nb\r\n", "a\nb"),
        ("a\n\n \n\nb", "a\nb"),
        ("a\t\n  b", "a\n  b"),
        ("\u00a0blue\u2003", "blue"),
        ("", " \n\t"),
    ],
)
def test_white_space_that_nobody_sees_is_forgiven(answer: str, expected: str) -> None:
    assert is_match(answer, expected)
    assert is_match(expected, answer)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("Blue", "blue"),
        ("blue.", "blue"),
        ("blue", "blue sky"),
        ("blue sky", "blue"),
        ("blue\nsky", "blue"),
        ("a  b", "a b"),
        ("a\nb", "a b"),
        ("a\nb", "a\n  b"),
        ("", "blue"),
        ("07", "7"),
        ("e\u0301", "é"),
        ("ß", "ss"),
    ],
)
def test_all_else_counts(answer: str, expected: str) -> None:
    assert not is_match(answer, expected)
    assert not is_match(expected, answer)


@given(st.text(alphabet=st.sampled_from("ab \n\r\t\u00a0\u2028é"), max_size=30))
def test_normalising_is_done_once_and_loses_white_space_alone(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once == once.strip()
    assert "".join(once.split()) == "".join(text.split())

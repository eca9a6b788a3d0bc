"""Progress: items come through as they are, and what is over in a moment shows no bar."""

import pytest

from lit_gpt.progress import watched


def test_what_is_over_in_a_moment_shows_no_bar(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(watched(range(3), "quick", "row", 3, after_s=60)) == [0, 1, 2]
    assert capsys.readouterr().err == ""
    assert list(watched(range(3), "watched", "row", 3)) == [0, 1, 2]
    said = capsys.readouterr().err
    assert "watched: 100%" in said and "3/3" in said

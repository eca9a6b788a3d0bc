"""What a scorer yields: a row's id and a number about it, in the order of the rows, as they stream by.

A row that cannot be scored gets no made-up number. Its score is `Missing(reason)`: a NaN, so that no comparison and no
mean can take it for a number, which also knows why. Whoever selects leaves such rows out and says so.
"""

import re
from typing import Any, Self

Score = tuple[str, float]
WORD = re.compile(r"\w+(?:['’]\w+)*")


class Missing(float):
    """A NaN with the reason code why there is no number, such as `too_long`."""

    reason: str

    def __new__(cls, reason: str) -> Self:
        missing = super().__new__(cls, "nan")
        missing.reason = reason
        return missing

    def __reduce__(self) -> tuple[Any, ...]:
        return Missing, (self.reason,)


def why_missing(score: float) -> str:
    """The reason code of a score that is no number; empty for a number."""
    if score == score:
        return ""
    return score.reason if isinstance(score, Missing) else "not_a_number"


def words_of(text: str) -> list[str]:
    """Words in lower case, without punctuation; "don't" is one."""
    return WORD.findall(text.lower())

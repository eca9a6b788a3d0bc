"""Exact match: whether an answer is the expected one, letter for letter.

Forgiven is white space where nobody sees it: around the whole answer, at the ends of lines, and empty lines. White
space within a line and indentation count, and so do case, punctuation and the way a character is composed in Unicode.
An answer that begins with the expected one and goes on is wrong.
Not covered: several right answers to one question, numbers written in another way, partial credit.
"""


def normalise(text: str) -> str:
    """The text without white space at its ends and at the ends of its lines, and without empty lines."""
    return "\n".join(line.rstrip() for line in text.split("\n") if line.strip()).strip()


def is_match(answer: str, expected: str) -> bool:
    return normalise(answer) == normalise(expected)

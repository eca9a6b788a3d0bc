"""Rows for tests of this room."""

from lit_gpt.example import Example, Message, Provenance, user_message

FROM = Provenance("test", "0", 0, "Apache-2.0", "program")


def row(id: str, question: str, answer: str, *more: str, category: str = "") -> Example:
    """A dialogue; `more` are further turns, the user's first."""
    turns = [user_message(question), Message("assistant", answer)]
    turns += [Message("user" if n % 2 == 0 else "assistant", text) for n, text in enumerate(more)]
    return Example(id, tuple(turns), FROM, category)

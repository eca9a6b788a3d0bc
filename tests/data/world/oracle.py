"""The right answer to a question of the world, worked out from its text by other means than the world's own.

A solver for each kind of task. It reads a Question; where the text does not settle the answer (the sentence that a
record becomes, the heading of a table) it keeps to the one form that all rows have.
"""

from lit_gpt.example import Message
from tests.data.world import solvers_of_lists, solvers_of_numbers, solvers_of_texts
from tests.data.world.reading import SOLVERS, Question

__all__ = ["SOLVERS", "answer_to", "solvers_of_lists", "solvers_of_numbers", "solvers_of_texts"]


def answer_to(kind: str, messages: tuple[Message, ...]) -> str:
    """The right answer to the last question; the answer that stands in the messages is not looked at."""
    return SOLVERS[kind](Question.of(messages))

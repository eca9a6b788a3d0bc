"""Tasks of two steps."""

from random import Random

from lit_gpt.data.world.kinds.arithmetic import sum_of
from lit_gpt.data.world.kinds.lists import some_words
from lit_gpt.data.world.problem import Kind, Problem
from lit_gpt.data.world.words import COUNTABLE, NAMES, NOUNS


def _remove_then_reverse(draw: Random, level: int) -> Problem:
    words = some_words(draw, level)[:5]
    old = draw.choice(words)
    return Problem(" ".join(words), " ".join(word for word in words[::-1] if word != old), {"old": old})


def _sort_then_last(draw: Random, level: int) -> Problem:
    words = draw.sample(NOUNS, level + 1)
    return Problem(" ".join(words), max(words))


def _add_then_compare(draw: Random, level: int) -> Problem:
    a, b, c = (draw.randrange(2, (12, 25, 50)[level - 1]) for _ in range(3))
    if a + b == c:
        c += 1
    (first, second), thing = draw.sample(NAMES, 2), draw.choice(COUNTABLE)
    told = f"{first} has {a} {thing}s and gets {b} more. {second} has {c} {thing}s."
    return Problem(told, first if a + b > c else second, {"thing": thing}, core=f"{sum_of(a, b)} or {c}")


REMOVE_THEN_REVERSE = Kind(
    "remove_then_reverse",
    _remove_then_reverse,
    (
        "Remove {old}, then reverse the list.",
        "Take out {old} and write the rest in reverse order.",
        "Without {old}, write the words from last to first: {input}",
        "First delete {old}, then turn the list around.",
        "Reverse {input} after removing {old}.",
        "Drop {old} and give what remains in reverse order.",
        "Read the list from its end, but pass over {old}.",
        "What is {input} in the opposite order and with {old} gone?",
    ),
    ("Lists with a word removed, in reverse order", "Two steps: remove and reverse", "Removed and reversed"),
    "Words",
    "Without {old}, in reverse order",
    "The words {input} without {old} and in reverse order are {answer}.",
)
SORT_THEN_LAST = Kind(
    "sort_then_last",
    _sort_then_last,
    (
        "Sort these words alphabetically and give the last one.",
        "Which word is last in alphabetical order?",
        "Of {input}, which comes last in the alphabet?",
        "Order the words from A to Z. What is the final one?",
        "Find the word nearest to Z: {input}",
        "Give the alphabetically last word.",
        "In a dictionary, which of these stands behind all others?",
        "Sorted alphabetically, what does {input} end with?",
    ),
    ("Last in the alphabet", "Two steps: sort and take the last", "Last words of sorted lists"),
    "Words",
    "Last in the alphabet",
    "Of the words {input} the last in the alphabet is {answer}.",
)
ADD_THEN_COMPARE = Kind(
    "add_then_compare",
    _add_then_compare,
    (
        "Who has more {thing}s in the end?",
        "{input} Who has more {thing}s?",
        "Work out who has the larger number of {thing}s.",
        "{input} Name the one with more {thing}s.",
        "Read the story and name the person with more {thing}s.",
        "{input} Which of the two has more?",
        "Whose pile of {thing}s is bigger at last?",
        "{input} Who owns the greater number of {thing}s now?",
    ),
    ("Who has more", "Two steps: add and compare", "Sums compared"),
    "Story",
    "The one with more",
    "{input} The one with more is {answer}.",
)

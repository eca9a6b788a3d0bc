"""Tasks that go on with a pattern or fill a gap in one."""

from random import Random

from lit_gpt.data.world.problem import Kind, Problem
from lit_gpt.data.world.words import COLOURS, LETTERS, NOUNS


def _next_in_pattern(draw: Random, level: int) -> Problem:
    unit = draw.sample(COLOURS + NOUNS, level + 1)
    n_shown = 2 * len(unit) + draw.randrange(len(unit))
    shown = [unit[place % len(unit)] for place in range(n_shown)]
    return Problem(" ".join(shown), unit[n_shown % len(unit)])


def _missing_letter(draw: Random, level: int) -> Problem:
    length = 3 + level
    start = draw.randrange(len(LETTERS) - length)
    run = list(LETTERS[start : start + length])
    place = draw.randrange(1, length - 1)
    found, run[place] = run[place], "_"
    word = draw.choice(NOUNS)
    return Problem(f"{word}: {' '.join(run)}", found, core=" ".join(run))


def _fill_blank(draw: Random, level: int) -> Problem:
    words = draw.sample(NOUNS, level + 2)
    place = draw.randrange(len(words))
    shown = ["_" if number == place else word for number, word in enumerate(words)]
    return Problem(" ".join(shown), " ".join(words), {"word": words[place]})


NEXT_IN_PATTERN = Kind(
    "next_in_pattern",
    _next_in_pattern,
    (
        "Which word comes next in the pattern?",
        "Continue the pattern with one word.",
        "What is the next word in {input}?",
        "The words repeat. Which is next?",
        "Go on with the pattern {input}",
        "Give the word that follows in the pattern.",
        "The same words come again and again. What now?",
        "After {input}, which word keeps the pattern going?",
    ),
    ("Patterns of words", "Patterns that repeat", "The next word of a pattern"),
    "Pattern",
    "Next word",
    "The pattern {input} goes on with {answer}.",
)
MISSING_LETTER = Kind(
    "missing_letter",
    _missing_letter,
    (
        "Which letter of the alphabet is missing at the gap?",
        "Fill the gap in the alphabet.",
        "What letter belongs at the gap in {input}?",
        "Give the missing letter.",
        "Find the letter that is missing: {input}",
        "Write the letter that should stand at the gap.",
        "One letter of the row is not there. Which?",
        "Look at {input} and tell the letter that was left out.",
    ),
    ("Gaps in the alphabet", "Missing letters", "Letters in a row"),
    "Row",
    "Missing letter",
    "In the row {input} the missing letter is {answer}.",
)
FILL_BLANK = Kind(
    "fill_blank",
    _fill_blank,
    (
        "Fill the blank with {word} and write the whole list.",
        "Write the list with {word} at the gap.",
        "Put {word} into the gap and give the whole list: {input}",
        "Complete the list with the word {word}.",
        "Use {word} to fill the blank, and write out {input}",
        "Write the list, with {word} where the blank is.",
        "The gap stands for {word}. Write the whole list.",
        "Complete {input}, knowing that {word} is missing.",
    ),
    ("Blanks filled", "Gaps with their words", "Completed lists"),
    "List",
    "With {word} at the gap",
    "The list {input} with {word} at the gap is {answer}.",
)

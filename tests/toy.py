"""A toy instruction set for tests: eight kinds of task, forty words. `rows(n, seed)` makes it."""

import random
from collections.abc import Callable, Iterator

from lit_gpt.seeds import derive_seed

WORDS = """
    apple bridge candle desert engine forest garden harbor island jacket kettle lantern meadow needle orange
    pepper quarry ribbon silver timber umbrella valley window yellow anchor basket copper dragon feather goblet
    hammer insect jungle kitten ladder marble napkin oyster pencil rocket
""".split()


def rows(n_rows: int, seed: int) -> Iterator[dict[str, str]]:
    """Three-column rows, the same ones for the same seed."""
    for number in range(n_rows):
        draw = random.Random(derive_seed(seed, "toy", number))
        yield draw.choice(TASKS)(draw)


def _row(instruction: str, input: str, output: str) -> dict[str, str]:
    return {"instruction": instruction, "input": input, "output": output}


def _copy(draw: random.Random) -> dict[str, str]:
    word = draw.choice(WORDS)
    return _row("Repeat this word.", word, word)


def _backwards(draw: random.Random) -> dict[str, str]:
    word = draw.choice(WORDS)
    return _row("Write this word backwards.", word, word[::-1])


def _capitals(draw: random.Random) -> dict[str, str]:
    word = draw.choice(WORDS)
    return _row("Write this word in capital letters.", word, word.upper())


def _first_letter(draw: random.Random) -> dict[str, str]:
    word = draw.choice(WORDS)
    return _row(f"What is the first letter of {word}?", "", word[0])


def _last_word(draw: random.Random) -> dict[str, str]:
    words = draw.sample(WORDS, 3)
    return _row("Which word comes last?", " ".join(words), words[-1])


def _sorted(draw: random.Random) -> dict[str, str]:
    words = draw.sample(WORDS, 3)
    return _row("Put these words in alphabetical order.", " ".join(words), " ".join(sorted(words)))


def _count(draw: random.Random) -> dict[str, str]:
    words = draw.sample(WORDS, draw.randint(1, 6))
    return _row("How many words are there?", " ".join(words), str(len(words)))


def _sum(draw: random.Random) -> dict[str, str]:
    a, b = draw.randint(0, 9), draw.randint(0, 9)
    return _row(f"What is {a} plus {b}?", "", str(a + b))


TASKS: tuple[Callable[[random.Random], dict[str, str]], ...] = (
    _copy,
    _backwards,
    _capitals,
    _first_letter,
    _last_word,
    _sorted,
    _count,
    _sum,
)

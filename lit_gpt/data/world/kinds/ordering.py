"""Tasks that compare: sort words and numbers, find the largest, the oldest."""

from random import Random

from lit_gpt.data.world.kinds.lists import SEPARATORS
from lit_gpt.data.world.problem import Kind, Problem
from lit_gpt.data.world.words import NAMES, NOUNS

SIZES = {1: 20, 2: 100, 3: 1000}  # numbers stay below


def some_numbers(draw: Random, level: int, n_more: int = 2) -> list[int]:
    """Different numbers below the level's size."""
    return draw.sample(range(SIZES[level]), level + n_more)


def _join(draw: Random, given: list[str], found: list[str]) -> Problem:
    separator = draw.choice(SEPARATORS)
    return Problem(separator.join(given), separator.join(found))


def _numbers(draw: Random, given: list[int], found: list[int]) -> Problem:
    return _join(draw, [str(number) for number in given], [str(number) for number in found])


def _sort_words(draw: Random, level: int) -> Problem:
    words = draw.sample(NOUNS, level + 1)
    return _join(draw, words, sorted(words))


def _sort_up(draw: Random, level: int) -> Problem:
    numbers = some_numbers(draw, level)
    return _numbers(draw, numbers, sorted(numbers))


def _sort_down(draw: Random, level: int) -> Problem:
    numbers = some_numbers(draw, level)
    return _numbers(draw, numbers, sorted(numbers, reverse=True))


def _largest(draw: Random, level: int) -> Problem:
    numbers = some_numbers(draw, level)
    return _numbers(draw, numbers, [max(numbers)])


def _smallest(draw: Random, level: int) -> Problem:
    numbers = some_numbers(draw, level)
    return _numbers(draw, numbers, [min(numbers)])


def _middle(draw: Random, level: int) -> Problem:
    numbers = draw.sample(range(SIZES[level]), 3)
    return _numbers(draw, numbers, [sorted(numbers)[1]])


def _is_sorted(draw: Random, level: int) -> Problem:
    numbers = some_numbers(draw, level, n_more=1)
    is_wanted = draw.random() < 1 / 2
    while (numbers == sorted(numbers)) != is_wanted:
        draw.shuffle(numbers)
    return Problem(" ".join(map(str, numbers)), "yes" if numbers == sorted(numbers) else "no")


def _oldest(draw: Random, level: int) -> Problem:
    names = draw.sample(NAMES, level + 1)
    ages = draw.sample(range(5, 95), level + 1)
    facts = " ".join(f"{name} is {age}." for name, age in zip(names, ages, strict=True))
    return Problem(facts, names[ages.index(max(ages))])


SORT_WORDS = Kind(
    "sort_words",
    _sort_words,
    (
        "Put these words in alphabetical order.",
        "Sort the words from A to Z.",
        "Arrange these words alphabetically: {input}",
        "Write the list in alphabetical order.",
        "Order {input} by the alphabet.",
        "Sort this list of words.",
        "Line these up the way a dictionary would.",
        "What is the alphabetical order of {input}?",
    ),
    ("Words in alphabetical order", "Words sorted from A to Z", "Alphabetical lists"),
    "Words",
    "In alphabetical order",
    "The words {input} in alphabetical order are {answer}.",
)
SORT_NUMBERS = Kind(
    "sort_numbers",
    _sort_up,
    (
        "Sort these numbers from smallest to largest.",
        "Put the numbers in ascending order.",
        "Arrange {input} in increasing order.",
        "Order these numbers, the smallest first.",
        "Write the numbers from low to high: {input}",
        "Sort the numbers in rising order.",
        "Begin with the smallest of these numbers and go up.",
        "How does {input} read in ascending order?",
    ),
    ("Numbers from smallest to largest", "Numbers in ascending order", "Numbers sorted upwards"),
    "Numbers",
    "From smallest to largest",
    "The numbers {input} from smallest to largest are {answer}.",
)
SORT_DOWN = Kind(
    "sort_down",
    _sort_down,
    (
        "Sort these numbers from largest to smallest.",
        "Put the numbers in descending order.",
        "Arrange {input} in decreasing order.",
        "Order these numbers, the largest first.",
        "Write the numbers from high to low: {input}",
        "Sort the numbers in falling order.",
        "Begin with the largest of these numbers and go down.",
        "How does {input} read in descending order?",
    ),
    ("Numbers from largest to smallest", "Numbers in descending order", "Numbers sorted downwards"),
    "Numbers",
    "From largest to smallest",
    "The numbers {input} from largest to smallest are {answer}.",
)
LARGEST_NUMBER = Kind(
    "largest_number",
    _largest,
    (
        "Which number is the largest?",
        "Find the biggest number.",
        "What is the maximum of {input}?",
        "Give the largest of these numbers.",
        "Pick the highest number: {input}",
        "Name the greatest number in the list.",
        "None of the others is as high as this number. Which is it?",
        "Look through {input} for the biggest value.",
    ),
    ("The largest number", "Largest of several numbers", "Finding the maximum"),
    "Numbers",
    "The largest",
    "Of the numbers {input} the largest is {answer}.",
)
SMALLEST_NUMBER = Kind(
    "smallest_number",
    _smallest,
    (
        "Which number is the smallest?",
        "Find the lowest number.",
        "What is the minimum of {input}?",
        "Give the smallest of these numbers.",
        "Pick the lowest number: {input}",
        "Name the least number in the list.",
    ),
    ("The smallest number", "Smallest of several numbers", "Finding the minimum"),
    "Numbers",
    "The smallest",
    "Of the numbers {input} the smallest is {answer}.",
)
MIDDLE_NUMBER = Kind(
    "middle_number",
    _middle,
    (
        "Which number lies between the two others?",
        "Give the number that is neither the largest nor the smallest.",
        "What is the median of {input}?",
        "Find the number in the middle by size.",
        "Which of {input} lies in the middle by size?",
        "Name the number in between.",
    ),
    ("The number in the middle", "Medians of three numbers", "The number between the others"),
    "Numbers",
    "The middle one by size",
    "Of the numbers {input} the middle one by size is {answer}.",
)
IS_SORTED = Kind(
    "is_sorted",
    _is_sorted,
    (
        "Are these numbers in ascending order? Answer yes or no.",
        "Is the list sorted from smallest to largest? Say yes or no.",
        "Does {input} rise all the way? Yes or no?",
        "Yes or no: the numbers are in rising order.",
        "Is {input} in ascending order, yes or no?",
        "Do the numbers never go down? Answer yes or no.",
    ),
    ("Sorted or not", "Is it in ascending order", "Checking the order of numbers"),
    "Numbers",
    "In ascending order",
    "Are the numbers {input} in ascending order, yes or no: {answer}.",
)
OLDEST_PERSON = Kind(
    "oldest_person",
    _oldest,
    (
        "Who is the oldest?",
        "Name the oldest person.",
        "{input} Who is the oldest of them?",
        "Which person has the highest age?",
        "Read this and say who is oldest: {input}",
        "Give the name of the oldest person.",
        "Who was born before all the others?",
        "{input} Which of these people has lived longest?",
    ),
    ("The oldest person", "Ages compared", "Who is the oldest"),
    "Ages",
    "The oldest",
    "{input} The oldest of them is {answer}.",
)

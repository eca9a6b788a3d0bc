"""Sums, differences, small stories about them, and series of numbers."""

from random import Random

from lit_gpt.data.world.problem import Kind, Problem
from lit_gpt.data.world.words import COUNTABLE, NAMES, with_article

SIZES = {1: 10, 2: 50, 3: 100}  # numbers stay below


def _pair(draw: Random, level: int) -> tuple[int, int]:
    return draw.randrange(1, SIZES[level]), draw.randrange(1, SIZES[level])


def sum_of(a: int, b: int) -> str:
    """4 + 3 and 3 + 4 are one problem."""
    return f"{min(a, b)} + {max(a, b)}"


def _add(draw: Random, level: int) -> Problem:
    a, b = _pair(draw, level)
    return Problem(f"{a} + {b}", str(a + b), core=sum_of(a, b))


def _subtract(draw: Random, level: int) -> Problem:
    b, a = sorted(_pair(draw, level))
    return Problem(f"{a} - {b}", str(a - b))


def _even_or_odd(draw: Random, level: int) -> Problem:
    number = draw.randrange(10 ** (level + 1))
    return Problem(str(number), "odd" if number % 2 else "even")


def _gets_more(draw: Random, level: int) -> Problem:
    a, b = draw.randrange(2, SIZES[level]), draw.randrange(2, SIZES[level])
    name, thing = draw.choice(NAMES), draw.choice(COUNTABLE)
    told = f"{name} has {a} {thing}s and gets {b} more."
    return Problem(told, str(a + b), {"name": name, "thing": thing}, core=sum_of(a, b))


def _next_number(draw: Random, level: int) -> Problem:
    step, first = draw.randint(1, (2, 5, 10)[level - 1]), draw.randrange(1, SIZES[level])
    *shown, following = (first + step * place for place in range(draw.randint(4, 5)))
    return Problem(", ".join(map(str, shown)), str(following))


def _change(draw: Random, level: int) -> Problem:
    paid = draw.choice(((10, 20), (20, 50), (50, 100))[level - 1])
    cost = draw.randrange(2, paid)
    thing = draw.choice(COUNTABLE)
    told = f"{with_article(thing).capitalize()} costs {cost} cents. It is paid with {paid} cents."
    return Problem(told, str(paid - cost), {"thing": thing}, core=f"{paid} - {cost}")


ADD = Kind(
    "add",
    _add,
    (
        "Add the numbers.",
        "What is {input}?",
        "Work out the sum.",
        "Calculate {input}",
        "Give the result of {input}",
        "Find the sum of the two numbers.",
        "How much is {input} altogether?",
        "Put the two amounts together.",
    ),
    ("Sums", "Numbers added", "Addition"),
    "Sum",
    "Result",
    "The sum {input} is {answer}.",
)
SUBTRACT = Kind(
    "subtract",
    _subtract,
    (
        "Subtract the second number from the first.",
        "What is {input}?",
        "Work out the difference.",
        "Calculate {input}",
        "Give the result of {input}",
        "Find the difference of the two numbers.",
        "How much is left: {input}",
        "Take the smaller number away from the larger one.",
    ),
    ("Differences", "Numbers subtracted", "Subtraction"),
    "Difference",
    "Result",
    "The difference {input} is {answer}.",
)
EVEN_OR_ODD = Kind(
    "even_or_odd",
    _even_or_odd,
    (
        "Is this number even or odd?",
        "Say whether the number is even or odd.",
        "Is {input} even or odd?",
        'Answer with "even" or "odd".',
        "Decide if {input} is an even or an odd number.",
        "Classify the number as even or odd.",
        "Odd or even, which is it?",
        "Can {input} be halved? Say even if it can, else odd.",
    ),
    ("Even and odd numbers", "Even or odd", "Numbers that can be halved"),
    "Number",
    "Even or odd",
    "The number {input} is {answer}.",
)
GETS_MORE = Kind(
    "gets_more",
    _gets_more,
    (
        "How many {thing}s does {name} have now?",
        "{input} How many {thing}s is that in all?",
        "Work out how many {thing}s {name} has in the end.",
        "{input} Give the number of {thing}s.",
        "Read the story and give the total number of {thing}s.",
        "{input} What number of {thing}s does {name} end up with?",
        "After this, {name} owns how many {thing}s?",
        "{input} Count all {thing}s of {name}.",
    ),
    ("Stories about getting more", "More and more things", "Sums in stories"),
    "Story",
    "Number in the end",
    "{input} That makes {answer} in the end.",
)
NEXT_NUMBER = Kind(
    "next_number",
    _next_number,
    (
        "Which number comes next?",
        "Continue the series with one number.",
        "What is the next number in {input}?",
        "Give the number that follows.",
        "Which number should follow {input}?",
        "Find the next number of the series.",
        "The steps are equal. Where does the series go from here?",
        "After {input}, what comes?",
    ),
    ("Series of numbers", "The next number", "Numbers with equal steps"),
    "Series",
    "Next number",
    "The series {input} goes on with {answer}.",
)
CHANGE_DUE = Kind(
    "change_due",
    _change,
    (
        "How many cents come back?",
        "{input} How much change is due?",
        "Work out the change in cents.",
        "{input} Give the change in cents.",
        "What does the buyer of the {thing} get back, in cents?",
        "{input} How many cents are returned?",
    ),
    ("Change at the shop", "Cents that come back", "Paying and change"),
    "Purchase",
    "Change in cents",
    "{input} The change in cents is {answer}.",
)

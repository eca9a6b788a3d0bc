"""Tasks with longer answers: sentences from a record, a table from a list, a sum step by step.

They keep length from telling right answers from padded ones.
"""

from itertools import accumulate
from random import Random

from lit_gpt.data.world.kinds.extraction import some_people
from lit_gpt.data.world.problem import Kind, Problem
from lit_gpt.data.world.words import CITIES, NAMES


def _describe(draw: Random, level: int) -> Problem:
    people = some_people(draw, level)
    records = "\n".join("; ".join((person["name"], person["age"], person["job"], person["city"])) for person in people)
    form = "{name} is {age} years old, works as a {job} and lives in {city}."
    return Problem(records, " ".join(form.format(**person) for person in people))


def _make_table(draw: Random, level: int) -> Problem:
    rows = [(name, draw.choice(CITIES)) for name in draw.sample(NAMES, level + 1)]
    given = "; ".join(f"{name}: {city}" for name, city in rows)
    return Problem(given, "\n".join(["| name | city |", *(f"| {name} | {city} |" for name, city in rows)]))


def _sum_in_steps(draw: Random, level: int) -> Problem:
    numbers = [draw.randrange(1, (6, 10, 20)[level - 1]) for _ in range(draw.randint(3, 4))]
    totals = list(accumulate(numbers))
    steps = [f"{total} + {number} = {total + number}." for total, number in zip(totals[:-1], numbers[1:], strict=True)]
    return Problem(" + ".join(map(str, numbers)), " ".join([*steps, f"The result is {totals[-1]}."]))


DESCRIBE_RECORD = Kind(
    "describe_record",
    _describe,
    (
        "Write a sentence about each person (name; age; job; city).",
        "Turn each record of name, age, job and city into a sentence.",
        "Describe every person in a sentence of their own.",
        "Write these records out as sentences.",
        "Make full sentences of the name, age, job and city.",
        "Tell in sentences what the records say.",
        "For each person say age, job and city in one sentence.",
        "Put these notes into prose, person by person.",
    ),
    ("People in sentences", "Records told in sentences", "From notes to sentences"),
    "Records",
    "In sentences",
)
MAKE_TABLE = Kind(
    "make_table",
    _make_table,
    (
        "Make a table of names and cities.",
        "Write this as a table with the columns name and city.",
        "Turn the list into a table: {input}",
        "Set out names and cities in a table.",
        "Give {input} as a table.",
        "Put these pairs into a table with a heading.",
        "A table would be clearer. Write one with name and city.",
        "Format {input} as rows of a table.",
    ),
    ("Tables of names and cities", "From lists to tables", "Lists set out as tables"),
    "List",
    "As a table",
)
SUM_IN_STEPS = Kind(
    "sum_in_steps",
    _sum_in_steps,
    (
        "Add these numbers step by step.",
        "Show each step of the sum.",
        "Work out {input} one step at a time.",
        "Add from left to right and write every step.",
        "Write all steps of the sum {input}",
        "Give the running sums, then the result.",
        "Show how you add this up, number by number.",
        "Explain {input} by adding one number after the other.",
    ),
    ("Sums step by step", "Adding from left to right", "Long sums"),
    "Sum",
    "Step by step",
)

"""Tasks with longer answers: sentences or lines from a record, a table from a list, a sum step by step.

They keep length from telling right answers from padded ones.
"""

from itertools import accumulate
from random import Random

from lit_gpt.data.world.kinds.extraction import some_people
from lit_gpt.data.world.kinds.ordering import some_numbers
from lit_gpt.data.world.problem import Kind, Problem
from lit_gpt.data.world.words import CATEGORIES, CATEGORY_OF, CITIES, NAMES, NOUNS

RECORD = ("name", "age", "job", "city")


def _describe(draw: Random, level: int) -> Problem:
    people = some_people(draw, level)
    records = "\n".join("; ".join(person[field] for field in RECORD) for person in people)
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


def _expand_record(draw: Random, level: int) -> Problem:
    people = some_people(draw, level)
    records = "\n".join("; ".join(person[field] for field in RECORD) for person in people)
    lines = [f"{field}: {person[field]}" for person in people for field in RECORD]
    return Problem(records, "\n".join(lines))


def _count_each(draw: Random, level: int) -> Problem:
    words = draw.sample(NOUNS, draw.randint(2, 3) + level)
    found = [CATEGORY_OF[word] for word in words]
    return Problem(" ".join(words), "\n".join(f"{name}: {found.count(name)}" for name in CATEGORIES))


def _sort_and_say(draw: Random, level: int) -> Problem:
    numbers = some_numbers(draw, level, n_more=1)
    ordered = sorted(numbers)
    said = f"In ascending order: {' '.join(map(str, ordered))}. Smallest: {ordered[0]}. Largest: {ordered[-1]}."
    return Problem(" ".join(map(str, numbers)), said)


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
EXPAND_RECORD = Kind(
    "expand_record",
    _expand_record,
    (
        "Write each record (name; age; job; city) as lines, each with its label.",
        "Put name, age, job and city on lines of their own, with labels.",
        "Expand every record into four lines that begin with name, age, job and city.",
        "Turn these records into labelled lines: name, age, job, city.",
        "Label the parts of each record (name, age, job, city), one on each line.",
        "Spread the records over lines, four for each person: name, age, job, city.",
        "Line by line and with labels, what do the records say of name, age, job and city?",
        "Unfold the notes: a labelled line for each name, age, job and city.",
    ),
    ("Records line by line", "Records with labels", "Notes unfolded"),
    "Records",
    "Line by line",
)
COUNT_EACH = Kind(
    "count_each",
    _count_each,
    (
        "Count the words of each category: animal, plant, food, tool. One line for each.",
        "How many animals, plants, foods and tools are listed? Give a line for each category.",
        "Write four lines, animal, plant, food, tool, each with its number of words.",
        "Make a tally by category (animal, plant, food, tool), line by line.",
        "For animal, plant, food and tool, write the number of words on a line each.",
        "Tally these words: {input}. One line each for animal, plant, food, tool.",
        "Line by line, what are the counts of animal, plant, food and tool?",
        "Four counts are wanted, a line each: animal, plant, food, tool. Go through {input}",
    ),
    ("Tallies", "Categories and their numbers", "Counts line by line"),
    "Words",
    "Tally",
)
SORT_AND_SAY = Kind(
    "sort_and_say",
    _sort_and_say,
    (
        "Sort the numbers in ascending order and name the smallest and the largest.",
        "Give the ascending order, the smallest and the largest number, a sentence each.",
        "Put {input} in ascending order, then say which is smallest and which is largest.",
        "Report on these numbers: ascending order, smallest, largest.",
        "Order the numbers upwards, and add the smallest and the largest.",
        "Say the ascending order of {input}, and its smallest and largest number.",
        "Three short sentences about the numbers, please: ascending order, smallest, largest.",
        "What can be said of {input}: the ascending order, the smallest, the largest?",
    ),
    ("Reports on numbers", "Numbers in order, with smallest and largest", "Numbers described"),
    "Numbers",
    "Report",
)

"""Tasks that look something up: in records, tables and short passages."""

from random import Random

from lit_gpt.data.world.problem import Kind, Problem
from lit_gpt.data.world.words import CITIES, COLOURS, COUNTABLE, JOBS, NAMES

FIELDS = {"name": NAMES, "city": CITIES, "job": JOBS, "colour": COLOURS, "age": [str(age) for age in range(18, 90)]}
N_PEOPLE = {1: 1, 2: 2, 3: 3}


def some_people(draw: Random, level: int) -> list[dict[str, str]]:
    """People with different values in every field."""
    columns = {field: draw.sample(values, N_PEOPLE[level]) for field, values in FIELDS.items()}
    return [{field: values[place] for field, values in columns.items()} for place in range(N_PEOPLE[level])]


def passage(draw: Random, people: list[dict[str, str]]) -> str:
    """A sentence about each, in one of three orders of telling."""
    forms = (
        "{name} is {age} years old, lives in {city} and works as a {job}.",
        "{name}, a {job} from {city}, is {age} years old.",
        "In {city} lives {name}, a {job} of {age} years.",
    )
    return " ".join(draw.choice(forms).format(**person) for person in people)


def _record(draw: Random, level: int) -> Problem:
    fields = draw.sample(sorted(FIELDS), level + 2)
    values = {field: draw.choice(FIELDS[field]) for field in fields}
    asked = draw.choice(fields)
    return Problem("\n".join(f"{field}: {value}" for field, value in values.items()), values[asked], {"field": asked})


def _table(draw: Random, level: int) -> Problem:
    asked = draw.choice(("city", "job", "age", "colour"))
    rows = [(name, draw.choice(FIELDS[asked])) for name in draw.sample(NAMES, level + 1)]
    lines = [f"| name | {asked} |", *(f"| {name} | {value} |" for name, value in rows)]
    name, value = draw.choice(rows)
    return Problem("\n".join(lines), value, {"name": name, "field": asked})


def _fact(draw: Random, level: int) -> Problem:
    people = some_people(draw, level)
    person, field = draw.choice(people), draw.choice(("city", "job", "age"))
    return Problem(passage(draw, people), person[field], {"name": person["name"], "field": field})


def _who(draw: Random, level: int) -> Problem:
    people = some_people(draw, max(level, 2))
    person = draw.choice(people)
    return Problem(passage(draw, people), person["name"], {"city": person["city"]})


def _true_or_false(draw: Random, level: int) -> Problem:
    people = some_people(draw, level)
    person, field = draw.choice(people), draw.choice(("city", "job"))
    told = person[field] if draw.random() < 1 / 2 else draw.choice(FIELDS[field])
    claim = {"city": "{name} lives in {told}", "job": "{name} works as a {told}"}[field]
    claim = claim.format(name=person["name"], told=told)
    return Problem(passage(draw, people), "true" if told == person[field] else "false", {"claim": claim})


def _names(draw: Random, level: int) -> Problem:
    people = some_people(draw, level)
    return Problem(passage(draw, people), ", ".join(person["name"] for person in people))


def _amount(draw: Random, level: int) -> Problem:
    amounts = draw.sample(range(2, 100), level + 1)
    things = draw.sample(COUNTABLE, level + 1)
    told = " and ".join(f"{amount} {thing}s" for amount, thing in zip(amounts, things, strict=True))
    place = draw.randrange(level + 1)
    return Problem(f"{draw.choice(NAMES)} bought {told}.", str(amounts[place]), {"thing": things[place]})


FIELD_OF_RECORD = Kind(
    "field_of_record",
    _record,
    (
        "What is the {field}?",
        "Give the {field} from this record.",
        "Find the {field}.",
        "Read the record and write the {field}.",
        "Which {field} is noted?",
        "Only the {field} is wanted.",
        "What does the record say under {field}?",
        "Extract the value of {field}.",
    ),
    ("Records and their fields", "Looking up a record", "Values in records"),
    "Record",
    "The {field}",
)
LOOK_UP_TABLE = Kind(
    "look_up_table",
    _table,
    (
        "What is the {field} of {name}?",
        "Find the {field} of {name} in the table.",
        "Which {field} does the table give for {name}?",
        "Look up {name} and write the {field}.",
        "Read the table. What is the {field} of {name}?",
        "Give the {field} that stands beside {name}.",
        "In the row of {name}, which {field} is there?",
        "Use the table to say the {field} of {name}.",
    ),
    ("Tables and their rows", "Looking up a table", "Values in tables"),
    "Table",
    "The {field} of {name}",
)
FACT_IN_PASSAGE = Kind(
    "fact_in_passage",
    _fact,
    (
        "What is the {field} of {name}?",
        "{input} What is the {field} of {name}?",
        "Read the passage and give the {field} of {name}.",
        "Which {field} is told of {name}?",
        "According to the text, what is the {field} of {name}?",
        "{input} Write the {field} of {name}.",
        "From the passage, extract the {field} of {name}.",
        "{input} Tell me the {field} of {name}.",
    ),
    ("Facts about people", "Passages and their facts", "Reading about people"),
    "Passage",
    "The {field} of {name}",
    "{input} The {field} of {name} is {answer}.",
)
WHO_LIVES_THERE = Kind(
    "who_lives_there",
    _who,
    (
        "Who lives in {city}?",
        "{input} Who lives in {city}?",
        "Read the passage and name the person from {city}.",
        "Which person is from {city}?",
        "According to the text, who lives in {city}?",
        "{input} Name the person who lives in {city}.",
        "Whose home is {city}?",
        "{input} In {city} one would meet whom?",
    ),
    ("Who lives where", "People and their cities", "Finding a person"),
    "Passage",
    "The person in {city}",
    "{input} The person in {city} is {answer}.",
)
TRUE_OR_FALSE = Kind(
    "true_or_false",
    _true_or_false,
    (
        "True or false: {claim}.",
        'Is it true that "{claim}"? Answer true or false.',
        "Read the passage. {claim}: true or false?",
        "{input} True or false: {claim}.",
        'Check the claim "{claim}" and answer true or false.',
        "{claim}. Does the text say so? Write true or false.",
        'Judge by the passage if "{claim}" is true or false.',
        "{input} {claim}. Say true if that is right, false if not.",
    ),
    ("True or false", "Claims checked", "Claims about people"),
    "Passage",
    "{claim}, true or false",
    "{input} {claim}: this is {answer}.",
)
FIND_NAMES = Kind(
    "find_names",
    _names,
    (
        "List the names of all people in the passage, with commas between.",
        "Who is mentioned? Give the names with commas between them.",
        "{input} List every person's name, separated by commas.",
        "Extract the names from the text, with commas between.",
        "Which people does the text name? Put commas between them.",
        "{input} Name everybody who is mentioned, with commas between.",
    ),
    ("Names in passages", "People who are mentioned", "All names"),
    "Passage",
    "Names",
    "{input} The names are {answer}.",
)
HOW_MANY_OF = Kind(
    "how_many_of",
    _amount,
    (
        "How many {thing}s are mentioned?",
        "{input} How many {thing}s are there?",
        "Give the number of {thing}s in the sentence.",
        "Find out how many {thing}s were bought.",
        "According to the text, how many {thing}s are there?",
        "{input} Write the number of {thing}s.",
        "What number stands with {thing}s?",
        "{input} State the amount of {thing}s.",
    ),
    ("Amounts in sentences", "How many of each thing", "Things that were bought"),
    "Sentence",
    "Number of {thing}s",
    "{input} The number of {thing}s is {answer}.",
)

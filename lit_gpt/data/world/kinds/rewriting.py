"""Tasks that rewrite by a rule: capitals, plurals, names, negation, a new subject."""

from random import Random

from lit_gpt.data.world.problem import Kind, Problem
from lit_gpt.data.world.words import COLOURS, COUNTABLE, NAMES, NOUNS, SURNAMES, VERBS


def _upper(draw: Random, level: int) -> Problem:
    words = draw.sample(NOUNS, level + 1)
    return Problem(" ".join(words), " ".join(words).upper())


def _plural(draw: Random, level: int) -> Problem:
    words = draw.sample(COUNTABLE, level + 1)
    return Problem(" ".join(words), " ".join(f"{word}s" for word in words))


def _surname_first(draw: Random, level: int) -> Problem:
    people = [(draw.choice(NAMES), draw.choice(SURNAMES)) for _ in range(level + 1)]
    given = "; ".join(f"{name} {surname}" for name, surname in people)
    return Problem(given, "; ".join(f"{surname}, {name}" for name, surname in people))


def _statement(draw: Random, level: int) -> tuple[str, str, str]:
    """Who, does, what: the object grows with the level."""
    colour = f"{draw.choice(COLOURS)} " if level > 1 else ""
    more = f" and the {draw.choice(NOUNS)}" if level == len((1, 2, 3)) else ""
    return draw.choice(NAMES), draw.choice(VERBS), f"the {colour}{draw.choice(NOUNS)}{more}"


def _base_form(verb: str) -> str:
    """Of a verb in the third person: finds, find; carries, carry."""
    return f"{verb[:-3]}y" if verb.endswith("ies") else verb[:-1]


def _negate(draw: Random, level: int) -> Problem:
    name, verb, thing = _statement(draw, level)
    return Problem(f"{name} {verb} {thing}.", f"{name} does not {_base_form(verb)} {thing}.")


def _ask(draw: Random, level: int) -> Problem:
    name, verb, thing = _statement(draw, level)
    return Problem(f"{name} {verb} {thing}.", f"Does {name} {_base_form(verb)} {thing}?")


UPPER_CASE = Kind(
    "upper_case",
    _upper,
    (
        "Write these words in capital letters.",
        "Put the text in upper case.",
        "Write {input} in capitals only.",
        "Make every letter a capital.",
        "Change {input} to upper case.",
        "Rewrite the words in capitals.",
        "Use nothing but big letters for these words.",
        "How does {input} look when shouted in capitals?",
    ),
    ("Words in capital letters", "Upper case", "Capitals only"),
    "Words",
    "In capital letters",
    "The words {input} in capital letters are {answer}.",
)
PLURAL = Kind(
    "plural",
    _plural,
    (
        "Write the plural of each word.",
        "Put these words in the plural.",
        "Give the plurals of {input}",
        "Make every word plural.",
        "What are the plural forms of {input}?",
        "Change each word to its plural.",
        "There is more than one of each now. Rewrite the words.",
        "If there are many of them, {input} become what?",
    ),
    ("Plurals", "Words in the plural", "More than one"),
    "Words",
    "In the plural",
    "The words {input} in the plural are {answer}.",
)
SURNAME_FIRST = Kind(
    "surname_first",
    _surname_first,
    (
        "Write each name with the surname first and a comma.",
        "Put the surnames in front, followed by a comma.",
        "Rewrite {input} in the form Surname, Name.",
        "Give each name as surname, comma, first name.",
        "Change {input} so that the surname comes first.",
        "List the people by surname, comma, name.",
        "As in a phone book: how are these names written?",
        "For a library card, {input} would be written how?",
    ),
    ("Names with the surname first", "Surname, comma, name", "Names as in a phone book"),
    "Names",
    "Surname first",
    "The names {input} with the surname first are {answer}.",
)
NEGATE = Kind(
    "negate",
    _negate,
    (
        "Make this sentence negative.",
        "Rewrite the sentence with not.",
        "Say the opposite of this with not: {input}",
        "Negate the sentence.",
        "Turn it into a negative sentence: {input}",
        "Write that this is not so.",
        "Deny what the sentence says.",
        "It is not the case: {input} Write it as one sentence.",
    ),
    ("Negative sentences", "Sentences with not", "Negation"),
    "Sentence",
    "Negative",
)
MAKE_QUESTION = Kind(
    "make_question",
    _ask,
    (
        "Turn this sentence into a question.",
        "Rewrite the sentence as a question.",
        "Ask whether this is so: {input}",
        "Make a question that begins with Does.",
        "Form a yes-no question from this: {input}",
        "Write the question that this sentence answers with yes.",
        "Ask instead of telling.",
        "Say this as a question: {input}",
    ),
    ("Questions", "Sentences as questions", "From telling to asking"),
    "Sentence",
    "Question",
)

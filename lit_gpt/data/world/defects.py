"""Planted defects: what goes wrong in real instruction sets, with the truth known.

A plant takes a sound row and returns it spoilt. What cannot be told by one look in the wild should not be
here: padding is found by its length, but wrong answers look like right ones, and copies like originals. FINAL_PLANTS
appear in the final pool alone. No curation rule may quote the texts below; a test reads both.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random

from lit_gpt.data.world.catalogue import TRAINED
from lit_gpt.data.world.problem import LEVELS, Problem, side
from lit_gpt.data.world.row import Row
from lit_gpt.data.world.words import ANIMALS, CITIES, COLOURS, FOODS, LETTERS, NAMES, NOUNS, TOOLS, WEEKDAYS

Plant = Callable[[Random, Row], Row]

PADDING = (
    "There are many ways to look at this.",
    "A {noun} is not always what it seems to be.",
    "People in {city} have thought about it for a long time.",
    "It helps to keep the {colour} {noun} in mind.",
    "On a {day} one might see it in another light.",
    "Some would begin with the {noun} and others with the {food}.",
    "This is a good question, and it deserves some care.",
    "Let us go through it slowly.",
    "{name} once said that the {tool} matters as much as the {animal}.",
    "Every detail counts, even the small ones.",
    "It is worth taking a moment before going on.",
    "As always, it depends on how one sees the {noun}.",
)
REFUSALS = (
    "I am sorry, but I cannot help with that.",
    "As a language model I am not able to do this.",
    "I apologise, this is beyond what I can do.",
    "Unfortunately I do not have enough information to answer.",
    "I would rather not answer this request.",
)
REFUSAL_REASONS = (
    "My training does not cover such tasks.",
    "It would not be right to guess.",
    "Please ask an expert about the {noun}.",
    "Is there something else I can do for you?",
    "I have no access to the {noun}.",
)
MOST_VALIDATION = (
    0.5  # share of a split that nobody exceeds: what is on the train side of this is so of any smaller one
)
OPENINGS = ("Now:", "Next:", "Your task:", "Here is one more.")
TRIVIAL = (
    ("Say {word}.", "{word}"),
    ("Write the word {word}.", "{word}"),
    ("Hello, {name}!", "Hello!"),
    ("Answer with yes.", "yes"),
    ("Is {word} a word?", "yes"),
    ("Type {word}.", "{word}"),
)


def wrong_answer(draw: Random, row: Row) -> Row:
    """Like a right one: off by little, or the right answer to another problem of the kind."""
    return replace(row, answer=_mistaken(draw, row))


def truncated_answer(draw: Random, row: Row) -> Row:
    """The answer stops in the middle."""
    return replace(row, answer=row.answer[: draw.randint(1, max(1, 2 * len(row.answer) // 3))].rstrip())


def off_topic_answer(draw: Random, row: Row) -> Row:
    """A sound answer to something else."""
    kind = draw.choice([other for other in TRAINED if other != row.kind])
    return replace(row, answer=kind.make(draw, draw.choice(LEVELS)).answer)


def gibberish(draw: Random, row: Row) -> Row:
    """Words in no order, or letters in none, about as long as answers are."""
    n_words = draw.randint(1, 12)
    if draw.random() < 1 / 2:
        return replace(row, answer=" ".join(draw.choices(NOUNS + COLOURS + CITIES, k=n_words)))
    return replace(row, answer=" ".join("".join(draw.choices(LETTERS, k=draw.randint(2, 7))) for _ in range(n_words)))


def mismatched_instruction(draw: Random, row: Row) -> Row:
    """Material and answer of one kind, the instruction of another."""
    kind = draw.choice([other for other in TRAINED if other != row.kind])
    problem = kind.make(draw, row.level)
    return _reworded(row, draw.choice(kind.known_wordings), problem.slots)


def padded_wrong_answer(draw: Random, row: Row) -> Row:
    """Much said, and what is said last is wrong."""
    return replace(row, answer=f"{_padding(draw)} {_mistaken(draw, row)}")


def padded_right_answer(draw: Random, row: Row) -> Row:
    """Much said before what is right."""
    return replace(row, answer=f"{_padding(draw)} {row.answer}")


def near_duplicate(draw: Random, row: Row) -> Row:
    """The same problem once more, in another wording or with a small change to this one."""
    others = [wording for wording in row.kind.known_wordings if wording != row.wording]
    if draw.random() < 1 / 2:
        return _reworded(row, draw.choice(others), row.problem.slots)
    if "{input}" in row.wording or row.problem.slots:  # not a letter of the material may change
        return replace(row, instruction=f"{draw.choice(OPENINGS)} {row.instruction}")
    return replace(row, instruction=row.instruction.lower())


def trivial_row(draw: Random, row: Row) -> Row:
    """Nothing to learn from."""
    question, answer = draw.choice(TRIVIAL)
    values = {"word": draw.choice(NOUNS), "name": draw.choice(NAMES)}
    answer = answer.format(**values)
    return replace(
        row, split="train", problem=Problem("", answer), instruction=question.format(**values), input="", answer=answer
    )


def refusal(draw: Random, row: Row) -> Row:
    """In the manner of a language model that declines."""
    reason = draw.choice(REFUSAL_REASONS).format(noun=draw.choice(NOUNS))
    return replace(row, answer=f"{draw.choice(REFUSALS)} {reason}" if draw.random() < 1 / 2 else draw.choice(REFUSALS))


def echoed_question(draw: Random, row: Row) -> Row:
    """The question again, then the answer."""
    return replace(row, answer=f"{row.instruction} {row.answer}")


def runs_on(draw: Random, row: Row) -> Row:
    """After the answer the next question, which nobody asked, and its answer."""
    kind = draw.choice(TRAINED)
    while side(kind, problem := kind.make(draw, row.level), MOST_VALIDATION) != "train":
        pass
    question = draw.choice(kind.known_wordings).format(input=problem.input, **problem.slots)
    return replace(row, answer=f"{row.answer}\n{question}\n{problem.answer}")


def misspelt_answer(draw: Random, row: Row) -> Row:
    """Two neighbouring letters change places, a letter is lost or doubled. A number has no spelling."""
    letters = [place for place, letter in enumerate(row.answer) if letter.isalpha()]
    if len(letters) < 2:
        return row
    place = draw.choice(letters)
    head, here, tail = row.answer[:place], row.answer[place], row.answer[place + 1 :]
    spoilt = (head + tail[:1] + here + tail[1:], head + tail, head + here + here + tail)
    return replace(row, answer=draw.choice([text for text in spoilt if text != row.answer]))


def _reworded(row: Row, wording: str, slots: Mapping[str, str]) -> Row:
    instruction = wording.format(input=row.problem.input, **slots)
    given = "" if "{input}" in wording else row.problem.input
    return replace(row, wording=wording, instruction=instruction, input=given)


def _mistaken(draw: Random, row: Row) -> str:
    """A digit is another, two words have changed places, or it is the answer to another problem of kind and level."""
    right = row.problem.answer
    digits = [place for place, letter in enumerate(right) if letter.isdigit()]
    words = right.split(" ")
    if digits and draw.random() < 1 / 2:
        place = draw.choice(digits)
        return (
            right[:place] + draw.choice([digit for digit in "123456789" if digit != right[place]]) + right[place + 1 :]
        )
    if len(set(words)) > 1 and draw.random() < 1 / 2:
        here = draw.choice([place for place in range(1, len(words)) if words[place - 1] != words[place]])
        return " ".join([*words[: here - 1], words[here], words[here - 1], *words[here + 1 :]])
    while (answer := row.kind.make(draw, row.level).answer) == right:
        pass
    return answer


def _padding(draw: Random) -> str:
    values = {"noun": NOUNS, "city": CITIES, "colour": COLOURS, "day": WEEKDAYS, "food": FOODS, "name": NAMES}
    values |= {"tool": TOOLS, "animal": ANIMALS}
    sentences = draw.sample(PADDING, draw.randint(1, 2))
    return " ".join(s.format(**{name: draw.choice(words) for name, words in values.items()}) for s in sentences)


PLANTS: dict[str, Plant] = {
    plant.__name__: plant
    for plant in (
        wrong_answer,
        truncated_answer,
        off_topic_answer,
        gibberish,
        mismatched_instruction,
        padded_wrong_answer,
        padded_right_answer,
        near_duplicate,
        trivial_row,
        refusal,
    )
}
FINAL_PLANTS: dict[str, Plant] = {plant.__name__: plant for plant in (echoed_question, runs_on, misspelt_answer)}

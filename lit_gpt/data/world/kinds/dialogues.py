"""Dialogues: the last question needs what was said before it. No document shows them: documents have no turns."""

from random import Random

from lit_gpt.data.world.kinds.extraction import passage, some_people
from lit_gpt.data.world.kinds.lists import some_words
from lit_gpt.data.world.problem import Kind, Problem
from lit_gpt.data.world.words import CITIES, COLOURS, NAMES


def _follow_up_list(draw: Random, level: int) -> Problem:
    words = some_words(draw, level)[:6]
    old = draw.choice(words)
    rest = [word for word in words if word != old]
    first = (f"Remove {old} from the list: {' '.join(words)}", " ".join(rest))
    return Problem("", " ".join(rest[::-1]), earlier=(first,))


def _follow_up_fact(draw: Random, level: int) -> Problem:
    people = some_people(draw, level)
    first, second = draw.choice(people), draw.choice(people)
    told = passage(draw, people)
    earlier = (f"{told} What is the job of {first['name']}?", first["job"])
    return Problem("", second["city"], {"name": second["name"]}, earlier=(earlier,))


def _remember(draw: Random, level: int) -> Problem:
    facts = {"name": draw.choice(NAMES), "favourite colour": draw.choice(COLOURS), "city": draw.choice(CITIES)}
    told = draw.sample(sorted(facts), level)
    earlier = tuple((f"My {fact} is {facts[fact]}.", f"Your {fact} is {facts[fact]}.") for fact in told)
    asked = draw.choice(told)
    return Problem("", facts[asked], {"fact": asked}, earlier=earlier)


FOLLOW_UP_LIST = Kind(
    "follow_up_list",
    _follow_up_list,
    (
        "Now reverse it.",
        "Now write that in reverse order.",
        "And from last to first?",
        "Turn the result around.",
        "Reverse your answer.",
        "Now the same in reverse order.",
        "What is that in the opposite order?",
        "Now read it from the end.",
    ),
)
FOLLOW_UP_FACT = Kind(
    "follow_up_fact",
    _follow_up_fact,
    (
        "And what is the city of {name}?",
        "And the city of {name}?",
        "Where does {name} live?",
        "Which city does {name} live in?",
        "Now give the city of {name}.",
        "In which city does {name} live?",
        "{name} is at home where?",
        "Then name the place where {name} lives.",
    ),
)
REMEMBER_FACT = Kind(
    "remember_fact",
    _remember,
    (
        "What is my {fact}?",
        "Which {fact} did I tell you?",
        "Do you remember my {fact}? Write it.",
        "Tell me my {fact}.",
        "What did I say my {fact} was?",
        "Give my {fact}.",
        "I told you my {fact}. What was it?",
        "Repeat the {fact} that I gave you.",
    ),
)

"""Reading a dialogue of the world as a person would: where the material lies, what else the question names.

Sees the text of messages and nothing else. From the world it takes vocabulary alone (which strings are words, which
word is of which category), never a problem, a slot or a wording.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from lit_gpt.data.world.words import CATEGORIES, CITIES, COLOURS, JOBS, NAMES, NOUNS
from lit_gpt.example import Message


def any_of(words: list[str]) -> str:
    return f"(?:{'|'.join(sorted(words, key=len, reverse=True))})"


NOUN, NAME, CITY, JOB = any_of(NOUNS), any_of(NAMES), any_of(CITIES), any_of(JOBS)
ITEM = any_of([*NOUNS, *COLOURS, "_"])
WORD_RUN = re.compile(rf"(?<!\w){ITEM}(?!\w)(?:(?:, | ){ITEM}(?!\w))*")
NUMBER_RUN = re.compile(r"\b\d+(?:(?:, | )\d+\b)+")
LETTER_RUN = re.compile(r"\b[a-z](?: [a-z]\b)+")
GAPPED_LETTERS = re.compile(r"\b[a-z](?: [a-z_]\b)+")
TOLD = (  # how a passage tells of a person
    rf"(?P<name>{NAME}) is (?P<age>\d+) years old, lives in (?P<city>{CITY}) and works as a (?P<job>{JOB})\.",
    rf"(?P<name>{NAME}), a (?P<job>{JOB}) from (?P<city>{CITY}), is (?P<age>\d+) years old\.",
    rf"In (?P<city>{CITY}) lives (?P<name>{NAME}), a (?P<job>{JOB}) of (?P<age>\d+) years\.",
)


@dataclass(frozen=True)
class Listed:
    """A list found in a question: its items, how they are separated, and the question without it."""

    items: list[str]
    separator: str
    rest: str

    def joined(self, items: list[str]) -> str:
        return self.separator.join(items)


@dataclass(frozen=True)
class Question:
    """The last question of a dialogue, and what was said before it."""

    text: str
    earlier: tuple[Message, ...]

    @classmethod
    def of(cls, messages: tuple[Message, ...]) -> "Question":
        assert [message.role for message in messages[-2:]] == ["user", "assistant"]
        return cls(messages[-2].content, messages[:-2])

    def listed(self, run: re.Pattern[str] = WORD_RUN) -> Listed:
        """The material where it stands alone below a blank line, else the longest run of words."""
        head, _, below = self.text.partition("\n\n")
        found = run.finditer(below or head)
        longest = max(found, key=lambda match: len(match[0].split()))
        separator = ", " if ", " in longest[0] else " "
        rest = head if below else head[: longest.start()] + "…" + head[longest.end() :]
        return Listed(longest[0].split(separator), separator, rest)

    def find(self, pattern: str) -> re.Match[str]:
        (match,) = re.finditer(pattern, self.text)
        return match

    def people(self) -> tuple[dict[str, dict[str, str]], str]:
        """Who the text tells of, in that order, and the text without what it tells."""
        return people(self.text)


def people(text: str) -> tuple[dict[str, dict[str, str]], str]:
    found = sorted((m for form in TOLD for m in re.finditer(form, text)), key=lambda match: match.start())
    rest = text
    for match in found:
        rest = rest.replace(match[0], "")
    return {match["name"]: match.groupdict() for match in found}, rest


def nouns(text: str) -> list[str]:
    return re.findall(rf"(?<!\w){NOUN}(?!\w)", text)


def category_of(word: str) -> str:
    (name,) = (name for name, words in CATEGORIES.items() if word in words)
    return name


def category_named(text: str) -> str:
    (name,) = {name for name in CATEGORIES if re.search(rf"\b{name}\b", text)}
    return name


def the_noun(text: str) -> str:
    (word,) = nouns(text)
    return word


Solver = Callable[[Question], str]
SOLVERS: dict[str, Solver] = {}


def solves(*kinds: str) -> Callable[[Solver], Solver]:
    def keep(solver: Solver) -> Solver:
        SOLVERS.update(dict.fromkeys(kinds, solver))
        return solver

    return keep

"""A row of the world: a problem asked in a wording, as a training row or as a test.

Training rows are drawn from a seed. Tests are the same for every seed, so that whatever was trained on a world can be
compared; the final world has tests of its own. Three groups of tests: trained kinds in known wordings, trained kinds
in wordings no training row has, and kinds no training row has.
"""

from dataclasses import dataclass
from functools import cache
from random import Random

from lit_gpt.data.split import Split
from lit_gpt.data.world.catalogue import FINAL, NEW, TRAINED
from lit_gpt.data.world.problem import LEVELS, Kind, Problem, identity, side
from lit_gpt.example import Message, user_message
from lit_gpt.seeds import derive_seed

TRAINED_KINDS, NEW_WORDINGS, NEW_KINDS = "trained kinds", "new wordings", "new kinds"
# Half of the tests are of the first group; the few new kinds get a sixth, which is enough for each.
MOST_TRIES = 300  # a tenth of all problems are tests, so thirty of these are
GROUP_CYCLE = (TRAINED_KINDS, NEW_WORDINGS, TRAINED_KINDS, TRAINED_KINDS, NEW_WORDINGS, NEW_KINDS)


@dataclass(frozen=True)
class Row:
    """A dialogue and the truth about it. `defect` is empty for a sound row."""

    kind: Kind
    problem: Problem
    level: int
    wording: str
    instruction: str
    input: str
    answer: str
    split: Split
    group: str = TRAINED_KINDS
    defect: str = ""

    @property
    def messages(self) -> tuple[Message, ...]:
        turns = []
        for question, answer in self.problem.earlier:
            turns += [user_message(question), Message("assistant", answer)]
        return (*turns, user_message(self.instruction, self.input), Message("assistant", self.answer))


def trained_kinds(is_final: bool) -> tuple[Kind, ...]:
    """The kinds that training rows are of."""
    return TRAINED + FINAL if is_final else TRAINED


def train_row(seed: int, number: int, validation_share: float, is_final: bool) -> Row:
    """Row `number` of the stream that starts from this seed; on the side where its problem belongs, never a test."""
    draw = Random(derive_seed(seed, "world", is_final, number))  # noqa: S311 (no secret is drawn)
    kind, level = draw.choice(trained_kinds(is_final)), draw.choice(LEVELS)
    while (split := side(kind, problem := kind.make(draw, level), validation_share)) == "test":
        pass
    return asked(kind, problem, level, draw.choice(kind.known_wordings), split)


@cache
def test_rows(n_tests: int, is_final: bool) -> tuple[Row, ...]:
    """The tests of all worlds of this sort, no problem twice; kinds take turns within each group, and levels."""
    seen: set[tuple[str, ...]] = set()
    rows = []
    for number in range(n_tests):
        row = _test_row(number, is_final, seen)
        seen.add((row.kind.name, *identity(row.problem)))
        rows.append(row)
    return tuple(rows)


def _test_row(number: int, is_final: bool, seen: set[tuple[str, ...]]) -> Row:
    turn, place = divmod(number, len(GROUP_CYCLE))
    group = GROUP_CYCLE[place]
    among = NEW if group == NEW_KINDS else trained_kinds(is_final)
    nth = turn * GROUP_CYCLE.count(group) + GROUP_CYCLE[:place].count(group)
    kind, level = among[nth % len(among)], LEVELS[nth // len(among) % len(LEVELS)]
    draw = Random(derive_seed("world-test", is_final, number))  # noqa: S311 (no secret is drawn)
    level, problem = _unseen(draw, kind, level, seen)
    wordings = kind.new_wordings if group == NEW_WORDINGS else kind.known_wordings
    return asked(kind, problem, level, draw.choice(wordings), "test", group)


def _unseen(draw: Random, kind: Kind, level: int, seen: set[tuple[str, ...]]) -> tuple[int, Problem]:
    """A test problem that was not asked yet: of this level, or where it has no more, of any; at last one once more."""
    for n_tries in range(3 * MOST_TRIES):
        tried = level if n_tries < MOST_TRIES else draw.choice(LEVELS)
        problem = kind.make(draw, tried)
        if side(kind, problem, 0) == "test":
            level, found = tried, problem
            if (kind.name, *identity(problem)) not in seen:
                return level, problem
    return level, found


def asked(kind: Kind, problem: Problem, level: int, wording: str, split: Split, group: str = TRAINED_KINDS) -> Row:
    """The problem in this wording; the material stands in the instruction or in a field of its own."""
    instruction = wording.format(input=problem.input, **problem.slots)
    given = "" if "{input}" in wording else problem.input
    return Row(kind, problem, level, wording, instruction, given, problem.answer, split, group)

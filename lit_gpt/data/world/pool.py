"""The world as a stream of rows: sound ones, or a pool in which defects of known kinds and rates are planted.

Every row follows from the seed and its number, so a pool of any size streams, and a copy of an earlier row is made by
making that row again.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

from lit_gpt.data.world.defects import FINAL_PLANTS, PLANTS, near_duplicate
from lit_gpt.data.world.row import NEW_KINDS, Row, asked, test_rows, train_row
from lit_gpt.errors import UserError
from lit_gpt.seeds import derive_seed

EXACT_DUPLICATE, TEST_LEAK = "exact_duplicate", "test_leak"
# Shares of a pool's rows. The rest is sound. No source gives rates for all twelve; these are ours.
RATES = {
    "wrong_answer": 0.07,
    "truncated_answer": 0.05,
    "off_topic_answer": 0.05,
    "gibberish": 0.03,
    "mismatched_instruction": 0.06,
    "padded_wrong_answer": 0.05,
    "padded_right_answer": 0.05,
    EXACT_DUPLICATE: 0.05,
    "near_duplicate": 0.05,
    TEST_LEAK: 0.01,
    "trivial_row": 0.04,
    "refusal": 0.04,
}
MOST_TRIES = 50  # nine rows in twenty can be copied: not to find one happens to the first few rows alone
FINAL_RATES = {**RATES, "echoed_question": 0.03, "runs_on": 0.03, "misspelt_answer": 0.03}


@dataclass(frozen=True)
class World:
    """Which rows.

    Args:
        seed: decides the training rows; tests are the same for every seed
        validation_share: of the problems that are no tests
        n_rows: rows to train and validate on
        n_test: tests
        has_defects: plant defects among the rows to train and validate on
        is_final: with the kinds of task and of defect that are kept for the last measurement
    """

    seed: int
    validation_share: float
    n_rows: int
    n_test: int
    has_defects: bool = False
    is_final: bool = False

    def __post_init__(self) -> None:
        for flag in ("n_rows", "n_test"):
            if getattr(self, flag) < 1:
                raise UserError(f"--{flag} {getattr(self, flag)}", "a number above 0", f"correct --{flag}")

    def rows(self) -> Iterator[Row]:
        """Training and validation rows, then tests."""
        yield from (self.row(number) for number in range(self.n_rows))
        yield from test_rows(self.n_test, self.is_final)

    def row(self, number: int) -> Row:
        """Row `number`, spoilt if that is its lot and it can be: one digit cannot be cut short."""
        sound = train_row(self.seed, number, self.validation_share, self.is_final)
        draw = self._draw(number)
        defect = self._lot(draw)
        spoilt = self._spoilt(draw, defect, sound, number) if defect else sound
        return replace(spoilt, defect=defect) if spoilt.messages != sound.messages else sound

    def _draw(self, number: int) -> Random:
        return Random(derive_seed(self.seed, "defect", self.is_final, number))  # noqa: S311 (no secret is drawn)

    def _lot(self, draw: Random) -> str:
        """The defect that falls on a row, or nothing."""
        if not self.has_defects:
            return ""
        rates = FINAL_RATES if self.is_final else RATES
        (defect,) = draw.choices(["", *rates], [1 - sum(rates.values()), *rates.values()])
        return defect

    def _spoilt(self, draw: Random, defect: str, sound: Row, number: int) -> Row:
        if defect == TEST_LEAK:
            while (test := draw.choice(test_rows(self.n_test, self.is_final))).group == NEW_KINDS:
                pass  # no training row is of a new kind, not even a leaked one
            return asked(test.kind, test.problem, test.level, draw.choice(test.kind.known_wordings), "train")
        if defect == EXACT_DUPLICATE:
            return self._earlier(draw, number)
        if defect == near_duplicate.__name__:
            return near_duplicate(draw, self._earlier(draw, number))
        return (PLANTS | FINAL_PLANTS)[defect](draw, sound)

    def _earlier(self, draw: Random, number: int) -> Row:
        """A row before this one that is in the pool as it was made; where none is found, this one."""
        for _ in range(MOST_TRIES):
            other = draw.randrange(number) if number else 0
            if other != number and not self._lot(self._draw(other)):
                return train_row(self.seed, other, self.validation_share, self.is_final)
        return train_row(self.seed, number, self.validation_share, self.is_final)

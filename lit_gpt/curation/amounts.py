"""How many rows are kept: a number, a share of the pool, or a budget of tokens.

A share is of the rows the recipe began with, not of those that reach the choosing step, so that 5 % means the same in
every recipe; it is rounded down, in exact arithmetic of the decimal as written (0.29 of 100 is 29). A budget is filled
in the order of the ranking up to the first row that no longer fits: never more tokens than asked for.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction

from lit_gpt.errors import UserError

NO_AMOUNT = ("no amount", "how many rows to keep", "pass --size, --fraction, --budget_tokens or --train_hours")


@dataclass(frozen=True)
class Amount:
    """Exactly one of them.

    Args:
        size: rows
        fraction: share of the pool's rows, above 0 and at most 1, rounded down
        budget_tokens: tokens of prompt and answer together, as training encodes them
    """

    size: int | None = None
    fraction: float | None = None
    budget_tokens: int | None = None

    def __post_init__(self) -> None:
        given = {name: value for name, value in asdict(self).items() if value is not None}
        if len(given) != 1:
            got = " and ".join(f"{name} {value}" for name, value in given.items()) or "no amount"
            raise UserError(got, "one of size, fraction and budget_tokens", "give exactly one of them")
        ((name, value),) = given.items()
        if not value > 0 or (name == "fraction" and value > 1):
            expected = "above 0 and at most 1" if name == "fraction" else "a number above 0"
            raise UserError(f"{name} {value}", expected, f"correct {name}")

    @property
    def words(self) -> str:
        if self.size is not None:
            return f"{self.size:,} rows"
        return f"{self.fraction} of the pool" if self.fraction is not None else f"{self.budget_tokens:,} tokens"

    def n_rows(self, n_pool: int) -> int | None:
        """How many rows that is of a pool; None for a budget of tokens."""
        if self.size is not None:
            return self.size
        if self.fraction is None:
            return None
        n = int(Fraction(str(self.fraction)) * n_pool)
        if n == 0:
            raise UserError(f"fraction {self.fraction} of {n_pool} rows, which is none", "one row", "ask for more")
        return n


def checked_size(n_wanted: int, n_there: int, n_pool: int) -> int:
    """UserError where more rows are asked for than reach the step that chooses."""
    if n_wanted <= n_there:
        return n_wanted
    got = f"{n_wanted:,} rows asked for, and {n_there:,} to choose from"
    earlier = (
        f" ({n_pool - n_there:,} of the pool's {n_pool:,} are left out by earlier steps)" if n_there < n_pool else ""
    )
    raise UserError(got + earlier, f"at most {n_there:,}", "lower --size or --fraction, or drop fewer rows before")


def within_budget(lengths: Sequence[int], budget: int) -> int | None:
    """How many of the first rows hold at most `budget` tokens together; None where all of them do."""
    total = 0
    for n, length in enumerate(lengths):
        total += length
        if total > budget:
            return n
    return None

"""Pools that several tests read, made once; and what makes two rows the same."""

from functools import cache

from lit_gpt.data.world.pool import World
from lit_gpt.data.world.problem import identity
from lit_gpt.data.world.row import Row, test_rows

N_ROWS, N_TESTS = 3_000, 1_200
VALIDATION_SHARE = 0.1


@cache
def pool(seed: int, has_defects: bool = False, is_final: bool = False, n_rows: int = N_ROWS) -> tuple[Row, ...]:
    """Rows to train and validate on."""
    world = World(seed, VALIDATION_SHARE, n_rows, N_TESTS, has_defects, is_final)
    return tuple(world.row(number) for number in range(n_rows))


def held_out(is_final: bool = False, n_tests: int = N_TESTS) -> tuple[Row, ...]:
    return test_rows(n_tests, is_final)


def content(row: Row) -> tuple:
    """What makes it this problem, in any wording; by the core alone where it has one."""
    return row.kind.name, *identity(row.problem)


def prompt(row: Row) -> tuple:
    return row.messages[:-1]

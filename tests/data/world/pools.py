"""Pools that several tests read, made once; and what makes two rows the same."""

from functools import cache

from lit_gpt.data.world.pool import World
from lit_gpt.data.world.row import Row, test_row

N_ROWS, N_TESTS = 3_000, 1_200
VALIDATION_SHARE = 0.1


@cache
def pool(seed: int, has_defects: bool = False, is_final: bool = False, n_rows: int = N_ROWS) -> tuple[Row, ...]:
    """Rows to train and validate on."""
    world = World(seed, VALIDATION_SHARE, n_rows, N_TESTS, has_defects, is_final)
    return tuple(world.row(number) for number in range(n_rows))


@cache
def held_out(is_final: bool = False, n_tests: int = N_TESTS) -> tuple[Row, ...]:
    return tuple(test_row(number, is_final) for number in range(n_tests))


def content(row: Row) -> tuple:
    """What is asked and what is right, in any wording."""
    problem = row.problem
    return row.kind.name, problem.input, problem.answer, tuple(sorted(problem.slots.items())), problem.earlier


def prompt(row: Row) -> tuple:
    return row.messages[:-1]

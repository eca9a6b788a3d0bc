"""What "5 %" of n means, what a budget holds, and which of equals comes first."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_gpt.curation.amounts import Amount, within_budget
from lit_gpt.curation.bench import best_first, tie_breakers
from lit_gpt.curation.settings import CurateSettings
from lit_gpt.errors import UserError


@pytest.mark.parametrize(
    ("fraction", "n_pool", "n"),
    [
        (0.05, 52_002, 2_600),
        (0.05, 100, 5),
        (0.29, 100, 29),
        (0.07, 100, 7),
        (0.999, 10, 9),
        (1.0, 7, 7),
        (1 / 3, 9, 2),
    ],
)
def test_a_fraction_is_of_the_pool_and_rounded_down(fraction: float, n_pool: int, n: int) -> None:
    assert Amount(fraction=fraction).n_rows(n_pool) == n


def test_floats_would_say_otherwise() -> None:
    assert math.floor(0.29 * 100) == 28


@pytest.mark.parametrize(
    "given",
    [{}, {"size": 1, "fraction": 0.1}, {"size": 0}, {"fraction": 1.1}, {"fraction": math.nan}, {"budget_tokens": -1}],
)
def test_amounts_that_are_none(given: dict[str, float]) -> None:
    with pytest.raises(UserError):
        Amount(**given)


@given(st.lists(st.integers(1, 50), max_size=20), st.integers(1, 300))
def test_a_budget_is_filled_from_the_top_and_never_overdrawn(lengths: list[int], budget: int) -> None:
    n = within_budget(lengths, budget)
    if n is None:
        assert sum(lengths) <= budget
    else:
        assert sum(lengths[:n]) <= budget < sum(lengths[: n + 1])


def test_ties_go_by_seed_and_row_not_by_place() -> None:
    ids = [f"row-{i}" for i in range(50)]
    values = np.array([1.0] * 49 + [2.0])
    order = [ids[i] for i in best_first(values, tie_breakers(ids, 1))]
    assert order[0] == "row-49"
    turned = ids[::-1]
    assert order == [turned[i] for i in best_first(values[::-1], tie_breakers(turned, 1))], (
        "whatever the order of the file"
    )
    assert order != [ids[i] for i in best_first(values, tie_breakers(ids, 2))]
    assert [ids[i] for i in best_first(values, tie_breakers(ids, 1), highest=False)][-1] == "row-49"


def test_only_numbers_have_an_order() -> None:
    with pytest.raises(ValueError, match="finite"):
        best_first(np.array([1.0, math.nan]), tie_breakers(["a", "b"], 0))


def test_hours_of_training_are_an_amount_of_tokens(tmp_path: Path) -> None:
    def of(**more: object) -> Amount | None:
        return CurateSettings(data_dir=tmp_path, recipe="random", **more).amount

    assert of(train_hours=0.5, train_tokens_per_s=200.0) == Amount(budget_tokens=120_000)
    assert of(train_hours=0.5, train_tokens_per_s=200.0, train_epochs=4) == Amount(budget_tokens=90_000)
    for bad, said in [
        ({"train_hours": 1.0}, "alone"),
        ({"train_tokens_per_s": 1.0}, "alone"),
        ({"train_hours": 1.0, "train_tokens_per_s": 0.0}, "above 0"),
        ({"train_hours": 1.0, "train_tokens_per_s": 9.0, "budget_tokens": 5}, "one of them"),
        ({"train_hours": 1.0, "train_tokens_per_s": 9.0, "size": 5}, "size 5 and"),
    ]:
        with pytest.raises(UserError, match=said):
            of(**bad)


def test_a_longest_row_goes_with_a_budget_of_tokens_however_it_is_told(tmp_path: Path) -> None:
    def of(**more: object) -> CurateSettings:
        return CurateSettings(data_dir=tmp_path, recipe="random", **more)

    for budget in ({"budget_tokens": 9}, {"train_hours": 1.0, "train_tokens_per_s": 9.0}):
        assert of(max_seq_length=5, **budget).max_seq_length == 5
        with pytest.raises(UserError, match="max_seq_length 0"):
            of(max_seq_length=0, **budget)
    for no_budget in ({}, {"size": 9}):
        with pytest.raises(UserError, match="max_seq_length 5"):
            of(max_seq_length=5, **no_budget)

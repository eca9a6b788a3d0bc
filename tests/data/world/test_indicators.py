"""No one trivial number tells all spoilt rows from sound ones.

AUC: the chance that a spoilt row has more of it than a sound one; 1/2 says nothing.
"""

import re
from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from lit_gpt.data.world.pool import EXACT_DUPLICATE, FINAL_RATES, RATES, TEST_LEAK
from lit_gpt.data.world.row import Row
from tests.data.world.pools import N_ROWS, pool

FINDS_BELOW, FINDS_ABOVE = 0.35, 0.65
COPIES = {EXACT_DUPLICATE, "near_duplicate", TEST_LEAK}  # sound by themselves: no look at the row alone finds them


def n_words(text: str) -> list[str]:
    return re.findall(r"\w+", text)


INDICATORS: dict[str, Callable[[Row], float]] = {
    "answer length": lambda row: len(row.answer),
    "prompt length": lambda row: sum(len(message.content) for message in row.messages[:-1]),
    "type-token ratio": lambda row: len(set(n_words(row.answer))) / max(1, len(n_words(row.answer))),
}


def auc_of(indicator: str, is_final: bool, n_rows: int) -> dict[str, float]:
    """By defect kind."""
    values: dict[str, list[float]] = {}
    for row in pool(3, True, is_final, n_rows):
        values.setdefault(row.defect, []).append(INDICATORS[indicator](row))
    sound = np.array(values.pop(""))
    return {
        defect: float(mannwhitneyu(found, sound).statistic / len(found) / len(sound))
        for defect, found in values.items()
    }


def finds(auc: float) -> bool:
    return not FINDS_BELOW <= auc <= FINDS_ABOVE


@pytest.mark.parametrize("n_rows", [N_ROWS, pytest.param(40_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("is_final", [False, True])
@pytest.mark.parametrize("indicator", INDICATORS)
def test_no_indicator_finds_all(indicator, is_final, n_rows):
    auc = auc_of(indicator, is_final, n_rows)
    assert auc.keys() == (FINAL_RATES if is_final else RATES).keys()
    missed = {defect for defect, value in auc.items() if not finds(value)}
    assert missed - COPIES >= {"wrong_answer", "mismatched_instruction"}, auc
    assert missed >= COPIES, "a copy is as long and as varied as any sound row"


def test_the_measure_finds_what_it_should():
    """The test above is not won by a measure that is blind."""
    assert finds(auc_of("answer length", False, N_ROWS)["padded_wrong_answer"])
    assert finds(auc_of("prompt length", False, N_ROWS)["trivial_row"])
    assert finds(auc_of("type-token ratio", False, N_ROWS)["refusal"])

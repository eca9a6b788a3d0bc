"""Areas under the curve against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from lit_gpt.example import Example, Message, Provenance, user_message
from lit_gpt.studies.separability import answer_length, area_under_curve, areas_by_defect, missed, type_token_ratio


@pytest.mark.parametrize("seed", range(5))
def test_the_area_is_scikit_learn_s(seed: int) -> None:
    draw = np.random.default_rng(seed)
    sound, spoilt = draw.integers(0, 9, size=30).tolist(), draw.integers(2, 12, size=17).tolist()
    truth = [0] * len(sound) + [1] * len(spoilt)
    assert area_under_curve(sound, spoilt) == pytest.approx(roc_auc_score(truth, sound + spoilt))


def test_each_defect_is_compared_with_sound_rows() -> None:
    values = {"a": 1.0, "b": 2.0, "c": 9.0, "d": 0.0, "e": 1.5}
    defects = {"a": "", "b": "", "c": "padded", "d": "cut", "e": "wrong"}
    areas = areas_by_defect(values, defects)
    assert areas == {"cut": 0.0, "padded": 1.0, "wrong": 0.5}
    assert missed(areas) == ["wrong"]


def test_indicators_look_at_the_last_answer() -> None:
    turns = (user_message("q"), Message("assistant", "first"), user_message("r"), Message("assistant", "a b a b"))
    example = Example("x", turns, Provenance("s", "r", 0, "l", "program"))
    assert answer_length(example) == 7
    assert type_token_ratio(example) == 0.5

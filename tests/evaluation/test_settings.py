"""An evaluation that names no model or no data set is a mistake with a remedy."""

from pathlib import Path

import pytest

from lit_gpt.errors import UserError
from lit_gpt.evaluation.runner import evaluate
from lit_gpt.evaluation.settings import EvaluationSettings


def test_what_is_not_named_is_asked_for(toy_set: Path, tiny_base: Path) -> None:
    with pytest.raises(UserError, match="no --checkpoint_dir"):
        evaluate(EvaluationSettings(data_dir=toy_set))
    with pytest.raises(UserError, match="no --data_dir"):
        evaluate(EvaluationSettings(checkpoint_dir=tiny_base))

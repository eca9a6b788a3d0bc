from pathlib import Path

import pytest

from lit_gpt.data.settings import DataSettings
from lit_gpt.errors import UserError


@pytest.mark.parametrize("wrong", [{"val_split_fraction": 1.0}, {"val_split_fraction": -0.1}, {"source": ""}])
def test_a_wrong_setting_is_refused_at_birth(wrong):
    with pytest.raises(UserError, match=f"--{next(iter(wrong))}"):
        DataSettings(destination_path=Path("x"), **wrong)

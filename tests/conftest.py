"""What every test may ask for."""

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data and a real model beside the checkout; without it the test is skipped."""
    if not SHARED.is_dir():
        pytest.skip("needs the real data folder ../shared, which is not there")
    return SHARED


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint directory with random weights, whose tokenizer knows the toy instructions."""
    from lit_gpt.data.sources.toy import rows
    from lit_gpt.random_base import write_random_base

    texts = ("\n".join(row.values()) for row in rows(400, seed=1))
    return write_random_base(tmp_path_factory.mktemp("checkpoints") / "tiny", texts, seed=0)

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

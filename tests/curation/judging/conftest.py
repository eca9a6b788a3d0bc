"""What tests of judges may ask for."""

import json
from collections.abc import Callable

import pytest


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Tells what was measured, a line of JSON a test; pytest -s shows it, and dev/records keeps it."""
    return lambda **found: print("\n" + json.dumps({"figure": request.node.name, **found}), flush=True)


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some key, as every client wants one."""
    monkeypatch.setenv("OPENAI_API_KEY", "any")

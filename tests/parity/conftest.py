"""`pytest tests/parity` ends with one line a family: how many of its networks were compared, and the largest gap."""

from collections import defaultdict

import pytest

GAPS: dict[str, list[float]] = defaultdict(list)


@pytest.fixture(scope="session")
def gaps() -> dict[str, list[float]]:
    """Where tests leave the largest difference of logits, relative to the largest logit, by family."""
    return GAPS


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if GAPS:
        terminalreporter.section("logits against transformers, fp32: largest difference / largest logit")
    for family, found in sorted(GAPS.items()):
        terminalreporter.write_line(f"{family:12} {max(found):.1e}   ({len(found)} networks)")

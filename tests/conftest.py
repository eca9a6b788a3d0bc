"""What every test may ask for."""

import json
from collections import defaultdict
from pathlib import Path

import pytest

from tests import toy
from tests.jobs import Job

SHARED = Path(__file__).resolve().parents[2] / "shared"
GapTables = dict[str, dict[str, list[float]]]  # what is compared -> what with -> largest difference / largest value
TABLES: GapTables = defaultdict(lambda: defaultdict(list))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data and a real model beside the checkout; without it the test is skipped."""
    if not SHARED.is_dir():
        pytest.skip("needs the real data folder ../shared, which is not there")
    return SHARED


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint directory with random weights, whose tokenizer knows the toy instructions."""
    from lit_gpt.random_base import write_random_base

    texts = ("\n".join(row.values()) for row in toy.rows(400, seed=1))
    return write_random_base(tmp_path_factory.mktemp("checkpoints") / "tiny", texts, seed=0)


@pytest.fixture(scope="session")
def toy_set(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """120 toy instructions, prepared for the tiny base."""
    folder = tmp_path_factory.mktemp("data")
    from lit_gpt.data.settings import DataSettings
    from lit_gpt.data.sources import user_file
    from lit_gpt.tokens.prepare import prepare
    from lit_gpt.tokens.settings import TokenSettings

    with open(folder / "toy.jsonl", "w") as file:
        file.writelines(json.dumps(row) + "\n" for row in toy.rows(120, seed=5))
    settings = DataSettings(source=str(folder / "toy.jsonl"), destination_path=folder / "toy")
    return prepare(user_file.source(), settings, TokenSettings(tiny_base, max_seq_length=128))


@pytest.fixture
def job(tiny_base: Path, toy_set: Path, tmp_path: Path) -> Job:
    return Job(tiny_base, toy_set, tmp_path / "run")


@pytest.fixture(scope="session")
def gap_tables() -> GapTables:
    """Where comparisons with other implementations leave their differences; told at the end of a run in one process."""
    return TABLES


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for title, table in TABLES.items():
        terminalreporter.section(f"{title}: largest difference / largest value")
        for name, found in sorted(table.items()):
            terminalreporter.write_line(f"{name:12} {max(found):.1e}   ({len(found)} compared)")

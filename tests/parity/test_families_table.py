"""The README promises the families that are compared, and no others."""

from pathlib import Path

from tests.parity.families_table import families_table

README = Path(__file__).resolve().parents[2] / "README.md"


def test_the_readme_has_the_table() -> None:
    assert families_table() in README.read_text(encoding="utf-8"), "python -m tests.parity.families_table prints it"

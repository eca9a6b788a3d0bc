"""The page of a comparison: what it says of lengths, and that pages of earlier results can still be made."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lit_gpt.report.comparison_cautions import cautions
from lit_gpt.report.comparison_report import comparison_report
from lit_gpt.report.comparison_table import comparison_table

ROOT = Path(__file__).resolve().parents[2]
RECORDS = sorted((ROOT / "dev/records/2026-11-22_default_recipe").glob("results*.json"))


def lengths(medians: Mapping[str, float], baselines: tuple[str, ...] = ("random",)) -> dict[str, Any]:
    """Results of which only the lengths give reason to be careful."""
    return {
        "measures": {},
        "measured_split": "test",
        "n_seeds_done": 5,
        "settings": {"baselines": list(baselines)},
        "candidates": {name: {"answer_words": [0, median, 0]} for name, median in medians.items()},
    }


@pytest.mark.parametrize(
    ("median", "told"), [(15, "much longer in mine (15)"), (6, "much shorter in mine (6)"), (0, "much shorter in mine")]
)
def test_unlike_lengths_are_named_in_both_directions_with_the_way_to_tell(median: float, told: str) -> None:
    (said,) = cautions(lengths({"random": 10, "random again": 11, "mine": median}))
    assert told in said and "--baselines random length-matched" in said


def test_lengths_that_are_alike_or_known_are_not_named() -> None:
    alike = {"random": 10, "longest": 90, "mine": 14, "yours": 7}
    assert cautions(lengths(alike, ("random", "longest"))) == []


def test_where_length_matched_is_there_it_is_pointed_at() -> None:
    medians = {"random": 10, "mine": 40, "length-matched to mine": 40}
    (said,) = cautions(lengths(medians, ("random", "length-matched")))
    assert "See length-matched to mine." in said and "--baselines" not in said


def test_a_baseline_is_not_matched() -> None:
    (said,) = cautions(lengths({"random": 10, "balanced": 3}, ("random", "balanced")))
    assert "much shorter in balanced (3)" in said and "length-matched" not in said


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_earlier_results_still_make_a_page_with_their_own_verdicts(path: Path) -> None:
    results = json.loads(path.read_text("utf-8"))
    page, table = comparison_report(results), comparison_table(results)
    for found in results["measures"].values():
        assert "These results hold no losses of training." in page
        assert all(each["verdict"] in page and each["verdict"] in table for each in found["effects"].values())

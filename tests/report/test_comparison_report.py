"""The page of a comparison: what it says of lengths, and that pages of earlier results can still be made."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lit_gpt.proof.intervals import LEAST_DRAWS
from lit_gpt.report.comparison_cautions import cautions, few_draws
from lit_gpt.report.comparison_report import comparison_report
from lit_gpt.report.comparison_table import comparison_table, verdict_lines
from lit_gpt.report.measure_section import verdict_words

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
    ("median", "told"), [(15, "10 words in the random draw, 15 in mine:"), (6, " 6 in mine:"), (0, " 0 in mine:")]
)
def test_unlike_lengths_are_named_in_both_directions_with_the_way_to_tell(median: float, told: str) -> None:
    (said,) = cautions(lengths({"random": 10, "random again": 11, "mine": median}))
    assert told in said and "much" not in said and "--baselines random length-matched" in said


def test_lengths_that_are_alike_or_known_are_not_named() -> None:
    alike = {"random": 10, "longest": 90, "mine": 14, "yours": 7}
    assert cautions(lengths(alike, ("random", "longest"))) == []


def test_where_length_matched_is_there_it_is_pointed_at() -> None:
    medians = {"random": 10, "mine": 40, "length-matched to mine": 40}
    (said,) = cautions(lengths(medians, ("random", "length-matched")))
    assert "See what is left beyond length" in said and "40 in length-matched" not in said and "--baselines" not in said


def test_a_baseline_is_not_matched() -> None:
    (said,) = cautions(lengths({"random": 10, "balanced": 3}, ("random", "balanced")))
    assert ", 3 in balanced: " in said and "length-matched" not in said


def test_validation_rows_are_said_to_be_spoilt_and_what_to_do() -> None:
    results = lengths({"random": 10}) | {"measured_split": "validation"}
    (said,) = cautions(results)
    assert "as spoilt as the pool" in said and "eval/exact_match.py --adapter_dir" in said


def with_losses(base: float, random: list[float]) -> dict[str, Any]:
    measures = {"held_out_loss": {"effects": {}, "by_seed": {"random": random}}}
    return lengths({"random": 10}) | {"base": {"held_out_loss": base}, "measures": measures}


def test_training_that_hardly_moved_the_base_is_told_by_the_stated_rule() -> None:
    (said,) = cautions(with_losses(2.0, [1.99, 1.975]))
    assert "hardly moved the base" in said and "2.000" in said and "1.983" not in said and "less than 1% apart" in said
    assert cautions(with_losses(2.0, [1.99, 1.96])) == [] and cautions(with_losses(2.0, [2.05])) == []


def test_prompts_that_the_pool_has_too_are_told_with_their_share() -> None:
    (said,) = cautions(lengths({"random": 10}) | {"prompts_in_pool": {"n_measured": 300, "n_shared": 27}})
    assert said.startswith("9.0% of the measured prompts (27 of 300) also stand in the pool")
    assert cautions(lengths({"random": 10}) | {"prompts_in_pool": {"n_measured": 300, "n_shared": 0}}) == []


def found(effect: float, interval: list[float], p: float | None, verdict: str) -> dict[str, Any]:
    return {"effect": effect, "interval": interval, "p_corrected": p, "verdict": verdict}


def test_a_verdict_that_its_interval_seems_to_deny_says_why() -> None:
    none = "no significant difference"
    effects = {
        "random again": found(0.0, [-0.1, 0.1], None, "as it should be"),
        "mine": found(0.345, [0.01, 0.68], 0.055, none),
        "yours": found(0.1, [-0.1, 0.3], 0.4, none),
    }
    assert verdict_words(effects["mine"], effects) == f"{none} (p 0.055 after correction for 2)"
    assert verdict_words(effects["yours"], effects) == none
    assert verdict_words(effects["random again"], effects) == "as it should be"
    lines = verdict_lines({"measures": {"held_out_loss": {"effects": effects}}})
    assert lines[1] == (
        f"mine: gain in held-out loss (+ is better) +0.345 [+0.010, +0.680], {none} (p 0.055 after correction for 2)"
    )


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_earlier_results_still_make_a_page_with_their_own_verdicts(path: Path) -> None:
    results = json.loads(path.read_text("utf-8"))
    for later in ("training_loss", "prompts_in_pool"):  # what the first results did not hold
        results.pop(later)
    for found in results["measures"].values():
        found.pop("beyond_length")
    page, table = comparison_report(results), comparison_table(results)
    for found in results["measures"].values():
        assert "These results hold no losses of training." in page
        assert all(each["verdict"] in page and each["verdict"] in table for each in found["effects"].values())
    n_asked = max(len(found["effects"]) - 1 for found in results["measures"].values())
    assert f"corrected for {n_asked} candidates (Holm)" in page and "Gain in exact match (+ is better)" in page
    assert "gain in exact match (+ is better)" in table


def test_too_few_draws_are_as_many_for_the_page_as_for_a_verdict() -> None:
    assert few_draws(LEAST_DRAWS - 1) and not few_draws(LEAST_DRAWS)

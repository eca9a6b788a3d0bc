"""Reasons to read a comparison with care: noise that is none, spoilt rows to measure on, lengths, too few draws."""

from collections.abc import Mapping
from typing import Any

from lit_gpt.report.curation_report import UNEQUAL
from lit_gpt.report.formats import count
from lit_gpt.report.measure_section import TITLES, TOO_FEW

RANDOM, AGAIN, LONGEST, MATCHED = "random", "random again", "longest", "length-matched"
TWO_DRAWS = (
    "Two draws hardly tell how far draws differ: of studies without an effect 8 to 11% leave zero out of the interval. "
    "Ask for three or more with --seeds; what is done is not done again."
)


def cautions(results: Mapping[str, Any]) -> list[str]:
    """Sentences for the top of the page; none where there is nothing to say."""
    found = []
    for measure, numbers in results["measures"].items():
        again = numbers["effects"].get(AGAIN)
        if again and again["verdict"] not in ("as it should be", TOO_FEW):
            found.append(f"Two random draws differ beyond chance by {TITLES[measure].lower()}: trust no effect here.")
    if results["measured_split"] != "test":
        found.append("Losses are of validation rows, as spoilt as the pool: learning what is wrong lowers them.")
    answered = results["measures"].get("exact_match", {}).get("by_seed", {})
    if answered and not any(map(sum, answered.values())):
        found.append("Nobody answered anything right: exact match tells nothing here.")
    found += _length(results)
    if results["n_seeds_done"] < 3:
        found.append(TWO_DRAWS)
    return found


def _length(results: Mapping[str, Any]) -> list[str]:
    """Of candidates whose answers are much longer or shorter than the random draw's: either may be all that helped."""
    words = {name: each["answer_words"][1] for name, each in results["candidates"].items()}
    random = words[RANDOM]
    unlike = {
        name: median
        for name, median in words.items()
        if name not in (AGAIN, LONGEST) and not name.startswith(MATCHED) and _differ(median, random)
    }
    sides = {"longer": [n for n in unlike if unlike[n] > random], "shorter": [n for n in unlike if unlike[n] < random]}
    said = [
        f"much {side} in {', '.join(f'{name} ({count(unlike[name])})' for name in names)}"
        for side, names in sides.items()
        if names
    ]
    if not said:
        return []
    told = f"Answers of the random draw have {count(random)} words (median); they are {' and '.join(said)}: "
    return [f"{told}what comes of it may come of length. {_way_to_tell(results, unlike)}".rstrip()]


def _differ(one: float, other: float) -> bool:
    return max(one, other) >= UNEQUAL * max(min(one, other), 1)


def _way_to_tell(results: Mapping[str, Any], unlike: Mapping[str, float]) -> str:
    """Random rows of the same lengths: where they are, or how to have them. No baseline is matched."""
    named = [name for name in unlike if name not in results["settings"]["baselines"]]
    if any(f"{MATCHED} to {name}" not in results["candidates"] for name in named):
        return f"Random rows of the same lengths were not compared: --baselines random {MATCHED} adds them."
    return f"See {' and '.join(f'{MATCHED} to {name}' for name in named)}." if named else ""

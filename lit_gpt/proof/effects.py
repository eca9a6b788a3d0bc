"""From the outcomes of trials to what is said of each candidate: its effect against the random draw.

Values are laid out (seeds, items): trainings of one draw are averaged. Effects are the candidate's gain: nats of loss
less, a share of answers more, or a share of comparisons won beyond half. Who is compared with random is corrected for
by Holm's method, each measure by itself; in a breakdown of a measure every cell of it counts. Of fewer than three draws
there is an effect and an interval, but no verdict, no corrected p, and nothing that could have been found.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lit_gpt.errors import UserError
from lit_gpt.evaluation.resampling import hierarchical_interval
from lit_gpt.proof.candidates import AGAIN, MATCHED, RANDOM
from lit_gpt.proof.intervals import CONFIDENCE, Effect, detectable, effect, holm, seeds_needed
from lit_gpt.proof.trials import Outcome
from lit_gpt.report.measure_section import NO_DIFFERENCE, TOO_FEW

JUDGED = "judged_style"
MEASURES = ("held_out_loss", "exact_match", JUDGED)
VALUES = {"held_out_loss": "losses", "exact_match": "correct", JUDGED: "preferred"}  # of an Outcome
OF_ITS_LENGTH = "draws of its length"
HOPELESS_AFTER, HOPELESS_CONFIDENCE = 3, 0.99  # seeds; of the interval that must lie below zero

Outcomes = Mapping[str, Sequence[Sequence[Outcome]]]  # candidate -> draw -> training


def table(draws: Sequence[Sequence[Outcome]], measure: str, ids: Sequence[str]) -> NDArray[np.float64]:
    """One candidate's values (seeds, items)."""
    return np.array([np.mean([[_of(o, measure)[id] for id in ids] for o in of_draw], 0) for of_draw in draws])


def _of(outcome: Outcome, measure: str) -> dict[str, float]:
    found: dict[str, float] = getattr(outcome, VALUES[measure])
    return found


def shared_ids(outcomes: Outcomes, measure: str) -> list[str]:
    """The items that every trial measured. UserError where trials measured different ones; a comparison that the judge
    could not make is left out for all."""
    found = [set(_of(o, measure)) for draws in outcomes.values() for of_draw in draws for o in of_draw]
    if measure == JUDGED:
        return sorted(set.intersection(*found))
    if any(each != found[0] for each in found):
        raise UserError(f"trials that differ in the items of {measure}", "the same items for all", "another --out_dir")
    return sorted(found[0])


def gain(
    outcomes: Outcomes, name: str, measure: str, ids: Sequence[str], reference: str = RANDOM
) -> NDArray[np.float64]:
    """What the candidate does better than the reference, (seeds, items), of the seeds both have."""
    ours, theirs = (table(outcomes[each], measure, ids) for each in (name, reference))
    n_seeds = min(len(ours), len(theirs))
    sign = -1.0 if measure == "held_out_loss" else 1.0
    return np.asarray(sign * (ours[:n_seeds] - theirs[:n_seeds]), dtype=np.float64)


def effects_of(outcomes: Outcomes, measure: str, reference: str = RANDOM, again: str = AGAIN) -> dict[str, Any]:
    """Every candidate's effect against the reference, with what could have been found; empty where nothing was
    measured. `again` is the reference once more."""
    ids = shared_ids(outcomes, measure)
    if len(ids) < 2:
        return {}
    gains = {name: gain(outcomes, name, measure, ids, reference) for name in outcomes if name != reference}
    means = {name: table(draws, measure, ids).mean(axis=1).tolist() for name, draws in outcomes.items() if draws}
    records = _records(gains, reference, again)
    return {
        "n_items": len(ids),
        "by_seed": means,
        "effects": records,
        "noise_floor": records[again]["detectable"] if again in records else None,
    }


def beyond_length(outcomes: Outcomes, measure: str) -> dict[str, Any]:
    """Of each candidate what it does better than random rows whose answers are as long as its own, where these were
    drawn: a family of comparisons by itself."""
    ids = shared_ids(outcomes, measure)
    pairs = {name: matched for name in outcomes if (matched := f"{MATCHED} to {name}") in outcomes}
    if len(ids) < 2:
        return {}
    return _records({name: gain(outcomes, name, measure, ids, own) for name, own in pairs.items()}, OF_ITS_LENGTH)


def _records(gains: Mapping[str, NDArray[np.float64]], reference: str, again: str = "") -> dict[str, dict[str, Any]]:
    """Of everyone with two seeds: effects, corrected for all but `again`, and verdicts."""
    found = {name: effect(each) for name, each in gains.items() if len(each) > 1}
    corrected = holm({name: each.p for name, each in found.items() if name != again and each.has_verdict})
    return {
        name: _record(each, corrected.get(name), gains[name])
        | {"verdict": verdict(each, corrected.get(name), reference)}
        for name, each in found.items()
    }


def by_group(outcomes: Outcomes, measure: str, group_of: Mapping[str, str], reference: str = RANDOM) -> dict[str, Any]:
    """The same on the items of each group apart; empty where fewer than two groups have two items or more."""
    groups: dict[str, list[str]] = {}
    for id in shared_ids(outcomes, measure):
        groups.setdefault(group_of[id], []).append(id)
    groups = {name: ids for name, ids in sorted(groups.items()) if len(ids) > 1}
    if len(groups) < 2:
        return {}
    found: dict[tuple[str, str], Effect] = {}
    for group, ids in groups.items():
        gains = {name: gain(outcomes, name, measure, ids, reference) for name in outcomes if name != reference}
        found |= {(group, name): effect(each) for name, each in gains.items() if len(each) > 1}
    corrected = holm({f"{group}/{name}": each.p for (group, name), each in found.items() if each.has_verdict})
    told: dict[str, Any] = {group: {"n_items": len(ids), "effects": {}} for group, ids in groups.items()}
    for (group, name), each in found.items():
        numbers = {"effect": each.value, "interval": [each.low, each.high], "p": each.p}
        told[group]["effects"][name] = numbers | {"p_corrected": corrected.get(f"{group}/{name}")}
    return told


def _record(found: Effect, p_corrected: float | None, gain_SI: NDArray[np.float64]) -> dict[str, Any]:
    bootstrap = hierarchical_interval(gain_SI)
    return {
        "effect": found.value,
        "interval": [found.low, found.high],
        "bootstrap_interval": [bootstrap.low, bootstrap.high],
        "p": found.p,
        "p_corrected": p_corrected,
        "n_seeds": found.spread.n_seeds,
        "by_seed": gain_SI.mean(axis=1).tolist(),
        "variance": {"seed": found.spread.seed, "item": found.spread.item, "rest": found.spread.ms_rest},
        "detectable": _detectable(found),
        "seeds_needed": seeds_needed(found.spread, abs(found.value)) if found.value else None,
    }


def _detectable(found: Effect) -> float | None:
    """None where no effect of any size would be found, for there are too few draws."""
    return detectable(found.spread) if found.has_verdict else None


def verdict(found: Effect, p_corrected: float | None, reference: str = RANDOM) -> str:
    """better, worse or no significant difference, after correction; of the reference once more, for which there is
    none, whether the noise is noise; of too few draws, that."""
    if not found.has_verdict:
        return TOO_FEW
    if p_corrected is None:
        return f"{reference} differs from {reference}" if found.excludes_zero else "as it should be"
    if p_corrected > 1 - CONFIDENCE:
        return NO_DIFFERENCE
    return f"better than {reference}" if found.value > 0 else f"worse than {reference}"


def is_hopeless(outcomes: Outcomes, name: str) -> bool:
    """The stated rule: three seeds or more, and by every measure the 99 % interval lies below zero."""
    found = []
    for measure in MEASURES:
        ids = shared_ids(outcomes, measure)
        gain_SI = gain(outcomes, name, measure, ids) if ids else np.zeros((0, 0))
        if ids and len(gain_SI) >= HOPELESS_AFTER:
            found.append(effect(gain_SI, HOPELESS_CONFIDENCE).high < 0)
    return bool(found) and all(found)

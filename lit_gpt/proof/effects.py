"""From the outcomes of trials to what is said of each candidate: its effect against the random draw.

Values are laid out (seeds, items): trainings of one draw are averaged. Effects are the candidate's gain: nats of loss
less, or a share of answers more. Who is compared with random is corrected for by Holm's method, each measure by itself.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lit_gpt.errors import UserError
from lit_gpt.evaluation.resampling import hierarchical_interval
from lit_gpt.proof.candidates import AGAIN, RANDOM
from lit_gpt.proof.intervals import CONFIDENCE, Effect, detectable, effect, holm, seeds_needed
from lit_gpt.proof.trials import Outcome

MEASURES = ("held_out_loss", "exact_match")
HOPELESS_AFTER, HOPELESS_CONFIDENCE = 3, 0.99  # seeds; of the interval that must lie below zero

Outcomes = Mapping[str, Sequence[Sequence[Outcome]]]  # candidate -> draw -> training


def table(draws: Sequence[Sequence[Outcome]], measure: str, ids: Sequence[str]) -> NDArray[np.float64]:
    """One candidate's values (seeds, items)."""
    return np.array([np.mean([[_of(o, measure)[id] for id in ids] for o in of_draw], 0) for of_draw in draws])


def _of(outcome: Outcome, measure: str) -> dict[str, float]:
    return outcome.losses if measure == "held_out_loss" else outcome.correct


def shared_ids(outcomes: Outcomes, measure: str) -> list[str]:
    """The items that every trial measured. UserError where trials measured different ones."""
    found = [set(_of(o, measure)) for draws in outcomes.values() for of_draw in draws for o in of_draw]
    if any(each != found[0] for each in found):
        raise UserError(f"trials that differ in the items of {measure}", "the same items for all", "another --out_dir")
    return sorted(found[0])


def gain(outcomes: Outcomes, name: str, measure: str, ids: Sequence[str]) -> NDArray[np.float64]:
    """What the candidate does better than the random draw, (seeds, items), of the seeds both have."""
    ours, theirs = (table(outcomes[each], measure, ids) for each in (name, RANDOM))
    n_seeds = min(len(ours), len(theirs))
    sign = -1.0 if measure == "held_out_loss" else 1.0
    return np.asarray(sign * (ours[:n_seeds] - theirs[:n_seeds]), dtype=np.float64)


def effects_of(outcomes: Outcomes, measure: str) -> dict[str, Any]:
    """Every candidate's effect against random, with what could have been found; empty where nothing was measured."""
    ids = shared_ids(outcomes, measure)
    if not ids:
        return {}
    gains = {name: gain(outcomes, name, measure, ids) for name in outcomes if name != RANDOM}
    found = {name: effect(each) for name, each in gains.items() if len(each) > 1}
    corrected = holm({name: each.p for name, each in found.items() if name != AGAIN})
    means = {name: table(draws, measure, ids).mean(axis=1).tolist() for name, draws in outcomes.items() if draws}
    return {
        "n_items": len(ids),
        "by_seed": means,
        "effects": {
            name: _record(each, corrected.get(name), gains[name]) | {"verdict": verdict(name, each, corrected)}
            for name, each in found.items()
        },
        "noise_floor": detectable(found[AGAIN].spread) if AGAIN in found else None,
    }


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
        "detectable": detectable(found.spread),
        "seeds_needed": seeds_needed(found.spread, abs(found.value)) if found.value else None,
    }


def verdict(name: str, found: Effect, corrected: Mapping[str, float]) -> str:
    """better, worse or no significant difference, after correction; for random again, whether the noise is noise."""
    if name == AGAIN:
        return "random differs from random" if found.excludes_zero else "as it should be"
    if corrected[name] > 1 - CONFIDENCE:
        return "no significant difference"
    return "better than random" if found.value > 0 else "worse than random"


def is_hopeless(outcomes: Outcomes, name: str) -> bool:
    """The stated rule: three seeds or more, and by every measure the 99 % interval lies below zero."""
    found = []
    for measure in MEASURES:
        ids = shared_ids(outcomes, measure)
        gain_SI = gain(outcomes, name, measure, ids) if ids else np.zeros((0, 0))
        if ids and len(gain_SI) >= HOPELESS_AFTER:
            found.append(effect(gain_SI, HOPELESS_CONFIDENCE).high < 0)
    return bool(found) and all(found)

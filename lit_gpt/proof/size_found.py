"""What is told of the size that a search found: by the half of the held-out rows that chose nothing.

The lowest of several losses is lower than it would be on other rows. So a search looks at one half of the rows, and how
much better its size is than the largest, and than a random draw of as many tokens, is an effect on the other half,
corrected for all that are told (Holm). Not covered: exact match, by which nothing was searched.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from lit_gpt.errors import UserError
from lit_gpt.proof.candidates import RANDOM
from lit_gpt.proof.effects import shared_ids, table, verdict
from lit_gpt.proof.intervals import Effect, effect, holm
from lit_gpt.proof.trials import Outcome
from lit_gpt.seeds import derive_seed

LOSS = "held_out_loss"
LARGEST = "the largest size"
Draws = Sequence[Sequence[Outcome]]
Asked = dict[tuple[str, str], Effect]  # by candidate and what it is compared with


def half(draws: Draws, is_final: bool) -> list[str]:
    """The rows that tell, or those that choose. UserError for too few of them."""
    ids = [id for id in shared_ids({"": draws}, LOSS) if (derive_seed("final", id) % 2 == 0) == is_final]
    if len(ids) < 2:
        got = f"a search with {len(ids)} held-out rows in one half"
        raise UserError(got, "two or more in each", "raise --n_loss_rows, or leave --search_trials out")
    return ids


def losses(draws: Draws, is_final: bool) -> list[float]:
    """Each seed's mean over one half of the rows."""
    return [float(mean) for mean in table(draws, LOSS, half(draws, is_final)).mean(axis=1)]


def compare_found(best: Mapping[str, int], drawn: Mapping[str, Mapping[int, Draws]], largest: int) -> dict[str, Any]:
    """Of each candidate's best size, its gain `against_largest`, and over a random draw of that size,
    `against_random`; None where there is nothing to compare with."""
    asked: Asked = {}
    for name, tokens in best.items():
        ours = drawn[name][tokens]
        if tokens != largest:
            asked[name, LARGEST] = _gain(ours, drawn[name][largest])
        if name != RANDOM and tokens in drawn.get(RANDOM, {}):
            asked[name, RANDOM] = _gain(ours, drawn[RANDOM][tokens])
    corrected = holm({f"{name}/{who}": each.p for (name, who), each in asked.items() if each.has_verdict})
    told = {(name, who): _record(each, corrected.get(f"{name}/{who}"), who) for (name, who), each in asked.items()}
    return {
        name: {"against_largest": told.get((name, LARGEST)), "against_random": told.get((name, RANDOM))}
        for name in best
    }


def _gain(ours: Draws, theirs: Draws) -> Effect:
    ids = half(ours, is_final=True)
    return effect(table(theirs, LOSS, ids) - table(ours, LOSS, ids))


def _record(found: Effect, p_corrected: float | None, reference: str) -> dict[str, Any]:
    numbers = {"effect": found.value, "interval": [found.low, found.high], "p": found.p}
    return numbers | {"p_corrected": p_corrected, "verdict": verdict(found, p_corrected, reference)}

"""The cases that a budget has to withstand: what steps, files, ends of epochs and interruptions take, in seconds.

simulated_budget.py lets them pass.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

HOUR_S = 3600.0
N_ROWS, N_TOKENS, BATCH_SIZE = 2000, 4, 4  # steps of two micro-batches each
STEPS_PER_EPOCH = N_ROWS // BATCH_SIZE
MICRO_BATCHES, VALIDATION_BATCHES = 2, 5


@dataclass(frozen=True)
class Scenario:
    """What things take, in seconds. step_s: of a step that begins after so many seconds of the run.

    ends_s: when processes end before the run does, `is_killed` without a word; loading_s is what each needs to begin.
    validation_s: of its VALIDATION_BATCHES micro-batches; one at an epoch's end, where a plateau is looked for, takes
    as long as each of these. report_step_s: what a report takes more for every step so far.
    """

    name: str
    step_s: Callable[[float], float]
    budget_s: float = 24 * HOUR_S
    loading_s: float = 120.0
    validation_s: float = 60.0
    state_s: float = 5.0
    export_s: float = 3.0
    report_s: float = 1.0
    report_step_s: float = 0.0
    ends_s: Sequence[float] = ()
    is_killed: bool = False
    epochs: int | None = None
    eval_every: int = 100
    kept_epochs: range = range(0)
    plateau: float = 0.0


def stalled(step_s: float, at_s: Sequence[float], stall_s: float) -> Callable[[float], float]:
    """Steps of step_s seconds, of which those that span one of these moments take stall_s more."""

    def step(now_s: float) -> float:
        return step_s + sum(stall_s for moment in at_s if now_s <= moment < now_s + step_s)

    return step


def scenarios(budget_s: float, step_s: float) -> list[Scenario]:
    """The cases a budget has to withstand, for a budget and a pace."""
    steady = Scenario("steady steps", lambda now_s: step_s, budget_s)
    share = budget_s / 24  # an hour of a day

    def epochs(n_epochs: float) -> dict[str, Any]:
        return {"step_s": lambda now_s: budget_s / n_epochs / STEPS_PER_EPOCH}

    moments = (7.3 * share, 15.1 * share, 23.2 * share)
    cases: dict[str, dict[str, Any]] = {
        "three times slower from half time": {"step_s": lambda now_s: step_s * (1 + 2 * (now_s > budget_s / 2))},
        "slower and slower": {"step_s": lambda now_s: step_s * (1 + 3 * now_s / budget_s)},
        "three stalls, the last in the last hour": {"step_s": stalled(step_s, moments, 0.5 * share)},
        "stopped and resumed at 23 h": {"ends_s": [23 * share]},
        "killed at 8 h and at 23 h, resumed": {"ends_s": [8 * share, 23 * share], "is_killed": True},
        "less than one epoch": {"step_s": lambda now_s: budget_s / 200},
        "long validations, slow disk": {"validation_s": share / 2, "export_s": share / 6, "state_s": share / 4},
        "epochs end before the budget": {"epochs": 1},
        "kept epochs, slow exports": {**epochs(3.4), "export_s": share / 3, "kept_epochs": range(1, 99)},
        "stops at a plateau, measured slowly": {**epochs(8), "validation_s": share / 36, "plateau": 0.01},
        "a report that grows": {"report_step_s": 0.012 * step_s},
        "loading eats nine tenths": {"loading_s": 0.9 * budget_s},
        "loading eats all but a fiftieth": {"loading_s": 0.98 * budget_s},
    }
    return [steady, *(replace(steady, name=name, **changes) for name, changes in cases.items())]

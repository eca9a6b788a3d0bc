"""Time: a clock that goes on counting across interruptions, and a budget that no run overruns.

With --max_time or --budget_hours a run must be over when the time is, files and all. What comes after the last
optimizer step (a validation, a state, best/ and final/, the report, and what is due at an epoch's end in an epoch that
has such an end) is reserved from what each has cost so far. A report costs more the longer the run: it is written anew
from time to time, and what two of them took foretells the last. The learning rate sees the time stretched, so that its
decay is over when the last step is; a step or a measurement that outlasts its time is given up between two
micro-batches. Time counts from the start of the command, an interrupted run's earlier processes included, those steps
too whose results a kill took away.

Not covered: one micro-batch that outlasts the whole reserve; nothing can end it.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median

MARGIN = 1.25  # a cost may rise so much above the dearest seen
SLACK = 0.005  # of the budget, against what nothing foretells: seven minutes of a day
MIN_SLACK_S = 2.0  # the interpreter's own start and end
LEAVING_SHARE = 0.5  # of what it took this process to begin, to end: libraries are unloaded as they were loaded
MAX_LEAVING_S = 10.0  # a model's weights are no longer in it
N_RECENT = 10  # steps by which the next one's time is judged
REPORT_SHARE = 0.005  # of the time, at most, goes into knowing what a report costs by now
MIN_BETWEEN_REPORTS_S = 60.0
MAX_OVER_MEDIAN = 3.0  # the slowest of them counts up to so many times the median: a stall is no new pace


class OutOfTime(Exception):
    """The budget ended in the midst of a step, a validation or a measurement at an epoch's end."""


class Clock:
    """Seconds of the run: `already_s` of earlier processes, and those since `began_s` by `now`."""

    def __init__(
        self, already_s: float = 0.0, began_s: float | None = None, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._already_s, self._now = already_s, now
        self._began_s = now() if began_s is None else began_s

    @property
    def elapsed_s(self) -> float:
        return self._already_s + self.here_s

    @property
    def here_s(self) -> float:
        """Of this process alone."""
        return self._now() - self._began_s


@dataclass
class Budget:
    """What may be spent until when.

    total_s: None where only the number of steps ends the run. costs: the dearest validation, accuracy (of an epoch),
    state, export and report so far, in seconds, by these names; what leaving takes, and what went before the first
    step; of the report also when it was last written ("reported") and by how much it grows a second ("report_growth").
    at_epochs_end: which of them the present epoch's end adds.
    """

    total_s: float | None
    clock: Clock
    costs: dict[str, float] = field(default_factory=dict)
    at_epochs_end: tuple[str, ...] = ()
    _steps_s: deque[float] = field(default_factory=lambda: deque(maxlen=N_RECENT))

    def __post_init__(self) -> None:
        leaving_s = min(LEAVING_SHARE * self.clock.here_s, MAX_LEAVING_S)
        self.costs["leaving"] = max(self.costs.get("leaving", 0.0), leaving_s)
        self.costs.setdefault("reported", self.clock.elapsed_s)

    @contextmanager
    def measured(self, name: str) -> Iterator[None]:
        """Remember what the block costs."""
        began_s = self.clock.elapsed_s
        yield
        took_s = self.clock.elapsed_s - began_s
        if name == "report":
            self._grow(began_s, took_s)
        self.costs[name] = max(self.costs.get(name, 0.0), took_s)

    def _grow(self, began_s: float, took_s: float) -> None:
        """A line through this report and the one before it, where there was one."""
        if "report" in self.costs and began_s > self.costs["reported"]:
            growth = (took_s - self.costs["report"]) / (began_s - self.costs["reported"])
            self.costs["report_growth"] = max(growth, 0.0)
        self.costs["reported"] = self.clock.elapsed_s

    def begin(self) -> None:
        """Remember when the run's first step could begin: what came before is no part of the schedule."""
        self.costs.setdefault("before", self.clock.elapsed_s)

    def took_step(self, step_s: float) -> None:
        self._steps_s.append(step_s)

    @property
    def training_ends_s(self) -> float:
        """When no step may be at work any more: an epoch's end, the last validation and all files still follow."""
        return self._ends_s(sum(map(self._cost, self.at_epochs_end)) + self._cost("validation") + self._files_s)

    @property
    def accuracy_ends_s(self) -> float:
        """When nothing may be measured at an epoch's end any more: its weights are still to be kept, if they are."""
        kept_s = self._cost("export") if "export" in self.at_epochs_end else 0.0
        return self._ends_s(kept_s + self._cost("validation") + self._files_s)

    @property
    def has_time_for_epoch(self) -> bool:
        """Whether an epoch's weights can be kept, and a validation and all files still follow."""
        return self.clock.elapsed_s + self._cost("export") <= self._ends_s(self._cost("validation") + self._files_s)

    @property
    def is_report_due(self) -> bool:
        """Whether what a report costs may be out of date, and knowing it is worth its time."""
        between_s = max(self._cost("report") / REPORT_SHARE, MIN_BETWEEN_REPORTS_S)
        return self.total_s is not None and self.clock.elapsed_s - self.costs["reported"] >= between_s

    @property
    def validation_ends_s(self) -> float:
        """When no validation may be at work any more: all files still follow."""
        return self._ends_s(self._files_s)

    @property
    def _files_s(self) -> float:
        """A state, best/ and final/, the report, the process's end."""
        grown_s = self.costs.get("report_growth", 0.0) * (self.clock.elapsed_s - self.costs["reported"])
        report_s = self._cost("report") + grown_s
        return self._cost("state") + 2 * self._cost("export") + report_s + self._cost("leaving")

    def _cost(self, name: str) -> float:
        """The dearest so far; a state and an export stand for each other while one is unknown."""
        stand_in = {"state": "export", "export": "state"}.get(name, name)
        return self.costs.get(name, 0.0) or self.costs.get(stand_in, 0.0)

    def _ends_s(self, reserved_s: float) -> float:
        if self.total_s is None:
            return float("inf")
        slack_s = max(SLACK * self.total_s, MIN_SLACK_S)
        return max(self.total_s - slack_s - MARGIN * reserved_s, 0.0)

    @property
    def last_step_begins_s(self) -> float:
        """The latest moment to begin a step that should be done in time."""
        if not self._steps_s:
            return self.training_ends_s
        step_s = min(max(self._steps_s), MAX_OVER_MEDIAN * median(self._steps_s))
        return max(self.training_ends_s - step_s, 0.0)

    @property
    def is_over(self) -> bool:
        """Whether no step may begin."""
        return self.total_s is not None and self.clock.elapsed_s >= self.last_step_begins_s

    @property
    def scheduled_s(self) -> float:
        """The time elapsed as the learning rate sees it: none before the first step, all when the last may begin."""
        if self.total_s is None:
            return self.clock.elapsed_s
        before_s = self.costs.get("before", 0.0)
        span_s = self.last_step_begins_s - before_s
        share = (self.clock.elapsed_s - before_s) / span_s if span_s > 0 else 1.0
        return self.total_s * min(share, 1.0)

    @property
    def left_s(self) -> float | None:
        return None if self.total_s is None else self.total_s - self.clock.elapsed_s

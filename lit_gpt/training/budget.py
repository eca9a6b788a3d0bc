"""Time spent: a clock that goes on counting across interruptions.

Not covered yet: predicting time and memory before the first step.
"""

import time


class Clock:
    """Seconds of training, those of earlier processes included."""

    def __init__(self, already_s: float = 0.0) -> None:
        self._already_s = already_s
        self._began = time.monotonic()

    @property
    def elapsed_s(self) -> float:
        return self._already_s + time.monotonic() - self._began

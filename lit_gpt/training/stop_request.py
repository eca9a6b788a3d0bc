"""A wish to stop, remembered until the loop comes to a step boundary."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lit_gpt.errors import Interrupted


class StopRequest:
    """Remembers the first SIGINT or SIGTERM; the second one ends the process at once."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def __call__(self, number: int, frame: Any) -> None:
        if self.signal is not None:
            raise Interrupted(number, "interrupted twice; the state saved before is the one to go on from")
        self.signal = number

    @contextmanager
    def listening(self) -> Iterator[None]:
        previous = {number: signal.signal(number, self) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

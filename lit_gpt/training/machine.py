"""What a run takes from the machine it is on: time, memory, power. Tests give it another machine."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from lit_gpt.tokens.loader import MicroBatch
from lit_gpt.training.energy import Meter, find_meter


@dataclass(frozen=True)
class Machine:
    """now: seconds by a clock that only goes forward; began_s: when the command began, by that clock.

    meter_of gives what measures the energy of a device. at_work is called with every micro-batch before it is
    computed: where a simulated machine takes its time, or has no memory left.
    """

    now: Callable[[], float] = time.monotonic
    began_s: float | None = None
    meter_of: Callable[[str], Meter | None] = find_meter
    at_work: Callable[[MicroBatch], None] = lambda batch: None

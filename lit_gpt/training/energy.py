"""Energy of a run, metered where the machine lets itself be read: the GPU through nvidia-smi, the CPU through RAPL.

nvidia-smi gives the board's power now, which is summed over time; RAPL (Linux, /sys/class/powercap, often for root
alone) counts microjoules of the processor packages. Neither is the whole machine. Where nothing can be read nothing is
made up: the report then takes stated power, if there is some, and says so.
"""

import contextlib
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

RAPL = Path("/sys/class/powercap")
SMI = ("nvidia-smi", "--query-gpu=power.draw", "--format=csv,noheader,nounits", "--id=0")
POLL_S = 5.0  # between readings: an nvidia-smi takes a twentieth of a second


class Meter(Protocol):
    source: str

    def read(self, now_s: float) -> float:
        """Joules since the meter was made."""


@dataclass
class SmiMeter:
    """The power of the first GPU, between readings taken as their mean."""

    watts: Callable[[], float]
    source: str = "nvidia-smi, the GPU's board"
    _joules: float = 0.0
    _last: tuple[float, float] | None = None  # when, and how much

    def read(self, now_s: float) -> float:
        watts = self.watts()
        if self._last is not None:
            then_s, before = self._last
            self._joules += (now_s - then_s) * (watts + before) / 2
        self._last = now_s, watts
        return self._joules


@dataclass
class RaplMeter:
    """Counters of the processor packages, which start again from zero when they are full."""

    packages: Sequence[Path]
    source: str = "RAPL, the processor packages"
    _microjoules: int = 0
    _last: list[int] = field(default_factory=list)

    def read(self, now_s: float) -> float:
        found = [int((package / "energy_uj").read_text()) for package in self.packages]
        for package, now, before in zip(self.packages, found, self._last or found, strict=True):
            full = int((package / "max_energy_range_uj").read_text())
            self._microjoules += now - before if now >= before else now - before + full
        self._last = found
        return self._microjoules / 1e6


def find_meter(device: str, rapl: Path = RAPL) -> Meter | None:
    """A meter for where the run computes; None where none can be read."""
    if device == "cuda":
        meter: Meter | None = SmiMeter(smi_watts) if shutil.which(SMI[0]) else None
    else:
        packages = [path for path in sorted(rapl.glob("intel-rapl:*")) if path.name.count(":") == 1]
        meter = RaplMeter(packages) if device == "cpu" and packages else None
    try:
        if meter is not None:
            meter.read(0.0)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return meter


def smi_watts() -> float:
    done = subprocess.run(SMI, capture_output=True, text=True, check=True, timeout=POLL_S)
    return float(done.stdout.split()[0])


@dataclass
class EnergyCount:
    """Joules of a run, those of earlier processes included; read every POLL_S seconds at most."""

    meter: Meter | None
    already_j: float = 0.0
    _read_j: float = 0.0
    _polled_s: float = float("-inf")

    def joules(self, now_s: float) -> float | None:
        """None without a meter. A reading that fails leaves the last one."""
        if self.meter is None:
            return None
        if now_s - self._polled_s >= POLL_S:
            self._polled_s = now_s
            with contextlib.suppress(OSError, ValueError, IndexError, subprocess.SubprocessError):
                self._read_j = self.meter.read(now_s)
        return self.already_j + self._read_j

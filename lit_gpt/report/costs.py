"""What a run's time is worth in energy, carbon dioxide and money, under assumptions that the page prints beside it.

Nothing is measured here but the time. Not covered: the making of the hardware, cooling, and the time of preparing the
data and of evaluating.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from lit_gpt.errors import UserError
from lit_gpt.report.formats import significant

HOUR_S = 3600.0
Formula: TypeAlias = Callable[..., float]


@dataclass(frozen=True)
class Assumptions:
    """What the caller takes for granted; None leaves the estimate that needs it out.

    power_w: the whole machine's draw while training; grams_co2_per_kwh: of its electricity; price_per_hour: of the
    machine, in `currency`; source: where these numbers come from.
    """

    power_w: float | None = None
    grams_co2_per_kwh: float | None = None
    price_per_hour: float | None = None
    currency: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        for name in ("power_w", "grams_co2_per_kwh", "price_per_hour"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < float("inf"):
                raise UserError(f"--{name} {value}", "0 or more", f"correct --{name}")
        if self.price_per_hour is not None and not self.currency:
            raise UserError("--price_per_hour without a currency", "e.g. --currency EUR", "give --currency")


@dataclass(frozen=True)
class CostLine:
    """An estimate and how it was worked out; both empty of numbers where an assumption is missing."""

    name: str
    estimate: str
    working: str


def cost_lines(elapsed_s: float, assumed: Assumptions | None) -> list[CostLine]:
    """Energy, carbon dioxide and price of so many seconds."""
    a = assumed or Assumptions()
    hours = elapsed_s / HOUR_S
    energy = _line("Energy", [("power", a.power_w, "W")], lambda w: w * hours / 1000, "kWh", hours)
    carbon = _line(
        "CO₂",
        [("power", a.power_w, "W"), ("carbon intensity", a.grams_co2_per_kwh, "g CO₂/kWh")],
        lambda w, g: w * hours / 1000 * g,
        "g",
        hours,
    )
    price = _line("Price", [("price", a.price_per_hour, f"{a.currency}/h")], lambda p: p * hours, a.currency, hours)
    return [energy, carbon, price]


def _line(
    name: str, needed: list[tuple[str, float | None, str]], formula: Formula, unit: str, hours: float
) -> CostLine:
    values = [value for _, value, _ in needed]
    absent = [what for what, value, _ in needed if value is None]
    if absent:
        return CostLine(name, "not estimated", f"no assumption about {' and '.join(absent)}")
    factors = " × ".join(f"{v:,g} {u}" for v, (_, _, u) in zip(values, needed, strict=True) if v is not None)
    return CostLine(name, f"{significant(formula(*values), 3)} {unit}", f"{significant(hours)} h × {factors}")

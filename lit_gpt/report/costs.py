"""What a run's time is worth in energy, carbon dioxide and money, under assumptions that the page prints beside it.

Energy may be metered; otherwise nothing is measured here but the time. Not covered: the making of the hardware,
cooling, and the time of preparing the data and of evaluating.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from lit_gpt.errors import UserError
from lit_gpt.report.formats import significant

HOUR_S = 3600.0
JOULES_PER_KWH = 3.6e6
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


def cost_lines(elapsed_s: float, assumed: Assumptions | None, metered_j: float | None = None) -> list[CostLine]:
    """Energy, carbon dioxide and price of so many seconds, or of so many joules where they were metered."""
    a = assumed or Assumptions()
    hours = elapsed_s / HOUR_S
    price = _line("Price", [("price", a.price_per_hour, f"{a.currency}/h")], lambda p: p * hours, a.currency, hours)
    if metered_j is not None:
        return [*_metered(metered_j / JOULES_PER_KWH, a.grams_co2_per_kwh), price]
    energy = _line("Energy", [("power", a.power_w, "W")], lambda w: w * hours / 1000, "kWh", hours)
    carbon = _line(
        "CO₂",
        [("power", a.power_w, "W"), ("carbon intensity", a.grams_co2_per_kwh, "g CO₂/kWh")],
        lambda w, g: w * hours / 1000 * g,
        "g",
        hours,
    )
    return [energy, carbon, price]


def _metered(kwh: float, grams: float | None) -> list[CostLine]:
    energy = CostLine("Energy", f"{significant(kwh, 3)} kWh", "metered")
    if grams is None:
        return [energy, CostLine("CO₂", "not estimated", "no assumption about carbon intensity")]
    working = f"{significant(kwh)} kWh, metered × {grams:,g} g CO₂/kWh"
    return [energy, CostLine("CO₂", f"{significant(kwh * grams, 3)} g", working)]


def _line(
    name: str, needed: list[tuple[str, float | None, str]], formula: Formula, unit: str, hours: float
) -> CostLine:
    values = [value for _, value, _ in needed]
    absent = [what for what, value, _ in needed if value is None]
    if absent:
        return CostLine(name, "not estimated", f"no assumption about {' and '.join(absent)}")
    factors = " × ".join(f"{v:,g} {u}" for v, (_, _, u) in zip(values, needed, strict=True) if v is not None)
    return CostLine(name, f"{significant(formula(*values), 3)} {unit}", f"{significant(hours)} h × {factors}")

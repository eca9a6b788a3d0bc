"""What a run may cost, and what is assumed of its machine: typed, frozen, checked at birth; no torch."""

from dataclasses import dataclass, replace
from typing import Literal

from lit_gpt.errors import UserError
from lit_gpt.training.settings import ScheduleSettings, require

# IEA, Electricity 2025, Emissions (https://www.iea.org/reports/electricity-2025/emissions): the world in 2024
WORLD_GRAMS_CO2_PER_KWH = 445.0
WORLD_SOURCE = (
    "the world's average of 2024: IEA, Electricity 2025, https://www.iea.org/reports/electricity-2025/emissions"
)
MAX_HOURS = 10_000.0
CardName = Literal["found", "a100-40gb", "rtx4090-24gb", "h200", "cpu"]  # their figures: hardware.py


@dataclass(frozen=True)
class BudgetSettings:
    """What the run may cost, and what that is worth.

    Args:
        budget_hours: all of the run, files and report included, in so many hours, such as 24; as --max_time in hours
        dry_run: foretell memory, time, disk and energy, compute the largest micro-batch once, and train nothing
        power_w: what the machine draws, in watts, where it is not measured; the default is the card's board power
        power_source: where that number comes from
        grams_co2_per_kwh: carbon dioxide of the electricity; the default is the world's average
        grid_source: where that number comes from
    """

    budget_hours: float | None = None
    dry_run: bool = False
    power_w: float | None = None
    power_source: str = ""
    grams_co2_per_kwh: float = WORLD_GRAMS_CO2_PER_KWH
    grid_source: str = ""

    def __post_init__(self) -> None:
        hours = self.budget_hours
        require(hours is None or 0 < hours <= MAX_HOURS, "budget_hours", hours, f"above 0, at most {MAX_HOURS:,.0f}")
        require(self.power_w is None or 0 < self.power_w < float("inf"), "power_w", self.power_w, "above 0")
        grams = self.grams_co2_per_kwh
        require(0 <= grams < float("inf"), "grams_co2_per_kwh", grams, "0 or more")

    @property
    def grid(self) -> str:
        """Whose electricity it is."""
        is_world = self.grams_co2_per_kwh == WORLD_GRAMS_CO2_PER_KWH and not self.grid_source
        return WORLD_SOURCE if is_world else self.grid_source or "stated by the user"


def with_budget(schedule: ScheduleSettings, budget: BudgetSettings) -> ScheduleSettings:
    """The schedule with --budget_hours as its --max_time; UserError where both are given and differ."""
    if budget.budget_hours is None:
        return schedule
    seconds = max(round(budget.budget_hours * 3600), 1)
    max_time = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    if schedule.max_time not in (None, max_time):
        got = f"--budget_hours {budget.budget_hours:g} and --max_time {schedule.max_time}"
        raise UserError(got, "one of them: both say when the run must be over", "leave one out")
    return replace(schedule, max_time=max_time)

"""The learning rate over a run, against torch's own schedulers where they say the same thing."""

from itertools import pairwise

import pytest
import torch

from lit_gpt.errors import UserError
from lit_gpt.training.lora_settings import LoraSettings
from lit_gpt.training.schedule import Schedule
from lit_gpt.training.settings import JournalSettings, ScheduleSettings


def rates(schedule: Schedule) -> list[float]:
    assert schedule.total_steps
    return [schedule.learning_rate(step, 0.0) for step in range(schedule.total_steps)]


@pytest.mark.parametrize("decay", ["cosine", "linear"])
def test_decay_equals_torchs(decay: str) -> None:
    schedule = Schedule(ScheduleSettings(max_steps=50, warmup_steps=0, decay=decay, learning_rate=0.1), 10)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    theirs = (
        torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 50)
        if decay == "cosine"
        else torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, 50)
    )
    for ours in rates(schedule):
        assert ours == pytest.approx(theirs.get_last_lr()[0], abs=1e-7)
        optimizer.step()
        theirs.step()


def test_warmup_rises_from_above_zero_to_the_peak_then_falls_to_the_minimum() -> None:
    settings = ScheduleSettings(epochs=10, warmup_steps=5, learning_rate=1.0, min_learning_rate=0.1)
    schedule = Schedule(settings, 10)
    curve = rates(schedule)
    assert curve[:6] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0, 1.0])
    assert all(a >= b for a, b in pairwise(curve[5:]))
    assert schedule.learning_rate(100, 0.0) == pytest.approx(0.1)


@pytest.mark.parametrize("n_steps", [1, 2, 3, 9, 15])
def test_warmup_never_outlasts_a_small_run(n_steps: int) -> None:
    curve = rates(Schedule(ScheduleSettings(max_steps=n_steps, learning_rate=1.0), 1))
    assert max(curve) == 1.0
    assert min(curve) > 0


def test_warmup_that_was_asked_for_is_honoured() -> None:
    curve = rates(Schedule(ScheduleSettings(max_steps=100, warmup_steps=50, learning_rate=1.0), 1))
    assert curve.index(1.0) == 49
    assert rates(Schedule(ScheduleSettings(max_steps=4, warmup_steps=8, learning_rate=1.0), 1))[-1] == 0.5


def test_the_first_limit_counts() -> None:
    assert Schedule(ScheduleSettings(epochs=2, max_steps=15), 10).total_steps == 15
    assert Schedule(ScheduleSettings(epochs=1, max_steps=15), 10).total_steps == 10
    assert Schedule(ScheduleSettings(), 10).total_steps == 30, "3 epochs when nothing is said"
    assert Schedule(ScheduleSettings(max_time="00:01:00"), 10).total_steps is None


def test_the_clock_ends_the_run_and_the_decay() -> None:
    schedule = Schedule(ScheduleSettings(max_time="01:00:00", warmup_steps=0, learning_rate=1.0), 10)
    assert not schedule.is_over(9999), "the clock's end is the budget's: test_budget.py"
    assert schedule.learning_rate(5, 360.0) == pytest.approx(1.0), "the first tenth is for warming up"
    assert schedule.learning_rate(5, 360.0 + 1620.0) == pytest.approx(0.5)
    assert schedule.learning_rate(5, 3600.0) == pytest.approx(0.0)
    slow = Schedule(ScheduleSettings(max_time="01:00:00", warmup_steps=100, learning_rate=1.0), 10)
    assert slow.learning_rate(0, 0.0) == pytest.approx(0.01)
    assert slow.learning_rate(1, 180.0) == pytest.approx(0.5), "slow steps warm up by the clock"
    assert slow.learning_rate(99, 1.0) == pytest.approx(1.0), "fast ones by their number"
    both = Schedule(ScheduleSettings(max_time="01:00:00", max_steps=10, warmup_steps=0, learning_rate=1.0), 10)
    assert both.learning_rate(5, 0.0) == pytest.approx(0.5), "whichever is further on"


@pytest.mark.parametrize(
    "make",
    [
        lambda: ScheduleSettings(epochs=0),
        lambda: ScheduleSettings(batch_size=-1),
        lambda: ScheduleSettings(learning_rate=0),
        lambda: ScheduleSettings(learning_rate=float("nan")),
        lambda: ScheduleSettings(learning_rate=1e-4, min_learning_rate=1e-3),
        lambda: ScheduleSettings(max_time="90"),
        lambda: ScheduleSettings(max_time="00:99:00"),
        lambda: ScheduleSettings(max_time="00:00:00"),
        lambda: ScheduleSettings(beta1=1.0),
        lambda: ScheduleSettings(clip_norm=-1.0),
        lambda: LoraSettings(lora_r=0),
        lambda: LoraSettings(lora_dropout=1.0),
        lambda: LoraSettings(lora_targets="q,w"),
        lambda: LoraSettings(lora_targets=""),
        lambda: JournalSettings(save_every=0),
    ],
)
def test_impossible_settings_are_refused_at_birth(make) -> None:
    with pytest.raises(UserError):
        make()

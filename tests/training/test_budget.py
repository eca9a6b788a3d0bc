"""No run outlasts its budget, whatever steps, files and interruptions take; and each leaves what it should."""

import itertools
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lit_gpt.errors import Interrupted, UserError
from lit_gpt.manifest import read_manifest
from lit_gpt.studies.budget_scenarios import MICRO_BATCHES, STEPS_PER_EPOCH, Scenario, scenarios, stalled
from lit_gpt.studies.simulated_budget import simulate
from lit_gpt.tokens.loader import MicroBatch
from lit_gpt.training.budget import Budget, Clock
from lit_gpt.training.budget_settings import BudgetSettings, with_budget
from lit_gpt.training.journal import read_metrics
from lit_gpt.training.machine import Machine
from lit_gpt.training.resume import latest_state
from lit_gpt.training.run_files import RunFiles
from lit_gpt.training.settings import ScheduleSettings
from tests.jobs import Job

CASES = scenarios(budget_s=7200.0, step_s=30.0)
BY_STEPS = "epochs end before the budget"
BY_NAME = {case.name: case for case in CASES}
ENDS_ITSELF = {BY_STEPS: 0.5, "stops at a plateau, measured slowly": 0.5}  # of the budget is used, at least


class Killed(Exception):
    pass


class SlowMachine:
    """Every micro-batch takes a second by its clock, and nothing else takes any."""

    def __init__(self, killed_after: int | None = None) -> None:
        self.simulated_s, self.killed_after = 0.0, killed_after

    def machine(self) -> Machine:
        return Machine(lambda: self.simulated_s, began_s=0.0, at_work=self.work)

    def work(self, batch: MicroBatch) -> None:
        self.simulated_s += 1.0
        if self.killed_after is not None and self.simulated_s > self.killed_after:
            raise Killed


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_simulated_day_keeps_its_budget(case: Scenario) -> None:
    outcome = simulate(replace(case, step_s=lambda now_s: 8.0) if case.name == BY_STEPS else case)
    assert outcome.overrun_s == 0
    assert outcome.best_step is not None and outcome.final_step == outcome.n_steps
    assert outcome.used_s > ENDS_ITSELF.get(case.name, 0.94) * case.budget_s
    if case.plateau:
        assert outcome.n_steps % STEPS_PER_EPOCH == 0 and outcome.used_s < 0.9 * case.budget_s, "it stood still"
        return
    assert outcome.last_rate < 2.5 / max(outcome.n_steps, 3)  # as a cosine's next to last step, at most


SLOW_EXPORTS = {"kept_epochs": range(1, 9), "export_s": 360.0}
SLOW_ACCURACY = {"plateau": 0.01, "validation_s": 8.0}  # 205 s at an epoch's end


@pytest.mark.parametrize(
    ("step_s", "due"),
    [*((step_s, SLOW_EXPORTS) for step_s in (4.6, 5.1)), *((step_s, SLOW_ACCURACY) for step_s in (6.6, 13.8))],
)
def test_an_epochs_end_near_that_of_the_budget_is_kept_free(step_s: float, due: dict[str, Any]) -> None:
    """Of the second epoch, or of the first, whose cost nobody knows yet; and nothing else is left out."""
    outcome = simulate(replace(CASES[0], step_s=lambda now_s: step_s, eval_every=10_000, **due))
    assert outcome.overrun_s == 0 and outcome.final_step == outcome.best_step == outcome.n_steps
    n_ended = outcome.n_steps // STEPS_PER_EPOCH if "kept_epochs" in due else 0
    assert outcome.kept == list(range(1, n_ended + 1)), "and what ended is kept"


def test_an_epoch_there_is_no_time_for_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """The second half of its last step is a stall."""
    calls = itertools.count(1)
    half = MICRO_BATCHES * STEPS_PER_EPOCH
    case = replace(CASES[0], step_s=lambda now_s: 600.0 if next(calls) == half else 10.0, eval_every=10_000)
    outcome = simulate(replace(case, **SLOW_EXPORTS))
    assert outcome.n_steps == STEPS_PER_EPOCH and outcome.kept == [] and outcome.overrun_s == 0
    assert "the weights after epoch 1 are not kept" in capsys.readouterr().err


def test_what_is_due_at_an_epochs_end_is_reserved_and_given_up_in_time() -> None:
    now = [0.0]
    budget = Budget(1000.0, Clock(now=lambda: now[0]), {"state": 8.0, "export": 40.0, "accuracy": 20.0})
    files_s = 8 + 2 * 40
    assert budget.training_ends_s == budget.accuracy_ends_s == 995 - 1.25 * files_s
    budget.at_epochs_end = ("accuracy", "export")
    assert budget.training_ends_s == 995 - 1.25 * (20 + 40 + files_s)
    assert budget.accuracy_ends_s == 995 - 1.25 * (40 + files_s)
    now[0] = 995 - 1.25 * files_s - 40
    assert budget.has_time_for_epoch
    now[0] += 1
    assert not budget.has_time_for_epoch


def test_what_a_report_costs_is_looked_at_again_where_that_is_cheap() -> None:
    now = [0.0]

    def due_after(cost_s: float, seconds: float, total_s: float | None = 1000.0) -> bool:
        budget = Budget(total_s, Clock(now=lambda: now[0]))
        with budget.measured("report"):
            now[0] += cost_s
        now[0] += seconds
        return budget.is_report_due

    assert not due_after(0.01, 59) and due_after(0.01, 61)
    assert not due_after(1.0, 199) and due_after(1.0, 201)
    assert not due_after(0.01, 1e6, total_s=None)


@pytest.mark.slow
@pytest.mark.parametrize("case", scenarios(budget_s=86_400.0, step_s=20.0), ids=lambda case: case.name)
def test_nothing_overruns_a_whole_day(case: Scenario) -> None:
    assert simulate(case).overrun_s == 0


def test_a_report_that_grows_is_foretold_by_a_line_through_two() -> None:
    now = [0.0]
    budget = Budget(100_000.0, Clock(now=lambda: now[0]))
    for began_s, cost_s in ((1_000.0, 10.0), (11_010.0, 110.0)):
        now[0] = began_s
        with budget.measured("report"):
            now[0] += cost_s
    now[0] = 31_120.0
    without = Budget(100_000.0, Clock(now=lambda: now[0]), {"leaving": budget.costs["leaving"]})
    assert without.training_ends_s - budget.training_ends_s == pytest.approx(1.25 * (110 + 0.01 * 20_000))
    went_on = Budget(100_000.0, Clock(already_s=31_120.0, now=lambda: now[0]), dict(budget.costs))
    assert went_on.training_ends_s == budget.training_ends_s


def test_a_signal_that_was_no_scenarios_ends_the_simulation() -> None:
    """As from `timeout` or Ctrl-C; the loop listens, and remembers it until its next step boundary."""
    calls = itertools.count(1)

    def step_s(now_s: float) -> float:
        if next(calls) == 40:
            os.kill(os.getpid(), signal.SIGTERM)
        return 30.0

    with pytest.raises(Interrupted) as stopped:
        simulate(replace(CASES[0], step_s=step_s, ends_s=[600.0]))
    assert stopped.value.exit_code == 143
    assert next(calls) > 40


def test_a_long_stall_at_the_very_end_is_what_the_slack_is_for() -> None:
    case = replace(CASES[0], step_s=stalled(30.0, [7000.0], 60.0))
    assert simulate(case).overrun_s == 0
    assert simulate(replace(case, step_s=stalled(30.0, [7000.0], 3600.0))).overrun_s > 0, "one step of an hour"


def test_reserves_follow_what_things_cost() -> None:
    budget = Budget(1000.0, Clock(now=iter([0.0, 0.0, *range(0, 1000, 10)]).__next__))
    assert budget.training_ends_s == 995.0
    with budget.measured("state"):
        pass  # ten seconds by this clock
    assert budget.training_ends_s == budget.validation_ends_s == 995.0 - 1.25 * 30, (
        "a state, and best/ and final/ alike"
    )
    with budget.measured("validation"):
        pass
    assert budget.validation_ends_s - budget.training_ends_s == 12.5
    for step_s in (4.0, 4.0, 4.0, 300.0):
        budget.took_step(step_s)
    assert budget.training_ends_s - budget.last_step_begins_s == 12.0, "a stall is no new pace"


def test_hours_are_another_spelling_of_max_time() -> None:
    hours = with_budget(ScheduleSettings(epochs=3), BudgetSettings(budget_hours=1.51))
    assert (hours.max_time, hours.epochs) == ("01:30:36", 3)
    assert with_budget(ScheduleSettings(max_time="24:00:00"), BudgetSettings(budget_hours=24)).max_time == "24:00:00"
    with pytest.raises(UserError, match="budget_hours 2 and --max_time"):
        with_budget(ScheduleSettings(max_time="00:01:00"), BudgetSettings(budget_hours=2))


@pytest.mark.parametrize(
    "wrong", [{"budget_hours": 0}, {"budget_hours": 1e9}, {"power_w": -1}, {"grams_co2_per_kwh": float("nan")}]
)
def test_impossible_budgets_are_refused_at_birth(wrong: dict[str, float]) -> None:
    with pytest.raises(UserError):
        BudgetSettings(**wrong)


def within_a_minute(job: Job, slow: SlowMachine, **changes: object) -> list[dict]:
    out_dir = job.run(machine=slow.machine(), max_time="00:01:00", max_steps=None, **changes)
    return [record for record in read_metrics(out_dir) if "train_loss" in record]


def test_a_real_run_ends_in_time_with_its_rate_run_down(job: Job) -> None:
    slow = SlowMachine()
    steps = within_a_minute(job, slow)
    assert 40 < slow.simulated_s <= 60
    assert steps[-1]["learning_rate"] < 0.1 * max(step["learning_rate"] for step in steps)
    assert steps[-1]["budget_left_s"] == pytest.approx(60 - steps[-1]["elapsed_s"])
    names = ["best/adapter_model.safetensors", "final/adapter_model.safetensors", "report.html", "manifest.json"]
    assert [name for name in names if not (job.out_dir / name).is_file()] == []


@pytest.mark.parametrize("save_every", [9, 1000])
def test_time_that_a_kill_took_counts(job: Job, save_every: int) -> None:
    """Also where no state but the first one, before any step, was saved."""
    seldom = {"save_every": save_every, "eval_every": 1000}
    with pytest.raises(Killed):
        within_a_minute(job, SlowMachine(killed_after=30), **seldom)
    lost = max(record["elapsed_s"] for record in read_metrics(job.out_dir) if "elapsed_s" in record)
    assert latest_state(job.out_dir / "state").progress.elapsed_s < lost, "steps were lost, or this shows nothing"
    slow = SlowMachine()
    steps = within_a_minute(job, slow, **seldom)
    assert all(later > lost for later in [step["elapsed_s"] for step in steps][-5:])
    assert steps[-1]["elapsed_s"] <= lost + slow.simulated_s <= 60


@pytest.mark.parametrize("killed_at", [2, 3, 4])
def test_best_is_of_a_step_that_the_run_took(job: Job, killed_at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between a state and its best/, under a clock by which steps done again would have another rate."""
    calls, honest = itertools.count(1), RunFiles.keep_best

    def killed(files: RunFiles) -> None:
        if next(calls) == killed_at:
            raise Killed
        honest(files)

    monkeypatch.setattr(RunFiles, "keep_best", killed)
    with pytest.raises(Killed):
        within_a_minute(job, SlowMachine())
    monkeypatch.setattr(RunFiles, "keep_best", honest)
    within_a_minute(job, SlowMachine())
    best = read_manifest(job.out_dir / "best", "lora").counts
    counts = read_manifest(job.out_dir, "run").counts
    assert (best["step"], best["val_loss"]) == (counts["best_step"], counts["best_val_loss"])
    told = [r["val_loss"] for r in read_metrics(job.out_dir) if "val_loss" in r and r["step"] == best["step"]]
    assert told == [best["val_loss"]], "once, by the timeline that went on"


def test_a_best_that_is_newer_than_the_state_speaks_for_itself(job: Job, tmp_path: Path) -> None:
    """Where newer states were damaged."""
    replace(job, max_steps=10).run()
    states = sorted((job.out_dir / "state").iterdir())
    (job.out_dir / "manifest.json").unlink()
    (states[-1] / "state.json").write_text("{}")
    before = read_manifest(job.out_dir / "best", "lora").counts
    replace(job, max_steps=10).run()
    assert read_manifest(job.out_dir / "best", "lora").counts == before
    assert read_manifest(job.out_dir, "run").counts["best_step"] == before["step"]

"""A run from settings to files: what the finetuning scripts call. What lies where: run_directory.py."""

import sys
from dataclasses import replace
from pathlib import Path

from lit_gpt.errors import UserError
from lit_gpt.files import locked, sweep
from lit_gpt.freed_pages import keep_freed_pages
from lit_gpt.training.budget import Budget, Clock
from lit_gpt.training.budget_settings import BudgetSettings, with_budget
from lit_gpt.training.building import build, fabric_of
from lit_gpt.training.dry_run import foretell
from lit_gpt.training.energy import EnergyCount
from lit_gpt.training.fabric import Logger, TensorBoardLogger
from lit_gpt.training.journal import Journal, time_used
from lit_gpt.training.loop import train_and_finish
from lit_gpt.training.machine import Machine
from lit_gpt.training.methods import Method
from lit_gpt.training.plan import Plan
from lit_gpt.training.resume import Progress, SavedState
from lit_gpt.training.room import require_room
from lit_gpt.training.run_directory import (
    LOCK,
    clear,
    is_finished,
    require_own_directory,
    saved_state,
    write_hyperparameters,
)
from lit_gpt.training.run_files import RunFiles, settle_report
from lit_gpt.training.running import Run
from lit_gpt.training.settings import JournalSettings, RunSettings, ScheduleSettings

NO_BUDGET, THIS_MACHINE = BudgetSettings(), Machine()


def finetune(
    method: Method,
    settings: RunSettings,
    schedule: ScheduleSettings,
    journal: JournalSettings,
    budget: BudgetSettings = NO_BUDGET,
    machine: Machine = THIS_MACHINE,
) -> Path:
    """Finetune a checkpoint on a prepared data set; returns the run directory.

    Goes on with an earlier run in the same directory, bit for bit on a CPU; returns at once if that is finished.
    Raises UserError for settings that cannot be, Diverged, Interrupted (state saved), OSError when a disk is full.
    """
    plan = replace(Plan.of(method, settings, with_budget(schedule, budget), journal), budget=budget)
    require_own_directory(plan.out_dir)
    if settings.resume != "never" and is_finished(plan):
        settle_report(plan)
        print(f"{plan.out_dir} is finished; --resume never would start it over", file=sys.stderr)
        return plan.out_dir
    try:
        with locked(plan.out_dir / LOCK, wait=False):
            sweep(plan.out_dir)
            _train_and_finish(plan, saved_state(plan), machine)
    except BlockingIOError:
        got = f"--out_dir {plan.out_dir}, where another run is at work"
        raise UserError(got, "a directory of its own", "wait for it, or choose another") from None
    return plan.out_dir


def finetune_or_foretell(
    method: Method,
    settings: RunSettings,
    schedule: ScheduleSettings,
    journal: JournalSettings,
    budget: BudgetSettings,
    machine: Machine,
) -> Path | None:
    """What a finetuning script does: with --dry_run say what the run would take, else run."""
    if budget.dry_run:
        foretell(method, settings, schedule, journal, budget)
        return None
    return finetune(method, settings, schedule, journal, budget, machine)


def _train_and_finish(plan: Plan, saved: SavedState | None, machine: Machine) -> None:
    loggers = _loggers(plan)
    fabric = fabric_of(plan, loggers)
    progress = saved.progress if saved else Progress()
    require_room(plan, progress)
    if fabric.device.type == "cpu" and plan.settings.keep_freed_pages:
        keep_freed_pages()
    loss, optimizer = build(plan, saved, fabric.device)
    setup_model, setup_optimizer = fabric.setup(loss, optimizer)
    setup_model.train()
    if saved is None:
        clear(plan.out_dir)  # only now: whatever could fail for lack of something has not failed
    write_hyperparameters(plan)
    pending = saved.pending if saved else []
    done = plan.schedule.done(progress.step, progress.elapsed_s)
    clock = Clock(time_used(plan.out_dir, progress), machine.began_s, machine.now)
    journal = Journal(plan.out_dir, progress.step, done, pending, loggers)
    meter = machine.meter_of(fabric.device.type)
    files = RunFiles(plan, loss.model, optimizer, progress, journal, meter.source if meter else None)
    if saved is not None:
        files.settle_best()
    run = Run(
        fabric=fabric,
        model=setup_model,
        optimizer=setup_optimizer,
        train_tokens=plan.train_tokens,
        validation_tokens=plan.validation_tokens,
        validation_rows=plan.validation_rows,
        order=plan.order,
        schedule=plan.schedule,
        block_tokens=plan.token_set.max_seq_length,
        micro_batch_size=plan.schedule.settings.micro_batch_size,
        eval_every=plan.eval_every,
        save_every=plan.journal.save_every,
        log_every=plan.journal.log_every,
        progress=progress,
        budget=Budget(plan.schedule.settings.max_time_s, clock, dict(progress.costs)),
        journal=journal,
        files=files,
        kept_epochs=plan.journal.kept_epochs,
        name_rows=plan.name_rows,
        machine=machine,
        energy=EnergyCount(meter, progress.energy_j or 0.0),
    )
    train_and_finish(run)
    if progress.best_step is not None:
        best = f"best validation loss {progress.best_val_loss:.4f} at step {progress.best_step:,}"
        print(f"{best} of {progress.step:,}: {plan.out_dir / 'best'}", file=sys.stderr)


def _loggers(plan: Plan) -> list[Logger]:
    if not plan.journal.tensorboard:
        return []
    try:
        return [TensorBoardLogger(plan.out_dir, name="tensorboard", version="")]
    except ModuleNotFoundError:
        remedy = "pip install 'lit-gpt[tensorboard]'"
        raise UserError("--tensorboard true without TensorBoard", "the package tensorboard", remedy) from None

"""A run from settings to files: what the finetuning scripts call. What lies where: run_directory.py."""

import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import torch
from lightning.fabric import Fabric
from lightning.fabric.loggers.logger import Logger

from lit_gpt.activation_checkpointing import checkpoint_blocks
from lit_gpt.checkpoint import load_model
from lit_gpt.errors import UserError
from lit_gpt.files import locked, new_directory, settle_directory
from lit_gpt.manifest import MANIFEST, Manifest
from lit_gpt.model import GPT
from lit_gpt.neftune import add_noise
from lit_gpt.prompt_styles import find_style, write_prompt_style
from lit_gpt.quantized import n_quantized
from lit_gpt.residual_dropout import add_residual_dropout
from lit_gpt.seeds import derive_seed
from lit_gpt.trained import copy_into, count_numbers, trainable_parameters
from lit_gpt.training.budget import Clock
from lit_gpt.training.journal import Journal
from lit_gpt.training.loop import Run, train
from lit_gpt.training.loss import SummedLoss
from lit_gpt.training.methods import Method
from lit_gpt.training.optimizers import make_optimizer
from lit_gpt.training.plan import Plan
from lit_gpt.training.resume import (
    Progress,
    SavedState,
    optimizer_tensors,
    restore_optimizer,
    save_state,
)
from lit_gpt.training.run_directory import (
    KIND,
    LOCK,
    clear,
    epoch_name,
    is_finished,
    require_own_directory,
    saved_state,
    write_hyperparameters,
)
from lit_gpt.training.settings import JournalSettings, RunSettings, ScheduleSettings


def finetune(method: Method, settings: RunSettings, schedule: ScheduleSettings, journal: JournalSettings) -> Path:
    """Finetune a checkpoint on a prepared data set; returns the run directory.

    Goes on with an earlier run in the same directory, bit for bit on a CPU; returns at once if that is finished.
    Raises UserError for settings that cannot be, Diverged, Interrupted (state saved), OSError when a disk is full.
    """
    plan = Plan.of(method, settings, schedule, journal)
    require_own_directory(plan.out_dir)
    if settings.resume != "never" and is_finished(plan):
        print(f"{plan.out_dir} is finished; --resume never would start it over", file=sys.stderr)
        return plan.out_dir
    try:
        with locked(plan.out_dir / LOCK, wait=False):
            _train_and_finish(plan, saved_state(plan))
    except BlockingIOError:
        got = f"--out_dir {plan.out_dir}, where another run is at work"
        raise UserError(got, "a directory of its own", "wait for it, or choose another") from None
    return plan.out_dir


def _train_and_finish(plan: Plan, saved: SavedState | None) -> None:
    loggers = _loggers(plan)
    # bf16-true is no business of Fabric's: the base is loaded so, while adapters stay in fp32
    mixed: Literal["bf16-mixed", "32-true"] = "bf16-mixed" if plan.precision == "bf16-mixed" else "32-true"
    fabric = Fabric(accelerator=plan.settings.device, devices=1, precision=mixed, loggers=loggers)
    progress = saved.progress if saved else Progress()
    model, optimizer = _model_and_optimizer(plan, saved, fabric.device)
    if plan.settings.compile:
        model.compile()  # in place: names of weights stay as they are
    loss = SummedLoss(model, is_chunked=plan.settings.chunked_loss and not plan.settings.compile)
    setup_model, setup_optimizer = fabric.setup(loss, optimizer)
    setup_model.train()
    if saved is None:
        clear(plan.out_dir)  # only now: whatever could fail for lack of something has not failed
    write_hyperparameters(plan)
    pending = saved.pending if saved else []
    done = plan.schedule.done(progress.step, progress.elapsed_s)
    journal = Journal(plan.out_dir, progress.step, done, pending, loggers)
    save, keep_best, keep_epoch = _savers(plan, model, optimizer, progress, journal)
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
        clock=Clock(progress.elapsed_s),
        journal=journal,
        save=save,
        keep_best=keep_best,
        keep_epoch=keep_epoch,
        name_rows=plan.name_rows,
    )
    try:
        train(run)
    finally:
        journal.close()
    _finish(plan, model, progress)
    if progress.best_step is not None:
        best = f"best validation loss {progress.best_val_loss:.4f} at step {progress.best_step:,}"
        print(f"{best} of {progress.step:,}: {plan.out_dir / 'best'}", file=sys.stderr)


def _loggers(plan: Plan) -> list[Logger]:
    if not plan.journal.tensorboard:
        return []
    from lightning.fabric.loggers.tensorboard import TensorBoardLogger

    try:
        return [TensorBoardLogger(plan.out_dir, name="tensorboard", version="")]
    except ModuleNotFoundError:
        remedy = "pip install 'lit-gpt[tensorboard]'"
        raise UserError("--tensorboard true without TensorBoard", "the package tensorboard", remedy) from None


def _model_and_optimizer(
    plan: Plan, saved: SavedState | None, device: torch.device
) -> tuple[GPT, torch.optim.Optimizer]:
    """The base model changed by the method, and an optimizer over what trains; as saved, if there was a state."""
    model = load_model(plan.checkpoint_dir, plan.base_dtype, device, plan.settings.quantize)
    plan.method.build(model, derive_seed(plan.settings.seed, "initialisation"), plan.checkpoint_dir)
    _add_techniques(plan, model)
    trainable = trainable_parameters(model)
    n_parameters = count_numbers(model.parameters()) + n_quantized(model)
    plan.describe(count_numbers(trainable.values()), n_parameters, device)
    optimizer = make_optimizer(trainable.values(), plan.schedule.settings)
    if saved is not None:
        copy_into(trainable, saved.trained)
        restore_optimizer(optimizer, trainable, saved.optimizer)
    return model, optimizer


def _add_techniques(plan: Plan, model: GPT) -> None:
    """What goes with every method, and changes no weight's name."""
    if plan.settings.activation_checkpointing:
        checkpoint_blocks(model)
    if plan.schedule.settings.neftune_alpha:
        add_noise(model, plan.schedule.settings.neftune_alpha)
    if plan.schedule.settings.residual_dropout:
        add_residual_dropout(model, plan.schedule.settings.residual_dropout)


def _savers(
    plan: Plan, model: GPT, optimizer: torch.optim.Optimizer, progress: Progress, journal: Journal
) -> tuple[Callable[[], None], Callable[[], None], Callable[[int], None]]:
    """What the loop calls to save its state, to keep the best weights, and those of an epoch where this is asked."""

    def save() -> None:
        trained = trainable_parameters(model)
        moments = optimizer_tensors(optimizer, trained)
        save_state(plan.out_dir / "state", progress, journal.pending, plan.trajectory, trained, moments)

    def keep_best() -> None:
        _export(plan, model, "best", {"step": progress.step, "val_loss": progress.best_val_loss})

    def keep_epoch(epoch: int) -> None:
        if epoch in plan.journal.kept_epochs:
            _export(plan, model, epoch_name(epoch), {"step": progress.step, "epoch": epoch})

    return save, keep_best, keep_epoch


def _export(plan: Plan, model: GPT, name: str, counts: dict[str, Any]) -> None:
    """Write `out_dir/<name>`: the method's weights, how to ask them, and their manifest."""
    with new_directory(plan.out_dir / name) as temporary:
        plan.method.export(model, temporary, plan.checkpoint_dir)
        write_prompt_style(temporary, find_style(plan.token_set.prompt_style, plan.checkpoint_dir))
        files = sorted(str(path.relative_to(temporary)) for path in temporary.rglob("*") if path.is_file())
        made = Manifest(plan.method.name, plan.parents, counts, plan.trajectory, verdicts=plan.verdicts)
        made.write(temporary, files)


def _finish(plan: Plan, model: GPT, progress: Progress) -> None:
    """Hand out the last weights, and mark the run as finished by writing its manifest last."""
    settle_directory(plan.out_dir / "best")
    _export(plan, model, "final", {"step": progress.step})
    if progress.best_step is None:
        _export(plan, model, "best", {"step": progress.step})
    counts = asdict(progress) | {"train_rows": len(plan.train_tokens), "validation_rows": len(plan.validation_rows)}
    counts["seen"] = plan.seen(progress.step)
    files = [f"{name}/{MANIFEST}" for name in ("best", "final")]
    Manifest(KIND, plan.parents, counts, plan.trajectory, verdicts=plan.verdicts).write(plan.out_dir, files)

"""The run directory: whose it is, whether the run in it is finished, what to go on from.

`final/` and `best/` are what the method hands out, `metrics.jsonl` the journal, `hyperparameters.yaml` every setting
(re-runnable with --config), `epoch-05/` the weights after an epoch that --keep_epochs names, `manifest.json` the mark
of a finished run, `state/` for exact resume.
"""

import shutil
from dataclasses import asdict
from pathlib import Path

import yaml

from lit_gpt.errors import UserError
from lit_gpt.files import settle_directory, write_bytes
from lit_gpt.manifest import MANIFEST, damaged_files, read_manifest
from lit_gpt.report.run_report import REPORT
from lit_gpt.tokens.prepare import Wanted
from lit_gpt.training.journal import METRICS
from lit_gpt.training.plan import HYPERPARAMETERS, Plan
from lit_gpt.training.resume import SavedState, latest_state, require_same_trajectory

KIND = "run"
LOCK = ".lock"
EPOCHS = "epoch-*"
PICKING, PICKED = "picking", "picked"  # of an epoch: what was asked of all that were kept, and the one chosen


def epoch_name(epoch: int) -> str:
    """Where the weights after this epoch, counted from 1, are kept."""
    return f"epoch-{epoch:02}"


def require_own_directory(out_dir: Path) -> None:
    """A run may write only where there is nothing, or an earlier run."""
    if out_dir.is_dir():
        settle_directory(out_dir / HYPERPARAMETERS)  # a kill may have left half of it
    is_free = not out_dir.exists() or (out_dir.is_dir() and {path.name for path in out_dir.iterdir()} <= {LOCK})
    if not is_free and not (out_dir / HYPERPARAMETERS).is_file():
        raise UserError(
            f"--out_dir {out_dir}, which holds something else", "a new directory, or a run", "choose another"
        )


def bytes_of_run(out_dir: Path) -> int:
    """What states and weights of an earlier run take there, which this one keeps or replaces."""
    folders = (out_dir / "state", out_dir / "best", out_dir / "final", *out_dir.glob(EPOCHS))
    return sum(path.stat().st_size for folder in folders for path in folder.rglob("*") if path.is_file())


def clear(out_dir: Path) -> None:
    """Remove an earlier run's own files, and nothing else that lies there; first what says that it is finished."""
    for name in (MANIFEST, METRICS, REPORT):
        (out_dir / name).unlink(missing_ok=True)
    for name in ("state", "final", "best", "tensorboard", PICKING, PICKED):
        shutil.rmtree(out_dir / name, ignore_errors=True)
    for path in out_dir.glob(EPOCHS):
        shutil.rmtree(path, ignore_errors=True)


def is_finished(plan: Plan) -> bool:
    if not (plan.out_dir / MANIFEST).is_file():
        return False
    manifest = read_manifest(plan.out_dir, KIND)
    require_same_trajectory(manifest.settings, plan.trajectory, plan.out_dir)
    damaged = damaged_files(plan.out_dir, manifest)
    for name in ("best", "final"):
        if f"{name}/{MANIFEST}" not in damaged:
            weights = read_manifest(plan.out_dir / name, plan.method.name)
            damaged += [f"{name}/{file}" for file in damaged_files(plan.out_dir / name, weights)]
    if damaged:
        got = f"{plan.out_dir} was finished, and {', '.join(damaged)} damaged since"
        raise UserError(got, "the files as the run left them", "start it over with --resume never")
    return True


def saved_state(plan: Plan) -> SavedState | None:
    """The state to go on from, checked against the plan; None for a fresh start."""
    if plan.settings.resume == "never":
        return None
    saved = latest_state(plan.out_dir / "state")
    if saved is not None:
        require_same_trajectory(saved.trajectory, plan.trajectory, plan.out_dir)
    elif plan.settings.resume != "auto":
        expected = "auto, never, or the directory of a run that was interrupted"
        raise UserError(f"--resume {plan.settings.resume}, which holds no saved state", expected, "check the path")
    return saved


def write_hyperparameters(plan: Plan) -> None:
    """Every setting by its flag's name, so that `--config hyperparameters.yaml` runs it again."""
    settings = asdict(plan.settings) | asdict(plan.schedule.settings) | asdict(plan.journal) | asdict(plan.budget)
    settings |= plan.method.hyperparameters | {"out_dir": plan.out_dir, "resume": "auto"}
    settings |= {name: plan.token_set.manifest.settings[name] for name in asdict(Wanted())}
    for name in ("method", "budget_hours", "dry_run"):  # the script says which; the hours are its max_time
        del settings[name]
    plain = {name: str(value) if isinstance(value, Path) else value for name, value in settings.items()}
    write_bytes(plan.out_dir / HYPERPARAMETERS, yaml.safe_dump(plain, sort_keys=False).encode())

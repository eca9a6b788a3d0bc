"""What a run writes: its states on the way, best/ and final/, the report, and the manifest that marks it as finished.

No weight that is not a finite number is ever written. best/ is written after the state of its step, so whoever goes on
from that state either finds it or writes it again.
"""

import sys
from dataclasses import asdict, dataclass
from typing import Any

import torch

from lit_gpt.errors import Diverged, UserError
from lit_gpt.files import new_directory, settle_directory, sweep
from lit_gpt.manifest import MANIFEST, Manifest, read_manifest
from lit_gpt.model import GPT
from lit_gpt.prompt_styles import find_style, write_prompt_style
from lit_gpt.report.environment import environment
from lit_gpt.report.run_report import REPORT, ReportInputs, write_run_report
from lit_gpt.trained import trainable_parameters
from lit_gpt.training.hardware import assumptions, card_of, power_source
from lit_gpt.training.journal import Journal
from lit_gpt.training.plan import HYPERPARAMETERS, Plan
from lit_gpt.training.resume import Progress, optimizer_tensors, save_state
from lit_gpt.training.run_directory import KIND, epoch_name


@dataclass
class RunFiles:
    """A run's place on the disk, and what it is filled from."""

    plan: Plan
    model: GPT
    optimizer: torch.optim.Optimizer
    progress: Progress
    journal: Journal
    energy_source: str | None = None

    def save(self) -> None:
        """Everything to go on from."""
        self._require_finite()
        trained = trainable_parameters(self.model)
        moments = optimizer_tensors(self.optimizer, trained)
        directory = self.plan.out_dir / "state"
        save_state(directory, self.progress, self.journal.pending, self.plan.trajectory, trained, moments)

    def keep_best(self) -> None:
        """Of the step with the lowest validation loss, or of the last one where nothing was validated."""
        loss = {} if self.progress.best_step is None else {"val_loss": self.progress.best_val_loss}
        self._export("best", {"step": self.progress.step, **loss})

    def keep_epoch(self, epoch: int) -> None:
        self._export(epoch_name(epoch), {"step": self.progress.step, "epoch": epoch})

    def settle_best(self) -> None:
        """Let best/ and the progress of a state that was read back say the same.

        A kill between the two leaves an old best/: it is written again. A state that is older than best/, because newer
        ones were damaged, takes over what best/ says of itself.
        """
        settle_directory(self.plan.out_dir / "best")
        kept = self._kept()
        if kept == (self.progress.best_step, self.progress.best_val_loss):
            return
        if self.progress.best_step == self.progress.step:
            self.keep_best()
        else:
            self.progress.best_step, self.progress.best_val_loss = kept

    def _kept(self) -> tuple[int | None, float | None]:
        """The step and the validation loss of best/."""
        try:
            counts = read_manifest(self.plan.out_dir / "best", self.plan.method.name).counts
        except UserError:
            return None, None
        return (counts["step"], counts["val_loss"]) if "val_loss" in counts else (None, None)

    def keep_final(self) -> None:
        settle_directory(self.plan.out_dir / "best")
        self._export("final", {"step": self.progress.step})

    def mark_finished(self) -> None:
        """By the manifest, which is written last."""
        plan, progress = self.plan, self.progress
        counts = asdict(progress) | {"train_rows": len(plan.train_tokens)}
        counts |= {"validation_rows": len(plan.validation_rows), "seen": plan.seen(progress.step)}
        counts["machine"] = self._machine()
        files = [f"{name}/{MANIFEST}" for name in ("best", "final")]
        Manifest(KIND, plan.parents, counts, plan.trajectory, verdicts=plan.verdicts).write(plan.out_dir, files)

    def _machine(self) -> dict[str, Any]:
        """What the report's estimates are made from."""
        card, budget = card_of("found", self.plan.settings.device), self.plan.budget
        assumed = assumptions(card, budget)
        return {
            "card": card.name,
            "energy_source": self.energy_source,
            "power_w": assumed.power_w,
            "power_source": power_source(card, budget),
            "grams_co2_per_kwh": assumed.grams_co2_per_kwh,
            "grid_source": budget.grid,
            "budget_s": self.plan.schedule.settings.max_time_s,
        }

    def report(self) -> None:
        write_report(self.plan)

    def _export(self, name: str, counts: dict[str, Any]) -> None:
        """Write `out_dir/<name>`: the method's weights, how to ask them, and their manifest."""
        self._require_finite()
        plan = self.plan
        with new_directory(plan.out_dir / name) as temporary:
            plan.method.export(self.model, temporary, plan.checkpoint_dir)
            write_prompt_style(temporary, find_style(plan.token_set.prompt_style, plan.checkpoint_dir))
            files = sorted(str(path.relative_to(temporary)) for path in temporary.rglob("*") if path.is_file())
            made = Manifest(plan.method.name, plan.parents, counts, plan.trajectory, verdicts=plan.verdicts)
            made.write(temporary, files)

    def _require_finite(self) -> None:
        """Diverged where a weight is not: a step can go wrong though its gradient did not."""
        for name, weight in trainable_parameters(self.model).items():
            if not bool(weight.detach().isfinite().all()):
                got = f"weights of {name} that are not finite after step {self.progress.step}"
                do = "run it again with a lower --learning_rate: the states before are sound"
                raise Diverged(got, "finite numbers", do)


def write_report(plan: Plan) -> None:
    """The page about the run so far; a run does not fail for its sake."""
    again = f"python finetune/{plan.method.name}.py --config {plan.out_dir / HYPERPARAMETERS}"
    inputs = ReportInputs(
        plan.out_dir,
        plan.data_dir,
        base=str(plan.checkpoint_dir),
        commands=[again],
        environment=environment(),
    )
    try:
        write_run_report(inputs, plan.out_dir / REPORT)
    except UserError as error:
        print(f"no {REPORT}: {error.got}", file=sys.stderr)


def settle_report(plan: Plan) -> None:
    """The page of a finished run that was killed between manifest and page, which is then older or not there."""
    report, manifest = plan.out_dir / REPORT, plan.out_dir / MANIFEST
    sweep(plan.out_dir)
    if not report.is_file() or report.stat().st_mtime_ns < manifest.stat().st_mtime_ns:
        write_report(plan)

"""Choosing among a run's epochs by what they write, and not by perplexity.

LIMA (Zhou et al. 2023, arXiv 2305.11206, section 3 and appendix B) found held-out perplexity to rise while answers got
better, and chose by hand between epochs 5 and 10, on 50 held-out prompts. So here: every epoch that the run kept
answers the same prompts of the validation split, greedily. Where answers can be checked, exact match chooses; else
people do, from a sheet. What was chosen is copied to `picked/`.

An answer can be checked where it is the only right one. No row says so; taken for it is an answer that a program wrote,
which knew it, or one short enough (a line of a few words: a name, a number, a class) to be hardly ever put otherwise.
All of the prompts must have one, else people choose. --by says it where this is wrong.

    picking/epoch-05/   an evaluation (evaluation/results.py), done once
    picking/sheet.html  the answers side by side
    picked/             the chosen epoch's weights

With 50 prompts, exact match knows a share to some seven points: neighbours are not told apart.
"""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from lit_gpt.checkpoint_files import CONFIG
from lit_gpt.data.store import read_examples
from lit_gpt.errors import UserError
from lit_gpt.evaluation.results import Judged, read_judged
from lit_gpt.evaluation.runner import evaluate
from lit_gpt.evaluation.settings import EvaluationSettings
from lit_gpt.example import Origin
from lit_gpt.files import new_directory, write_bytes
from lit_gpt.manifest import damaged_files, read_manifest
from lit_gpt.report.answer_sheet import Answered, Epoch, answer_sheet
from lit_gpt.report.metrics_file import settled_metrics
from lit_gpt.studies.pick_settings import PickSettings
from lit_gpt.training.plan import HYPERPARAMETERS
from lit_gpt.training.run_directory import EPOCHS, PICKED, PICKING

SHEET = "sheet.html"
SPLIT = "validation"
FEW_WORDS = 5  # ours


def pick_epoch(settings: PickSettings) -> Path:
    """Answer, write the sheet, and copy the epoch that is chosen; the copy, or the sheet where nobody chose."""
    run_dir = settings.run_dir
    kept = _kept(run_dir)
    if settings.pick_epoch is not None and settings.pick_epoch not in kept:
        got, there = f"--pick_epoch {settings.pick_epoch}", ", ".join(map(str, kept))
        raise UserError(got, f"one of the epochs that {run_dir} kept: {there}", "choose one of these")
    known = yaml.safe_load((run_dir / HYPERPARAMETERS).read_text(encoding="utf-8"))
    judged = {epoch: read_judged(_evaluate(settings, known, directory)) for epoch, directory in kept.items()}
    epochs = _epochs(run_dir, kept, judged)
    sheet = run_dir / PICKING / SHEET
    is_checked = _is_checked(settings, Path(known["data_dir"]), epochs[0].answers)
    write_bytes(sheet, answer_sheet(run_dir.name, epochs, is_checked).encode())
    chosen = settings.pick_epoch or (_most_right(epochs) if is_checked else None)
    print(f"the answers side by side: {sheet}", file=sys.stderr)
    if chosen is None:
        print("read it, and choose: the same command with --pick_epoch N", file=sys.stderr)
        return sheet
    print(f"epoch {chosen} it is", file=sys.stderr)
    return _copy(kept[chosen], run_dir / PICKED)


def _is_checked(settings: PickSettings, data_dir: Path, asked: Sequence[Answered]) -> bool:
    """As --by says; with auto, by the rows that were asked."""
    if settings.by != "auto":
        return settings.by == "exact_match"
    origins = {row.id: row.provenance.origin for row in read_examples(data_dir, SPLIT)}
    others = [each.id for each in asked if not can_be_checked(each.expected, origins.get(each.id, "unknown"))]
    if others:
        which = f"{len(others)} of {len(asked)} expected answers, such as {others[0]}'s, can be put in other words"
        print(f"people choose: {which} (no program's, and more than {FEW_WORDS} words)", file=sys.stderr)
    return not others


def can_be_checked(expected: str, origin: Origin) -> bool:
    """Whether an answer of this origin is taken for the only right one."""
    text = expected.strip()
    return origin == "program" or (len(text.split()) <= FEW_WORDS and "\n" not in text)


def _kept(run_dir: Path) -> dict[int, Path]:
    """The epochs that are there and whole, in order."""
    found = {}
    kind = _method(run_dir)
    for directory in run_dir.glob(EPOCHS):
        manifest = read_manifest(directory, kind)
        if damaged := damaged_files(directory, manifest):
            got = f"{directory}: {', '.join(damaged)} damaged"
            raise UserError(got, "the files as the run left them", f"remove {directory}, or run it again")
        found[int(manifest.counts["epoch"])] = directory
    if not found:
        raise UserError(f"{run_dir}, which kept no epochs", "a run with --keep_epochs 5-10", "finetune with it")
    return dict(sorted(found.items()))


def _method(run_dir: Path) -> str:
    if not (run_dir / HYPERPARAMETERS).is_file():
        raise UserError(f"--run_dir {run_dir}, which holds no run", "a finetuning's directory", "check the path")
    return str(read_manifest(run_dir, "run").settings["method"])


def _evaluate(settings: PickSettings, known: dict[str, Any], epoch_dir: Path) -> Path:
    """An epoch's answers to the held-out prompts; the evaluation's directory."""
    is_whole_model = (epoch_dir / CONFIG).is_file()
    asked = EvaluationSettings(
        checkpoint_dir=epoch_dir if is_whole_model else Path(known["checkpoint_dir"]),
        adapter_dir=None if is_whole_model else epoch_dir,
        data_dir=Path(known["data_dir"]),
        split=SPLIT,
        n_items=settings.n_items,
        max_new_tokens=settings.max_new_tokens,
        out_dir=settings.run_dir / PICKING / epoch_dir.name,
        batch_size=settings.batch_size,
        dtype=settings.dtype,
        device=settings.device,
    )
    return evaluate(asked)


def _epochs(run_dir: Path, kept: dict[int, Path], judged: dict[int, dict[str, Judged]]) -> list[Epoch]:
    metrics = settled_metrics(run_dir)
    losses = {} if metrics is None else dict(metrics.series("val_loss"))
    steps = {epoch: float(_step(directory)) for epoch, directory in kept.items()}
    return [Epoch(epoch, losses.get(steps[epoch]), list(judged[epoch].values())) for epoch in kept]


def _step(epoch_dir: Path) -> int:
    manifest = read_manifest(epoch_dir, _method(epoch_dir.parent))
    return int(manifest.counts["step"])


def _most_right(epochs: Sequence[Epoch]) -> int:
    """Of epochs that are equal, the earliest: it has seen its rows least often."""
    return max(epochs, key=lambda epoch: (epoch.n_right, -epoch.number)).number


def _copy(epoch_dir: Path, target: Path) -> Path:
    with new_directory(target) as temporary:
        shutil.copytree(epoch_dir, temporary, dirs_exist_ok=True)
    return target

"""Saved states: everything needed to go on exactly, in directories that are whole or not there.

`state/step-00000120/` holds what training changed, the optimizer's moments, and `state.json` (step, counts, the
settings that decide the trajectory). No generator state is kept: every random number is a function of (seed, step).
The newest state whose files match its manifest is the one that counts; the last two are kept. No pickle.
"""

import shutil
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from lit_gpt.errors import UserError
from lit_gpt.files import new_directory, read_json, settle_directory, write_json
from lit_gpt.manifest import Manifest, damaged_files, read_manifest

KIND = "training_state"
N_KEPT = 2
FILES = ("trained.safetensors", "optimizer.safetensors", "state.json")
SEPARATOR = "::"  # parameter name :: name of the optimizer's value


@dataclass
class Progress:
    """Where a run stands. Times and counts include what earlier, interrupted processes did.

    token_accuracy: of each epoch, where a plateau is looked for. micro_batch_limit: what memory has shown to bear,
    where it was less than asked for. energy_j: where it is metered. costs: see budget.py.
    """

    step: int = 0
    n_tokens: int = 0
    elapsed_s: float = 0.0
    evaluated_step: int = -1
    best_val_loss: float | None = None
    best_step: int | None = None
    n_epochs_ended: int = 0
    token_accuracy: list[float] = field(default_factory=list)
    n_skipped: int = 0
    n_skipped_in_a_row: int = 0
    micro_batch_limit: int | None = None
    energy_j: float | None = None
    costs: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class SavedState:
    """One saved state, read back."""

    progress: Progress
    pending: list[dict[str, Any]]
    trajectory: dict[str, Any]
    trained: dict[str, Tensor]
    optimizer: dict[str, Tensor]


def save_state(
    directory: Path,
    progress: Progress,
    pending: list[dict[str, Any]],
    trajectory: dict[str, Any],
    trained: Mapping[str, Tensor],
    optimizer: Mapping[str, Tensor],
) -> None:
    """Write `directory/step-N` and remove all but the newest two. `pending` are the journal's unwritten records."""
    with new_directory(directory / f"step-{progress.step:08d}") as temporary:
        save_file(_apart(trained), temporary / FILES[0])
        save_file(_apart(optimizer), temporary / FILES[1])
        write_json(temporary / FILES[2], {"progress": asdict(progress), "pending": pending, "trajectory": trajectory})
        Manifest(KIND).write(temporary, FILES)
    for old in _newest_first(directory)[N_KEPT:]:
        shutil.rmtree(old)


def _apart(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """On the CPU, and no two in one memory (8-bit moments share their table of values), as safetensors asks."""
    seen: set[int] = set()
    apart = {}
    for name, tensor in tensors.items():
        tensor = tensor.detach().contiguous().cpu()
        apart[name] = tensor.clone() if tensor.data_ptr() in seen else tensor
        seen.add(tensor.data_ptr())
    return apart


def latest_state(directory: Path) -> SavedState | None:
    """The newest state that is whole; a damaged one is named on stderr and passed over."""
    for name in {path.name.split("step-")[-1] for path in directory.glob(".*step-*")}:
        settle_directory(directory / f"step-{name}")
    for path in _newest_first(directory):
        try:
            damaged = damaged_files(path, read_manifest(path, KIND))
        except (UserError, ValueError, TypeError) as error:
            damaged = [str(error)]
        if not damaged:
            return _read(path)
        print(f"{path}: damaged ({', '.join(damaged)}); trying the state before it", file=sys.stderr)
    return None


def _newest_first(directory: Path) -> list[Path]:
    return sorted(directory.glob("step-*"), reverse=True)


def _read(path: Path) -> SavedState:
    record = read_json(path / FILES[2])
    trained, optimizer = load_file(path / FILES[0]), load_file(path / FILES[1])
    progress = Progress(**record["progress"])
    return SavedState(progress, record["pending"], record["trajectory"], trained, optimizer)


def require_same_trajectory(saved: dict[str, Any], current: dict[str, Any], run_dir: Path) -> None:
    """UserError naming every setting that decides the numbers and is another than in the saved run."""
    names = sorted(saved.keys() | current.keys())
    pairs = {name: (saved.get(name), current.get(name)) for name in names}
    changes = [f"{name}: {_short(old)} -> {_short(new)}" for name, (old, new) in pairs.items() if old != new]
    if changes:
        raise UserError(
            f"{run_dir} holds a run with other settings ({'; '.join(changes)})",
            "the settings it was started with",
            "give the same settings, another --out_dir, or --resume never to start it over",
        )


def _short(value: Any) -> Any:
    """A hash by its first digits."""
    return f"{value[:12]}…" if isinstance(value, str) and len(value) == 64 else value


def optimizer_tensors(optimizer: torch.optim.Optimizer, parameters: Mapping[str, nn.Parameter]) -> dict[str, Tensor]:
    """The optimizer's per-parameter values as flat, named tensors."""
    return {
        f"{name}{SEPARATOR}{key}": torch.as_tensor(value)
        for name, parameter in parameters.items()
        for key, value in optimizer.state.get(parameter, {}).items()
    }


def restore_optimizer(
    optimizer: torch.optim.Optimizer, parameters: Mapping[str, nn.Parameter], tensors: Mapping[str, Tensor]
) -> None:
    """Give every parameter back the values saved under its name, as they were.

    Not by load_state_dict, which casts them to the parameter's dtype: 8-bit moments would not survive it.
    """
    is_fused = bool(optimizer.defaults.get("fused"))
    for full_name, tensor in tensors.items():
        name, _, key = full_name.rpartition(SEPARATOR)
        optimizer.state[parameters[name]][key] = _as_it_was(tensor, parameters[name].device, is_fused)


def _as_it_was(value: Tensor, device: torch.device, is_fused: bool) -> Tensor | int:
    """A count of steps is a plain number again, or stays on the CPU, where torch keeps it unless its kernel counts
    (fused); moments go to the device."""
    if value.dim() == 0 and not is_fused:
        return value if value.is_floating_point() else int(value)
    return value.to(device)

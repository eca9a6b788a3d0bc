"""Everything about a run that lies on disk: its manifest, its metrics, the tokens and examples it was made from.

A data set is taken for the run's own only where its content hash is the one that the run's manifest names; otherwise
the page says so. Token sets are found by hash among those beside the examples. hyperparameters.yaml is shown as the
text it is: whoever calls reads the paths from it, since YAML needs a library.
"""

import contextlib
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lit_gpt.errors import UserError
from lit_gpt.files import hash_json
from lit_gpt.manifest import MANIFEST, Manifest, read_manifest
from lit_gpt.report.metrics_file import Metrics, settled_metrics

HYPERPARAMETERS = "hyperparameters.yaml"
LEDGER = "ledger.jsonl"
REJECTS = "rejects.jsonl"
WEIGHTS = ("best", "final")
PROMPT_STYLE = "prompt_style.json"  # lies beside the weights and does not decide them


@dataclass(frozen=True)
class RunRecord:
    """A run and its parents; None for what is not there, with the reason in `why_not`."""

    directory: Path
    manifest: Manifest | None
    metrics: Metrics | None
    hyperparameters: str
    weights: dict[str, Manifest]
    example_set: Manifest | None
    token_set: Manifest | None
    token_dir: Path | None
    why_not: dict[str, str] = field(default_factory=dict)

    @property
    def parents(self) -> dict[str, str]:
        """Content hashes of what the run was made from, as its manifest names them."""
        return dict(self.manifest.parents) if self.manifest else {}

    @property
    def handed_out(self) -> set[str]:
        """Every hash by which an evaluation may name what the run handed out.

        An adapter goes by the content hash of its manifest, a whole model by the hash of its files'.
        """
        return {m.content_hash for m in self.weights.values()} | {model_hash(m) for m in self.weights.values()}

    @property
    def method(self) -> str:
        return str(self.manifest.settings.get("method", "")) if self.manifest else ""

    @property
    def elapsed_s(self) -> float | None:
        """Seconds of training: the manifest's, which include the last validation, else the last that was logged."""
        if self.manifest and "elapsed_s" in self.manifest.counts:
            return float(self.manifest.counts["elapsed_s"])
        return self.metrics.last("elapsed_s") if self.metrics else None

    @property
    def machine(self) -> dict[str, Any]:
        """What a finished run noted of its machine, its budget and its electricity."""
        return dict(self.manifest.counts.get("machine") or {}) if self.manifest else {}

    @property
    def energy_j(self) -> float | None:
        """Joules that were metered."""
        if self.manifest and self.manifest.counts.get("energy_j") is not None:
            return float(self.manifest.counts["energy_j"])
        return self.metrics.last("energy_j") if self.metrics else None

    @property
    def n_tokens(self) -> int | None:
        """Tokens trained on, every epoch counted."""
        if self.manifest and "n_tokens" in self.manifest.counts:
            return int(self.manifest.counts["n_tokens"])
        last = self.metrics.last("tokens") if self.metrics else None
        return None if last is None else int(last)


def read_run(run_dir: Path, data_dir: Path | None) -> RunRecord:
    """The run in a directory; UserError where there is none, or where its manifest is damaged."""
    if not ((run_dir / HYPERPARAMETERS).is_file() or (run_dir / MANIFEST).is_file()):
        raise UserError(f"{run_dir}, which holds no run", "a run directory such as out/lora/lima", "check --run_dir")
    manifest = read_manifest(run_dir, "run") if (run_dir / MANIFEST).is_file() else None
    why_not: dict[str, str] = {}
    parents = manifest.parents if manifest else {}
    example_set = _example_set(data_dir, parents, why_not)
    token_dir, token_set = _token_set(data_dir, parents, why_not)
    path = run_dir / HYPERPARAMETERS
    return RunRecord(
        directory=run_dir,
        manifest=manifest,
        metrics=settled_metrics(run_dir),
        hyperparameters=path.read_text(encoding="utf-8", errors="replace") if path.is_file() else "",
        weights=_weights(run_dir, str(manifest.settings.get("method", ""))) if manifest else {},
        example_set=example_set,
        token_set=token_set,
        token_dir=token_dir,
        why_not=why_not,
    )


def _weights(run_dir: Path, method: str) -> dict[str, Manifest]:
    """The manifests of what the run handed out."""
    found = {}
    for name in WEIGHTS:
        with contextlib.suppress(UserError):  # the page can do without
            found[name] = read_manifest(run_dir / name, method)
    return found


def model_hash(manifest: Manifest) -> str:
    """The hash of a checkpoint's weights, config and tokenizer, as a run or an evaluation names its model."""
    decisive = {name: file["sha256"] for name, file in manifest.files.items() if name != PROMPT_STYLE}
    return hash_json(decisive)


def _example_set(data_dir: Path | None, parents: dict[str, str], why_not: dict[str, str]) -> Manifest | None:
    if data_dir is None:
        why_not["example_set"] = "The caller named no data directory."
        return None
    if not (data_dir / MANIFEST).is_file():
        why_not["example_set"] = f"The data set is no longer at {data_dir}."
        return None
    manifest = read_manifest(data_dir, "example_set")
    if "example_set" not in parents:
        why_not["example_set"] = "The run is not finished, so it does not name the data set it was trained on."
        return None
    if manifest.content_hash != parents["example_set"]:
        found, wanted = manifest.content_hash[:12], parents["example_set"][:12]
        why_not["example_set"] = f"{data_dir} holds another data set today ({found}…) than the run's ({wanted}…)."
        return None
    return manifest


def _token_set(
    data_dir: Path | None, parents: dict[str, str], why_not: dict[str, str]
) -> tuple[Path | None, Manifest | None]:
    for path in sorted(data_dir.glob(f"tokens/*/{MANIFEST}")) if data_dir else ():
        with contextlib.suppress(UserError):  # a damaged one is not the one we look for
            manifest = read_manifest(path.parent, "token_set")
            if manifest.content_hash == parents.get("token_set"):
                return path.parent, manifest
    wanted = parents.get("token_set")
    named = f"with the hash {wanted[:12]}…" if wanted else "of a run that is not finished"
    why_not["token_set"] = f"There is no token set {named} beside the data."
    return None, None


def tokens_cut(token_dir: Path) -> Counter[tuple[str, str]] | None:
    """Tokens that over-long rows lost, by split and outcome, from the ledger; None where it cannot be read."""
    cut: Counter[tuple[str, str]] = Counter()
    try:
        with open(token_dir / LEDGER, "rb") as file:
            for line in file:
                entry = json.loads(line)
                cut[str(entry["split"]), str(entry["outcome"])] += int(entry["n_cut"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return cut

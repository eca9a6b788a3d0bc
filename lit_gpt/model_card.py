"""The card of a model that is given back: what it was made from (https://huggingface.co/docs/hub/model-cards).

Base and its licence, data set with rows, origin and licence, how it was trained, what was measured. All of it from
manifests; what no manifest says is said to be unknown. Not covered: what the model is good for.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lit_gpt.cards import load_cards
from lit_gpt.checkpoint_files import CARD
from lit_gpt.download import read_source
from lit_gpt.errors import UserError
from lit_gpt.files import read_json
from lit_gpt.manifest import MANIFEST, Manifest, read_manifest

HYPERPARAMETERS = "hyperparameters.yaml"  # of a run, which says where its data set lay
RESULTS = "results.json"  # of an evaluation
UNKNOWN = "unknown"
TRAINED_BY = ("lora_r", "lora_alpha", "lora_targets", "epochs", "max_steps", "batch_size", "learning_rate", "seed")


@dataclass(frozen=True)
class Base:
    """A checkpoint's name on the hub (or its directory's), the commit it was fetched at, and its licence."""

    name: str
    commit: str
    licence: str


@dataclass(frozen=True)
class Evidence:
    """Where to look for what the weights' own manifest names by hash.

    data_dir: the data set; None looks where the run says it lay
    evaluations: directories of evaluations; those of other models are left out
    """

    data_dir: Path | None = None
    evaluations: Sequence[Path] = ()


def describe_base(checkpoint_dir: Path) -> Base:
    """What is known of a base: where it was downloaded from, else its directory's name, ORG/NAME."""
    source = read_source(checkpoint_dir) or {}
    here = checkpoint_dir.resolve().parts
    known = load_cards()
    name = str(source.get("repo_id") or ("/".join(here[-2:]) if "/".join(here[-2:]) in known else here[-1]))
    licence = (known[name].licence if name in known else None) or _stated_licence(checkpoint_dir / CARD)
    return Base(name, str(source.get("commit", UNKNOWN)), licence or UNKNOWN)


def _stated_licence(card: Path) -> str | None:
    """The licence a model card's front matter names."""
    if not card.is_file():
        return None
    parts = card.read_text(encoding="utf-8", errors="replace").split("---\n", 2)
    if len(parts) < 3 or parts[0].strip():
        return None
    try:
        front = yaml.safe_load(parts[1])
    except yaml.YAMLError:
        return None
    stated = front.get("license") if isinstance(front, dict) else None
    return stated if isinstance(stated, str) else None


def write_card(directory: Path, base: Base, adapter_dir: Path, prompt_style: str | None, evidence: Evidence) -> None:
    """README.md of a base with an adapter merged into it. UserError for a named data set of something else."""
    weights = read_manifest(adapter_dir, "lora") if (adapter_dir / MANIFEST).is_file() else None
    data = _data_set(weights, adapter_dir, evidence.data_dir)
    results = list(_results(weights, evidence.evaluations))
    sections = [
        _front(base),
        f"# {base.name}, finetuned\n\nA LoRA adapter merged into its base by lit-gpt.",
        f"## Base\n\n{base.name}, commit {base.commit}. Licence: {base.licence}.",
        f"## Data\n\n{_data_in_words(weights, data)}",
        f"## Training\n\n{_training_in_words(weights)} Prompt style: {prompt_style or UNKNOWN}.",
        f"## Results\n\n{_table(results) or 'None at hand.'}",
        f"## Licence\n\n{_licence_in_words(base, data)}",
    ]
    (directory / CARD).write_text("\n\n".join(sections) + "\n", encoding="utf-8")


def write_plain_card(directory: Path, checkpoint_dir: Path) -> None:
    """README.md of the same weights in another layout: the checkpoint's own, or what little is known."""
    own, base = checkpoint_dir / CARD, describe_base(checkpoint_dir)
    little = f"{_front(base)}\n\n# {base.name}\n\n{base.name}, commit {base.commit}. Licence: {base.licence}.\n"
    text = own.read_text(encoding="utf-8", errors="replace") if own.is_file() else little
    (directory / CARD).write_text(text, encoding="utf-8")


def _front(base: Base) -> str:
    front = {"base_model": base.name, "library_name": "transformers", "pipeline_tag": "text-generation"}
    if base.licence != UNKNOWN:
        front = {"license": base.licence, **front}
    return f"---\n{yaml.safe_dump(front, sort_keys=False)}---"


def _data_set(weights: Manifest | None, adapter_dir: Path, data_dir: Path | None) -> Manifest | None:
    """The data set the weights were trained on, if it is still there and still the same."""
    wanted = (weights.parents if weights else {}).get("example_set")
    named = data_dir is not None
    path = data_dir or _noted_data_dir(adapter_dir)
    if path is None or not (path / MANIFEST).is_file():
        return None
    try:
        data = read_manifest(path, "example_set")
    except UserError:
        if named:
            raise
        return None
    if data.content_hash == wanted:
        return data
    if named:
        expected = f"the one the adapter was trained on, {str(wanted)[:12]}…"
        raise UserError(f"--data_dir {path}, another data set", expected, "pass that one, or leave it out")
    return None


def _noted_data_dir(adapter_dir: Path) -> Path | None:
    path = adapter_dir.resolve().parent / HYPERPARAMETERS
    try:
        return Path(yaml.safe_load(path.read_text(encoding="utf-8"))["data_dir"])
    except (OSError, yaml.YAMLError, KeyError, TypeError):
        return None


def _data_in_words(weights: Manifest | None, data: Manifest | None) -> str:
    named = (weights.parents if weights else {}).get("example_set", UNKNOWN)
    if data is None:
        return f"Data set {named}, by the hash of its manifest, which is not at hand."
    settings, counts = data.settings, data.counts
    revisions = ", ".join(sorted({str(revision) for revision in settings.get("revisions", {}).values()})) or UNKNOWN
    rows = [
        ("source", f"{settings.get('name', UNKNOWN)} (revision {revisions})"),
        ("rows", f"{counts.get('train', counts.get('used', UNKNOWN))} to train on; {_counted(counts)}"),
        ("answers by", " ".join(filter(None, (settings.get("origin", UNKNOWN), settings.get("generator", ""))))),
        ("licence", settings.get("licence", UNKNOWN)),
        ("manifest", named),
    ]
    return _table([("", ""), *rows])


def _counted(counts: dict[str, Any]) -> str:
    dropped = ", ".join(f"{n} {reason}" for reason, n in counts.get("dropped", {}).items()) or "none"
    return f"read {counts.get('read', UNKNOWN)}, used {counts.get('used', UNKNOWN)}, dropped {dropped}"


def _training_in_words(weights: Manifest | None) -> str:
    if weights is None:
        return "By another program; its settings are in its adapter_config.json."
    step, loss = weights.counts.get("step", UNKNOWN), weights.counts.get("val_loss")
    validation = f", validation loss {loss:.4f}" if isinstance(loss, float) else ""
    settings = ", ".join(
        f"{key} {weights.settings[key]}" for key in TRAINED_BY if weights.settings.get(key) is not None
    )
    return f"LoRA, step {step}{validation}. Settings: {settings}. Adapter: {weights.content_hash}."


def _results(weights: Manifest | None, evaluations: Sequence[Path]) -> Iterator[tuple[str, ...]]:
    """Task, metric, value with its interval, number of items, of every evaluation of these weights."""
    rows = []
    for directory in evaluations:
        manifest = read_manifest(directory, "evaluation")
        if weights and manifest.parents.get("adapter") == weights.content_hash:
            record = read_json(directory / RESULTS)
            low, high = record["interval"]
            value = f"{record['value']:.1%} ({low:.1%} to {high:.1%})"
            rows.append((str(record["task"]), str(record["metric"]), value, str(record["n"])))
    if rows:
        yield ("task", "metric", "value (95 % interval)", "items")
        yield from rows


def find_evaluations(folder: Path) -> list[Path]:
    """The evaluation there, or those in the folder."""
    if (folder / RESULTS).is_file():
        return [folder]
    return sorted(path.parent for path in folder.glob(f"*/{RESULTS}") if (path.parent / MANIFEST).is_file())


def _licence_in_words(base: Base, data: Manifest | None) -> str:
    of_data = data.settings.get("licence", UNKNOWN) if data else UNKNOWN
    return f"The base's licence ({base.licence}) and the terms of the data ({of_data}) both bind this model's users."


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    """Markdown; the first row is the head."""
    lines = ["| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in rows]
    return "\n".join([*lines[:1], "|---" * len(rows[0]) + "|", *lines[1:]]) if rows else ""

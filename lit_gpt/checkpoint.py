"""Checkpoint directories: loading, converting, saving, hashing, finding.

A plain Hugging Face directory (config.json, weight files, tokenizer files) is all anybody needs. Conversion writes
`lit_model.safetensors` (our names, fused qkv) and `lit_config.json` beside it, so that later starts are faster.
lit_config.json also notes the size and time of the files it was made from: once one of them is another, it is stale,
and the Hugging Face files are read instead.

Handled: tensor by tensor, so peak memory is the model and its largest tensor; strictly, so a tensor too few, too
many or of another shape is a UserError that names it, before anything is allocated.
Not handled: weights that are quantised on disk, adapters (see peft_adapters.py), downloading.
"""

import contextlib
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from lit_gpt.checkpoint_files import CONFIG, HASHES, LIT_CONFIG, LIT_WEIGHTS, TOKENIZER_PATTERNS
from lit_gpt.config import Config
from lit_gpt.errors import UserError
from lit_gpt.files import read_json, sha256_of, write_json
from lit_gpt.hf_config import config_from_hf
from lit_gpt.model import GPT
from lit_gpt.quantized import BLOCK, quantize_linears
from lit_gpt.weight_files import (
    PATTERNS,
    WeightFiles,
    broken,
    find_weight_files,
    write_safetensors,
)
from lit_gpt.weight_slots import LitTensors, hf_slots, lit_slots, some


def load_config(checkpoint_dir: Path) -> Config:
    """The Config of a checkpoint directory; UserError when there is none or it cannot be honoured."""
    if (checkpoint_dir / CONFIG).is_file():
        return config_from_hf(read_object(checkpoint_dir / CONFIG))
    if (checkpoint_dir / LIT_CONFIG).is_file():
        return _read_lit_config(checkpoint_dir)[0]
    raise no_checkpoint(checkpoint_dir, CONFIG)


def load_model(
    checkpoint_dir: Path,
    dtype: torch.dtype | None = torch.float32,
    device: torch.device | str = "cpu",
    quantize: str | None = None,
) -> GPT:
    """The network with its weights, in eval mode. UserError names the file or tensor that is wrong.

    dtype: of all weights, cast on the way; None keeps each one's own.
    quantize: keep the linears of the blocks in few bits, one of quantized.QUANTIZATIONS.
    """
    model = empty_model(load_config(checkpoint_dir))
    if has_fresh_lit_weights(checkpoint_dir):
        tensors = LitTensors(WeightFiles([checkpoint_dir / LIT_WEIGHTS]), lit_slots(model), model, dtype)
    else:
        tensors = LitTensors(_open_hf(checkpoint_dir), hf_slots(model), model, dtype)
    if quantize is not None:
        quantize_linears(
            model, quantize, tensors.specs, lambda name: (part.to(device) for part in tensors.parts(name, BLOCK))
        )
    names = tensors.specs.keys() & model.state_dict().keys()  # quantised weights are no part of the latter
    state = {name: tensors.read(name, device) for name in tensors.specs if name in names}
    if model.config.tie_embeddings:
        state["lm_head.weight"] = state["transformer.wte.weight"]
    model.load_state_dict(state, assign=True)
    model.tie_head()
    return model.eval()


def convert_hf_to_lit(checkpoint_dir: Path, dtype: torch.dtype | None = None) -> Path:
    """Write lit_model.safetensors and lit_config.json beside the Hugging Face files; the former's path.

    dtype: of all tensors; None keeps each tensor's own.
    """
    stamps = _stamps(checkpoint_dir)
    model = empty_model(load_config(checkpoint_dir))
    tensors = LitTensors(_open_hf(checkpoint_dir), hf_slots(model), model, dtype)
    write_safetensors(checkpoint_dir / LIT_WEIGHTS, tensors.specs, tensors.read)
    write_json(checkpoint_dir / LIT_CONFIG, {"config": asdict(model.config), "made_from": stamps})
    return checkpoint_dir / LIT_WEIGHTS


def checkpoint_hashes(checkpoint_dir: Path) -> dict[str, str]:
    """Name -> SHA-256 of the files that decide the model: weights, config, tokenizer.

    Kept in .sha256.json, where the directory is writable, by each file's size and time: hashing 14 GB takes a minute.
    """
    weights = find_weight_files(checkpoint_dir) or [checkpoint_dir / LIT_WEIGHTS]
    if has_fresh_lit_weights(checkpoint_dir):
        weights = [*weights, checkpoint_dir / LIT_WEIGHTS]  # these are the ones that are loaded
    names = {path.name for path in weights if path.is_file()}
    names |= {path.name for path in matching(checkpoint_dir, (CONFIG, *TOKENIZER_PATTERNS))}
    known = read_object(checkpoint_dir / HASHES) if (checkpoint_dir / HASHES).is_file() else {}
    records: dict[str, dict[str, Any]] = {}
    for name in sorted(names):
        stamp, kept = _stamp(checkpoint_dir / name), known.get(name, {})
        is_unchanged = stamp.items() <= kept.items()
        records[name] = kept if is_unchanged else {**stamp, "sha256": sha256_of(checkpoint_dir / name)}
    if records != known:
        with contextlib.suppress(OSError):
            write_json(checkpoint_dir / HASHES, records)
    return {name: record["sha256"] for name, record in records.items()}


def find_checkpoints(root: Path, depth: int = 3) -> list[Path]:
    """Directories at most `depth` below root (root too) that hold a config and weights, in order of name."""
    found = set()
    for level in range(depth + 1):
        for name in (CONFIG, LIT_CONFIG):
            found |= {path.parent for path in root.glob("*/" * level + name) if is_checkpoint(path.parent)}
    hidden = [path for path in found if any(part.startswith(".") for part in path.relative_to(root).parts)]
    return sorted(found.difference(hidden))


def _open_hf(checkpoint_dir: Path) -> WeightFiles:
    paths = find_weight_files(checkpoint_dir)
    if not paths:
        raise no_checkpoint(checkpoint_dir, " or ".join(PATTERNS))
    return WeightFiles(paths)


def has_fresh_lit_weights(checkpoint_dir: Path) -> bool:
    """Whether to read our own file: each Hugging Face file that is there now is one it was made from."""
    if not all((checkpoint_dir / name).is_file() for name in (LIT_WEIGHTS, LIT_CONFIG)):
        return False
    made_from = _read_lit_config(checkpoint_dir)[1]
    changed = [name for name, stamp in _stamps(checkpoint_dir).items() if made_from.get(name) != stamp]
    if changed:
        print(f"{LIT_WEIGHTS} is stale: {some(changed)} changed since the conversion", file=sys.stderr)
    return not changed


def _read_lit_config(checkpoint_dir: Path) -> tuple[Config, dict[str, Any]]:
    path = checkpoint_dir / LIT_CONFIG
    record = read_object(path)
    try:
        return Config(**record["config"]), dict(record["made_from"])
    except (KeyError, TypeError, ValueError) as error:
        raise broken(path, f"not a {LIT_CONFIG}: {error!r}") from error


def _stamps(checkpoint_dir: Path) -> dict[str, dict[str, int]]:
    """Size and time of the Hugging Face files that decide the network."""
    return {path.name: _stamp(path) for path in matching(checkpoint_dir, (CONFIG, *PATTERNS))}


def _stamp(path: Path) -> dict[str, int]:
    status = path.stat()
    return {"size": status.st_size, "mtime_ns": status.st_mtime_ns}


def is_checkpoint(directory: Path) -> bool:
    return all(matching(directory, patterns) for patterns in ((CONFIG, LIT_CONFIG), (LIT_WEIGHTS, *PATTERNS)))


def matching(directory: Path, patterns: Iterable[str]) -> list[Path]:
    return sorted(path for pattern in patterns for path in directory.glob(pattern) if path.is_file())


def no_checkpoint(checkpoint_dir: Path, lacks: str) -> UserError:
    """What is missing, what there is near by, and how to get what was asked for."""
    here = checkpoint_dir.absolute()
    near = {str(path) for depth, root in enumerate(here.parents[:2], 1) for path in find_checkpoints(root, depth)}
    near.discard(str(here))
    do = "get a model by python scripts/download.py --repo_id ORG/NAME"
    if near:
        do += f", or use one that is there: {some(sorted(near))}"
    return UserError(f"{checkpoint_dir} without {lacks}", "a Hugging Face checkpoint directory", do)


def empty_model(config: Config) -> GPT:
    with torch.device("meta"):
        return GPT(config)


def read_object(path: Path) -> dict[str, Any]:
    try:
        value = read_json(path)
    except (ValueError, RecursionError) as error:
        raise broken(path, f"not JSON: {error}") from error
    if not isinstance(value, dict):
        raise broken(path, "not a JSON object")
    return value

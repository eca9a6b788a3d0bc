"""Checkpoints given back: plain Hugging Face directories, written whole or not at all.

config.json, tokenizer and licence files come from the checkpoint that the weights were made from. A head that was
tied and no longer is (merging an adapter of the head parts them) is written, and config.json says so.
"""

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor

from lit_gpt.checkpoint import (
    checkpoint_hashes,
    empty_model,
    has_fresh_lit_weights,
    load_config,
    load_model,
    matching,
    no_checkpoint,
    read_object,
)
from lit_gpt.checkpoint_files import COMPANION_PATTERNS, CONFIG, HASHES, LIT_CONFIG, LIT_WEIGHTS
from lit_gpt.errors import UserError
from lit_gpt.export_check import probe, require_reads_back
from lit_gpt.files import hash_json, new_directory, write_json
from lit_gpt.manifest import MANIFEST, Manifest, read_manifest
from lit_gpt.model import GPT
from lit_gpt.model_card import write_plain_card
from lit_gpt.weight_files import Spec, WeightFiles, write_sharded
from lit_gpt.weight_slots import LitTensors, Slot, hf_slots, lit_slots

KIND = "checkpoint"


def save_hf_checkpoint(model: GPT, out_dir: Path, checkpoint_dir: Path) -> Path:
    """Write a network without adapters as a plain Hugging Face directory; out_dir."""
    with new_checkpoint(out_dir, checkpoint_dir) as new:
        write_hf_files(model, new, checkpoint_dir)
    return out_dir


def write_hf_files(model: GPT, directory: Path, checkpoint_dir: Path) -> None:
    """Fill an empty directory with a network without adapters and what belongs to it."""
    tensors = model.state_dict()
    dtypes = {lit: tensor.dtype for lit, tensor in tensors.items()}
    _write(directory, checkpoint_dir, hf_slots(model), dtypes, tensors.__getitem__)


def convert_lit_to_hf(checkpoint_dir: Path, out_dir: Path) -> Path:
    """Write lit_model.safetensors back as a plain Hugging Face directory, bit for bit, and read it again; out_dir."""
    do = f"python scripts/convert_hf_checkpoint.py --checkpoint_dir {checkpoint_dir}"
    if not (checkpoint_dir / LIT_WEIGHTS).is_file():
        raise UserError(f"no {LIT_WEIGHTS} in {checkpoint_dir}", "a converted checkpoint", do)
    if not has_fresh_lit_weights(checkpoint_dir):
        raise UserError(f"a {LIT_WEIGHTS} that was not made from the files beside it", "one that was", do)
    model = empty_model(load_config(checkpoint_dir))
    tensors = LitTensors(WeightFiles([checkpoint_dir / LIT_WEIGHTS]), lit_slots(model), model, dtype=None)
    dtypes = {lit: spec.dtype for lit, spec in tensors.specs.items()}
    with new_checkpoint(out_dir, checkpoint_dir) as new:
        _write(new, checkpoint_dir, hf_slots(model), dtypes, tensors.read)
        write_plain_card(new, checkpoint_dir)
        require_reads_back(new, probe(load_model(checkpoint_dir, dtype=None)))
    return out_dir


def _write(
    directory: Path,
    checkpoint_dir: Path,
    slots: dict[str, Slot],
    dtypes: dict[str, torch.dtype],
    read: Callable[[str], Tensor],
) -> None:
    """The common end of all exports. `dtypes` and `read` go by our names for tensors."""
    if not (checkpoint_dir / CONFIG).is_file():
        raise no_checkpoint(checkpoint_dir, CONFIG)
    hf = read_object(checkpoint_dir / CONFIG)
    if len(set(dtypes.values())) == 1:
        hf["dtype" if "dtype" in hf else "torch_dtype"] = str(next(iter(dtypes.values()))).removeprefix("torch.")
    if any(slot.lit == "lm_head.weight" for slot in slots.values()):
        hf["tie_word_embeddings"] = False
    specs = {name: Spec(dtypes[slot.lit], slot.shape) for name, slot in slots.items()}
    write_sharded(directory, specs, lambda name: slots[name].to_disk(read(slots[name].lit)))
    write_json(directory / CONFIG, hf)
    for path in matching(checkpoint_dir, COMPANION_PATTERNS):
        shutil.copyfile(path, directory / path.name)


@contextlib.contextmanager
def new_checkpoint(out_dir: Path, checkpoint_dir: Path, **parents: str) -> Iterator[Path]:
    """Fill a checkpoint directory that takes its place, with a manifest, once the block succeeds.

    `parents` are content hashes of what it is made from besides the checkpoint.
    """
    _check_replaceable(out_dir, checkpoint_dir)
    made_from = {"checkpoint": hash_json(checkpoint_hashes(checkpoint_dir)), **parents}
    with new_directory(out_dir) as new:
        yield new
        Manifest(KIND, made_from).write(new, sorted(path.name for path in new.iterdir()))


def _check_replaceable(out_dir: Path, checkpoint_dir: Path) -> None:
    """Only what this program exported may be replaced, with nothing else in it, and never the one being read."""
    expected, do = "a new or empty directory, or an earlier export", "choose another directory, or clear that one"
    if checkpoint_dir.resolve().is_relative_to(out_dir.resolve()):
        raise UserError(f"{out_dir}, which holds the checkpoint being read", expected, do)
    held = {path.name for path in out_dir.iterdir()} if out_dir.is_dir() else set()
    if out_dir.is_file() or held - _exported(out_dir):
        raise UserError(f"{out_dir}, which holds something else", expected, do)


def _exported(directory: Path) -> set[str]:
    """The names of the files that this program wrote there."""
    try:
        return {*read_manifest(directory, KIND).files, MANIFEST, HASHES, LIT_WEIGHTS, LIT_CONFIG}
    except UserError:
        return set()

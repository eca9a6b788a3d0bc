"""Which tensor on disk fills which rows of which tensor of ours; and nothing else may be there.

A network has one table of Slots for Hugging Face's names and one for our own. `match` holds a checkpoint against a
table: a tensor too few, too many, of another shape or of a quantised type is a UserError that names it.
"""

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from lit_gpt.config import Config
from lit_gpt.errors import UserError
from lit_gpt.model import GPT
from lit_gpt.weight_files import DTYPES, GET_AGAIN, Spec, WeightFiles
from lit_gpt.weight_names import ALL_ROWS, Rows, canonical_name, is_ignored, places, places_in

N_NAMED = 10  # names that an error spells out before it only counts
CHECK_CONFIG = "check that config.json belongs to these weights"


class Slot(NamedTuple):
    """Where a tensor on disk belongs: these rows of that tensor of ours, and so of this shape; perhaps on its side."""

    lit: str
    rows: Rows
    shape: tuple[int, ...]
    is_transposed: bool = False

    def from_disk(self, tensor: Tensor) -> Tensor:
        return tensor.T if self.is_transposed else tensor

    def to_disk(self, whole: Tensor) -> Tensor:
        part = whole[self.rows]
        return part.T.contiguous() if self.is_transposed else part


class LitTensors:
    """Our tensors, each put together from its parts on disk when it is read.

    dtype: of all of them; None keeps each one's own. UserError where the files do not fill the slots exactly.
    """

    def __init__(self, files: WeightFiles, slots: dict[str, Slot], model: GPT, dtype: torch.dtype | None) -> None:
        self._files = files
        self._parts: dict[str, list[tuple[str, Slot]]] = {}
        for name, slot in match(files, slots, model.config).items():
            self._parts.setdefault(slot.lit, []).append((name, slot))
        shapes = {lit: tuple(tensor.shape) for lit, tensor in model.state_dict().items()}
        self.specs = {lit: Spec(dtype or self._own_dtype(lit), shapes[lit]) for lit in self._parts}

    def read(self, lit: str, device: torch.device | str = "cpu") -> Tensor:
        whole = torch.empty(self.specs[lit].shape, dtype=self.specs[lit].dtype, device=device)
        for name, slot in self._parts[lit]:
            part = slot.from_disk(self._files.read(name))
            if isinstance(slot.rows, Tensor):
                whole.index_copy_(0, slot.rows.to(device), part.to(whole))
            else:
                whole[slot.rows].copy_(part)
        return whole

    def parts(self, lit: str, block: int, device: torch.device | str = "cpu") -> Iterator[Tensor]:
        """The rows of a tensor in order: one tensor on disk after the other, so that no more is in memory.

        In one piece where they lie there in another order, or where a piece would end within a block of numbers.
        """
        starts = {name: slot.rows.start or 0 for name, slot in self._parts[lit] if isinstance(slot.rows, slice)}
        is_apart = len(starts) == len(self._parts[lit]) and not any(slot.is_transposed for _, slot in self._parts[lit])
        if is_apart and all(math.prod(self._files.specs[name].shape) % block == 0 for name in starts):
            yield from (self._files.read(name).to(device) for name in sorted(starts, key=starts.__getitem__))
        else:
            yield self.read(lit, device)

    def _own_dtype(self, lit: str) -> torch.dtype:
        dtypes = {name: self._files.specs[name].dtype for name, _ in self._parts[lit]}
        if len(set(dtypes.values())) > 1:
            raise UserError(f"tensors to be fused of several types: {dtypes}", "one type", "pass --dtype")
        return next(iter(dtypes.values()))


def lit_slots(model: GPT) -> dict[str, Slot]:
    """Our own names: each tensor is all rows of itself. A tied head is not stored."""
    tensors = model.state_dict()
    if is_tied(model):
        del tensors["lm_head.weight"]
    return {name: Slot(name, ALL_ROWS, tuple(tensor.shape)) for name, tensor in tensors.items()}


def hf_slots(model: GPT) -> dict[str, Slot]:
    """Every tensor that a Hugging Face checkpoint of this network has, by its name on disk."""
    whole, slots = lit_slots(model), {}
    for place in places(model.config):
        for kind in ("weight", "bias"):
            if (name := f"{place.lit}.{kind}") in whole:
                n_rows, *rest = whole[name].shape
                n_placed = len(place.rows) if isinstance(place.rows, Tensor) else len(range(n_rows)[place.rows])
                is_transposed = place.is_transposed and kind == "weight"
                shape = (*rest, n_placed) if is_transposed else (n_placed, *rest)
                slots[f"{place.hf}.{kind}"] = Slot(name, place.rows, shape, is_transposed)
    assert {slot.lit for slot in slots.values()} == set(whole), "a tensor of ours has no Hugging Face name"
    return slots


def is_tied(model: GPT) -> bool:
    return model.lm_head.weight is model.transformer.wte.weight


def match(files: WeightFiles, slots: dict[str, Slot], config: Config) -> dict[str, Slot]:
    """Name in the files -> slot, each slot once; UserError for anything missing, left over, or of another shape."""
    sources: dict[str, Slot] = {}
    left_over, unfilled = [], dict(slots)
    for name in files.specs:
        if slot := unfilled.pop(name if name in slots else canonical_name(config, name), None):
            sources[name] = slot
        elif not (is_ignored(config, name) or _is_spare_head(files, name, config)):
            left_over.append(name)
    if unfilled:
        raise UserError(f"weights without {some(unfilled)}", f"all {len(slots)} tensors of this network", GET_AGAIN)
    if left_over:
        expected = f"only the {len(slots)} tensors of this network"
        raise UserError(f"weights with {some(left_over)}", expected, CHECK_CONFIG)
    for name, slot in sources.items():
        _check_spec(name, files.specs[name], slot, config)
    return sources


def _is_spare_head(files: WeightFiles, name: str, config: Config) -> bool:
    """A tied checkpoint may carry its head as well, if it is the embedding; otherwise one of the two would be lost."""
    head, embedding = (f"{places_in(config, lit)[0].hf}.weight" for lit in ("lm_head", "transformer.wte"))
    if not config.tie_embeddings or canonical_name(config, name) != head:
        return False
    if embedding not in files.specs:
        return True  # the embedding is what is reported missing
    spare_VC, kept_VC = files.read(name), files.read(embedding)
    if spare_VC.dtype != kept_VC.dtype or not torch.equal(spare_VC, kept_VC):
        do = 'set "tie_word_embeddings": false in config.json if both are meant'
        raise UserError(f"{name} differs from {embedding}", "equal tensors, as tie_word_embeddings says", do)
    return True


def _check_spec(name: str, spec: Spec, slot: Slot, config: Config) -> None:
    if spec.dtype not in DTYPES:
        expected = f"one of {', '.join(DTYPES.values())}"
        raise UserError(f"{name} of type {spec.dtype}", expected, "use unquantised weights")
    if spec.shape != slot.shape:
        do = CHECK_CONFIG
        is_padded = slot.lit in ("transformer.wte.weight", "lm_head.weight") and spec.shape > slot.shape
        if is_padded:
            do += f'; if rows past {config.vocab_size} are padding, add "padded_vocab_size": {spec.shape[0]} to it'
        raise UserError(f"{name} of shape {spec.shape}", f"shape {slot.shape}", do)


def some(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:N_NAMED]) + (f" and {len(names) - N_NAMED} more" if len(names) > N_NAMED else "")

"""Weight files: named tensors on disk, read and written one at a time.

    model.safetensors, or shards named by model.safetensors.index.json     first choice
    pytorch_model.bin, or shards named by pytorch_model.bin.index.json     a pickle, opened with weights_only=True

Format of safetensors: 8 bytes of little-endian header length, a JSON header, the tensors' bytes
(https://github.com/huggingface/safetensors#format). Reading is left to that library, which checks every offset;
writing is ours, because the library wants all tensors in memory at once.
A broken or missing file is a UserError that names it. Not handled: quantised formats (GGUF, GPTQ, AWQ).
"""

import contextlib
import json
import math
import os
import uuid
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from lit_gpt.checkpoint_files import LAYOUTS
from lit_gpt.errors import UserError
from lit_gpt.files import TEMPORARY, sync_directory, write_json

SINGLE, INDEX = LAYOUTS[0]
PATTERNS = ("model*.safetensors*", "pytorch_model*.bin*")
MAX_SHARD_BYTES = 5 * 10**9  # Hugging Face's customary shard: small enough to download again
DTYPES = {torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16"}
GET_AGAIN = "get the checkpoint's files again"


class Spec(NamedTuple):
    """What a tensor will be, before it is read."""

    dtype: torch.dtype
    shape: tuple[int, ...]

    @property
    def n_bytes(self) -> int:
        return self.dtype.itemsize * math.prod(self.shape)


class WeightFiles:
    """The tensors of one or more files. Opening reads names, types and shapes only.

    `read` maps a tensor into memory: let go of it before reading the next, and no more than one is resident.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.specs: dict[str, Spec] = {}
        self._path_of: dict[str, Path] = {}
        self._unmappable: dict[Path, dict[str, Tensor]] = {}  # pickles older than torch 1.6, held as a whole
        for path in paths:
            for name, tensor in self._open(path).items():
                if name in self._path_of:
                    raise broken(path, f"{name} is also in {self._path_of[name].name}")
                self._path_of[name] = path
                self.specs[name] = Spec(tensor.dtype, tuple(tensor.shape))

    def read(self, name: str) -> Tensor:
        """The tensor, on the CPU, as it is on disk."""
        path = self._path_of[name]
        if path.suffix == ".safetensors":
            with _open_safetensors(path) as file:
                return file.get_tensor(name)
        return self._open(path)[name]

    def _open(self, path: Path) -> dict[str, Tensor]:
        if path.suffix == ".safetensors":
            with _open_safetensors(path) as file:
                return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, the file is no dict
        if path in self._unmappable:
            return self._unmappable[path]
        tensors = _load_pickle(path)
        if not zipfile.is_zipfile(path):
            self._unmappable[path] = tensors
        return tensors


def find_weight_files(directory: Path) -> list[Path]:
    """The files that hold a Hugging Face checkpoint's weights; empty when there are none."""
    for single, index in LAYOUTS:
        if (directory / single).is_file():
            return [directory / single]
        if (directory / index).is_file():
            return _shards(directory / index)
    return []


def _shards(index: Path) -> list[Path]:
    try:
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
        paths = [index.parent / name for name in names]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise broken(index, f"not an index of weight files: {error!r}") from error
    if any(path.parent != index.parent for path in paths):
        raise broken(index, "it names files outside its directory")
    if missing := [path.name for path in paths if not path.is_file()]:
        raise UserError(
            f"no {', '.join(missing)} in {index.parent}", f"the {len(paths)} files of {index.name}", GET_AGAIN
        )
    return paths


@contextlib.contextmanager
def _open_safetensors(path: Path) -> Iterator[Any]:
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except (SafetensorError, ValueError) as error:
        raise broken(path, str(error)) from error


def _load_pickle(path: Path) -> dict[str, Tensor]:
    try:
        # mmap needs the zip format that torch.save has written since 1.6
        tensors = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except (MemoryError, PermissionError):
        raise
    except Exception as error:  # a damaged pickle fails in any way there is, AssertionError and IndexError among them
        raise broken(path, f"no plain, sound state dict; pickled code is never run ({type(error).__name__})") from error
    if not isinstance(tensors, dict) or not all(isinstance(tensor, Tensor) for tensor in tensors.values()):
        raise broken(path, "it holds something else than named tensors")
    return tensors


def broken(path: Path, reason: str) -> UserError:
    return UserError(f"{path}: {reason}", "the file as it was published", GET_AGAIN)


def write_sharded(
    directory: Path,
    specs: Mapping[str, Spec],
    read: Callable[[str], Tensor],
    max_shard_bytes: int = MAX_SHARD_BYTES,
) -> None:
    """model.safetensors, or, where that would be larger than a shard, several files and their index."""
    shards = _share_out(specs, max_shard_bytes)
    if len(shards) == 1:
        write_safetensors(directory / SINGLE, specs, read)
        return
    weight_map: dict[str, str] = {}
    for number, names in enumerate(shards, start=1):
        file_name = f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        write_safetensors(directory / file_name, {name: specs[name] for name in names}, read)
        weight_map |= dict.fromkeys(names, file_name)
    total_size = sum(spec.n_bytes for spec in specs.values())
    write_json(directory / INDEX, {"metadata": {"total_size": total_size}, "weight_map": weight_map})


def _share_out(specs: Mapping[str, Spec], max_shard_bytes: int) -> list[list[str]]:
    """Names in their order, cut where the next would overfill a shard; a tensor is never cut."""
    shards: list[list[str]] = [[]]
    n_bytes = 0
    for name, spec in specs.items():
        if shards[-1] and n_bytes + spec.n_bytes > max_shard_bytes:
            shards.append([])
            n_bytes = 0
        shards[-1].append(name)
        n_bytes += spec.n_bytes
    return shards


def write_safetensors(path: Path, specs: Mapping[str, Spec], read: Callable[[str], Tensor]) -> None:
    """One file, atomically; `read` is asked for one tensor at a time, in order."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}  # transformers refuses files without it
    end = 0
    for name, spec in specs.items():
        start, end = end, end + spec.n_bytes
        header[name] = {"dtype": DTYPES[spec.dtype], "shape": list(spec.shape), "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the data begins at a multiple of 8
    with _new_file(path) as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name, spec in specs.items():
            tensor = read(name).detach().to(device="cpu")
            assert (tensor.dtype, tuple(tensor.shape)) == spec, f"{name} is not what its spec says"
            file.write(tensor.contiguous().view(torch.uint8).numpy().data)


@contextlib.contextmanager
def _new_file(target: Path) -> Iterator[IO[bytes]]:
    """A file that takes its name only when it is complete and on disk; earlier failures are swept away."""
    for leftover in target.parent.glob(f"{TEMPORARY}*-{target.name}"):
        leftover.unlink()
    temporary = target.with_name(f"{TEMPORARY}{uuid.uuid4().hex[:8]}-{target.name}")
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
        sync_directory(target.parent)
    finally:
        temporary.unlink(missing_ok=True)

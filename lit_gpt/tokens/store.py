"""The TokenSet: encoded rows as flat memory-mapped arrays, prepared once and checked by hash.

`data/<name>/tokens/<key>/` holds, for each split, ids (uint16 or uint32), targets (uint8), offsets (int64, one more
than rows) and rows (int64: the row's place in the ExampleSet's split). The key is a hash of everything that decides
the tokens, the examples' own hash included, so a TokenSet is never stale: it is found or it is not.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np

from lit_gpt.errors import UserError
from lit_gpt.files import hash_json
from lit_gpt.manifest import Manifest, damaged_files, read_manifest

KIND = "token_set"
FORMAT = 1  # rises when the layout below changes
PREPARED = "PREPARED"  # an empty file, as old as the user's last wish for this set
SPLITS = ("train", "validation")
ARRAYS: dict[str, Any] = {"ids": None, "targets": np.uint8, "offsets": np.int64, "rows": np.int64}


def token_key(settings: dict[str, Any], example_set_hash: str) -> str:
    """The directory name of the TokenSet with these settings over these examples."""
    return hash_json([FORMAT, settings, example_set_hash])[:16]


def ids_dtype(vocab_size: int) -> type[np.unsignedinteger[Any]]:
    return np.uint16 if vocab_size <= 1 << 16 else np.uint32


class SplitWriter:
    """Appends rows of one split to its flat files."""

    def __init__(self, directory: Path, split: str, vocab_size: int, files: ExitStack) -> None:
        self.dtypes = {**ARRAYS, "ids": ids_dtype(vocab_size)}
        self.out: dict[str, BinaryIO] = {
            name: files.enter_context(open(directory / array_name(split, name), "wb")) for name in ARRAYS
        }
        self.n_tokens = self.n_rows = self.n_targets = 0
        self._append("offsets", [0])

    def add(self, row: int, ids: list[int], is_target: list[bool]) -> None:
        self.n_tokens += len(ids)
        self.n_targets += sum(is_target)
        self.n_rows += 1
        for name, values in (("ids", ids), ("targets", is_target), ("offsets", [self.n_tokens]), ("rows", [row])):
            self._append(name, values)

    def _append(self, name: str, values: Iterable[int]) -> None:
        self.out[name].write(np.asarray(values, dtype=self.dtypes[name]).tobytes())


def array_name(split: str, name: str) -> str:
    return f"{split}.{name}.bin"


@dataclass(frozen=True)
class TokenRows:
    """One split: a sequence of (ids, is_target) rows over memory-mapped arrays."""

    ids: np.ndarray
    targets: np.ndarray
    offsets: np.ndarray
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, row: int) -> tuple[np.ndarray, np.ndarray]:
        """ids (T,) and is_target (T,) of one row; views, nothing is copied."""
        piece = slice(int(self.offsets[row]), int(self.offsets[row + 1]))
        return self.ids[piece], self.targets[piece]

    def cut(self, n_tokens: int) -> "TokenRows":
        """The same rows without what lies beyond their first `n_tokens`; a copy."""
        rows = [self[row] for row in range(len(self))]
        ids, targets = (np.concatenate([row[part][:n_tokens] for row in rows]) for part in (0, 1))
        ends = np.minimum(self.lengths, n_tokens).cumsum()
        return TokenRows(ids, targets, np.concatenate([[0], ends]), self.rows)

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each row, int64 (n_rows,)."""
        return np.diff(self.offsets)


@dataclass(frozen=True)
class TokenSet:
    """A prepared directory, opened."""

    directory: Path
    manifest: Manifest

    @classmethod
    def open(cls, directory: Path) -> Self:
        """UserError when there is none or its files are not what the manifest says."""
        manifest = read_manifest(directory, KIND)
        damaged = damaged_files(directory, manifest)
        if damaged:
            raise UserError(
                f"{directory}: {', '.join(damaged)} is damaged",
                "the files the manifest describes",
                f"delete {directory} and prepare the data set again",
            )
        return cls(directory, manifest)

    @property
    def max_seq_length(self) -> int:
        return int(self.manifest.settings["max_seq_length"])

    @property
    def prompt_style(self) -> str:
        return str(self.manifest.settings["prompt_style"])

    def split(self, name: str) -> TokenRows:
        return TokenRows(**{array: self._array(name, array) for array in ARRAYS})

    def _array(self, split: str, name: str) -> np.ndarray:
        path = self.directory / array_name(split, name)
        dtype = np.dtype(self.manifest.settings["ids_dtype"]) if name == "ids" else ARRAYS[name]
        if path.stat().st_size == 0:
            return np.empty(0, dtype)  # an empty file cannot be mapped
        return np.memmap(path, dtype=dtype, mode="r")


def prepared_token_sets(data_dir: Path) -> Iterator[tuple[Path, Manifest]]:
    """The TokenSets a user prepared, the one last asked for first; without those a run encoded for itself."""
    marks = (data_dir / "tokens").glob(f"*/{PREPARED}")
    for mark in sorted(marks, key=lambda path: (-path.stat().st_mtime_ns, path.parent.name)):
        yield mark.parent, read_manifest(mark.parent, KIND)


def mark_prepared(directory: Path) -> None:
    """Make this TokenSet the one last prepared."""
    (directory / PREPARED).touch()

"""Files that are either wholly there or not there at all.

Handled: a write, or a whole directory, appears under its name only when complete and on disk (temporary
name, fsync, rename, fsync of the parent). A kill at any moment leaves the old one or the new one; a kill between
the two renames of a replaced directory leaves the old one beside its place, until `settle_directory` puts it back.
Not handled: two processes that write the same name at the same time, and network file systems whose
rename is not atomic.
"""

import contextlib
import fcntl
import gzip
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

TEMPORARY = ".tmp-"
REPLACED = ".old-"
UMASK = os.umask(0)  # it can only be read by setting it
os.umask(UMASK)
N_RANDOM = 8  # letters that tell one temporary name from another
GZIP_MAGIC = b"\x1f\x8b"


def open_bytes(path: Path) -> BinaryIO:
    """The file's bytes, unzipped if they are gzip (told by content, not by name)."""
    with open(path, "rb") as file:
        is_gzip = file.read(2) == GZIP_MAGIC
    return cast(BinaryIO, gzip.open(path, "rb")) if is_gzip else open(path, "rb")


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file's bytes, read in pieces."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def git_blob_sha1(path: Path) -> str:
    """The id git gives a file's content (https://git-scm.com/book/en/v2/Git-Internals-Git-Objects)."""
    digest = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def hash_json(value: Any) -> str:
    """Hex SHA-256 of a value's canonical JSON (sorted keys, no spaces)."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON, atomically."""
    write_bytes(path, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file atomically."""
    temporary = _temporary(path)
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def new_directory(target: Path, keep: tuple[str, ...] = ()) -> Iterator[Path]:
    """Fill a temporary directory that takes the target's name, and place, once the block succeeds.

    `keep` names entries of the directory being replaced that move into the new one.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    settle_directory(target, keep)
    temporary = _temporary(target)
    temporary.mkdir()
    try:
        yield temporary
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    for path in (*sorted(temporary.rglob("*")), temporary):
        sync_directory(path) if path.is_dir() else _settle_file(path)
    _swap(temporary, target, keep)


def _settle_file(path: Path) -> None:
    """Make a file durable, and readable for whom the user lets read (safetensors writes for the owner alone)."""
    path.chmod(0o666 & ~UMASK)
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def _swap(new: Path, target: Path, keep: tuple[str, ...]) -> None:
    if target.exists():
        target.rename(_replaced(target))
    new.rename(target)
    sync_directory(target.parent)
    settle_directory(target, keep)


def sweep(directory: Path) -> None:
    """Remove the files that a kill left half written there; only where nobody else is writing."""
    for leftover in directory.glob(f"{TEMPORARY}{'?' * N_RANDOM}-*"):
        if leftover.is_file():
            leftover.unlink()


def settle_directory(target: Path, keep: tuple[str, ...] = ()) -> None:
    """Finish or undo a replacement that was killed half way, and sweep its temporary leftovers."""
    old = _replaced(target)
    if old.exists() and not target.exists():
        old.rename(target)
    elif old.exists():
        for name in keep:
            if (old / name).exists() and not (target / name).exists():
                (old / name).rename(target / name)
        shutil.rmtree(old)
    for leftover in target.parent.glob(f"{TEMPORARY}{'?' * N_RANDOM}-{target.name}"):
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()


def _temporary(target: Path) -> Path:
    return target.with_name(f"{TEMPORARY}{uuid.uuid4().hex[:N_RANDOM]}-{target.name}")


@contextlib.contextmanager
def locked(path: Path, wait: bool) -> Iterator[None]:
    """Hold a lock file while the block runs; BlockingIOError if somebody else does and we are not to wait.

    The lock is the process's and ends with it, however it ends; the empty file stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield


def _replaced(target: Path) -> Path:
    return target.with_name(REPLACED + target.name)

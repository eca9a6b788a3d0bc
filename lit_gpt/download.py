"""A model from the Hugging Face hub as a checkpoint directory: the files that are needed, of one commit, checked.

Wanted are config, tokenizer, chat template, generation settings, licence, the model's card, and the weights:
safetensors, or, where the repository has none, pytorch_model.bin, which is opened with weights_only=True alone. Never
any other pickle and never code.

What has arrived waits in `.download-NAME` beside its place, so that an interrupted download is gone on with; the
directory takes its name once every file is there and has the hash the hub states. `source.json` then says where
each came from. Not handled: models in folders of a repository, adapters, uploads.
"""

import datetime
import errno
import re
import shutil
import sys
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from lit_gpt.checkpoint_files import CARD, COMPANION_PATTERNS, CONFIG, HASHES, LAYOUTS, LIT_CONFIG, LIT_WEIGHTS
from lit_gpt.errors import UserError
from lit_gpt.files import locked, new_directory, read_json, sha256_of, write_json
from lit_gpt.hub import PARTIAL, HubFile, Repository, explained, fetch_file
from lit_gpt.progress import bytes_bar

SOURCE = "source.json"
STAGING = ".download-"
PATTERNS = (CONFIG, *COMPANION_PATTERNS, CARD)
SUFFIXES = ("", ".json", ".jinja", ".model", ".txt", ".md")  # what these files may be: never .py, never a pickle
SHARD = re.compile(r"-\d{5}-of-\d{5}(?=\.)")
REPO_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
REMEDY = "put a copy of your own under checkpoints/ORG/NAME"
SPARE_BYTES = 50 * 10**6  # left free beside the model: manifests, and the file system's own needs


def download(
    repo_id: str,
    out_dir: Path | None = None,
    revision: str = "main",
    token: str | None = None,
    endpoint: str | None = None,
) -> Path:
    """Fetch a model; its directory. What is there already and sound is not fetched again.

    UserError: a name, revision or access the hub does not know of or grant, a repository without a model, bytes that
    are not those the hub states, an out_dir that holds something else. OSError (ENOSPC): too little room, before
    anything is fetched.
    """
    if not REPO_ID.fullmatch(repo_id):
        raise UserError(f"--repo_id {repo_id}", "ORG/NAME, as on the hub", "check it at https://huggingface.co/models")
    out_dir = out_dir or Path("checkpoints") / repo_id
    _check_replaceable(out_dir)
    repository = Repository(repo_id, "model", REMEDY, endpoint, token or False)
    with explained(repository, revision):
        commit = repository.commit(revision)
        files = choose_model_files(repository.files(commit).values(), repo_id)
        print(f"{repo_id} at {commit[:12]}: {len(files)} files, {_gib(_size(files))}", file=sys.stderr)
        if _is_there(out_dir, commit, files):
            print(f"{out_dir} holds them already", file=sys.stderr)
            return out_dir
        _fetch(repository, revision, commit, files, out_dir)
    return out_dir


def choose_model_files(files: Iterable[HubFile], repo_id: str) -> list[HubFile]:
    """The files of a repository that make a checkpoint, by size; UserError where it has no config or no weights."""
    at_root = {file.path: file for file in files if re.fullmatch(r"[\w.-]+", file.path)}
    chosen = [
        file
        for name, file in at_root.items()
        if any(fnmatchcase(name, pattern) for pattern in PATTERNS) and Path(name).suffix in SUFFIXES
    ]
    weights = _weights(list(at_root))
    if CONFIG not in at_root or not weights:
        there = ", ".join(sorted(at_root)[:12]) or "nothing"
        raise UserError(
            f"the hub's {repo_id} with {there}",
            f"a model in Transformers' layout: {CONFIG} and {' or '.join(single for single, _ in LAYOUTS)}",
            "choose another repository of the model; quantised files (GGUF) and adapters cannot be finetuned",
        )
    return sorted([*chosen, *(at_root[name] for name in weights)], key=lambda file: file.size)


def _weights(names: Sequence[str]) -> list[str]:
    """The weight files of the first layout that is there: one file, or an index and its shards."""
    for single, index in LAYOUTS:
        if single in names:
            return [single]
        if index in names:
            return [index, *(name for name in names if SHARD.sub("", name) == single != name)]
    return []


def _fetch(repository: Repository, revision: str, commit: str, files: list[HubFile], out_dir: Path) -> None:
    staging = out_dir.with_name(STAGING + out_dir.name)
    staging.mkdir(parents=True, exist_ok=True)
    try:
        with locked(staging / ".lock", wait=False):
            _require_room(files, staging)
            _fill(repository, commit, files, staging)
            _hand_over(repository, revision, commit, files, staging, out_dir)
            shutil.rmtree(staging)
    except BlockingIOError:
        do = "wait for it, or choose another --out_dir"
        raise UserError(f"{out_dir}, which another download is filling", "one at a time", do) from None


def _fill(repository: Repository, commit: str, files: list[HubFile], staging: Path) -> None:
    with bytes_bar(_size(files), "downloading") as progress:
        progress.update(_size(files) - _missing(files, staging))
        for file in files:
            target = staging / file.path
            if not file.is_at(target):
                if target.is_file():  # of another commit, or damaged since
                    progress.update(-min(target.stat().st_size, file.size))
                    target.unlink()
                fetch_file(repository, commit, file, target, progress.update)


def _hand_over(
    repository: Repository, revision: str, commit: str, files: list[HubFile], staging: Path, out_dir: Path
) -> None:
    """The directory, whole, with word of where it comes from. Its files are on disk already, so this takes no time."""
    record = {
        "repo_id": repository.repo_id,
        "revision": revision,
        "commit": commit,
        "page": repository.page,
        "downloaded": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "files": {file.path: {"size": file.size, "sha256": _sha256(file, staging)} for file in files},
    }
    with new_directory(out_dir) as new:
        for file in files:
            (staging / file.path).rename(new / file.path)
        write_json(new / SOURCE, record)


def _sha256(file: HubFile, staging: Path) -> str:
    """Of a file that was checked; the hub itself states that of the large ones."""
    return file.sha256 or sha256_of(staging / file.path)


def _size(files: Iterable[HubFile]) -> int:
    return sum(file.size for file in files)


def _gib(n_bytes: int) -> str:
    return f"{n_bytes / 2**30:.2f} GiB"


def _missing(files: Iterable[HubFile], staging: Path) -> int:
    """Bytes still to come."""
    return sum(max(0, file.size - _n_there(staging / file.path)) for file in files)


def _n_there(target: Path) -> int:
    paths = (target, target.with_name(target.name + PARTIAL))
    return max(path.stat().st_size if path.is_file() else 0 for path in paths)


def _require_room(files: list[HubFile], staging: Path) -> None:
    needed, free = _missing(files, staging) + SPARE_BYTES, shutil.disk_usage(staging).free
    if needed > free:
        raise OSError(errno.ENOSPC, f"{_gib(free)} free for {staging.parent}, and {_gib(needed)} needed")


def read_source(checkpoint_dir: Path) -> dict[str, Any] | None:
    """Where a checkpoint was downloaded from; None where nothing (sound) says so."""
    try:
        record = read_json(checkpoint_dir / SOURCE)
        return record if {"repo_id", "commit", "files"} <= record.keys() else None
    except (OSError, ValueError, AttributeError):
        return None


def _is_there(out_dir: Path, commit: str, files: list[HubFile]) -> bool:
    record = read_source(out_dir)
    if record is None or record["commit"] != commit:
        return False
    with bytes_bar(_size(files), "checking what is there") as progress:
        for file in files:
            if not file.is_at(out_dir / file.path):
                return False
            progress.update(file.size)
    return True


def _check_replaceable(out_dir: Path) -> None:
    """An earlier download may be replaced, with what was converted from it, and nothing else."""
    held = {path.name for path in out_dir.iterdir()} if out_dir.is_dir() else set()
    known = {*(read_source(out_dir) or {"files": {}})["files"], SOURCE, HASHES, LIT_WEIGHTS, LIT_CONFIG}
    if out_dir.is_file() or (held and (SOURCE not in held or held - known)):
        got = f"{out_dir}, which holds something else"
        raise UserError(got, "a new or empty directory, or an earlier download", "choose another --out_dir")

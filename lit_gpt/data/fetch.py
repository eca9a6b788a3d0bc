"""Data set files from the Hugging Face hub, pinned to a commit and checked (hub.py), in huggingface_hub's cache.

A token is found by huggingface_hub itself; it is never seen here.

Not handled: reading without a network what an earlier call has left in the cache.
"""

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from lit_gpt.data.reading import FORMAT_OF_SUFFIX, suffix_of
from lit_gpt.data.source import Home
from lit_gpt.errors import UserError
from lit_gpt.hub import HubFile, Repository, explained, patiently, wrong_bytes

TRAIN = re.compile(r"(?<![a-z])train(?![a-z])")  # and not constrained.json
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
REMEDY = "pass --source FILE with a copy of your own"


@dataclass(frozen=True)
class Fetched:
    """Local paths by their names in the repository, and the commit they are of."""

    paths: dict[str, Path]
    commit: str


def fetch(
    home: Home, revision: str | None = None, cache_dir: Path | None = None, endpoint: str | None = None
) -> Fetched:
    """Download the files of a data set, or take them from the cache.

    Args:
        home: the repository and its files; without files, those `choose_files` picks
        revision: commit, branch or tag; the default is `home.revision`
        cache_dir: where the files go, by default huggingface_hub's cache
        endpoint: the hub's address, by default huggingface_hub's

    Raises UserError when the hub cannot be reached, does not let us in or has no such file, and when what arrived is
    not what the hub states.
    """
    repository = Repository(home.repo_id, "dataset", REMEDY, endpoint)
    with explained(repository, revision or home.revision):
        commit = repository.commit(revision or home.revision)
        files = _wanted(repository, home, commit)
        return Fetched({file.path: _download(repository, commit, file, cache_dir) for file in files}, commit)


def choose_files(names: list[str], where: str) -> list[str]:
    """The data files to read among all files of a folder: those named for training, else all.

    UserError when there are none, or when they are of several formats and so perhaps the same rows twice.
    """
    data = [name for name in sorted(names) if suffix_of(name) in FORMAT_OF_SUFFIX]
    chosen = [name for name in data if TRAIN.search(PurePosixPath(name).name.lower())] or data
    if not chosen:
        raise UserError(
            f"{where} without any data file", f"a file named {_endings()}", "name the file to read with --source FILE"
        )
    if len({suffix_of(name) for name in chosen}) > 1:
        raise UserError(
            f"{where} with files of several formats: {', '.join(chosen[:10])}",
            "files of one format, so that no row is read twice",
            "name the file to read with --source FILE",
        )
    return chosen


def _endings() -> str:
    return ", ".join(f"*{suffix}" for suffix in FORMAT_OF_SUFFIX)


def _wanted(repository: Repository, home: Home, commit: str) -> list[HubFile]:
    """What the hub states about the files we want."""
    files = repository.files(commit)
    wanted = home.files or choose_files(list(files), f"the data set {home.repo_id}")
    missing = [name for name in wanted if name not in files]
    if missing:
        raise UserError(
            f"the hub's {home.repo_id} at {commit[:12]} without {', '.join(missing)}", "the data set's files", REMEDY
        )
    return [files[name] for name in wanted]


def _download(repository: Repository, commit: str, file: HubFile, cache_dir: Path | None) -> Path:
    path = Path(
        patiently(
            lambda: repository.api.hf_hub_download(
                repository.repo_id, file.path, repo_type="dataset", revision=commit, cache_dir=cache_dir
            )
        )
    )
    if not file.is_at(path):
        path.resolve().unlink(missing_ok=True)  # in the cache, path is a link to the bytes
        path.unlink(missing_ok=True)
        raise wrong_bytes(repository, file)
    return path

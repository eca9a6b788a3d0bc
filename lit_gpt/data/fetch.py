"""Data set files from the Hugging Face hub, pinned to a commit and checked.

The revision is resolved to a commit first and everything is read at that commit. huggingface_hub does not check what
it downloaded, so each file's SHA-256 (for small files git's own SHA-1) is compared with the one the hub
states; a file that differs is deleted. A token is found by huggingface_hub itself; it is never seen here.

Not handled: reading without a network what an earlier call has left in the cache.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from lit_gpt.data.reading import FORMAT_OF_SUFFIX, suffix_of
from lit_gpt.data.source import Home
from lit_gpt.errors import UserError
from lit_gpt.files import sha256_of

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile

TRAIN = re.compile(r"(?<![a-z])train(?![a-z])")  # and not constrained.json
TIMEOUT_S = 30.0
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
    import httpx2  # what huggingface_hub talks with
    from huggingface_hub import HfApi

    api = HfApi(endpoint=endpoint)
    try:
        commit = api.dataset_info(home.repo_id, revision=revision or home.revision, timeout=TIMEOUT_S).sha
        assert commit is not None, "the hub states the commit of every revision"
        files = _describe(api, home, commit)
        return Fetched({file.path: _download(api, home.repo_id, commit, file, cache_dir) for file in files}, commit)
    except (httpx2.HTTPError, OSError) as error:
        if getattr(error, "errno", None) is not None:
            raise  # the disk, not the hub
        raise _explain(error, home.repo_id, revision or home.revision) from None


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


def _describe(api: "HfApi", home: Home, commit: str) -> "list[RepoFile]":
    """What the hub states about the files we want."""
    from huggingface_hub.hf_api import RepoFile

    tree = api.list_repo_tree(home.repo_id, recursive=True, revision=commit, repo_type="dataset")
    files = {entry.path: entry for entry in tree if isinstance(entry, RepoFile)}
    wanted = home.files or choose_files(list(files), f"the data set {home.repo_id}")
    missing = [name for name in wanted if name not in files]
    if missing:
        raise UserError(
            f"the hub's {home.repo_id} at {commit[:12]} without {', '.join(missing)}", "the data set's files", REMEDY
        )
    return [files[name] for name in wanted]


def _download(api: "HfApi", repo_id: str, commit: str, file: "RepoFile", cache_dir: Path | None) -> Path:
    path = Path(api.hf_hub_download(repo_id, file.path, repo_type="dataset", revision=commit, cache_dir=cache_dir))
    stated = file.lfs.sha256 if file.lfs else file.blob_id
    actual = sha256_of(path) if file.lfs else git_blob_sha1(path)
    if actual != stated:
        path.resolve().unlink(missing_ok=True)  # in the cache, path is a link to the bytes
        path.unlink(missing_ok=True)
        raise UserError(
            f"{file.path} of {repo_id} with the hash {actual[:12]}…",
            f"the bytes the hub states, with the hash {stated[:12]}…",
            f"try again later (the file was deleted), or {REMEDY}",
        )
    return path


def git_blob_sha1(path: Path) -> str:
    """The id git gives a file's content (https://git-scm.com/book/en/v2/Git-Internals-Git-Objects)."""
    digest = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _explain(error: Exception, repo_id: str, revision: str) -> UserError:
    """The hub's refusal, or its silence, in our words; the most special kind first."""
    from huggingface_hub import errors

    page = f"https://huggingface.co/datasets/{repo_id}"
    if isinstance(error, errors.GatedRepoError):
        do = f"accept its terms at {page} and log in with `hf auth login`, or {REMEDY}"
        return UserError(f"the data set {repo_id}, which is gated", "access to it", do)
    if isinstance(error, errors.RevisionNotFoundError):
        return UserError(f"--revision {revision}", f"a commit, branch or tag of {repo_id}", f"see {page}/commits")
    if isinstance(error, errors.RepositoryNotFoundError):
        do = f"check the name at {page}, log in with `hf auth login` if it is private, or {REMEDY}"
        return UserError(f"{repo_id}, which the hub does not have or does not show", "a data set on the hub", do)
    if isinstance(error, errors.HfHubHTTPError) and error.response is not None:
        return UserError(
            f"the answer {error.response.status_code} from the hub", f"{repo_id}", f"try later, or {REMEDY}"
        )
    return UserError(
        f"no answer from the hub ({type(error).__name__})", f"a network connection, to fetch {repo_id}", REMEDY
    )

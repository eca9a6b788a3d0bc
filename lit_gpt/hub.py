"""Files of the Hugging Face hub: a revision's commit, what the hub states about its files, and their bytes, checked.

The revision is resolved to a commit first and everything is read at that commit. huggingface_hub compares sizes only,
so each file's SHA-256 (for small files git's own SHA-1) is compared with the one the hub states, and a file that
differs is deleted. An answer that may be another in a minute (429, 5xx, a silent server) is waited for; a refusal is a
UserError that says what to do.

hf_hub_download of huggingface_hub 2.4 forgets what it had when it is interrupted, so `fetch_file` keeps its own partial
files and asks for the rest. Not handled: Xet's deduplicated transfers (its files come over plain HTTP), uploads.
"""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from lit_gpt.errors import UserError
from lit_gpt.files import git_blob_sha1, sha256_of

if TYPE_CHECKING:
    from huggingface_hub import HfApi

TIMEOUT_S = 30.0
WAITS_S, LONGEST_WAIT_S = (1.0, 4.0, 16.0), 120.0  # before further attempts; the hub may ask for longer, up to a limit
PASSING = (408, 429, 500, 502, 503, 504)  # answers that may be others in a minute
PARTIAL = ".partial"

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class HubFile:
    """What the hub states about a file: `sha256` of large ones, git's `blob_sha1` of the others."""

    path: str
    size: int
    blob_sha1: str
    sha256: str | None

    def is_at(self, path: Path) -> bool:
        """Whether the file there has the bytes the hub states."""
        if not path.is_file() or path.stat().st_size != self.size:
            return False
        return sha256_of(path) == self.sha256 if self.sha256 else git_blob_sha1(path) == self.blob_sha1


@dataclass(frozen=True)
class Repository:
    """A repository on the hub.

    remedy: what its user may do instead of asking the hub
    endpoint: the hub's address, by default huggingface_hub's
    token: a secret; None leaves it to huggingface_hub to find one, False asks without any
    """

    repo_id: str
    kind: Literal["model", "dataset"]
    remedy: str
    endpoint: str | None = None
    token: str | bool | None = field(default=None, repr=False)

    @property
    def noun(self) -> str:
        return "data set" if self.kind == "dataset" else self.kind

    @property
    def page(self) -> str:
        return f"https://huggingface.co/{'datasets/' * (self.kind == 'dataset')}{self.repo_id}"

    @property
    def api(self) -> "HfApi":
        from huggingface_hub import HfApi
        from huggingface_hub.utils import _detect_agent

        # else huggingface_hub 2.4 asks for a list of programs, to report which of them runs it
        _detect_agent._registry = _detect_agent._EMPTY_REGISTRY
        return HfApi(endpoint=self.endpoint, token=self.token)

    def commit(self, revision: str) -> str:
        """The commit that a branch, a tag or the beginning of a commit stands for."""
        info = patiently(
            lambda: self.api.repo_info(self.repo_id, repo_type=self.kind, revision=revision, timeout=TIMEOUT_S)
        )
        assert info.sha is not None, "the hub states the commit of every revision"
        return info.sha

    def files(self, commit: str) -> dict[str, HubFile]:
        """Every file at a commit, by its path."""
        from huggingface_hub.hf_api import RepoFile

        tree = patiently(
            lambda: list(self.api.list_repo_tree(self.repo_id, recursive=True, revision=commit, repo_type=self.kind))
        )
        return {
            entry.path: HubFile(entry.path, entry.size, entry.blob_id, entry.lfs.sha256 if entry.lfs else None)
            for entry in tree
            if isinstance(entry, RepoFile)
        }


def patiently(ask: Callable[[], Answer]) -> Answer:
    """The answer; asked again, later and later, while the hub is busy or silent."""
    for wait_s in WAITS_S:
        try:
            return ask()
        except Exception as error:
            wait_s = max(wait_s, _asked_to_wait_s(error))
            if not is_passing(error) or wait_s > LONGEST_WAIT_S:
                raise
            print(f"{in_words(error)}; trying again in {wait_s:.0f} s", file=sys.stderr)
            time.sleep(wait_s)
    return ask()


def is_passing(error: Exception) -> bool:
    """Whether the same question may be answered in a minute. A hub that cannot be reached at all is not waited for."""
    import httpx2

    silent = (httpx2.TimeoutException, httpx2.RemoteProtocolError, httpx2.ReadError)
    return _status(error) in PASSING or isinstance(error, silent)


def in_words(error: Exception) -> str:
    """Never the error's own text, which quotes addresses and headers."""
    status = _status(error)
    return f"the answer {status} from the hub" if status else f"no answer from the hub ({type(error).__name__})"


def _status(error: Exception) -> int | None:
    return getattr(getattr(error, "response", None), "status_code", None)


def _asked_to_wait_s(error: Exception) -> float:
    """Retry-After in seconds; 0 where the hub names none."""
    headers: Any = getattr(getattr(error, "response", None), "headers", {})
    with contextlib.suppress(ValueError):
        return float(headers.get("Retry-After", 0))
    return 0.0


def fetch_file(
    repository: Repository, commit: str, file: HubFile, target: Path, advance: Callable[[int], object] = lambda n: None
) -> None:
    """Bring a file to its place, which it takes whole and checked; what an earlier attempt left is gone on with.

    advance: told of every so many bytes that arrive, negative where bytes had to be thrown away.
    UserError where the bytes are not those the hub states.
    """
    partial = target.with_name(target.name + PARTIAL)
    was_begun = _begin(partial, file.size, advance)
    patiently(lambda: _get_rest(repository, commit, file, partial, advance))
    if not file.is_at(partial) and was_begun:  # of another commit, perhaps
        _begin(partial, 0, advance)
        patiently(lambda: _get_rest(repository, commit, file, partial, advance))
    if not file.is_at(partial):
        advance(-partial.stat().st_size)
        partial.unlink()
        raise wrong_bytes(repository, file)
    partial.replace(target)


def _begin(partial: Path, size: int, advance: Callable[[int], object]) -> bool:
    """Whether bytes are there to go on from; more of them than `size` are thrown away."""
    n_there = partial.stat().st_size if partial.is_file() else 0
    if n_there > size:
        partial.unlink()
        advance(-n_there)
        return False
    return n_there > 0


def _get_rest(
    repository: Repository, commit: str, file: HubFile, partial: Path, advance: Callable[[int], object]
) -> None:
    """Append what is missing, by HTTP's Range; huggingface_hub itself goes on after a cut connection."""
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils._headers import build_hf_headers

    url = hf_hub_url(
        repository.repo_id, file.path, repo_type=repository.kind, revision=commit, endpoint=repository.endpoint
    )
    with open(partial, "ab") as to:
        if (n_there := to.tell()) == file.size:
            return

        class Reporter(contextlib.nullcontext[Any]):
            """What huggingface_hub takes for a progress bar; it also stops a file that does not end."""

            def __init__(self, initial: int = 0, **_: object) -> None:
                super().__init__(self)
                self.n = initial
                advance(initial - n_there)  # not 0 where the server sends everything again

            def update(self, n: int) -> None:
                self.n += n
                if self.n > file.size:
                    raise wrong_bytes(repository, file)
                advance(n)

        headers = build_hf_headers(token=repository.token)
        reporter: Any = Reporter
        http_get(url, to, resume_size=n_there, headers=headers, displayed_filename=file.path, tqdm_class=reporter)
        to.flush()
        os.fsync(to.fileno())


def wrong_bytes(repository: Repository, file: HubFile) -> UserError:
    stated = file.sha256 or file.blob_sha1
    return UserError(
        f"{file.path} of {repository.repo_id} with another hash than the hub states",
        f"the hash {stated[:12]}…",
        f"try again later (the file was deleted), or {repository.remedy}",
    )


@contextlib.contextmanager
def explained(repository: Repository, revision: str) -> Iterator[None]:
    """Turn the hub's refusals, and its silence, into UserErrors; the disk's troubles stay what they are."""
    import httpx2

    try:
        yield
    except (httpx2.HTTPError, OSError) as error:
        if getattr(error, "errno", None) is not None:
            raise
        raise _explain(error, repository, revision) from None


def _explain(error: Exception, repository: Repository, revision: str) -> UserError:
    """The most special kind first."""
    from huggingface_hub import errors

    repo_id, page, remedy = repository.repo_id, repository.page, repository.remedy
    if isinstance(error, errors.GatedRepoError):
        do = f"accept its terms at {page} and set HF_TOKEN, or {remedy}"
        return UserError(f"the {repository.noun} {repo_id}, which is gated", "access to it", do)
    if isinstance(error, errors.RevisionNotFoundError):
        return UserError(f"--revision {revision}", f"a commit, branch or tag of {repo_id}", f"see {page}/commits")
    if isinstance(error, errors.RepositoryNotFoundError):
        do = f"check the name at {page}, set HF_TOKEN if it is private, or {remedy}"
        got = f"{repo_id}, which the hub does not have or does not show"
        return UserError(got, f"a {repository.noun} on the hub", do)
    if _status(error):
        return UserError(in_words(error), repo_id, f"try later, or {remedy}")
    return UserError(in_words(error), f"a network connection, to fetch {repo_id}", remedy)

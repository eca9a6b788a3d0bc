"""The manifest of an artefact: what it is, what it was made from, and how to check it.

Every artefact is a directory with a `manifest.json`. `parents` names what it was made from by content
hash, so any submission can be walked back to source rows. `content_hash` covers everything that
decides the content (kind, parents, counts, settings, files) and nothing that does not (time, code version).
"""

import datetime
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from lit_gpt.errors import UserError
from lit_gpt.files import hash_json, read_json, sha256_of, write_json

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Manifest:
    """kind: example_set | token_set | run | checkpoint | ...; files: relative name -> {size, sha256}.

    `verdicts` travels from a data set to all that is made of it: the licence gate's rows by split, verdict and source.
    """

    kind: str
    parents: dict[str, str] = field(default_factory=dict)
    counts: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    created: str = ""
    code_version: str = ""
    verdicts: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def content_hash(self) -> str:
        decisive = asdict(self)
        for incidental in ("created", "code_version", *(() if self.verdicts else ("verdicts",))):
            del decisive[incidental]
        return hash_json(decisive)

    def write(self, directory: Path, files: Iterable[str] = ()) -> "Manifest":
        """Write `manifest.json` with the hashes of the files named, the time and our version."""
        described = {name: describe_file(directory / name) for name in files}
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        complete = replace(self, files=described, created=now, code_version=code_version())
        write_json(directory / MANIFEST, {**asdict(complete), "content_hash": complete.content_hash})
        return complete


def describe_file(path: Path) -> dict[str, Any]:
    return {"size": path.stat().st_size, "sha256": sha256_of(path)}


def read_manifest(directory: Path, kind: str) -> Manifest:
    """The manifest of an artefact of this kind; UserError where there is none that can be read."""
    path = directory / MANIFEST
    wanted = f"a directory with {_words(kind)}"
    if not path.is_file():
        raise UserError(f"{directory} has no {MANIFEST}", wanted, "check the path")
    try:
        record = read_json(path)
        content_hash = record.pop("content_hash")
        manifest = Manifest(**record)
        if content_hash != manifest.content_hash:
            raise ValueError("it was changed by hand")
    except (ValueError, TypeError, KeyError, AttributeError):
        raise UserError(f"{path} is damaged, or of another version", wanted, "make it again") from None
    if manifest.kind != kind:
        raise UserError(f"{directory} holds {_words(manifest.kind)}", wanted, "check the path")
    return manifest


def _words(kind: str) -> str:
    article = "an" if str(kind)[:1] in "aeiou" else "a"
    return f"{article} {str(kind).replace('_', ' ')}"


def damaged_files(directory: Path, manifest: Manifest) -> list[str]:
    """Names of the manifest's files that are missing or whose size or SHA-256 is another."""
    return [
        name
        for name, expected in manifest.files.items()
        if not (directory / name).is_file() or describe_file(directory / name) != expected
    ]


def code_version() -> str:
    try:
        return version("lit-gpt")
    except PackageNotFoundError:
        return "not installed"

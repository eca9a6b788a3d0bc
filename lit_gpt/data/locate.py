"""From `--source` to files on this disk: a file, a folder, a hub id, or the data set's own home."""

from dataclasses import dataclass
from pathlib import Path

from lit_gpt.data.fetch import HUB_ID, choose_files, fetch
from lit_gpt.data.reading import FORMAT_OF_SUFFIX, suffix_of
from lit_gpt.data.settings import DataSettings
from lit_gpt.data.source import Home, Source
from lit_gpt.data.store import is_example_set
from lit_gpt.errors import UserError
from lit_gpt.files import sha256_of


@dataclass(frozen=True)
class SourceFile:
    """One file to read. `revision`: the hub commit it is of, with ORG/NAME@ if not the source's home, or its hash."""

    name: str
    path: Path
    sha256: str
    revision: str


def locate(source: Source, settings: DataSettings) -> list[SourceFile]:
    """The files to read, in order; UserError when there are none. A source that is a program has no files."""
    if source.program is not None:
        _refuse_files(source, settings)
        return []
    home = _hub_home(source, settings)
    if home is None:
        return [_local_file(name, path) for name, path in _local_paths(settings).items()]
    fetched = fetch(home, settings.revision or _revision_of(settings.source))
    # rows of a data set that no source of ours is named after keep its name: the licence gate asks for it
    revision = fetched.commit if home is source.home else f"{home.repo_id}@{fetched.commit}"
    return [SourceFile(name, path, sha256_of(path), revision) for name, path in fetched.paths.items()]


def _refuse_files(source: Source, settings: DataSettings) -> None:
    for flag in ("source", "revision"):
        if given := getattr(settings, flag):
            got = f"--{flag} {given} for {source.name}, which is made by a program"
            raise UserError(got, "no files to read", f"leave --{flag} out")


def _hub_home(source: Source, settings: DataSettings) -> Home | None:
    """Where on the hub the files are, or None when they are on this disk."""
    if settings.source is None:
        if source.home is None:
            raise UserError("no --source", "the file, folder or hub data set to read", "pass --source FILE")
        return source.home
    if Path(settings.source).exists():
        return None
    repo_id, at, revision = settings.source.partition("@")
    if at and settings.revision:
        raise UserError(f"--source {settings.source} with --revision", "a revision in one place", "leave one out")
    if not HUB_ID.fullmatch(repo_id) or (at and not revision) or suffix_of(settings.source) in FORMAT_OF_SUFFIX:
        raise UserError(
            f"--source {settings.source}, which does not exist",
            "a file, a folder, or a data set on the hub as ORG/NAME or ORG/NAME@REVISION",
            "check the path",
        )
    if source.home and source.home.repo_id == repo_id:
        return source.home
    return Home(repo_id, ())


def _revision_of(source: str | None) -> str | None:
    """What stands behind the @ of a hub id."""
    return (source or "").partition("@")[2] or None


def _local_paths(settings: DataSettings) -> dict[str, Path]:
    assert settings.source is not None, "without a source the home is on the hub"
    if settings.revision is not None:
        raise UserError("--revision with a local --source", "a revision of a data set on the hub", "leave it out")
    root = Path(settings.source)
    if is_example_set(root):
        do = f"finetune with --data_dir {root}, or prepare its source again"
        raise UserError(f"--source {root}, which is a prepared set", "the data a set is prepared from", do)
    if root.is_file():
        return {root.name: root}
    paths = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
    visible = [name for name in paths if not any(part.startswith(".") for part in Path(name).parts)]
    return {name: paths[name] for name in choose_files(visible, f"the folder {root}")}


def _local_file(name: str, path: Path) -> SourceFile:
    sha256 = sha256_of(path)
    return SourceFile(name, path, sha256, f"sha256:{sha256[:12]}")

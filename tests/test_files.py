"""Files are wholly there or not there at all, whatever moment the writer dies at."""

import gzip
import os
import signal
from multiprocessing import get_context
from pathlib import Path

import pytest

from lit_gpt import files
from lit_gpt.errors import UserError
from lit_gpt.files import locked, new_directory, open_bytes, settle_directory, write_bytes, write_json
from lit_gpt.manifest import Manifest, damaged_files, read_manifest


def fill(directory: Path, text: str) -> None:
    (directory / "a").write_text(text)
    (directory / "sub").mkdir()
    (directory / "sub" / "b").write_text(text)


def replace_and_die(target: Path, call_to_die_at: int) -> None:
    """Replace `target`, killed for good at the n-th call that touches the disk."""
    count = 0

    def dying(real):
        def wrapper(*args, **kwargs):
            nonlocal count
            count += 1
            if count == call_to_die_at:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **kwargs)

        return wrapper

    for owner, name in (
        (os, "fsync"),
        (Path, "rename"),
        (files.shutil, "rmtree"),
        (Path, "mkdir"),
        (Path, "write_text"),
    ):
        setattr(owner, name, dying(getattr(owner, name)))
    with new_directory(target, keep=("scores",)) as temporary:
        fill(temporary, "new")


def test_a_kill_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    survived_whole = False
    for call in range(1, 40):
        target = tmp_path / str(call) / "set"
        target.mkdir(parents=True)
        fill(target, "old")
        (target / "scores").mkdir()
        (target / "scores" / "s").write_text("kept")
        process = get_context("fork").Process(target=replace_and_die, args=(target, call))
        process.start()
        process.join()
        settle_directory(target, keep=("scores",))
        assert {(target / "a").read_text(), (target / "sub" / "b").read_text()} in ({"old"}, {"new"})
        assert (target / "scores" / "s").read_text() == "kept"
        assert [path.name for path in target.parent.iterdir()] == ["set"], "leftovers are swept"
        survived_whole = process.exitcode == 0
        if survived_whole:
            break
    assert survived_whole, "every point of the replacement was killed once"
    assert call > 8


def test_a_failing_block_changes_nothing(tmp_path: Path) -> None:
    fill_target = tmp_path / "set"
    with new_directory(fill_target) as temporary:
        fill(temporary, "old")
    with pytest.raises(RuntimeError), new_directory(fill_target):
        raise RuntimeError
    assert (fill_target / "a").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_files_get_the_rights_the_user_gives(tmp_path: Path) -> None:
    with new_directory(tmp_path / "set") as temporary:
        (temporary / "a").touch(mode=0o600)
        (temporary / "b").touch()
    assert (tmp_path / "set" / "a").stat().st_mode == (tmp_path / "set" / "b").stat().st_mode


def test_gzip_is_told_by_content(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(gzip.compress(b"zipped"))
    (tmp_path / "b.gz").write_bytes(b"plain")
    assert open_bytes(tmp_path / "a.json").read() == b"zipped"
    assert open_bytes(tmp_path / "b.gz").read() == b"plain"


def test_write_bytes_replaces(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a", b"1")
    write_bytes(tmp_path / "a", b"2")
    assert (tmp_path / "a").read_bytes() == b"2"
    assert len(list(tmp_path.iterdir())) == 1


def test_manifest_finds_damage(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        write_json(tmp_path / name, [name])
    written = Manifest("thing", parents={"x": "1"}, counts={"rows": 3}).write(tmp_path, ["a", "b", "c"])
    manifest = read_manifest(tmp_path, "thing")
    assert manifest == written
    assert damaged_files(tmp_path, manifest) == []
    (tmp_path / "a").write_text('["z"]\n')
    (tmp_path / "b").unlink()
    assert damaged_files(tmp_path, manifest) == ["a", "b"]


def test_a_manifest_changed_by_hand_is_refused(tmp_path: Path) -> None:
    Manifest("thing", parents={"x": "1"}).write(tmp_path)
    path = tmp_path / "manifest.json"
    path.write_text(path.read_text().replace('"x": "1"', '"x": "2"'))
    with pytest.raises(UserError, match="damaged"):
        read_manifest(tmp_path, "thing")


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"kind": "thing"}', '{"kind": "thing", "wings": 2}'])
def test_a_manifest_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(UserError, match="damaged"):
        read_manifest(tmp_path, "thing")


def test_settling_one_name_leaves_anothers_temporary_alone(tmp_path: Path) -> None:
    with new_directory(tmp_path / "my-lima") as temporary:
        settle_directory(tmp_path / "lima")
        assert temporary.is_dir()


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError):
        write_bytes(tmp_path / "folder", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_lock_is_held_by_one(tmp_path: Path) -> None:
    held = locked(tmp_path / "lock", wait=False)
    with held, pytest.raises(BlockingIOError), locked(tmp_path / "lock", wait=False):
        pass
    with locked(tmp_path / "lock", wait=False):
        pass


def test_content_hash_ignores_time_and_version() -> None:
    first = Manifest("thing", settings={"a": 1}, created="today", code_version="1")
    assert first.content_hash == Manifest("thing", settings={"a": 1}, created="tomorrow").content_hash
    assert first.content_hash != Manifest("thing", settings={"a": 2}).content_hash

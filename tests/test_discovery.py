"""What a command takes when its user names nothing."""

import shutil
from pathlib import Path

import pytest

from lit_gpt import discovery
from lit_gpt.data.store import count_examples, load_example_set
from lit_gpt.errors import UserError


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_only_ones_are_taken(tiny_base: Path, toy_set: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(tiny_base, "checkpoints/org/one")
    shutil.copytree(toy_set, "data/mine")
    assert discovery.only_checkpoint() == Path("checkpoints/org/one")
    assert discovery.only_data_set() == Path("data/mine")
    assert "the only one under checkpoints/" in capsys.readouterr().err


def test_of_several_none_is_taken(toy_set: Path) -> None:
    for name in ("one", "two"):
        shutil.copytree(toy_set, Path("data") / name)
    with pytest.raises(UserError, match="data/one, data/two"):
        discovery.only_data_set()


def test_where_there_is_no_checkpoint_the_embedded_base_steps_in(
    monkeypatch: pytest.MonkeyPatch, tiny_base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(discovery, "EMBEDDED_BASE", tiny_base)
    assert discovery.only_checkpoint() == tiny_base
    assert "the embedded base" in capsys.readouterr().err


def test_outside_of_a_checkout_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "EMBEDDED_BASE", Path("nowhere"))
    with pytest.raises(UserError, match="checkpoint_dir"):
        discovery.only_checkpoint()


def test_where_there_is_no_data_the_world_is_made(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(discovery, "EMBEDDED_ROWS", 200)
    data_dir = discovery.only_data_set()
    assert data_dir == Path("data/world")
    assert load_example_set(data_dir).settings["origin"] == "program"
    assert count_examples(data_dir) + count_examples(data_dir, "validation") == 200
    assert Path("data/world-labels/manifest.json").is_file()
    assert "the embedded instruction world, made now" in capsys.readouterr().err
    assert discovery.only_data_set() == data_dir

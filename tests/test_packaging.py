"""What an installation brings along: few packages, each at the version that was tested, none of the bad ones."""

import re
import tomllib
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
MAX_CORE_PACKAGES = 60


def constraints() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pins = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in pins}


def closure(requirements: list[str], extra: str = "") -> set[str]:
    """The names of everything these requirements bring along on this machine."""
    found: set[str] = set()
    todo = [(Requirement(text), extra) for text in requirements]
    while todo:
        requirement, wanted_by = todo.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": wanted_by}):
            continue
        name = canonicalize_name(requirement.name)
        below = requires(name) or [] if name not in found or requirement.extras else []
        found.add(name)
        todo += [(Requirement(text), each) for text in below for each in ("", *requirement.extras)]
    return found


def test_the_core_is_small_and_every_package_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    core = closure(project["dependencies"])
    assert 20 < len(core) <= MAX_CORE_PACKAGES
    # torch's CUDA packages come with its GPU wheels alone, and their versions with torch's
    loose = {name for name in core - constraints().keys() if not re.match("nvidia-|cuda-|triton", name)}
    assert not loose
    assert not core & {"transformers", "peft", "datasets", "pandas"}
    everything = closure([text for extra in project["optional-dependencies"].values() for text in extra])
    assert not {name for name in everything - constraints().keys() if not re.match("nvidia-|cuda-|triton", name)}


def test_the_versions_that_matter() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    (lightning,) = [Requirement(text) for text in project["dependencies"] if text.startswith("lightning")]
    assert not any(lightning.specifier.contains(version) for version in ("2.6.2", "2.6.3"))
    pins = constraints()
    assert pins["torch"] == "2.13.0"
    assert lightning.specifier.contains(pins["lightning"])
    for text in project["dependencies"]:
        requirement = Requirement(text)
        assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)])

"""The tutorials' commands run, as a reader would type them, and links lead somewhere."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TUTORIALS = sorted((ROOT / "tutorials").glob("*.md"))
PAGES = [*TUTORIALS, ROOT / "README.md", ROOT / "CONTRIBUTING.md"]


def blocks(page: Path) -> str:
    """The page's commands as one shell script; Python blocks become `python - <<`."""
    found = re.findall(r"^```(bash|python)\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return "".join(body if kind == "bash" else f"python - <<'END'\n{body}END\n" for kind, body in found)


@pytest.mark.parametrize("page", TUTORIALS, ids=lambda page: page.stem)
def test_commands_run(page: Path, tmp_path: Path) -> None:
    for folder in ("assets", "chat", "configs", "eval", "finetune", "generate", "scripts"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    script = "set -euxo pipefail\n" + blocks(page)
    done = subprocess.run(["bash"], input=script, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)", page.read_text("utf-8"))
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_scripts_named_exist(page: Path) -> None:
    named = re.findall(r"(?:scripts|finetune|generate|eval|benchmarks|runs)/\w+\.(?:py|sh)", page.read_text("utf-8"))
    assert [name for name in named if not (ROOT / name).is_file()] == []


def test_every_file_of_the_library_is_on_the_map() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    missing = [p.name for p in (ROOT / "lit_gpt").glob("*.py") if p.name != "__init__.py" and p.name not in readme]
    missing += [
        p.name
        for folder in ("benchmarks", "chat", "eval", "finetune", "generate", "tutorials")
        for p in (ROOT / folder).iterdir()
        if p.is_file() and p.name not in readme
    ]
    assert missing == []

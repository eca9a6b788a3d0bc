"""Judges for tests: what they see of a prompt, and how they grade. They share no code with what writes prompts."""

import re
import runpy
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from lit_gpt.curation.judging.settings import JudgeSettings
from lit_gpt.seeds import derive_seed
from tests.stub_server import Stub

SCRIPTS = Path(__file__).resolve().parents[3] / "scripts"
LAST = re.compile(r"\[([0-9a-f]{16}) request\]\n(.*?)\n\[\1 reply\]\n(.*?)\n\[\1 end\]\s*\Z", re.DOTALL)
SCALE = re.compile(r"up to (100) points|(?<=[. ])(5)(?= is a reply|: written)")


def read_prompt(prompt: str) -> tuple[str, str]:
    """(request, reply) of what is to be graded: what stands behind the last fence, which names itself."""
    candidates = list(re.finditer(r"\[([0-9a-f]{16}) request\]", prompt))
    match = LAST.search(prompt, candidates[-1].start())
    assert match is not None, prompt
    return match[2], match[3]


def top_grade(prompt: str) -> int:
    found = SCALE.search(prompt)
    assert found is not None, prompt
    return int(found[1] or found[2])


def knowing(truth: Mapping[tuple[str, str], bool], accuracy: float, seed: int = 0) -> Callable[[str], str]:
    """Knows which rows are sound, and says the opposite in a share of them; always the same of one row."""

    def answer(prompt: str) -> str:
        row = read_prompt(prompt)
        honest = derive_seed("knowing", seed, *row) / 2**63 < accuracy
        high, low = (95, 20) if top_grade(prompt) == 100 else (5, 1)
        return f"Score: {high if truth[row] == honest else low}\nBecause I say so."

    return answer


def settings(stub: Stub, **more: object) -> JudgeSettings:
    fast = {"judge_backoff_s": 0.002, "judge_timeout_s": 100.0}
    return JudgeSettings(**{"judge_url": stub.url, "judge_model": "test/judge", **fast, **more})  # type: ignore[arg-type]


def run_script(name: str, *words: object) -> int:
    """The exit code of scripts/NAME with these words, in this process; its argv and stderr are put back."""
    script = SCRIPTS / f"{name}.py"
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ended:
        patch.setattr(sys, "argv", [str(script), *map(str, words)])
        patch.setattr(sys, "stderr", sys.stderr)
        runpy.run_path(str(script), run_name="__main__")
    return int(ended.value.code or 0)


def table(data_dir: Path, name: str) -> bytes:
    """The one table of that scorer."""
    (folder,) = (data_dir / "scores").glob(f"{name}-*")
    return (folder / "scores.jsonl").read_bytes()

"""Kill it anywhere, run it again: the same losses, bit for bit, and the same weights.

The saved weights' SHA-256 and the loss of every step must be those of a run that nobody interrupted.
"""

import os
import random
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from lit_gpt.files import sha256_of
from lit_gpt.training.journal import read_metrics
from tests.training.conftest import Job

SEED = 20231025
WEIGHTS = {"lora": "adapter_model.safetensors", "full": "model.safetensors"}


def fingerprint(job: Job) -> dict[str, str]:
    return {name: sha256_of(job.out_dir / name / WEIGHTS[job.method]) for name in ("best", "final")}


def losses(out_dir: Path) -> dict[int, set[float]]:
    """Every loss that was ever reported for a step."""
    found: dict[int, set[float]] = {}
    for record in read_metrics(out_dir):
        if "train_loss" in record:
            found.setdefault(record["step"], set()).add(record["train_loss"])
    return found


def repeated_steps(out_dir: Path) -> list[int]:
    """How many steps each resumed process did again."""
    counts, last_step = [], 0
    for record in read_metrics(out_dir):
        if "resumed_at" in record:
            counts.append(last_step - record["resumed_at"])
        last_step = record.get("step", last_step)
    return counts


def unbroken(job: Job) -> tuple[Job, float]:
    reference = replace(job, out_dir=job.out_dir.with_name("unbroken"))
    began = time.monotonic()
    process = reference.start()
    process.join()
    assert process.exitcode == 0
    return reference, time.monotonic() - began


def interrupt_until_finished(job: Job, numbers: list[signal.Signals], run_s: float, draw: random.Random) -> list[int]:
    """Send each signal at a random moment of a run, then let it finish; the exit codes."""
    codes = []
    for number in numbers:
        process = job.start()
        process.join(timeout=draw.uniform(0.0, run_s))
        if process.exitcode is None:
            os.kill(process.pid, number)
        process.join()
        codes.append(process.exitcode)
    process = job.start()
    process.join()
    assert process.exitcode == 0
    return codes


def assert_same(job: Job, reference: Job) -> None:
    assert fingerprint(job) == fingerprint(reference)
    assert losses(job.out_dir) == losses(reference.out_dir), "every step, however often done, had one and the same loss"
    assert all(0 <= n < job.save_every for n in repeated_steps(job.out_dir)), repeated_steps(job.out_dir)
    leftovers = [path for path in job.out_dir.rglob("*") if path.name.startswith((".tmp-", ".old-"))]
    assert not leftovers


def kill_again_and_again(job: Job, n_kills: int) -> None:
    reference, run_s = unbroken(job)
    draw = random.Random(SEED)
    n_interrupted = 0
    while n_kills > 0:  # a run may survive its killer: start another
        out_dir = job.out_dir.with_name(f"killed-{n_kills}")
        killed = replace(job, out_dir=out_dir)
        codes = interrupt_until_finished(killed, [signal.SIGKILL] * min(n_kills, 5), run_s / 2, draw)
        assert set(codes) <= {0, -signal.SIGKILL}
        n_interrupted += codes.count(-signal.SIGKILL)
        n_kills -= 5
        assert_same(killed, reference)
    assert n_interrupted >= 2


@pytest.mark.parametrize("method", ["lora", "full"])
def test_kill_9(job: Job, method: str) -> None:
    kill_again_and_again(replace(job, method=method), n_kills=5)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["lora", "full"])
def test_kill_9_fifty_times(job: Job, method: str) -> None:
    kill_again_and_again(replace(job, method=method, max_steps=120), n_kills=50)


def test_sigint_and_sigterm_save_and_exit(job: Job) -> None:
    job = replace(job, save_every=1000)  # what is saved, the signal saved
    reference, run_s = unbroken(job)
    numbers = [signal.SIGTERM, signal.SIGINT, signal.SIGTERM]
    codes = interrupt_until_finished(job, numbers, run_s / 2, random.Random(SEED))
    assert set(codes) <= {0, 130, 143}
    assert codes != [0, 0, 0]
    assert_same(replace(job, save_every=1), reference)  # so no step was ever done twice


def test_the_harness_sees_a_run_that_forgets_its_dropout(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a seed that follows from the step, a resumed run must differ: or this file proves nothing."""
    from lit_gpt.training import loop

    reference = replace(job, out_dir=job.out_dir.with_name("unbroken"))
    reference.run()
    monkeypatch.setattr(loop, "derive_seed", lambda *parts: 0)
    job.run()
    assert losses(job.out_dir) != losses(reference.out_dir)

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
from tests.jobs import SERVER, Job

SEED = 20231025
EXIT_CODES = {signal.SIGKILL: -signal.SIGKILL, signal.SIGINT: 130, signal.SIGTERM: 143}
ADAPTER = "adapter_model.safetensors"
WEIGHTS = {"lora": ADAPTER, "lima": ADAPTER, "full": "model.safetensors"}


def fingerprint(job: Job) -> dict[str, str]:
    names = ["best", "final", *sorted(path.name for path in job.out_dir.glob("epoch-*"))]
    assert len(names) == (4 if job.method == "lima" else 2)
    return {name: sha256_of(job.out_dir / name / WEIGHTS[job.method]) for name in names}


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
    warm_up = SERVER.Process(target=int)  # the first process waits for the server's imports
    warm_up.start()
    warm_up.join()
    began = time.monotonic()
    process = reference.start()
    process.join()
    assert process.exitcode == 0
    return reference, time.monotonic() - began


def interrupt(job: Job, number: signal.Signals, after_s: float) -> int:
    """Start or go on, send the signal after a while if it still runs; the exit code."""
    process = job.start()
    process.join(timeout=after_s)
    if process.exitcode is None:
        os.kill(process.pid, number)
    process.join()
    return process.exitcode


def interrupt_again_and_again(job: Job, numbers: list[signal.Signals]) -> None:
    """Every signal interrupts a run; whenever a run gets to its end, it must be the unbroken one's."""
    reference, run_s = unbroken(job)
    draw, n_runs = random.Random(SEED), 0
    numbers = list(numbers)
    current = replace(job, out_dir=job.out_dir.with_name("interrupted-0"))
    while numbers:
        code = interrupt(current, numbers[-1], draw.uniform(0.0, run_s))
        if code == 0:  # it was faster than its killer
            assert_same(current, reference)
            n_runs += 1
            current = replace(job, out_dir=job.out_dir.with_name(f"interrupted-{n_runs}"))
        else:
            assert code == EXIT_CODES[numbers.pop()]
    assert interrupt(current, signal.SIGKILL, after_s=600.0) == 0
    assert_same(current, reference)


def assert_same(job: Job, reference: Job) -> None:
    assert fingerprint(job) == fingerprint(reference)
    assert losses(job.out_dir) == losses(reference.out_dir), "every step, however often done, had one and the same loss"
    assert all(0 <= n < job.save_every for n in repeated_steps(job.out_dir)), repeated_steps(job.out_dir)
    leftovers = [path for path in job.out_dir.rglob("*") if path.name.startswith((".tmp-", ".old-"))]
    assert not leftovers


@pytest.mark.parametrize("method", ["lora", "full", "lima"])
def test_kill_9(job: Job, method: str) -> None:
    interrupt_again_and_again(replace(job, method=method), [signal.SIGKILL] * 5)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["lora", "full"])
def test_kill_9_fifty_times(job: Job, method: str) -> None:
    interrupt_again_and_again(replace(job, method=method, max_steps=120), [signal.SIGKILL] * 50)


def test_sigint_and_sigterm_save_and_exit(job: Job) -> None:
    """With --save_every beyond the end, what is saved, the signal saved; and no step is done twice."""
    interrupt_again_and_again(replace(job, save_every=1000), [signal.SIGTERM, signal.SIGINT, signal.SIGTERM])
    for out_dir in job.out_dir.parent.glob("interrupted-*"):
        assert set(repeated_steps(out_dir)) <= {0}


def test_the_harness_sees_a_run_that_forgets_its_dropout(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a seed that follows from the step, a resumed run must differ: or this file proves nothing."""
    from lit_gpt.training import loop

    reference = replace(job, out_dir=job.out_dir.with_name("unbroken"))
    reference.run()
    monkeypatch.setattr(loop, "derive_seed", lambda *parts: 0)
    job.run()
    assert losses(job.out_dir) != losses(reference.out_dir)

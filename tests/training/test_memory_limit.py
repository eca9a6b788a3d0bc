"""The micro-batch is a matter of memory alone: of any size, halved on the way or not, the run is the same."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from lit_gpt.cli import exit_code_of
from lit_gpt.errors import says_out_of_memory
from lit_gpt.tokens.loader import MicroBatch
from lit_gpt.training.journal import read_metrics
from lit_gpt.training.machine import Machine
from lit_gpt.training.memory_limit import is_out_of_memory
from tests.jobs import Job

ROOM = 128  # the toy set's block


def losses(job: Job, **changes: object) -> list[float]:
    return [record["train_loss"] for record in read_metrics(job.run(**changes)) if "train_loss" in record]


def beside(job: Job, name: str) -> Job:
    return replace(job, out_dir=job.out_dir.with_name(name), max_steps=6)


def events(job: Job) -> list[dict]:
    return [record for record in read_metrics(job.out_dir) if "event" in record]


def memory_for(n_tokens: int, from_call: int = 0) -> Machine:
    """A machine without room for more, once it has computed so many micro-batches."""
    calls = 0

    def at_work(batch: MicroBatch) -> None:
        nonlocal calls
        calls += 1
        if calls > from_call and len(batch.ids) > n_tokens:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    return Machine(at_work=at_work)


@pytest.mark.parametrize(
    "settings",
    [
        {"lora_targets": "q,k,v,o,mlp,head"},
        {"lora_targets": "q,mlp,head", "lora_dora": True},
        {"lora_targets": "q,v", "neftune_alpha": 5.0, "activation_checkpointing": True},
    ],
    ids=["every linear", "DoRA", "noise, checkpointing"],
)
def test_with_dropout_a_run_is_the_same_for_every_micro_batch_size(job: Job, settings: dict) -> None:
    one, two, four = (losses(beside(job, str(size)), micro_batch_size=size, **settings) for size in (1, 2, 4))
    assert one == pytest.approx(four, rel=1e-5) and two == pytest.approx(four, rel=1e-5)
    still = losses(beside(job, "still"), micro_batch_size=2, lora_dropout=0.0, **settings)
    assert still != pytest.approx(two, rel=1e-4), "there is dropout to be the same"


@pytest.mark.parametrize("from_call", [0, 3, 7])
def test_out_of_memory_halves_the_micro_batch_and_changes_no_loss(job: Job, from_call: int) -> None:
    reference, short = beside(job, "reference"), beside(job, "short")
    expected = losses(reference, micro_batch_size=4)
    found = losses(short, micro_batch_size=4, machine=memory_for(ROOM, from_call))
    assert found == pytest.approx(expected, rel=1e-5)
    told = events(short)
    assert [event["micro_batch_size"] for event in told] == [2, 1]
    assert all(sum(event["doc_lengths"]) > ROOM for event in told)
    weights = [path / "final" / "adapter_model.safetensors" for path in (reference.out_dir, short.out_dir)]
    from safetensors.torch import load_file

    ours, theirs = (load_file(path) for path in weights)
    for name in ours:
        torch.testing.assert_close(ours[name], theirs[name], rtol=1e-3, atol=1e-5)


def test_what_no_micro_batch_is_small_enough_for_is_told_with_its_rows(job: Job, capsys) -> None:
    code = exit_code_of(lambda: beside(job, "none").run(machine=memory_for(20), micro_batch_size=2))
    told = capsys.readouterr().err
    assert code == 4
    assert "at --micro_batch_size 1, with rows of" in told and "--activation_checkpointing" in told


@pytest.mark.parametrize("room", [ROOM, 20])
def test_an_epochs_end_keeps_to_memory_too(job: Job, room: int, capsys) -> None:
    """Where only what is measured without gradients, which here is the share of tokens predicted right, is too much."""

    def at_work(batch: MicroBatch) -> None:
        if not torch.is_grad_enabled() and len(batch.ids) > room:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes.")

    epoch = {"micro_batch_size": 4, "plateau": 1e-6, "eval_every": 1000, "eval_rows": 1, "max_steps": 18}
    reference, short = beside(job, "reference"), beside(job, "short")
    if room < ROOM:
        assert exit_code_of(lambda: short.run(machine=Machine(at_work=at_work), **epoch) and None) == 4
        assert "with rows of" in capsys.readouterr().err
        return
    expected = losses(reference, **epoch)
    assert losses(short, machine=Machine(at_work=at_work), **epoch) == pytest.approx(expected, rel=1e-5)
    assert [(event["step"], event["micro_batch_size"]) for event in events(short)] == [(15, 2), (15, 1)]
    shares = [
        [r["token_accuracy"] for r in read_metrics(j.out_dir) if "token_accuracy" in r] for j in (reference, short)
    ]
    assert shares[0] == shares[1] and len(shares[0]) == 1


def refused_by(ask: Callable[[], object]) -> str:
    with pytest.raises((RuntimeError, MemoryError)) as error:
        ask()
    assert is_out_of_memory(error.value)
    return str(error.value)


def test_allocators_words_are_known() -> None:
    """torch's on a CPU and numpy's as they are; those of devices that are not here as they are written."""
    assert says_out_of_memory(refused_by(lambda: torch.empty(1 << 60, dtype=torch.uint8)))
    assert says_out_of_memory(refused_by(lambda: np.empty(1 << 60, np.uint8)))
    assert says_out_of_memory("CUDA out of memory. Tried to allocate 2.00 GiB.")
    assert says_out_of_memory("MPS backend out of memory (MPS allocated: 8.00 GB)")
    assert not says_out_of_memory("mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)")
    assert not is_out_of_memory(ValueError("CUDA out of memory."))


def test_other_errors_are_not_taken_for_it(job: Job) -> None:
    def at_work(batch: MicroBatch) -> None:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        job.run(machine=Machine(at_work=at_work))


def test_a_resumed_run_may_have_another_micro_batch_size_and_keeps_to_what_fits(job: Job) -> None:
    reference, stopped = beside(job, "reference"), beside(job, "stopped")
    expected = losses(reference, micro_batch_size=1)
    with pytest.raises(ZeroDivisionError):
        calls = iter([0] * 12)
        stopped.run(machine=Machine(at_work=lambda batch: 1 // (next(calls, -1) + 1)), save_every=1)
    found = losses(stopped, micro_batch_size=4, machine=memory_for(ROOM))
    assert {"resumed_at"} <= {name for record in read_metrics(stopped.out_dir) for name in record}
    assert found == pytest.approx(expected[: len(found)], rel=1e-5)

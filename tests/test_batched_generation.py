"""Many prompts at once: the ids that one prompt at a time gets, whatever the lengths, stops and batches."""

import random
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lit_gpt.batched_generation import BatchedAnswer, Stop, answer_all, batches_by_length
from lit_gpt.checkpoint import load_model
from lit_gpt.errors import UserError
from lit_gpt.generation import generate_ids
from lit_gpt.model import GPT
from lit_gpt.tokenizer import Tokenizer
from tests.tiny import save_checkpoint

CONTEXT = 64


@pytest.fixture(scope="module", params=["llama", "gpt_neox"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> GPT:
    directory: Path = tmp_path_factory.mktemp(request.param)
    save_checkpoint(directory, request.param)
    return load_model(directory)


def prompts_of(lengths: list[int], seed: int = 0) -> list[list[int]]:
    draw = random.Random(seed)
    return [[draw.randrange(101) for _ in range(length)] for length in lengths]


def one_at_a_time(model: GPT, prompts: list[list[int]], n_new: int, stop_ids: tuple[int, ...]) -> list[list[int]]:
    return [list(generate_ids(model, prompt, n_new, stop_ids=stop_ids)) for prompt in prompts]


@pytest.mark.parametrize("stop_ids", [(), (3,), tuple(range(0, 101, 4))])
@pytest.mark.parametrize("batch_size", [1, 5, 64])
def test_ids_are_those_of_one_prompt_at_a_time(model: GPT, batch_size: int, stop_ids: tuple[int, ...]) -> None:
    prompts = prompts_of([1, 2, 2, 7, 30, 31, 45, 60, 63, 12, 12, 12])
    answers = dict(answer_all(model, prompts, 20, stop=Stop(stop_ids), batch_size=batch_size))
    assert sorted(answers) == list(range(len(prompts)))
    assert [answers[n].ids for n in range(len(prompts))] == one_at_a_time(model, prompts, 20, stop_ids)


CASES = {
    "lengths": st.lists(st.integers(1, CONTEXT - 1), min_size=1, max_size=12),
    "n_new": st.integers(1, 30),
    "every": st.integers(2, 60),
    "batch_size": st.integers(1, 6),
    "seed": st.integers(0, 999),
}


@settings(max_examples=25, deadline=None)
@given(**CASES)
def test_any_lengths_limits_and_stops(model: GPT, **case: Any) -> None:
    check_against_one_at_a_time(model, **case)


@pytest.mark.slow
@settings(max_examples=1000, deadline=None)
@given(**CASES)
def test_many_lengths_limits_and_stops(model: GPT, **case: Any) -> None:
    check_against_one_at_a_time(model, **case)


def check_against_one_at_a_time(
    model: GPT, lengths: list[int], n_new: int, every: int, batch_size: int, seed: int
) -> None:
    prompts, stop_ids = prompts_of(lengths, seed), tuple(range(0, 101, every))
    answers = dict(answer_all(model, prompts, n_new, stop=Stop(stop_ids), batch_size=batch_size))
    expected = one_at_a_time(model, prompts, n_new, stop_ids)
    limits = [min(n_new, CONTEXT - length) for length in lengths]
    assert [answers[n].ids for n in range(len(prompts))] == expected
    is_cut = [len(ids) == limit for ids, limit in zip(expected, limits, strict=True)]
    assert [answers[n].is_cut for n in range(len(prompts))] == is_cut


def test_an_answer_is_cut_by_the_limit_or_the_context_and_not_by_a_stop_id(model: GPT) -> None:
    prompts = prompts_of([4, 60])
    free = one_at_a_time(model, prompts, 10, ())
    assert [len(ids) for ids in free] == [10, 4]
    answers = dict(answer_all(model, prompts, 10))
    assert [answers[n].is_cut for n in (0, 1)] == [True, True]
    answers = dict(answer_all(model, prompts, 10, stop=Stop((free[0][-1],))))
    assert not answers[0].is_cut, "its last token within the limit is the stop"
    assert answers[0].ids == free[0][: free[0].index(free[0][-1])]


def test_a_stop_id_within_a_prompt_stops_nothing(model: GPT) -> None:
    prompts = [[3, 3, 3, 5], [9], [3] * 30]
    answers = dict(answer_all(model, prompts, 8, stop=Stop((3,))))
    assert [answers[n].ids for n in range(3)] == one_at_a_time(model, prompts, 8, (3,))


def test_finished_rows_leave_the_batch(model: GPT) -> None:
    """Every row but one stops at its first token; the network then sees one row."""
    prompts = prompts_of([10] * 8, seed=4)
    free = one_at_a_time(model, prompts, 12, ())
    others = [{ids[0] for ids in free[:n] + free[n + 1 :]} for n in range(len(prompts))]
    stops = next(stops for stops, ids in zip(others, free, strict=True) if not stops & set(ids))
    seen: list[int] = []
    hook = model.transformer.wte.register_forward_hook(lambda module, inputs, output: seen.append(len(inputs[0])))
    try:
        dict(answer_all(model, prompts, 12, stop=Stop(stops)))
    finally:
        hook.remove()
    assert seen == [8] + [1] * 11


def test_batches_hold_every_prompt_once_and_are_of_similar_length() -> None:
    lengths = [random.Random(7).randrange(1, 500) for _ in range(300)]
    batches = list(batches_by_length(lengths, 16, max_spread=20))
    assert sorted(number for batch in batches for number in batch) == list(range(300))
    for batch in batches:
        among = [lengths[number] for number in batch]
        assert len(batch) <= 16 and max(among) - min(among) <= 20
    assert max(lengths[number] for number in batches[0]) == max(lengths)
    assert list(batches_by_length([], 4)) == []


def test_no_prompts_no_answers(model: GPT) -> None:
    assert list(answer_all(model, [], 5)) == []


@pytest.mark.parametrize("bad", [[], [1] * CONTEXT, [101]])
def test_one_bad_prompt_stops_everything_before_the_first_answer(model: GPT, bad: list[int]) -> None:
    with pytest.raises(UserError):
        next(answer_all(model, [[1, 2], bad], 5))


@pytest.mark.parametrize("limits", [{"max_new_tokens": 0}, {"max_new_tokens": 3, "batch_size": 0}])
def test_limits_below_1(model: GPT, limits: dict[str, int]) -> None:
    with pytest.raises(UserError, match="0"):
        next(answer_all(model, [[1]], **limits))


def test_training_mode_is_refused(model: GPT) -> None:
    try:
        with pytest.raises(ValueError, match="eval mode"):
            next(answer_all(model.train(), [[1]], 3))
    finally:
        model.eval()


def test_inference_mode_does_not_leak_to_the_reader(model: GPT) -> None:
    for _ in answer_all(model, prompts_of([3, 60]), 2):
        assert not torch.is_inference_mode_enabled()


def test_a_row_takes_prompt_then_answer_then_nothing() -> None:
    row = BatchedAnswer([7, 8], n_limit=2)
    assert row.take(1, 50, stop=Stop((9,))) == 8
    assert row.take(2, 50, stop=Stop((9,))) == 50
    assert not row.is_done
    row.take(3, 51, stop=Stop((9,)))
    row.take(4, 52, stop=Stop((9,)))
    assert (row.ids, row.is_done, row.is_cut) == ([50, 51], True, True)


def test_a_real_models_stories_are_those_it_tells_one_at_a_time(shared: Path) -> None:
    checkpoint_dir = shared / "checkpoints/karpathy/stories260K"
    model, tokenizer = load_model(checkpoint_dir), Tokenizer(checkpoint_dir)
    openings = [
        "",
        "Once",
        "Tom and Sue",
        "One day, a big dog",
        "Lily likes to play in the park with her red ball. She",
    ]
    prompts = [tokenizer.encode(opening, bos=True) for opening in openings]
    answers = dict(answer_all(model, prompts, 120, stop=Stop(tokenizer.stop_ids), batch_size=3))
    assert [answers[n].ids for n in range(5)] == one_at_a_time(model, prompts, 120, tokenizer.stop_ids)

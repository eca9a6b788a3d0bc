"""Generation and likelihood: greedy and drawn text, where they stop, and agreement with other implementations."""

from collections import Counter
from pathlib import Path

import pytest
import torch
from transformers import LlamaForCausalLM

from lit_gpt.answer_settings import AnswerSettings, Sampling
from lit_gpt.checkpoint import load_model
from lit_gpt.errors import UserError
from lit_gpt.generation import generate, generate_ids, pick
from lit_gpt.likelihood import CHUNK, loglikelihood
from lit_gpt.model import GPT
from lit_gpt.tokenizer import Tokenizer
from tests.tiny import save_checkpoint

PROMPT = [5, 17, 99, 3]


@pytest.fixture(scope="module")
def checkpoint_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("checkpoint")
    save_checkpoint(directory, max_position_embeddings=300)
    return directory


@pytest.fixture
def model(checkpoint_dir: Path) -> GPT:
    return load_model(checkpoint_dir)


@pytest.fixture(scope="module")
def theirs(checkpoint_dir: Path) -> LlamaForCausalLM:
    return LlamaForCausalLM.from_pretrained(checkpoint_dir)


def test_greedy_ids_are_those_of_transformers(model: GPT, theirs: LlamaForCausalLM) -> None:
    expected = theirs.generate(torch.tensor([PROMPT]), max_new_tokens=60, do_sample=False, eos_token_id=None)
    assert list(generate_ids(model, PROMPT, 60)) == expected[0, 4:].tolist()


def test_a_stop_id_ends_the_text_and_is_not_part_of_it(model: GPT) -> None:
    ids = list(generate_ids(model, PROMPT, 60))
    first = ids.index(ids[10])
    assert list(generate_ids(model, PROMPT, 60, stop_ids=(ids[10],))) == ids[:first]


def test_the_end_of_the_context_ends_the_text(model: GPT) -> None:
    assert len(list(generate_ids(model, PROMPT, 1000))) == 300 - len(PROMPT)


def test_no_tokens_asked_for(model: GPT) -> None:
    assert list(generate_ids(model, PROMPT, 0)) == []


@pytest.mark.parametrize("prompt", [[], [1] * 300, [1] * 301])
def test_a_prompt_that_leaves_no_room_is_refused(model: GPT, prompt: list[int]) -> None:
    with pytest.raises(UserError) as error:
        next(generate_ids(model, prompt, 5))
    assert f"{len(prompt)} tokens" in error.value.got
    assert "1 to 299" in error.value.expected


@pytest.mark.parametrize(
    "settings",
    [{"temperature": -1.0}, {"temperature": float("nan")}, {"top_k": 0}, {"top_p": 0.0}, {"top_p": 1.5}],
)
@pytest.mark.parametrize("made", [Sampling, AnswerSettings])
def test_settings_out_of_range_are_refused(made: type, settings: dict[str, float]) -> None:
    with pytest.raises(UserError, match=next(iter(settings))):
        made(**settings)


def test_a_negative_length_is_refused(model: GPT) -> None:
    with pytest.raises(UserError, match="max_new_tokens"):
        next(generate_ids(model, PROMPT, -1))


def test_the_seed_alone_decides_what_is_drawn(model: GPT) -> None:
    def draw(seed: int | None) -> list[int]:
        torch.randn(7)  # the global state moves on
        return list(generate_ids(model, PROMPT, 40, sampling=Sampling(5.0), seed=seed))

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)
    assert draw(None) != draw(None)


def test_drawing_leaves_the_global_state_alone(model: GPT) -> None:
    state = torch.get_rng_state()
    list(generate_ids(model, PROMPT, 5, sampling=Sampling(1.0), seed=3))
    assert torch.equal(torch.get_rng_state(), state)


def test_inference_mode_does_not_leak_to_the_reader(model: GPT) -> None:
    for _ in generate_ids(model, PROMPT, 3):
        assert not torch.is_inference_mode_enabled()


def test_training_mode_is_refused(model: GPT) -> None:
    with pytest.raises(ValueError, match="eval mode"):
        next(generate_ids(model.train(), PROMPT, 3))
    with pytest.raises(ValueError, match="eval mode"):
        loglikelihood(model, PROMPT)


# ---- which tokens may be drawn; probabilities 0.4, 0.3, 0.2, 0.1 in a scattered order

LOGITS = torch.tensor([0.2, 0.4, 0.1, 0.3]).log()


@pytest.mark.parametrize(
    ("settings", "allowed"),
    [
        ({}, {0, 1, 2, 3}),
        ({"top_k": 1}, {1}),
        ({"top_k": 3}, {0, 1, 3}),
        ({"top_k": 99}, {0, 1, 2, 3}),
        ({"top_p": 0.01}, {1}),
        ({"top_p": 0.39}, {1}),
        ({"top_p": 0.41}, {1, 3}),
        ({"top_p": 0.71}, {0, 1, 3}),
        ({"top_p": 1.0}, {0, 1, 2, 3}),
        ({"top_k": 2, "top_p": 0.58}, {1, 3}),  # of what top_k leaves, 0.57 and 0.43
        ({"top_k": 2, "top_p": 0.56}, {1}),
    ],
)
def test_what_may_be_drawn(settings: dict[str, float], allowed: set[int]) -> None:
    generator = torch.Generator().manual_seed(0)
    sampling = Sampling(temperature=1.0, **settings)
    assert {pick(LOGITS, sampling, generator) for _ in range(200)} == allowed


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_tokens_are_drawn_as_often_as_they_are_likely(temperature: float) -> None:
    generator = torch.Generator().manual_seed(0)
    counts = Counter(pick(LOGITS, Sampling(temperature), generator) for _ in range(4000))
    for token, probability in enumerate((LOGITS / temperature).softmax(-1).tolist()):
        assert abs(counts[token] / 4000 - probability) < 0.03  # 3.7 standard deviations at the widest


# ---- likelihood


@pytest.mark.parametrize("n_ids", [1, 2, CHUNK, CHUNK + 1, CHUNK + 2, 300])
def test_loglikelihood_is_that_of_transformers(model: GPT, theirs: LlamaForCausalLM, n_ids: int) -> None:
    ids_T = torch.randint(101, (n_ids,), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        logprobs_TV = theirs(ids_T[None]).logits[0, :-1].double().log_softmax(-1)
    ours = loglikelihood(model, ids_T.tolist())
    assert ours.shape == (n_ids - 1,)
    assert ours.dtype == torch.float32
    assert torch.allclose(ours.double(), logprobs_TV.gather(1, ids_T[1:, None])[:, 0], atol=1e-4)


def test_the_head_never_sees_more_than_a_chunk(model: GPT) -> None:
    seen: list[int] = []
    model.lm_head.register_forward_hook(lambda module, inputs, output: seen.append(output.size(0)))
    loglikelihood(model, [1] * 300)
    assert sum(seen) == 299
    assert max(seen) == CHUNK


def test_a_bf16_models_loglikelihood_is_fp32(checkpoint_dir: Path, model: GPT) -> None:
    ours = loglikelihood(load_model(checkpoint_dir, dtype=torch.bfloat16), PROMPT)
    assert ours.dtype == torch.float32
    assert torch.allclose(ours, loglikelihood(model, PROMPT), rtol=0.1, atol=0.5)


# ---- a real model


def test_two_hundred_greedy_steps_to_the_byte(shared: Path) -> None:
    checkpoint_dir = shared / "checkpoints/karpathy/stories260K"
    expected = (checkpoint_dir / "expected_greedy.txt").read_text(encoding="utf-8")
    text = generate(load_model(checkpoint_dir), Tokenizer(checkpoint_dir), "", max_new_tokens=200)
    assert text == expected


def test_new_text_follows_the_prompt_as_if_written_by_one_hand(shared: Path) -> None:
    checkpoint_dir = shared / "checkpoints/karpathy/stories260K"
    model, tokenizer = load_model(checkpoint_dir), Tokenizer(checkpoint_dir)
    expected = (checkpoint_dir / "expected_greedy.txt").read_text(encoding="utf-8")
    prompt = "Once upon a time, there was a little girl"
    assert expected.startswith(prompt + generate(model, tokenizer, prompt, max_new_tokens=20))

"""Generation: one text, token by token, with a KV cache.

temperature 0 takes the likeliest token; otherwise tokens are drawn, after keeping only the `top_k` likeliest, or the
fewest whose probabilities reach `top_p` (nucleus sampling, Holtzman et al. 2020, arXiv 1904.09751), or both, in that
order. Drawing depends on the seed alone, not on torch's global state.
Not handled: batches of prompts (see batched_generation.py), beam search, penalties, prompt templates (see prompts.py).
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Protocol

import torch
from torch import Tensor

from lit_gpt.answer_settings import GREEDY, Sampling
from lit_gpt.errors import UserError
from lit_gpt.kv_cache import KVCache
from lit_gpt.model import GPT

UNFINISHED = "\ufffd"  # what decoding gives for a character whose last byte is still to come


class Tokenizer(Protocol):
    """What generation needs of a tokenizer."""

    stop_ids: tuple[int, ...]
    adds_bos: bool

    def encode(self, text: str, bos: bool = False, eos: bool = False) -> list[int]: ...
    def decode(self, ids: Sequence[int]) -> str: ...


def generate(
    model: GPT,
    tokenizer: Tokenizer,
    prompt: str,
    max_new_tokens: int = 50,
    temperature: float = 0.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int | None = None,
) -> str:
    """The text that follows the prompt as it stands; EOS ends it and is not part of it."""
    prompt_ids = tokenizer.encode(prompt, bos=tokenizer.adds_bos)
    new_ids = generate_ids(
        model,
        prompt_ids,
        max_new_tokens,
        sampling=Sampling(temperature, top_k, top_p),
        stop_ids=tokenizer.stop_ids,
        seed=seed,
    )
    return new_text(tokenizer, prompt_ids, list(new_ids))


def new_text(tokenizer: Tokenizer, prompt_ids: Sequence[int], new_ids: Sequence[int]) -> str:
    """What the new ids add to the prompt's text; decoded alone, they would lose the blank before their first word."""
    return tokenizer.decode([*prompt_ids, *new_ids])[len(tokenizer.decode(prompt_ids)) :]


def pieces_of_text(tokenizer: Tokenizer, prompt_ids: Sequence[int], new_ids: Iterable[int]) -> Iterator[str]:
    """What the new ids add to the prompt's text, as they come; together they are `new_text`."""
    ids, n_prompt, told = list(prompt_ids), len(tokenizer.decode(prompt_ids)), 0
    text = ""
    for id in new_ids:
        ids.append(id)
        text = tokenizer.decode(ids)[n_prompt:]
        if not text.endswith(UNFINISHED) and len(text) > told:
            yield text[told:]
            told = len(text)
    if len(text) > told:
        yield text[told:]


@torch.inference_mode()
def generate_ids(
    model: GPT,
    prompt_ids: Sequence[int],
    max_new_tokens: int,
    *,
    sampling: Sampling = GREEDY,
    stop_ids: Collection[int] = (),
    seed: int | None = None,
) -> Iterator[int]:
    """The ids after the prompt, one by one, until a stop id (not given), max_new_tokens, or the end of the context.

    seed: the same seed gives the same ids; None draws a new one each time.
    UserError: an empty prompt, one that fills the context, or max_new_tokens below 0. ValueError: training mode.
    """
    if max_new_tokens < 0:
        raise UserError(f"max_new_tokens {max_new_tokens}", "0 or more", "change --max_new_tokens")
    n_new = min(max_new_tokens, room_for_answer(model, prompt_ids))
    weight = model.transformer.wte.weight
    generator = torch.Generator(weight.device)
    generator.manual_seed(seed) if seed is not None else generator.seed()
    cache = KVCache(model.config, 1, len(prompt_ids) + n_new, weight.dtype, weight.device)
    ids_BT = torch.tensor([list(prompt_ids)], device=weight.device)
    for _ in range(n_new):
        last = torch.tensor([ids_BT.size(1) - 1], device=weight.device)
        next_id = pick(model(ids_BT, cache=cache, logits_at=last)[0], sampling, generator)
        if next_id in stop_ids:
            return
        yield next_id
        ids_BT = torch.tensor([[next_id]], device=weight.device)


def room_for_answer(model: GPT, prompt_ids: Sequence[int], name: str = "a prompt") -> int:
    """How many tokens the context has left after the prompt, at least 1.

    UserError: an empty prompt, one that fills the context, ids the model has no row for. ValueError: training mode.
    """
    n_room = model.config.block_size - len(prompt_ids)
    if model.training:
        raise ValueError("generation needs a model in eval mode: its dropout would be on")
    if not prompt_ids or n_room < 1:
        expected = f"1 to {model.config.block_size - 1} tokens, to leave room for an answer"
        raise UserError(f"{name} of {len(prompt_ids)} tokens", expected, "change the prompt")
    n_known = len(model.transformer.wte.weight)
    if max(prompt_ids) >= n_known:
        got, expected = f"a token id of {max(prompt_ids)}", f"ids below {n_known}, the rows of the model's embedding"
        raise UserError(got, expected, "check that tokenizer and weights belong together")
    return n_room


def pick(logits_V: Tensor, sampling: Sampling, generator: torch.Generator) -> int:
    """The next token."""
    if sampling.temperature == 0:
        return int(logits_V.argmax())
    # from the largest down: however small the temperature, no quotient but minus infinity overflows
    logits_V = (logits_V.float() - logits_V.max()) / sampling.temperature
    probabilities_V = torch.softmax(_keep_likeliest(logits_V, sampling), -1)
    return int(torch.multinomial(probabilities_V, 1, generator=generator))


def _keep_likeliest(logits_V: Tensor, sampling: Sampling) -> Tensor:
    """The logits, with minus infinity for tokens outside top_k or top_p."""
    sorted_V, order_V = logits_V.sort(descending=True, stable=True)
    drop_V = torch.zeros_like(sorted_V, dtype=torch.bool)
    if sampling.top_k is not None:
        drop_V[sampling.top_k :] = True
    if sampling.top_p is not None:
        probabilities_V = sorted_V.masked_fill(drop_V, -torch.inf).softmax(-1)
        drop_V |= probabilities_V.cumsum(-1) - probabilities_V >= sampling.top_p  # mass before this token
    return logits_V.masked_fill(torch.empty_like(drop_V).scatter_(0, order_V, drop_V), -torch.inf)

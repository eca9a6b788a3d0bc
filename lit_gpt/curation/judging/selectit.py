"""SelectIT (Liu et al. 2024, arXiv 2402.16705): grades read off a local model's probabilities of digits.

K ways to ask for a grade from 1 to k, p the probabilities of the digits alone, at the first token of the reply.

    token     S = g * 1/(k - 1) * sum over i of (p(g) - p(i))      g the likeliest digit
    sentence  mean of S over the K ways / (1 + alpha * their standard deviation)

Ours: p is a softmax over the digits' logits once (the published code takes a softmax of normalised probabilities once
more), the deviation is over K, not K - 1, and one model stands where the paper weighs several by their size.
The grade is asked for after the text, as the published prompts do, with a cue of ours behind the fence: there is no
reply to be led astray, but there are probabilities.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar

from lit_gpt.curation.bench import Bench
from lit_gpt.curation.indicators.scores import Missing, Score
from lit_gpt.curation.judging.fence import behind_fence
from lit_gpt.curation.judging.local import model_name
from lit_gpt.curation.judging.rubrics import texts_of
from lit_gpt.curation.models import checkpoint_of, loaded, model_identity
from lit_gpt.curation.scorers import OfRows
from lit_gpt.curation.scores import ScoreRows
from lit_gpt.errors import UserError
from lit_gpt.example import Example

if TYPE_CHECKING:
    from torch import Tensor

    from lit_gpt.model import GPT
    from lit_gpt.tokens.encode import Encoder

WINDOW_ROWS = 512
N_GRADES = 5
WAYS = (
    "Grade from 1 (poor) to 5 (excellent) how well the reply answers the request.",
    "How much could somebody learn from this request and its reply? Grade from 1 (nothing) to 5 (very much).",
    "Say with a grade from 1 (not at all) to 5 (fully) whether the reply does all that the request asks for.",
    "Would an expert be content with the reply? Grade from 1 (no) to 5 (entirely).",
    "Judge the reply for truth, clarity and use together, with one grade from 1 (worst) to 5 (best).",
)


@dataclass(frozen=True)
class SelectIt(OfRows):
    """SelectIT's sentence-level score: a local model's grades, less where it is unsure or the wording matters.

    Args:
        alpha: how much a spread between the wordings costs
    """

    alpha: float = 0.2

    NAME: ClassVar = "selectit"
    SHARD_ROWS: ClassVar = WINDOW_ROWS
    NEEDS: ClassVar = ("checkpoint_dir",)

    def __post_init__(self) -> None:
        if self.alpha < 0:
            raise UserError(f"alpha {self.alpha}", "0 or more", "correct it")

    def identity(self, bench: Bench) -> dict[str, Any]:
        bench.scored_by.add(model_name(checkpoint_of(bench)))
        return {**model_identity(bench), "seed": bench.settings.seed_of_scores}

    def start(self, bench: Bench) -> ScoreRows:
        model, tokenizer = loaded(bench)
        return lambda examples: selectit_scores(examples, model, tokenizer, self.alpha, bench.settings.seed_of_scores)


def selectit_scores(
    examples: Iterable[Example], model: "GPT", tokenizer: "Encoder", alpha: float, seed: int
) -> Iterator[Score]:
    """The sentence-level score of each row; Missing where it is longer than the context."""
    remaining = iter(examples)
    while window := list(islice(remaining, WINDOW_ROWS)):
        texts = [grade_text(example, way, seed) for example in window for way in WAYS]
        tokens = iter(token_scores(texts, model, tokenizer))
        for example in window:
            yield example.id, sentence_score([next(tokens) for _ in WAYS], alpha)


def grade_text(example: Example, way: str, seed: int) -> str:
    return f"{behind_fence(way, texts_of(example), seed)}\nGrade: "


def token_scores(texts: list[str], model: "GPT", tokenizer: "Encoder") -> list[float]:
    from lit_gpt.curation.indicators.documents import Document
    from lit_gpt.curation.indicators.packed import next_logits

    opening = [tokenizer.bos_id] if tokenizer.adds_bos and tokenizer.bos_id is not None else []
    ids = [opening + own for own in tokenizer.encode_batch(texts)]
    fits = [len(own) <= model.config.block_size for own in ids]
    logits_NV = next_logits(model, [Document(own, []) for own, fit in zip(ids, fits, strict=True) if fit])
    found = iter(confident_grades(logits_NV[:, _digits(tokenizer)]))
    return [next(found) if fit else Missing("too_long") for fit in fits]


def confident_grades(logits_NG: "Tensor") -> list[float]:
    """The token-level score for each row of logits of the digits 1 ... k."""
    p_NG = logits_NG.double().softmax(-1)
    top_N, best_N = p_NG.max(-1)
    margins_N = (top_N[:, None] - p_NG).sum(-1) / (p_NG.size(-1) - 1)
    found: list[float] = ((best_N + 1) * margins_N).tolist()
    return found


def sentence_score(tokens: Sequence[float], alpha: float) -> float:
    missing = next((token for token in tokens if token != token), None)
    if missing is not None:
        return missing
    mean = sum(tokens) / len(tokens)
    deviation = (sum((token - mean) ** 2 for token in tokens) / len(tokens)) ** 0.5
    return mean / (1 + alpha * deviation)


def _digits(tokenizer: "Encoder") -> list[int]:
    from lit_gpt.curation.indicators.ratings import digit_ids

    return digit_ids(tokenizer)[:N_GRADES]

"""Every step, scorer and embedder that a recipe may name. Add yours here."""

from typing import Any

from lit_gpt.curation.scorers import AnswerWords, Given, Linear, Product, PromptWords, RowTokens
from lit_gpt.curation.steps.baselines import Balanced, LengthMatched, RandomRows
from lit_gpt.curation.steps.by_score import ScoreBounds, Top

STEPS: dict[str, type[Any]] = {
    "balanced": Balanced,
    "length_matched": LengthMatched,
    "random": RandomRows,
    "score_bounds": ScoreBounds,
    "top": Top,
}
SCORERS: dict[str, type[Any]] = {
    "answer_words": AnswerWords,
    "given": Given,
    "linear": Linear,
    "product": Product,
    "prompt_words": PromptWords,
    "row_tokens": RowTokens,
}
EMBEDDERS: dict[str, type[Any]] = {}

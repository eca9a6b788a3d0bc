"""Every step, scorer and embedder that a recipe may name. Add yours here."""

from typing import Any

from lit_gpt.curation.scorers import AnswerWords, Given, Linear, Product, PromptWords, RowTokens
from lit_gpt.curation.steps.baselines import Balanced, LengthMatched, RandomRows
from lit_gpt.curation.steps.by_score import ScoreBounds, Top
from lit_gpt.curation.steps.decontaminate import Decontaminate
from lit_gpt.curation.steps.duplicates import ExactDuplicates, NearDuplicates, SemanticDuplicates
from lit_gpt.curation.steps.lima_rules import LimaRules
from lit_gpt.curation.steps.self_instruct_rules import RougeNovelty, SelfInstructRules

STEPS: dict[str, type[Any]] = {
    "balanced": Balanced,
    "decontaminate": Decontaminate,
    "exact_duplicates": ExactDuplicates,
    "length_matched": LengthMatched,
    "lima_rules": LimaRules,
    "near_duplicates": NearDuplicates,
    "random": RandomRows,
    "rouge_novelty": RougeNovelty,
    "score_bounds": ScoreBounds,
    "self_instruct_rules": SelfInstructRules,
    "semantic_duplicates": SemanticDuplicates,
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

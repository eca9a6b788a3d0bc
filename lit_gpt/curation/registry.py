"""Every step, scorer and embedder that a recipe may name. Add yours here."""

from typing import Any

from lit_gpt.curation.borrowed_scorers import RewardModel, UniEval
from lit_gpt.curation.judging.scorers import JudgedQuality, JudgedRating, Lengthwise
from lit_gpt.curation.judging.selectit import SelectIt
from lit_gpt.curation.likelihood_scorers import IfdLoss, IfdPerplexity, Perplexity
from lit_gpt.curation.model_scorers import (
    DeitaComplexity,
    DeitaGrades,
    DeitaQuality,
    Influence,
    Learnability,
)
from lit_gpt.curation.reward_scorers import LocalReward, OwnAnswerReward
from lit_gpt.curation.scorers import Fitted, Given, Linear, Product, RankSum
from lit_gpt.curation.steps.baselines import Balanced, LengthMatched, RandomRows
from lit_gpt.curation.steps.by_score import ScoreBounds, Top
from lit_gpt.curation.steps.decontaminate import Decontaminate
from lit_gpt.curation.steps.diverse import (
    BestUnlike,
    DifficultyBalanced,
    FacilityLocation,
    KCenter,
    LikeTargets,
)
from lit_gpt.curation.steps.duplicates import ExactDuplicates, NearDuplicates, SemanticDuplicates
from lit_gpt.curation.steps.gate import LicenceGate
from lit_gpt.curation.steps.judged import DirectedAtJudge, ExpansionRounds
from lit_gpt.curation.steps.lima_rules import LimaRules
from lit_gpt.curation.steps.self_instruct_rules import RougeNovelty, SelfInstructRules
from lit_gpt.curation.steps.warm_up import Candidates, WarmUp
from lit_gpt.curation.text_scorers import (
    AnswerWords,
    InputTokens,
    Mtld,
    OutputTokens,
    PromptWords,
    RowTokens,
    WordCommonness,
    WordEntropy,
)
from lit_gpt.curation.vector_scorers import NeighbourDistance, RowVariance
from lit_gpt.curation.vectors import GivenVectors, HashedNgrams, HiddenStates, LatentWords, SentenceEncoder

STEPS: dict[str, type[Any]] = {
    "balanced": Balanced,
    "best_unlike": BestUnlike,
    "candidates": Candidates,
    "decontaminate": Decontaminate,
    "difficulty_balanced": DifficultyBalanced,
    "directed_at_judge": DirectedAtJudge,
    "exact_duplicates": ExactDuplicates,
    "expansion_rounds": ExpansionRounds,
    "facility_location": FacilityLocation,
    "k_center": KCenter,
    "length_matched": LengthMatched,
    "licence_gate": LicenceGate,
    "like_targets": LikeTargets,
    "lima_rules": LimaRules,
    "near_duplicates": NearDuplicates,
    "random": RandomRows,
    "rouge_novelty": RougeNovelty,
    "score_bounds": ScoreBounds,
    "self_instruct_rules": SelfInstructRules,
    "semantic_duplicates": SemanticDuplicates,
    "top": Top,
    "warm_up": WarmUp,
}
SCORERS: dict[str, type[Any]] = {
    "answer_words": AnswerWords,
    "deita_complexity": DeitaComplexity,
    "deita_grades": DeitaGrades,
    "deita_quality": DeitaQuality,
    "fitted": Fitted,
    "given": Given,
    "ifd_loss": IfdLoss,
    "ifd_ppl": IfdPerplexity,
    "influence": Influence,
    "input_tokens": InputTokens,
    "judged_quality": JudgedQuality,
    "judged_rating": JudgedRating,
    "learnability": Learnability,
    "lengthwise": Lengthwise,
    "linear": Linear,
    "local_reward": LocalReward,
    "mtld": Mtld,
    "neighbour_distance": NeighbourDistance,
    "output_tokens": OutputTokens,
    "own_answer_reward": OwnAnswerReward,
    "perplexity": Perplexity,
    "product": Product,
    "prompt_words": PromptWords,
    "rank_sum": RankSum,
    "reward_model": RewardModel,
    "row_tokens": RowTokens,
    "row_variance": RowVariance,
    "selectit": SelectIt,
    "unieval": UniEval,
    "word_commonness": WordCommonness,
    "word_entropy": WordEntropy,
}
EMBEDDERS: dict[str, type[Any]] = {
    "given_vectors": GivenVectors,
    "hashed_ngrams": HashedNgrams,
    "hidden_states": HiddenStates,
    "latent_words": LatentWords,
    "sentence_encoder": SentenceEncoder,
}

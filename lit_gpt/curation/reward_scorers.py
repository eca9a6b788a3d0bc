"""Rewards by a small head on the states of --checkpoint_dir's model: of a row's answer, and of a tuned model's own.

`local-reward` is fitted when it is asked for, to pairs of right and wrong answers to made-up problems, none of them in
the pool. It is no published reward model, and its 0 means nothing: only differences count.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from lit_gpt.curation.bench import Bench
from lit_gpt.curation.model_scorers import ADAPTER, OfAModel
from lit_gpt.curation.models import folder_identity, model_identity, reader_of, tokenizer_and_style
from lit_gpt.curation.scores import ScoreRows

if TYPE_CHECKING:
    from lit_gpt.curation.indicators.scores import Score
    from lit_gpt.example import Example

PAIRS_SEED = 0


@dataclass(frozen=True)
class LocalReward(OfAModel):
    """`local-reward` of the row's answer.

    Args:
        n_pairs: that the head is fitted to
    """

    n_pairs: int = 600

    NAME: ClassVar = "local_reward"

    def identity(self, bench: Bench) -> dict[str, Any]:
        return {**model_identity(bench), "not_of": bench.pool_hash}

    def start(self, bench: Bench) -> ScoreRows:
        return local_reward(bench, self.n_pairs)


@dataclass(frozen=True)
class OwnAnswerReward(OfAModel):
    """MoDS's necessity: `local-reward` of what a tuned model answers itself, by its likeliest tokens.

    Args:
        n_pairs: that the head is fitted to
        max_new_tokens: of an answer
        tuned: the name under which the tuned model's adapter is given: --given tuned=DIR
    """

    n_pairs: int = 600
    max_new_tokens: int = 64
    tuned: str = "tuned"

    NAME: ClassVar = "own_answer_reward"
    GIVEN: ClassVar = {"tuned": ADAPTER}

    def identity(self, bench: Bench) -> dict[str, Any]:
        adapter = folder_identity(bench.given(self.tuned, ADAPTER))
        return {**model_identity(bench), "adapter": adapter, "not_of": bench.pool_hash}

    def start(self, bench: Bench) -> ScoreRows:
        from lit_gpt.curation.indicators.own_answers import own_answer_scores

        tuned, reward = reader_of(bench, bench.given(self.tuned, ADAPTER)), local_reward(bench, self.n_pairs)
        tokenizer, _ = tokenizer_and_style(bench)
        return lambda examples: own_answer_scores(examples, tuned, tokenizer, self.max_new_tokens, reward)


def local_reward(bench: Bench, n_pairs: int) -> "Callable[[Iterable[Example]], Iterator[Score]]":
    """A head fitted to pairs that are not in the pool; it scores rows."""
    from lit_gpt.curation.indicators.reward import reward_scores, train_reward_head
    from lit_gpt.curation.texts import first_request_of
    from lit_gpt.data.world.pairs import preference_pairs
    from lit_gpt.progress import watched

    reader = reader_of(bench)
    avoided = {first_request_of(example) for example in bench.pool_rows("reading prompts")}
    pairs = preference_pairs(PAIRS_SEED, n_pairs, avoided)
    head = train_reward_head(watched(pairs, "fitting local-reward", "pair", n_pairs), reader)
    return lambda examples: reward_scores(examples, reader, head)

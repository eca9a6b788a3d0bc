"""A conversation with a model: each question is asked after all that was said before, in the model's prompt style.

The dialogue is encoded as training and evaluation encode it. When it outgrows the context its oldest turns are left
out, and the caller is told how many.
Not covered: tools, several conversations at once (see batched_generation.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from lit_gpt.answer_settings import GREEDY, Sampling
from lit_gpt.errors import UserError
from lit_gpt.example import Message
from lit_gpt.generation import generate_ids, pieces_of_text
from lit_gpt.model import GPT
from lit_gpt.prompts import PromptStyle
from lit_gpt.stop_strings import next_turn, until_stop
from lit_gpt.tokenizer import Tokenizer
from lit_gpt.tokens.encode import encode_prompt, stop_ids


@dataclass
class Conversation:
    """What was said so far. `n_forgotten` counts the turns that no longer fit into the context.

    An answer ends at the style's stop ids, where the style's next turn would begin, and before any of `stops`.
    """

    model: GPT
    tokenizer: Tokenizer
    style: PromptStyle
    system: str = ""
    sampling: Sampling = GREEDY
    stops: tuple[str, ...] = ()
    messages: list[Message] = field(default_factory=list)
    n_forgotten: int = 0

    def ask(self, question: str, max_new_tokens: int, seed: int | None = None) -> Iterator[str]:
        """The answer, piece by piece as it is written; afterwards it is part of the conversation."""
        self.messages.append(Message("user", question))
        prompt_ids = self._fit(max_new_tokens)
        ids = generate_ids(
            self.model,
            prompt_ids,
            max_new_tokens,
            sampling=self.sampling,
            stop_ids=stop_ids(self.tokenizer, self.style),
            seed=seed,
        )
        pieces = pieces_of_text(self.tokenizer, prompt_ids, ids)
        told = ""
        try:
            for piece in until_stop(pieces, (*self.stops, *next_turn(self.style))):
                told += piece
                yield piece
        finally:  # also when the listener has heard enough
            self.messages.append(Message("assistant", told.strip() or told))

    def _fit(self, max_new_tokens: int) -> list[int]:
        """The ids of the dialogue, without its oldest turns where they leave no room for the answer."""
        while True:
            opening = [Message("system", self.system)] if self.system else []
            ids = encode_prompt([*opening, *self.messages], self.tokenizer, self.style)
            room = self.model.config.block_size - len(ids)
            if room >= min(max_new_tokens, self.model.config.block_size // 4):
                return ids
            if len(self.messages) < 3:
                got = f"a question of {len(ids):,} tokens"
                expected = f"one that leaves room in {self.model.config.block_size:,}"
                self.messages.pop()
                raise UserError(got, expected, "ask for less at once")
            del self.messages[:2]
            self.n_forgotten += 2

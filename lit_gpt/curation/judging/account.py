"""Calls, tokens and money: counted on the way, bounded before they are spent.

What a call may cost at most is held back before it is sent: a prompt has at most as many tokens as bytes, and what a
chat template adds, a reply at most the limit asked for. So the sum never exceeds `--max_cost`, whatever comes back and
however many calls are under way. Tokens that nobody has counted yet are estimated at CHARS_PER_TOKEN; a reply that
comes without its count of tokens is put down at the most it may be, so that no call looks free.
What an endpoint charges for a call that failed is not known here: such calls are counted, and cost nothing.
"""

from collections import Counter
from dataclasses import dataclass, field
from math import inf
from threading import Condition

from lit_gpt.curation.judging.question import Prompt, Reply
from lit_gpt.curation.judging.settings import JudgeSettings
from lit_gpt.errors import UserError

CHARS_PER_TOKEN = 4  # of English: https://help.openai.com/en/articles/4936856
TEMPLATE_TOKENS = 64  # a chat template's own: a generous guess
TOKENS_PRICED = 1_000_000


def most_tokens(prompt: Prompt) -> int:
    """What a prompt may come to at most, whatever the tokenizer: a token for each byte, and the template's."""
    return len(prompt.text.encode()) + TEMPLATE_TOKENS


@dataclass
class Account:
    """Of one command. `faults` counts failed calls by what was wrong with them."""

    settings: JudgeSettings
    n_sent: int = 0
    n_paid: int = 0
    n_in: int = 0
    n_out: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    held: float = 0.0
    n_under_way: int = 0
    _changed: Condition = field(default_factory=Condition)

    def cost(self, n_in: int, n_out: int) -> float | None:
        """Dollars for so many tokens; None where there are no prices."""
        if self.settings.price_in is None or self.settings.price_out is None:
            return None
        return (n_in * self.settings.price_in + n_out * self.settings.price_out) / TOKENS_PRICED

    @property
    def spent(self) -> float | None:
        return self.cost(self.n_in, self.n_out)

    def hold(self, prompt: Prompt) -> float:
        """Hold back what this call may cost at most, once the calls under way leave room for it; UserError where there
        is no room with none under way."""
        most = self.cost(most_tokens(prompt), self.settings.judge_tokens) or 0.0
        limit = inf if self.settings.max_cost is None else self.settings.max_cost
        with self._changed:
            self._changed.wait_for(lambda: not self.n_under_way or (self.spent or 0.0) + self.held + most <= limit)
            if (self.spent or 0.0) + self.held + most > limit:
                got = f"${self.spent or 0.0:.4f} spent, and a call that may cost ${most:.4f}"
                do = "raise --max_cost and run again: what has come is kept, and not paid for again"
                raise UserError(got, f"at most --max_cost ${limit:.4f}", do)
            self.held += most
            self.n_under_way += 1
            self.n_sent += 1
        return most

    def settle(self, held: float, outcome: Reply | str) -> None:
        """What was held comes free; a reply is paid for, a fault is counted."""
        with self._changed:
            self.n_under_way -= 1
            self.held = self.held - held if self.n_under_way else 0.0
            self._changed.notify_all()
            if isinstance(outcome, Reply):
                self.n_paid += 1
                self.n_in += outcome.n_in
                self.n_out += outcome.n_out
            else:
                self.faults[outcome] += 1

    def in_words(self) -> str:
        money = "" if self.spent is None else f", ${self.spent:.4f}"
        faults = ", ".join(f"{name} {n:,}" for name, n in self.faults.most_common())
        failed = f"; {self.faults.total():,} calls failed and were tried again ({faults})" if faults else ""
        return f"{self.n_paid:,} calls answered, {self.n_in:,} + {self.n_out:,} tokens{money}{failed}"

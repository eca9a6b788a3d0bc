"""Calls, tokens and money: counted on the way, bounded before they are spent.

What a call may cost at most is held back before it is sent: a prompt has at most as many tokens as bytes, a reply at
most the limit asked for. So the sum never exceeds `--max_cost`, whatever comes back and however many calls are under
way. Tokens that nobody has counted yet are estimated at CHARS_PER_TOKEN.
What an endpoint charges for a call that failed is not known here: such calls are counted, and cost nothing.
"""

from collections import Counter
from dataclasses import dataclass, field
from threading import Lock

from lit_gpt.curation.judging.question import Prompt, Reply
from lit_gpt.curation.judging.settings import JudgeSettings
from lit_gpt.errors import UserError

CHARS_PER_TOKEN = 4  # of English: https://help.openai.com/en/articles/4936856
TOKENS_PRICED = 1_000_000


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
    _lock: Lock = field(default_factory=Lock)

    def cost(self, n_in: int, n_out: int) -> float | None:
        """Dollars for so many tokens; None where there are no prices."""
        if self.settings.price_in is None or self.settings.price_out is None:
            return None
        return (n_in * self.settings.price_in + n_out * self.settings.price_out) / TOKENS_PRICED

    @property
    def spent(self) -> float | None:
        return self.cost(self.n_in, self.n_out)

    def hold(self, prompt: Prompt) -> float:
        """Hold back what this call may cost at most; UserError where that would be too much."""
        most = self.cost(len(prompt.text.encode()), self.settings.judge_tokens) or 0.0
        with self._lock:
            spent, limit = self.spent or 0.0, self.settings.max_cost
            if limit is not None and spent + self.held + most > limit:
                got = f"${spent:.4f} spent, ${self.held:.4f} under way, and a call that may cost ${most:.4f}"
                do = "raise --max_cost and run again: what has come is kept, and not paid for again"
                raise UserError(got, f"at most --max_cost ${limit:.4f}", do)
            self.held += most
            self.n_sent += 1
        return most

    def settle(self, held: float, outcome: Reply | str) -> None:
        """What was held comes free; a reply is paid for, a fault is counted."""
        with self._lock:
            self.held -= held
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

"""Which sizes are tried, and how long each is trained: importable without torch."""

from dataclasses import dataclass
from typing import Literal

from lit_gpt.errors import UserError


@dataclass(frozen=True)
class SizeSettings:
    """Sizes of a subset, in tokens, evenly spaced by their logarithm.

    Args:
        least_tokens: the smallest subset
        most_tokens: the largest; the default is half of the pool's tokens
        n_sizes: how many sizes, the ends included
        equal: epochs lets every size be seen as often, so that small ones take fewer steps (InstructMining); steps
            trains all as long, so that small ones are repeated
        search_trials: sizes that BlendSearch may try to find the best one (needs the extra: pip install
            'lit-gpt[search]'); 0 does not search
    """

    least_tokens: int = 2_000
    most_tokens: int | None = None
    n_sizes: int = 5
    equal: Literal["epochs", "steps"] = "epochs"
    search_trials: int = 0

    def __post_init__(self) -> None:
        for flag, least in (("least_tokens", 1), ("n_sizes", 2), ("search_trials", 0)):
            if getattr(self, flag) < least:
                raise UserError(f"--{flag} {getattr(self, flag)}", f"{least} or more", f"correct --{flag}")
        if self.most_tokens is not None and self.most_tokens <= self.least_tokens:
            got = f"--most_tokens {self.most_tokens}"
            raise UserError(got, f"more than --least_tokens {self.least_tokens}", "correct one of the two")

    def largest(self, n_pool_tokens: int) -> int:
        """Of a pool with so many tokens. UserError where it has not as many, or --least_tokens is no less."""
        largest = self.most_tokens or n_pool_tokens // 2
        if largest > n_pool_tokens:
            got = f"--most_tokens {largest}, of a pool with {n_pool_tokens:,} tokens to train on"
            raise UserError(got, f"at most {n_pool_tokens}", "lower it, or leave it out for half of the pool")
        if largest <= self.least_tokens:
            got = f"--least_tokens {self.least_tokens}, where the largest size is {largest:,}, half of the pool"
            raise UserError(got, f"less than {largest}", "lower --least_tokens, or raise --most_tokens")
        return largest

    def grid(self, most_tokens: int) -> list[int]:
        """The sizes, ascending."""
        ratio = most_tokens / self.least_tokens
        return [round(self.least_tokens * ratio ** (i / (self.n_sizes - 1))) for i in range(self.n_sizes)]

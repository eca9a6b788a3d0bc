"""What choosing costs: processor time, and the calls that a judge is paid for; one limit on the money for all.

Every candidate's replies lie in a folder of their own, so that its calls are counted where they lie: an interruption
loses none and pays for none twice, and nobody lives off another's replies.
"""

import resource
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from lit_gpt.curation.judging.replies import Kept, count_kept
from lit_gpt.curation.judging.settings import JudgeSettings

TOKENS_PRICED = 1_000_000


@dataclass(frozen=True)
class Cost:
    """Of choosing, once and with nothing at hand. `dollars` is None where nobody said what tokens cost."""

    cpu_s: float = 0.0
    wall_s: float = 0.0
    n_calls: int = 0
    n_in: int = 0
    n_out: int = 0
    dollars: float | None = None


@dataclass
class Purse:
    """Who is asked, and what was spent. `replies_dir` has a folder for each who asks."""

    judge: JudgeSettings
    replies_dir: Path
    before: float = field(init=False)

    def __post_init__(self) -> None:
        self.before = self._spent()

    @classmethod
    def of(cls, judge: JudgeSettings, out_dir: Path) -> Self:
        return cls(judge, judge.replies_dir or out_dir / "replies")

    def settings_for(self, name: str) -> JudgeSettings:
        """The judge's, with replies in the folder `name`, and with what is left of --max_cost."""
        limit = self.judge.max_cost
        left = None if limit is None else max(0.0, limit - (self._spent() - self.before))
        return replace(self.judge, replies_dir=self.replies_dir / name, max_cost=left)

    def paid(self, name: str) -> Kept:
        """The calls that were paid for; a model of one's own costs time alone."""
        return count_kept(self.replies_dir / name) if self.judge.judge_url is not None else Kept()

    def dollars(self, kept: Kept) -> float | None:
        if self.judge.price_in is None or self.judge.price_out is None:
            return None
        return (kept.n_in * self.judge.price_in + kept.n_out * self.judge.price_out) / TOKENS_PRICED

    def _spent(self) -> float:
        folders = self.replies_dir.iterdir() if self.replies_dir.is_dir() else ()
        return sum(self.dollars(count_kept(folder)) or 0.0 for folder in folders)


def used() -> tuple[float, float]:
    """Processor seconds of this process and its children, and the clock."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages), time.monotonic()

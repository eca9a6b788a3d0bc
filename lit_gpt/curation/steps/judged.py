"""Steps for rows that a language model grades or wrote."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from lit_gpt.curation.bench import Bench
from lit_gpt.curation.judging.directed import directed_at_judge
from lit_gpt.curation.rows import Rows
from lit_gpt.curation.step import Drop
from lit_gpt.curation.texts import answer_of, prompt_of
from lit_gpt.data.licences import n_rewritings
from lit_gpt.errors import UserError


@dataclass(frozen=True)
class DirectedAtJudge:
    """Leaves out rows with text directed at the judge, which a gullible one would obey.

    Args:
        prompts: look at the prompts, too
    """

    prompts: bool = True

    REASONS: ClassVar = {"directed_at_judge": "It holds text that speaks to whoever grades it."}

    def drops(self, rows: Rows, bench: Bench) -> Iterator[Drop]:
        for example in rows:
            texts = [answer_of(example), prompt_of(example)] if self.prompts else [answer_of(example)]
            if found := directed_at_judge(texts):
                yield Drop(example.id, "directed_at_judge", {"rule": found[0], "matched": found[1]})


@dataclass(frozen=True)
class ExpansionRounds:
    """Leaves out rows that a model rewrote too often, and says what share of the rest each round has.

    Args:
        at_most: rewritings up to which a row stays (≤); -1 for any number
    """

    at_most: int = -1

    REASONS: ClassVar = {"rewritten_too_often": "A model rewrote it more often than the bound allows."}

    def __post_init__(self) -> None:
        if self.at_most < -1:
            raise UserError(f"at_most {self.at_most}", "-1, 0 or more", "correct it")

    def drops(self, rows: Rows, bench: Bench) -> Iterator[Drop]:
        rounds: Counter[int] = Counter()
        for example in rows:
            n = n_rewritings(example.provenance)
            if n > self.at_most >= 0:
                yield Drop(example.id, "rewritten_too_often", {"rewritten": n, "bound": self.at_most})
            else:
                rounds[n] += 1
        total = max(rounds.total(), 1)
        lines = [f"{_round_name(n)}: {count:,} rows, {count / total:.1%}" for n, count in sorted(rounds.items())]
        bench.note("Rows by round of expansion", lines)


def _round_name(number: int) -> str:
    return f"round {number}" if number else "not rewritten"

"""Which of two replies is better: asked in both orders, and only what holds in both is a verdict.

A judge that prefers a place, first or second, contradicts itself when the places change; such a pair is a tie, and
counts towards the judge's position bias. Ties it declares itself count as such.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from lit_gpt.curation.judging.choice import ask_which
from lit_gpt.curation.judging.judge import Judge
from lit_gpt.curation.judging.question import Failed, Question

TASK = "Two replies to one request are below, first and second. Say which serves the request better."
CHOICES = ("first", "second", "tie")
SWAPPED = {"first": "second", "second": "first", "tie": "tie"}


@dataclass(frozen=True)
class Pair:
    """Two replies to a request."""

    id: str
    request: str
    one: str
    other: str


@dataclass(frozen=True)
class Verdict:
    """What was said of (one, other) and of (other, one), each as a place; None where it could not be read."""

    straight: str | None
    swapped: str | None

    @property
    def winner(self) -> str | None:
        """one, other or tie; None where a reply is missing. What changes with the order is a tie."""
        if self.straight is None or self.swapped is None:
            return None
        if self.straight != SWAPPED[self.swapped]:
            return "tie"
        return {"first": "one", "second": "other", "tie": "tie"}[self.straight]

    @property
    def contradicts_itself(self) -> bool:
        """Whether the winner changes with the order (a tie in one order alone is no contradiction of places)."""
        return self.straight == self.swapped and self.straight in ("first", "second")


def compare(pairs: Sequence[Pair], judge: Judge, seed: int) -> list[Verdict]:
    """The verdict on each pair, from two calls."""
    asked = [_question(pair, swapped, seed) for pair in pairs for swapped in (False, True)]
    said = [None if isinstance(answer, Failed) else answer for answer in judge.ask(asked, "pairs")]
    return [Verdict(said[2 * n], said[2 * n + 1]) for n in range(len(pairs))]


def _question(pair: Pair, swapped: bool, seed: int) -> Question[str]:
    first, second = (pair.other, pair.one) if swapped else (pair.one, pair.other)
    texts = {"request": pair.request, "first": first, "second": second}
    return ask_which(f"{pair.id} ({'swapped' if swapped else 'straight'})", TASK, texts, "Better:", CHOICES, seed)


def bias(verdicts: Sequence[Verdict]) -> dict[str, float | int | None]:
    """Counts, the share of pairs whose winner changes with the order, the first place's share of decided calls."""
    read = [verdict for verdict in verdicts if verdict.winner is not None]
    places = Counter(place for verdict in read for place in (verdict.straight, verdict.swapped))
    decided = places["first"] + places["second"]
    winners = Counter(verdict.winner for verdict in read)
    return {
        "pairs": len(verdicts),
        "read": len(read),
        "wins_of_one": winners["one"],
        "wins_of_other": winners["other"],
        "ties": winners["tie"],
        "contradictions": sum(verdict.contradicts_itself for verdict in read),
        "share_contradicting": sum(v.contradicts_itself for v in read) / len(read) if read else None,
        "share_first": places["first"] / decided if decided else None,
    }

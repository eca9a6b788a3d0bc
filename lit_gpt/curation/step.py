"""What a step is: rows in, a reason with evidence for each row it leaves out. Steps compose in any order.

There are two forms, both frozen dataclasses whose fields are their settings and whose docstring says what they do:

    a filter    drops(rows, bench)              yields a Drop for every row it objects to
    a chooser   rank(rows, bench, at_least)     puts rows in order, best first; how many of them stay is `keep`

`REASONS` names the codes a step may give, each with the sentence a user reads.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, TypeAlias

from lit_gpt.curation.amounts import Amount
from lit_gpt.curation.bench import Bench
from lit_gpt.curation.rows import Rows

NOT_CHOSEN = "not_chosen"
SCORE_MISSING = "score_missing"
SCORE_MISSING_MEANING = "The scorer gave this row no finite number."


@dataclass(frozen=True)
class Drop:
    """A row that is left out: why, and what was seen (JSON values)."""

    id: str
    reason: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Ranking:
    """Places in the rows, best first; what speaks for the rank of a place; rows that could not be ranked."""

    order: Sequence[int]
    evidence: Callable[[int], dict[str, Any]] = lambda place: {}
    excluded: Sequence[Drop] = ()


class Filter(Protocol):
    REASONS: ClassVar[Mapping[str, str]]

    def drops(self, rows: Rows, bench: Bench) -> Iterable[Drop]: ...


class Chooser(Protocol):
    """`rank` may stop after the first `at_least` places."""

    REASONS: ClassVar[Mapping[str, str]]

    @property
    def keep(self) -> Amount | None: ...

    def rank(self, rows: Rows, bench: Bench, at_least: int) -> Ranking: ...


Step: TypeAlias = Filter | Chooser


def is_chooser(step: Step) -> bool:
    return hasattr(step, "rank")

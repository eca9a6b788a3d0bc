"""What a step may ask for beside the rows: scores, vectors, token counts, a short finetuning, the seed; and where it
notes what it saw.

Scores and vectors are computed when first asked for, kept in tables on disk, and remembered for the report.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lit_gpt.curation.amounts import Amount
from lit_gpt.curation.rows import Rows
from lit_gpt.curation.settings import CurateSettings
from lit_gpt.data.store import load_example_set, read_examples
from lit_gpt.errors import UserError, suggestion
from lit_gpt.example import Example
from lit_gpt.progress import watched
from lit_gpt.seeds import derive_seed

if TYPE_CHECKING:
    from lit_gpt.curation.judging.settings import JudgeSettings
    from lit_gpt.curation.scores import Scorer
    from lit_gpt.curation.vectors import Embedder

Scores = NDArray[np.float64]  # one for each row, NaN where there is none


class Finetune(Protocol):
    """Trains an adapter on a prepared set; who curates passes it, for training stands a floor above."""

    @property
    def identity(self) -> dict[str, Any]:
        """The settings that decide what comes out."""

    def __call__(self, data_dir: Path, out_dir: Path, epochs: int, batch_size: int, seed: int) -> Path:
        """The adapter's directory; what was interrupted there goes on."""
        ...


@dataclass
class Bench:
    """A curation in progress. `scorers` and `embedders` are the recipe's, by the names its steps use."""

    settings: CurateSettings
    n_pool: int
    scorers: Mapping[str, "Scorer"] = field(default_factory=dict)
    embedders: Mapping[str, "Embedder"] = field(default_factory=dict)
    notes: list[dict[str, Any]] = field(default_factory=list)
    used: dict[str, dict[str, float]] = field(default_factory=dict)  # score name -> row id -> value
    why_missing: dict[str, dict[str, str]] = field(default_factory=dict)  # score name -> row id -> reason
    judge: "JudgeSettings | None" = None  # who is asked for scores that a language model gives
    scored_by: set[str] = field(default_factory=set)  # the language models that graded rows
    asked: Amount | None = None  # what the recipe keeps in the end
    finetune: Finetune | None = None
    makers: dict[str, Callable[[], Path]] = field(default_factory=dict)  # how steps make what is not --given NAME=PATH

    def scores(self, name: str, rows: Rows) -> Scores:
        """The score of each row by the recipe's scorer of that name, in the order of the rows."""
        from lit_gpt.curation.scores import scores_of

        values_N = scores_of(named(self.scorers, name, "score"), name, rows, self)
        self.used.setdefault(name, {}).update(zip(rows.ids, values_N.tolist(), strict=True))
        return values_N

    def vectors(self, name: str, rows: Rows) -> NDArray[np.float32]:
        """A vector for each row (N, D), in a file in memory's place."""
        from lit_gpt.curation.vectors import vectors_of

        return vectors_of(named(self.embedders, name, "embedder"), rows, self)

    def given(self, name: str, what: str) -> Path:
        """What --given NAME=PATH says, or what a step makes when it is first asked for.

        UserError, with what it should be, where neither is.
        """
        path = self.settings.given_files.get(name)
        if path is None and name in self.makers:
            path = self.makers[name]()
        if path is None:
            raise UserError(f"no --given {name}=PATH", what, f"pass --given {name}=PATH")
        return path

    @property
    def scores_dir(self) -> Path:
        """Where what is computed for these rows is kept."""
        return self.settings.scores_dir or self.settings.data_dir / "scores"

    @cached_property
    def pool_hash(self) -> str:
        """What says which pool it is, for what is computed from all of its rows."""
        return load_example_set(self.settings.data_dir).content_hash

    def pool_rows(self, doing: str) -> Iterator[Example]:
        """Every training row of the pool, whatever earlier steps leave out."""
        return watched(read_examples(self.settings.data_dir), doing, "row", self.n_pool)

    @property
    def target_dir(self) -> Path:
        if self.settings.target_dir is None:
            raise UserError("no --target_dir", "a prepared set of examples of what is wanted", "give it")
        return self.settings.target_dir

    @cached_property
    def target_hash(self) -> str:
        return load_example_set(self.target_dir).content_hash

    def target_rows(self, doing: str) -> Iterator[Example]:
        """The training rows of --target_dir."""
        return watched(read_examples(self.target_dir), doing, "row")

    def ties(self, rows: Rows) -> NDArray[np.uint64]:
        """A number for each row by which ties are broken: a function of the seed and the row, not of its place."""
        return tie_breakers(rows.ids, self.settings.seed)

    def note(self, title: str, lines: Sequence[str]) -> None:
        """Say something on stderr and in the report."""
        from lit_gpt.data.accounting import say

        self.notes.append({"title": title, "lines": list(lines)})
        for line in (title, *(f"  {line}" for line in lines)):
            say(line)


def tie_breakers(ids: Sequence[str], seed: int) -> NDArray[np.uint64]:
    return np.array([derive_seed("tie", seed, id) for id in ids], dtype=np.uint64)


def best_first(values_N: Scores, ties_N: NDArray[np.uint64], highest: bool = True) -> NDArray[np.int64]:
    """Places by value, equals by their tie breaker; ValueError for a value that is not finite."""
    if not np.isfinite(values_N).all():
        raise ValueError("only finite values have an order")
    return np.lexsort((ties_N, -values_N if highest else values_N))


def shuffled(rows: Rows, bench: Bench, purpose: str) -> NDArray[np.int64]:
    """The places of the rows in an order that the seed decides, each row's part in it being its own."""
    keys = np.array([derive_seed(purpose, bench.settings.seed, id) for id in rows.ids], dtype=np.uint64)
    return np.argsort(keys, kind="stable")


def named(known: Mapping[str, Any], name: str, what: str) -> Any:
    """The one of that name; UserError with the nearest."""
    if name not in known:
        do = suggestion(name, known) or f"add it to the recipe's {what}s"
        raise UserError(f"the {what} {name!r}", f"one of {', '.join(sorted(known)) or '(none)'}", do)
    return known[name]

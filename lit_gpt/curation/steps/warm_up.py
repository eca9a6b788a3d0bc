"""What makes asking a model about every row affordable: fewer rows to ask about, and a model that has seen a few.

    candidates   goes on with a random part of the rows, some times as much as is kept in the end
    warm_up      finetunes the base for a moment on a random part of them; leaves none out

Reading a row costs a third of training on it, so a pool that is read whole costs a ninth of three epochs on it. A
draw of candidates costs what it keeps, however large the pool. A warm-up on rows as they come learns what most of them
agree on before it learns what is wrong with the rest (Arpit et al. 2017, arXiv 1706.05394).
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import ClassVar

import numpy as np

from lit_gpt.curation.amounts import NO_AMOUNT
from lit_gpt.curation.bench import Bench, shuffled
from lit_gpt.curation.models import model_identity
from lit_gpt.curation.rows import Rows
from lit_gpt.curation.step import Drop
from lit_gpt.data.subset import write_subset
from lit_gpt.errors import UserError
from lit_gpt.files import hash_json
from lit_gpt.seeds import derive_seed

KEY_CHARS = 12
MAX_SEED = 1 << 31


@dataclass(frozen=True)
class Candidates:
    """Goes on with rows drawn at random, all of them where there are no more.

    Args:
        times: so many times what the recipe keeps in the end, in its unit
    """

    times: float

    REASONS: ClassVar = {"no_candidate": "Not drawn to be looked at more closely."}

    def __post_init__(self) -> None:
        _require_positive(self.times, "times")

    def drops(self, rows: Rows, bench: Bench) -> Iterable[Drop]:
        drawn = set(part_worth(self.times, rows, bench, "candidates"))
        return (Drop(id, "no_candidate") for place, id in enumerate(rows.ids) if place not in drawn)


@dataclass(frozen=True)
class WarmUp:
    """Finetunes the base on a few of the rows, for scores that ask a model which knows what the pool is about. Every
    row stays. Nothing is trained before a score asks for it, nor where --given NAME=DIR says which adapter to ask.

    Args:
        name: under which scores find the adapter
        times: it is trained on so many times what the recipe keeps in the end
        epochs: over that part
        batch_size: rows of a step
    """

    name: str = "tuned"
    times: float = 0.5
    epochs: int = 1
    batch_size: int = 8

    REASONS: ClassVar[dict[str, str]] = {}

    def __post_init__(self) -> None:
        for field in ("times", "epochs", "batch_size"):
            _require_positive(getattr(self, field), field)

    def drops(self, rows: Rows, bench: Bench) -> Iterable[Drop]:
        bench.makers[self.name] = cache(lambda: self._adapter(rows, bench))
        return ()

    def _adapter(self, rows: Rows, bench: Bench) -> Path:
        if bench.finetune is None:
            expected = f"a way to finetune, or --given {self.name}=DIR with an adapter"
            raise UserError("a warm-up where nothing can be trained", expected, "pass an adapter, or use the command")
        part = Rows(rows.pool, np.sort(rows.numbers[part_worth(self.times, rows, bench, "warm_up")]))
        seed = derive_seed("warm_up", bench.settings.seed) % MAX_SEED
        drawn = {"rows": hash_json(part.hashes), "seed": seed}
        decisive = {**asdict(self), **bench.finetune.identity, **model_identity(bench), **drawn}
        folder = bench.scores_dir / f"warm_up-{hash_json(decisive)[:KEY_CHARS]}"
        wanted = set(part.ids)
        if not (folder / "data").is_dir():
            write_subset(
                rows.pool.data_dir,
                folder / "data",
                lambda example: None if example.id in wanted else {"reason": "not_drawn"},
                {"name": "warm_up", "drawn_for": self.name},
            )
        return bench.finetune(folder / "data", folder / "run", self.epochs, self.batch_size, seed)


def part_worth(times: float, rows: Rows, bench: Bench, purpose: str) -> list[int]:
    """Random places of rows that hold so many times what is kept in the end: tokens, or rows where rows are counted."""
    if bench.asked is None:
        raise UserError(*NO_AMOUNT)
    order = shuffled(rows, bench, purpose)
    n_rows = bench.asked.n_rows(bench.n_pool)
    if n_rows is not None:
        return order[: max(1, round(times * n_rows))].tolist()
    most = times * (bench.asked.budget_tokens or 0)
    ends = np.cumsum(bench.scores("row_tokens", rows)[order])
    return order[: max(1, int(np.searchsorted(ends, most, side="right")))].tolist()


def _require_positive(value: float, name: str) -> None:
    if not value > 0:
        raise UserError(f"{name} {value}", "a number above 0", f"correct {name}")

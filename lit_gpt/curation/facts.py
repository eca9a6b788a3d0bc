"""What a curation did, as plain numbers and texts for the report and for whoever wants to count again.

One pass over the pool, holding a few numbers a row and the sampled texts. Samples are those rows whose hash with the
seed is smallest, so the same curation shows the same rows.
"""

import heapq
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lit_gpt.curation.bench import Bench
from lit_gpt.curation.map import map_of
from lit_gpt.curation.recipes import Recipe
from lit_gpt.curation.rows import Pool
from lit_gpt.curation.settings import CurateSettings
from lit_gpt.curation.texts import answer_of, prompt_of
from lit_gpt.example import Example
from lit_gpt.progress import watched
from lit_gpt.seeds import derive_seed

if TYPE_CHECKING:
    from lit_gpt.curation.stages import Stage
    from lit_gpt.curation.step import Step

N_PER_REASON = 2
N_SIDE_BY_SIDE = 4
N_MAPPED = 800
N_BINS = 24
SHOWN_CHARS = 600
HOVER_CHARS = 160


class Sample:
    """The n items with the smallest hashes."""

    def __init__(self, n: int, *purpose: int | str) -> None:
        self.n, self.purpose = n, purpose
        self._heap: list[tuple[int, str, dict[str, Any]]] = []

    def offer(self, id: str, item: dict[str, Any]) -> None:
        entry = (-derive_seed(*self.purpose, id), id, item)
        if len(self._heap) < self.n:
            heapq.heappush(self._heap, entry)
        elif entry > self._heap[0]:
            heapq.heapreplace(self._heap, entry)

    @property
    def items(self) -> list[dict[str, Any]]:
        return [item for _, _, item in sorted(self._heap, reverse=True)]


@dataclass
class _Seen:
    """What the pass over the pool gathers."""

    seed: int
    lengths: list[int] = field(default_factory=list)
    is_kept: list[bool] = field(default_factory=list)
    composition: Counter[tuple[str, str, str, bool]] = field(default_factory=Counter)
    categories: Counter[tuple[str, bool]] = field(default_factory=Counter)
    dropped: dict[tuple[int, str], Sample] = field(default_factory=dict)
    sides: dict[bool, Sample] = field(default_factory=dict)
    mapped: Sample = field(default_factory=lambda: Sample(N_MAPPED, "map"))

    def take(self, example: Example, against: tuple["Stage", Any] | None) -> None:
        kept = against is None
        origin = example.provenance
        self.lengths.append(len(answer_of(example).split()))
        self.is_kept.append(kept)
        self.composition[origin.source, origin.licence, origin.origin, kept] += 1
        self.categories[example.category, kept] += 1
        shown = {"id": example.id, "prompt": _cut(prompt_of(example)), "answer": _cut(answer_of(example))}
        self.sides.setdefault(kept, Sample(N_SIDE_BY_SIDE, "side", self.seed)).offer(example.id, shown)
        self.mapped.offer(example.id, {"kept": kept, "prompt": prompt_of(example)})
        if against is not None:
            stage, drop = against
            sample = self.dropped.setdefault((stage.number, drop.reason), Sample(N_PER_REASON, "drop", self.seed))
            sample.offer(example.id, {**shown, "evidence": dict(drop.evidence)})


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]} …"


def curation_facts(
    settings: CurateSettings, recipe: Recipe, pool: Pool, stages: Sequence["Stage"], bench: Bench
) -> dict[str, Any]:
    """JSON values: see lit_gpt/report/curation_report.py for what is made of them."""
    against = {id: (stage, drop) for stage in stages for id, drop in stage.drops.items()}
    seen = _Seen(settings.seed)
    for example in watched(pool.rows, "describing", "row", len(pool.ids)):
        seen.take(example, against.get(example.id))
    is_kept_N, lengths_N = np.array(seen.is_kept), np.array(seen.lengths, dtype=np.float64)
    return {
        "recipe": recipe.name,
        "data": settings.data_dir.name,
        "seed": settings.seed,
        "asked": settings.amount.words if settings.amount else "",
        "card": asdict(recipe.card),
        "n_pool": len(pool.ids),
        "n_kept": int(is_kept_N.sum()),
        "stages": [_stage(stage, step, seen) for stage, (_, step) in zip(stages, recipe.steps, strict=True)],
        "notes": bench.notes,
        "lengths": {"unit": "words", **_two_sided(lengths_N, is_kept_N)},
        "scores": [_score(name, values, pool, is_kept_N, lengths_N) for name, values in bench.used.items()],
        "composition": _before_after(seen.composition, ("source", "licence", "origin")),
        "categories": _before_after(
            Counter({(name, kept): n for (name, kept), n in seen.categories.items()}), ("category",)
        ),
        "samples": {
            name: seen.sides[kept].items for name, kept in (("kept", True), ("dropped", False)) if kept in seen.sides
        },
        "map": map_of(seen.mapped.items, HOVER_CHARS),
    }


def _stage(stage: "Stage", step: "Step", seen: _Seen) -> dict[str, Any]:
    counts = Counter(drop.reason for drop in stage.drops.values())
    return {
        "step": stage.step,
        "score": getattr(step, "score", ""),
        "n_in": stage.n_in,
        "n_out": stage.n_out,
        "reasons": [
            {
                "reason": reason,
                "meaning": stage.meanings[reason],
                "n": n,
                "examples": seen.dropped[stage.number, reason].items,
            }
            for reason, n in counts.most_common()
        ],
    }


def _two_sided(values_N: NDArray[np.float64], is_kept_N: NDArray[np.bool_]) -> dict[str, Any]:
    """Bins and quartiles of what is kept and what is not; the last bin also holds the longest hundredth."""
    finite = np.isfinite(values_N)
    if not finite.any():
        return {"edges": [], "kept": [], "dropped": [], "quartiles": {}}
    low, high = np.quantile(values_N[finite], [0.0, 0.99])
    edges = np.linspace(low, high if high > low else low + 1, N_BINS + 1)
    sides = {"kept": values_N[finite & is_kept_N], "dropped": values_N[finite & ~is_kept_N]}
    return {
        "edges": edges.tolist(),
        **{name: np.histogram(np.clip(side, low, edges[-1]), edges)[0].tolist() for name, side in sides.items()},
        "quartiles": {n: np.quantile(side, [0.25, 0.5, 0.75]).tolist() for n, side in sides.items() if len(side)},
    }


def _score(
    name: str, values: Mapping[str, float], pool: Pool, is_kept_N: NDArray[np.bool_], lengths_N: NDArray[np.float64]
) -> dict[str, Any]:
    """A score's distribution, and how it goes with length. Rows that never reached the scorer do not count."""
    scored_N = np.array([id in values for id in pool.ids])
    values_N = np.array([values.get(id, np.nan) for id in pool.ids])
    finite = np.isfinite(values_N)
    return {
        "name": name,
        "n_scored": int(scored_N.sum()),
        "n_missing": int((scored_N & ~finite).sum()),
        "with_length": spearman(values_N[finite], lengths_N[finite]),
        **_two_sided(values_N, is_kept_N),
    }


def spearman(first_N: NDArray[np.float64], second_N: NDArray[np.float64]) -> float | None:
    """Rank correlation, equals at their mean rank; None where a side does not vary."""
    if len(first_N) < 2:
        return None
    ranks = [_mean_ranks(values) for values in (first_N, second_N)]
    if any(rank.std() == 0 for rank in ranks):
        return None
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _mean_ranks(values_N: NDArray[np.float64]) -> NDArray[np.float64]:
    _, inverse, counts = np.unique(values_N, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[inverse]


def _before_after(counts: Counter[Any], names: tuple[str, ...]) -> list[dict[str, Any]]:
    """A row for each group: how many there were, and how many stay."""
    groups: dict[tuple[str, ...], list[int]] = defaultdict(lambda: [0, 0])
    for (*group, kept), n in counts.items():
        groups[tuple(group)][0] += n
        groups[tuple(group)][1] += n if kept else 0
    ordered = sorted(groups.items(), key=lambda pair: (-pair[1][0], pair[0]))
    return [{**dict(zip(names, group, strict=True)), "before": n, "after": kept} for group, (n, kept) in ordered]

"""More rows from the kinds of task that the base model fails: the 4090 winner's choice (Birbal, arXiv 2403.02247).

    quota of a kind    proportional to 1 - accuracy of the base model on it, whole numbers by largest remainder, never
                       more than the kind has; what is cut off goes to the others in the same proportion
    rows of a kind     drawn from the seed

Birbal buckets tasks by accuracy and by ROUGE; a straight line is ours. A kind that the base fails wholly because its
rows are wrong is preferred, too: clean first.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from lit_gpt.curation.selection.order import check_size
from lit_gpt.seeds import derive_seed


def difficulty_balanced(kinds_N: Sequence[str], accuracies: Mapping[str, float], k: int, seed: int) -> list[int]:
    """k places, kind by kind. ValueError for a kind without an accuracy from 0 to 1, or too few rows of kinds that
    are not answered perfectly."""
    places: dict[str, list[int]] = {}
    for place, kind in enumerate(kinds_N):
        places.setdefault(kind, []).append(place)
    unknown = [kind for kind in places if not 0 <= accuracies.get(kind, -1) <= 1]
    if unknown:
        raise ValueError(f"no accuracy from 0 to 1 for the kind {unknown[0]!r}")
    quotas = shared_out(
        k, {kind: 1 - accuracies[kind] for kind in places}, {kind: len(own) for kind, own in places.items()}
    )
    chosen: list[int] = []
    for kind, quota in sorted(quotas.items()):
        draw = np.random.default_rng(derive_seed(seed, "difficulty", kind))
        chosen += sorted(draw.choice(places[kind], size=quota, replace=False).tolist())
    return chosen


def shared_out(k: int, weights: Mapping[str, float], most: Mapping[str, int]) -> dict[str, int]:
    """k whole things in proportion to weights, at most so many each; ties by name."""
    check_size(k, sum(most[name] for name, weight in weights.items() if weight > 0))
    quotas = dict.fromkeys(weights, 0)
    while left := k - sum(quotas.values()):
        open_names = [name for name, weight in sorted(weights.items()) if weight > 0 and quotas[name] < most[name]]
        total = sum(weights[name] for name in open_names)
        exact = {name: left * weights[name] / total for name in open_names}
        whole = {name: int(share) for name, share in exact.items()}
        by_remainder = sorted(open_names, key=lambda name: whole[name] - exact[name])
        for name in by_remainder[: left - sum(whole.values())]:
            whole[name] += 1
        for name, count in whole.items():
            quotas[name] = min(quotas[name] + count, most[name])
    return quotas

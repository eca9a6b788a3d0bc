"""A map of prompts: words as numbers, and two coordinates by PCA and, where scikit-learn is there, by t-SNE.

Prompts are TF-IDF vectors over hashed words, of length 1: near on the map means words in common, not more. t-SNE (van
der Maaten and Hinton 2008) keeps neighbours together and says nothing by its distances; its seed is fixed.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lit_gpt.curation.indicators.lsa import bucket_counts, idf, positive_directions, weighted

N_BUCKETS = 4_096
PERPLEXITY = 30.0
N_COMPONENTS = 50  # what t-SNE reads, as its authors advise
SEED = 0
LEAST_ROWS = 5
EDGE = 0.01


def map_of(items: Sequence[dict[str, Any]], hover_chars: int) -> dict[str, Any]:
    """The rows' texts, whether each is kept, and their places by each method, scaled to 0 ... 1."""
    if len(items) < LEAST_ROWS:
        return {"texts": [], "kept": [], "places": {}}
    components_NK = principal_components(tfidf([item["prompt"] for item in items]), N_COMPONENTS)
    places = {"PCA": components_NK[:, :2]}
    if (found := tsne(components_NK)) is not None:
        places["t-SNE"] = found
    return {
        "texts": [" ".join(item["prompt"].split())[:hover_chars] for item in items],
        "kept": [item["kept"] for item in items],
        "places": {name: np.round(_scaled(place), 4).tolist() for name, place in places.items()},
    }


def tfidf(texts: Sequence[str]) -> NDArray[np.float64]:
    """Of length 1 each (N, N_BUCKETS)."""
    counts_NW = bucket_counts(texts, N_BUCKETS)
    return weighted(counts_NW, idf((counts_NW > 0).sum(axis=0), len(texts)))


def principal_components(values_NW: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Coordinates on the directions of most variance (N, at most n); each column's largest part is positive."""
    centred_NW = values_NW - values_NW.mean(axis=0)
    values_N, vectors_NN = np.linalg.eigh(centred_NW @ centred_NW.T)
    best = np.argsort(-values_N)[:n]
    return positive_directions(vectors_NN[:, best] * np.sqrt(values_N[best].clip(min=0)))


def tsne(values_NK: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Places by t-SNE (N, 2); None without scikit-learn."""
    try:
        from sklearn.manifold import TSNE
        from threadpoolctl import threadpool_limits
    except ImportError:
        return None
    perplexity = min(PERPLEXITY, (len(values_NK) - 1) / 3)
    with threadpool_limits(1):  # more threads wait for each other, spinning: 25 CPU s for 200 rows beside other work
        found = TSNE(n_components=2, perplexity=perplexity, init="pca", random_state=SEED).fit_transform(values_NK)
    return np.asarray(found, dtype=np.float64)


def _scaled(places_N2: NDArray[np.float64]) -> NDArray[np.float64]:
    """To 0 ... 1; the outermost hundredth lies on the edge, or a single stray row would press all others together."""
    low, high = np.quantile(places_N2, [EDGE, 1 - EDGE], axis=0)
    return np.asarray(((places_N2 - low) / np.where(high > low, high - low, 1)).clip(0, 1))

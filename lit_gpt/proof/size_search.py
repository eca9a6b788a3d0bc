"""The cheapest good size: BlendSearch over the logarithm of the tokens, beginning at the small end.

Source: Wang, Wu, Huang and Saied 2021 (openreview VbLH04pRA3), in FLAML (https://github.com/microsoft/FLAML), with the
tokens of a trial as its cost, as InstructMining searched (arXiv 2307.06290, section 3.3).
"""

import logging
import warnings
from collections.abc import Callable
from typing import Any

from lit_gpt.errors import UserError

SEED = 20  # of the search: FLAML's own


def search(
    loss_of: Callable[[int], float], bounds: tuple[int, int], n_trials: int
) -> tuple[int, list[dict[str, float]]]:
    """The tokens with the lowest loss, and all that was tried, in order. UserError without the package."""
    tune, blend_search = _flaml()
    tried: list[dict[str, float]] = []

    def trial(config: dict[str, Any]) -> dict[str, float]:
        tokens = int(config["tokens"])
        known = next((each["loss"] for each in tried if each["tokens"] == tokens), None)
        found = {"tokens": tokens, "loss": loss_of(tokens) if known is None else known}
        tried.append(found)
        return {**found, "cost": float(tokens)}

    algorithm = blend_search(
        metric="loss",
        mode="min",
        space={"tokens": tune.lograndint(bounds[0], bounds[1] + 1)},
        low_cost_partial_config={"tokens": bounds[0]},
        cost_attr="cost",
        seed=SEED,
    )
    tune.run(trial, search_alg=algorithm, metric="loss", mode="min", num_samples=n_trials, verbose=0)
    best = min(tried, key=lambda each: (each["loss"], each["tokens"]))
    return int(best["tokens"]), tried


def _flaml() -> tuple[Any, Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that its other half is not installed
            from flaml import tune
            from flaml.tune.searcher.blendsearch import BlendSearch
    except ImportError as error:
        got = f"--search_trials without FLAML ({error})"
        raise UserError(got, "the package flaml[blendsearch]", "pip install 'lit-gpt[search]'") from None
    logging.getLogger("flaml").setLevel(logging.ERROR)
    logging.getLogger("optuna").setLevel(logging.ERROR)
    return tune, BlendSearch

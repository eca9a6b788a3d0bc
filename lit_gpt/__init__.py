"""One open LLM, one GPU, one day: the dataset is the thing you tune.

The public surface, loaded on first use: `load`, `generate`, `loglikelihood`, `read_examples`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lit_gpt.data.store import read_examples
    from lit_gpt.generation import generate
    from lit_gpt.likelihood import loglikelihood
    from lit_gpt.loading import load

__all__ = ["generate", "load", "loglikelihood", "read_examples"]

_HOMES = {
    "generate": "lit_gpt.generation",
    "load": "lit_gpt.loading",
    "loglikelihood": "lit_gpt.likelihood",
    "read_examples": "lit_gpt.data.store",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'lit_gpt' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__

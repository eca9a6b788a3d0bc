"""Settings for single modules, by the ends of their names: `peft`'s rule for rank_pattern and alpha_pattern.

Source: https://github.com/huggingface/peft (utils/other.py, get_pattern_key). A pattern is a regular expression that
fits the whole name, or its end from a dot on; the first that fits counts.
"""

import re
from collections.abc import Iterable, Mapping
from typing import TypeVar

Value = TypeVar("Value")


def by_pattern(patterns: Mapping[str, Value], name: str, usual: Value) -> Value:
    """The value of the first pattern that fits, else the usual one."""
    return next((value for pattern, value in patterns.items() if fits(pattern, name)), usual)


def fits(pattern: str, name: str) -> bool:
    return re.match(rf"(.*\.)?({pattern})$", name) is not None


def unmatched(patterns: Mapping[str, object], names: Iterable[str]) -> list[str]:
    """The patterns that fit none of the names."""
    names = list(names)
    return [pattern for pattern in patterns if not any(fits(pattern, name) for name in names)]

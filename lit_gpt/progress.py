"""A progress bar with ETA on stderr: live on a terminal, a line every ten seconds in a log."""

import sys
from collections.abc import Iterable, Iterator
from typing import Never, TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
LOG_INTERVAL_S = 10.0


def bar(total: int | None, description: str, unit: str, initial: int = 0) -> "tqdm[Never]":
    """A bar to be advanced by hand (`update`, `set_postfix`)."""
    live = sys.stderr.isatty()
    interval_s = 0.1 if live else LOG_INTERVAL_S
    return tqdm(
        total=total,
        desc=description,
        unit=unit,
        initial=initial,
        file=sys.stderr,
        mininterval=interval_s,
        maxinterval=interval_s,
        dynamic_ncols=live,
        smoothing=0.1,
    )


def watched(items: Iterable[Item], description: str, unit: str, total: int | None = None) -> Iterator[Item]:
    """The items themselves, with a bar that advances as they are taken."""
    with bar(total, description, unit) as progress:
        for item in items:
            yield item
            progress.update()

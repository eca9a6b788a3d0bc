"""A progress bar with ETA on stderr: live on a terminal, a line every ten seconds in a log."""

import io
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
    file = sys.stderr if live else _Lines()
    return tqdm(
        total=total,
        desc=description,
        unit=unit,
        initial=initial,
        file=file,
        mininterval=interval_s,
        maxinterval=interval_s,
        dynamic_ncols=live,
        smoothing=0.1,
    )


class _Lines(io.TextIOBase):
    """Where a log gets its bar: each state on a line of its own, instead of overwriting the last one."""

    def write(self, text: str) -> int:
        line = text.strip()
        return sys.stderr.write(line + "\n") if line else 0

    def flush(self) -> None:
        sys.stderr.flush()


def watched(items: Iterable[Item], description: str, unit: str, total: int | None = None) -> Iterator[Item]:
    """The items themselves, with a bar that advances as they are taken."""
    with bar(total, description, unit) as progress:
        for item in items:
            yield item
            progress.update()

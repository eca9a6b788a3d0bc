"""A progress bar with ETA on stderr: live on a terminal, a line every ten seconds in a log."""

import io
import sys
from collections.abc import Iterable, Iterator
from typing import Any, Never, TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
LOG_INTERVAL_S = 10.0
SOON_S = 2.0  # within which nobody asks how far it is


def bar(total: int | None, description: str, unit: str) -> "tqdm[Never]":
    """A bar to be advanced by hand (`update`, `set_postfix`); none where there is nothing to do."""
    return _bar(total=total, desc=description, unit=unit, disable=total == 0)


def bytes_bar(total: int, description: str) -> "tqdm[Never]":
    """A bar in KiB, MiB or GiB, to be advanced by bytes."""
    return _bar(total=total, desc=description, unit="B", unit_scale=True, unit_divisor=1024, disable=total == 0)


def share_bar(description: str, done: float) -> "tqdm[Never]":
    """A bar over the share of the work that is done, from 0 to 1: its ETA is right whatever ends the work."""
    layout = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}"
    return _bar(total=1.0, desc=description, initial=done, bar_format=layout)


def _bar(**shown: Any) -> "tqdm[Never]":
    live = sys.stderr.isatty()
    interval_s = 0.1 if live else LOG_INTERVAL_S
    file = sys.stderr if live else _Lines()
    settings: dict[str, Any] = {"mininterval": interval_s, "maxinterval": interval_s, "smoothing": 0.1, **shown}
    position = None if live else 0  # in a log, a bar within another has no line to move up from
    return tqdm(file=file, dynamic_ncols=live, position=position, **settings)


class _Lines(io.TextIOBase):
    """Where a log gets its bar: each state on a line of its own, instead of overwriting the last one."""

    last = ""

    def write(self, text: str) -> int:
        line = text.strip()
        if not line or line == self.last:
            return 0
        self.last = line
        return sys.stderr.write(line + "\n")

    def flush(self) -> None:
        sys.stderr.flush()


def watched(
    items: Iterable[Item], description: str, unit: str, total: int | None = None, after_s: float = 0.0
) -> Iterator[Item]:
    """The items themselves, with a bar that advances as they are taken. `after_s`: what takes less shows none."""
    with _bar(total=total, desc=description, unit=unit, disable=total == 0, delay=after_s) as progress:
        for item in items:
            yield item
            progress.update()

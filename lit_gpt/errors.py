"""The few ways a command can end badly, and what each tells its user.

    Exception
    ├── UserError       the user can mend it     exit 2, no traceback
    │   └── Diverged    the loss is not finite   exit 2, the rows named
    └── Interrupted     SIGINT or SIGTERM        exit 130 or 143, state saved

An OSError or a MemoryError that says the disk is full, memory is short or a folder is not to be written to is the
machine's (exit 4). Anything else is our own bug: a traceback and exit 1.
"""

import difflib
import re
from collections.abc import Iterable

# CUDA's and the CPU allocator's words for the same thing
OUT_OF_MEMORY = re.compile(r"out of memory|can't allocate memory|Unable to allocate", re.IGNORECASE)


class UserError(Exception):
    """A mistake the user can mend: what we got, what we expected, what to do."""

    def __init__(self, got: str, expected: str, do: str) -> None:
        super().__init__(got)
        self.got, self.expected, self.do = got, expected, do

    def __str__(self) -> str:
        return f"got:      {self.got}\nexpected: {self.expected}\ndo this:  {self.do}"


class Diverged(UserError):
    """The loss or its gradient stopped being a finite number."""


class Interrupted(Exception):
    """A signal asked us to stop; the state is saved by the time this is raised."""

    def __init__(self, signal_number: int, message: str = "interrupted") -> None:
        super().__init__(message)
        self.exit_code = 128 + signal_number


def says_out_of_memory(message: str) -> bool:
    """Whether an error's text is an allocator's."""
    return OUT_OF_MEMORY.search(message) is not None


def suggestion(name: str, known: Iterable[str], most: int = 1) -> str:
    """`did you mean ...?` for a misspelt name, or the empty string when nothing is near."""
    near = difflib.get_close_matches(name, list(known), n=most, cutoff=0.6)
    return f"did you mean {' or '.join(near)}?" if near else ""

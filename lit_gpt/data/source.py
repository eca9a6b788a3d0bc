"""A source: where a data set lives, what may be done with it, and how one of its records becomes a dialogue."""

import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lit_gpt.data.reading import AS_TOLD, Layout
from lit_gpt.data.reasons import NOTES, Rejected
from lit_gpt.data.split import Split
from lit_gpt.errors import UserError
from lit_gpt.example import Message, Origin

__all__ = ["Home", "Layout", "ParsedRow", "Program", "Rejected", "Source"]

Program = Callable[[int, float], Iterator[dict[str, Any]]]  # records from a seed and the share to hold out
Unfold = Callable[[dict[str, Any], str], Iterable[dict[str, Any]]]  # records from one of a file, and the file's name
Fit = Callable[["Source", list[dict[str, Any]], str], "Source"]  # from the first records of a file, and its name


@dataclass(frozen=True)
class Home:
    """Data set files on the Hugging Face hub; `revision` is the commit (or branch) read by default."""

    repo_id: str
    files: tuple[str, ...]
    revision: str = "main"


@dataclass(frozen=True)
class ParsedRow:
    """A record as a dialogue.

    Licence, origin and generator default to the source's; `notes` are codes of NOTES; `split` is for a source that
    decides itself which side a row is on.
    """

    messages: tuple[Message, ...]
    category: str = ""
    licence: str | None = None
    origin: Origin | None = None
    generator: str | None = None
    notes: tuple[str, ...] = ()
    split: Split | None = None

    def __post_init__(self) -> None:
        if unlisted := set(self.notes) - NOTES.keys():
            raise ValueError(f"{unlisted} not listed in NOTES")


@dataclass(frozen=True)
class Source:
    """One data set.

    Args:
        name: prefix of the ids of its rows
        parse: a record's dialogue; raises Rejected(reason) for a record that cannot be used
        forms: the sets of field names a record may come in; a table must have the columns of one of them
        licence: as the publisher names it, an SPDX id where there is one, or "unknown"
        origin: who wrote the answers
        home: its files on the hub, or None for a user's own data
        generator: the language model that wrote the answers, if one did
        program: makes the records from a seed and the share to hold out, for a data set that is a program of ours
        has_test: some rows are on the side "test", which never trains and never chooses a model
        layout: what its files do not tell of themselves
        unfold: makes several records of one; a record that cannot be taken apart raises Rejected(reason)
        fit: the source as the first records of its file show it, for a user's own data
        options: choices of ours that change the rows; they stand in the manifest
    """

    name: str
    parse: Callable[[dict[str, Any]], ParsedRow]
    forms: tuple[tuple[str, ...], ...]
    licence: str
    origin: Origin
    home: Home | None = None
    generator: str = ""
    program: Program | None = None
    has_test: bool = False
    layout: Layout = AS_TOLD
    unfold: Unfold | None = None
    fit: Fit | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def row_id(self, number: int) -> str:
        """The id of row `number`, from 0, as it was read."""
        return f"{self.name}-{number:06d}"

    @property
    def expected(self) -> str:
        """The forms in words: `instruction and output, or messages`."""
        return ", or ".join(" and ".join(form) for form in self.forms)

    def check_columns(self, columns: list[str], file: str) -> None:
        """UserError when a table's columns cover none of the forms."""
        if any(set(form) <= set(columns) for form in self.forms):
            return
        found = textwrap.shorten(", ".join(columns), width=300, placeholder=" …")
        raise UserError(
            f"{file} with the columns: {found or 'none'}",
            f"columns named {self.expected} (any order, upper or lower case)",
            "rename the columns in the file, or check that --source names the right one",
        )

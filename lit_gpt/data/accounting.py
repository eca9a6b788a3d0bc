"""What became of the rows of a source: counted on the way, told at the end."""

import sys
from collections import Counter
from dataclasses import dataclass, field

from lit_gpt.data.reasons import NOTES, REASONS
from lit_gpt.data.records import Reject
from lit_gpt.data.source import Source
from lit_gpt.data.store import REJECTS
from lit_gpt.errors import UserError
from lit_gpt.example import Example

SHOWN_CHARS = 70
N_SHOWN = 3


@dataclass
class Tally:
    """read = used + dropped, at every moment."""

    n_read: int = 0
    n_used: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    noted: Counter[str] = field(default_factory=Counter)
    first_used: list[Example] = field(default_factory=list)
    first_dropped: Reject | None = None

    def count(self, row: Example | Reject) -> None:
        self.n_read += 1
        if isinstance(row, Reject):
            self.dropped[row.reason] += 1
            self.first_dropped = self.first_dropped or row
        else:
            self.n_used += 1
            if len(self.first_used) < N_SHOWN:
                self.first_used.append(row)


def report(source: Source, read_as: str, tally: Tally, n_rows: dict[str, int], wants_split: bool) -> None:
    """The account at one glance, with the first rows as they were understood."""
    say(f"{source.name}: {tally.n_read} rows read = {tally.n_used} used + {tally.dropped.total()} dropped ({read_as})")
    for reason, count in tally.dropped.most_common():
        say(f"  dropped {count}  {reason}: {REASONS[reason]} Listed in {REJECTS}.")
    for note, count in tally.noted.most_common():
        say(f"  noted {count}  {note}: {NOTES[note]}")
    sides = ", ".join(f"{split} {count}" for split, count in n_rows.items())
    say(f"  {sides}; licence {source.licence}, origin {source.origin}")
    if wants_split and not n_rows["validation"]:
        say("  too few rows on one side to hold any out: all of them train, and there is no validation set")
    for example in tally.first_used:
        say(f"  {example.id}")
        for message in example.messages[:3]:
            say(f"    {message.role + ':':<10} {' '.join(message.content[:SHOWN_CHARS].split())}")


def nothing_usable(source: Source, read_as: str, tally: Tally) -> UserError:
    """What to tell a user whose file has no row we can train on."""
    expected = f"at least one row with {source.expected}"
    first = tally.first_dropped
    if first is None:
        return UserError(f"no rows in {read_as}", expected, "check that --source names the right file")
    reasons = ", ".join(f"{reason} {count}" for reason, count in tally.dropped.most_common())
    do = f"mend line {first.place.line} and those like it: {REASONS[first.reason]} It starts {first.text[:80]!r}"
    if set(tally.dropped) == {"invalid_json"}:
        do += "; JSON is read as one list of objects, or as one object a line"
    return UserError(f"{tally.n_read} rows and none of them usable ({reasons}) in {read_as}", expected, do)


def say(text: str) -> None:
    print(text, file=sys.stderr)

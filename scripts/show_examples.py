"""Show rows as the model reads them, tell what happened to one of them, list what was dropped and why.

    python scripts/show_examples.py --checkpoint_dir checkpoints/ORG/NAME --data_dir data/lima
    python scripts/show_examples.py --data_dir data/lima --split validation --start 0 --contains "sky"
    python scripts/show_examples.py --data_dir data/lima --why lima-000017
    python scripts/show_examples.py --data_dir data/lima --dropped                  # or --dropped empty_output

With --out the rows are written as JSON too, for scripts/write_report.py, and the file's path is printed last.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lit_gpt.cli import run_command
from lit_gpt.errors import UserError, suggestion

ALL_REASONS = "all"


@dataclass(frozen=True)
class ShowSettings:
    """Which rows.

    Args:
        checkpoint_dir: the checkpoint whose tokenizer reads them; the default is the only one there is
        data_dir: the prepared data set; the default is the only one there is
        n_rows: how many rows, and for --dropped how many of each reason
        seed: rows are drawn at random; the same seed shows the same rows
        split: train or validation
        start: show rows in order from this one (from 0) instead of drawing them
        contains: only rows with this text in one of their messages, in order
        why: tell what happened to the row with this id or content hash, from its source to here
        dropped: list what was left out and why: all of it, or what was left out for this reason
        max_seq_length: longest row in tokens; the default is what was last prepared
        prompt_style: alpaca, chat or raw; the default is what was last prepared
        out: a JSON file to write them to
    """

    checkpoint_dir: Path | None = None
    data_dir: Path | None = None
    n_rows: int = 4
    seed: int = 0
    split: str = "train"
    start: int | None = None
    contains: str = ""
    why: str | None = None
    dropped: str | None = None
    max_seq_length: int | None = None
    prompt_style: str | None = None
    out: Path | None = None

    def __post_init__(self) -> None:
        if self.n_rows < 1:
            raise UserError(f"--n_rows {self.n_rows}", "a number above 0", "correct --n_rows")
        if self.split not in ("train", "validation"):
            raise UserError(f"--split {self.split}", "train or validation", "choose one of these")
        if self.start is not None and self.start < 0:
            raise UserError(f"--start {self.start}", "a row's number, from 0", "correct --start")


def main(show: ShowSettings) -> Path | None:
    from lit_gpt.discovery import only_data_set

    data_dir = show.data_dir or only_data_set()
    if show.why is not None:
        _tell_why(data_dir, show.why)
        return None
    if show.dropped is not None:
        _list_dropped(data_dir, show.dropped, show.n_rows)
        return None
    return _show_rows(data_dir, show)


def _show_rows(data_dir: Path, show: ShowSettings) -> Path | None:
    from lit_gpt.discovery import only_checkpoint
    from lit_gpt.files import write_json
    from lit_gpt.tokenizer import Tokenizer
    from lit_gpt.tokens.prepare import Wanted, find_or_encode
    from lit_gpt.tokens.samples import Choice, chosen_rows, in_words

    checkpoint_dir = show.checkpoint_dir or only_checkpoint()
    wanted = Wanted(max_seq_length=show.max_seq_length, prompt_style=show.prompt_style)
    token_set = find_or_encode(data_dir, checkpoint_dir, wanted)
    choice = Choice(show.n_rows, show.seed, show.split, show.start, show.contains)
    samples = chosen_rows(token_set, data_dir, Tokenizer(checkpoint_dir), choice)
    print(*map(in_words, samples), sep="\n\n", file=sys.stderr if show.out else sys.stdout)
    if not samples:
        print(f"no such row on the split {show.split} of {data_dir}", file=sys.stderr)
    if show.out is not None:
        show.out.parent.mkdir(parents=True, exist_ok=True)
        write_json(show.out, samples)
    return show.out


def _tell_why(data_dir: Path, name: str) -> None:
    from lit_gpt.data.history import in_words, trace
    from lit_gpt.tokens.history import encodings

    for sighting in trace(data_dir, name):
        print(in_words(sighting))
        if sighting.example is not None and sighting.split != "test":
            for line in encodings(sighting.data_dir, sighting.example.id):
                print(f"  tokens        {line}")


def _list_dropped(data_dir: Path, reason: str, n_rows: int) -> None:
    """Counts by reason, and the first rows of each."""
    from lit_gpt.data.history import reject_in_words
    from lit_gpt.data.store import load_example_set

    load_example_set(data_dir)
    counts = Counter(each["reason"] for each in _dropped(data_dir))
    if reason != ALL_REASONS and reason not in counts:
        remedy = suggestion(reason, counts) or f"choose among {', '.join(counts) or 'none: nothing was dropped'}"
        raise UserError(f"--dropped {reason}", "a reason for which rows were dropped", remedy)
    shown: Counter[str] = Counter()
    for each in _dropped(data_dir):
        shown[each["reason"]] += 1
        if reason in (ALL_REASONS, each["reason"]) and shown[each["reason"]] <= n_rows:
            print(reject_in_words(each), end="\n\n")
    for name, count in counts.most_common():
        more = f", {count - n_rows} of them not shown: see --n_rows" if count > n_rows else ""
        if reason in (ALL_REASONS, name):
            print(f"{count} dropped: {name}{more}")
    if not counts:
        print("nothing was dropped")


def _dropped(data_dir: Path) -> Iterator[dict[str, Any]]:
    from lit_gpt.data.history import read_rejects
    from lit_gpt.tokens.history import dropped_when_encoded

    yield from read_rejects(data_dir)
    yield from dropped_when_encoded(data_dir)


def _with_reason(argv: list[str]) -> list[str]:
    """A --dropped with nothing after it asks for all reasons."""
    return [
        word + f"={ALL_REASONS}" if word == "--dropped" and after.startswith("--") else word
        for word, after in zip(argv, [*argv[1:], "--"], strict=True)
    ]


if __name__ == "__main__":
    sys.argv = _with_reason(sys.argv)
    run_command(main)

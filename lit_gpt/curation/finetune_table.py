"""The user's table of finetunes, for fitting a rule: a CSV file with a heading, a line for each finetune."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lit_gpt.curation.regression import Floats
from lit_gpt.errors import UserError, suggestion


@dataclass(frozen=True)
class Finetunes:
    """Indicators by column and the losses, a row for each finetune."""

    names: tuple[str, ...]
    indicators_NK: Floats
    losses_N: Floats


def read_finetunes(path: Path, names: Sequence[str] | None, loss: str) -> Finetunes:
    """The columns named, or all but the loss. UserError for a missing file or column, or a cell that is no number."""
    try:
        with open(path, newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            columns = list(reader.fieldnames or [])
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(
            f"{path}, which cannot be read ({error})", "a CSV file with a heading", "check --table"
        ) from None
    chosen = tuple(names if names is not None else [column for column in columns if column != loss])
    for name in (loss, *chosen):
        if name not in columns:
            do = suggestion(name, columns) or "name one of these"
            raise UserError(f"no column {name!r} in {path}", f"one of {', '.join(columns)}", do)
    cells = [[_number(path, line, name, row[name]) for name in (*chosen, loss)] for line, row in enumerate(rows, 2)]
    table = np.array(cells, dtype=np.float64).reshape(len(rows), len(chosen) + 1)
    return Finetunes(chosen, table[:, :-1], table[:, -1])


def _number(path: Path, line: int, name: str, cell: str | None) -> float:
    try:
        return float(cell or "")
    except ValueError:
        raise UserError(f"{cell!r} as {name} in {path}, line {line}", "a number", "mend or remove that line") from None

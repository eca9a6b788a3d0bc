"""The instruction world: small tasks with exactly one right answer, for measuring what a data set does to a model.

Lives nowhere: lit_gpt/data/world/ makes it from a seed. Licence: this repository's. Origin: program, nobody wrote these
sentences. 57 kinds of task to train on, 4 that only tests have, 5 kept for the final pool; six wordings of each to
train on and two for tests. A row:
    {"messages": [{"role": "user", "content": "Reverse the list.\\n\\nfig oak pan"},
                  {"role": "assistant", "content": "pan oak fig"}], "category": "reverse_words"}

Known traps
- A few hundred words and two-digit numbers: what holds here need not hold of human instructions.
- With `defects`, half of the rows to train and validate on are spoilt on purpose. Which ones stands in the labels.
- Tests are the same for every seed, except that the final world has its own.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from lit_gpt.data.settings import DataSettings
from lit_gpt.data.source import ParsedRow, Source
from lit_gpt.data.world.labels import write_label_table
from lit_gpt.data.world.pool import FINAL_RATES, RATES, World

N_ROWS, N_TEST = 20_000, 1_200


def source(n_rows: int = N_ROWS, n_test: int = N_TEST, defects: bool = False, final: bool = False) -> Source:
    """The instruction world.

    Args:
        n_rows: rows to train and validate on
        n_test: tests, the same ones for every seed
        defects: plant defects of known kinds and rates
        final: add the kinds of task and of defect that are kept for the last measurement
    """

    world = World(0, 0.0, n_rows, n_test, defects, final)  # checked at once

    def program(seed: int, val_split_fraction: float) -> Iterator[dict[str, Any]]:
        return ({"row": row} for row in replace(world, seed=seed, validation_share=val_split_fraction).rows())

    rates = FINAL_RATES if final else RATES
    return Source(
        name="world",
        licence="Apache-2.0",
        origin="program",
        parse=_parse,
        forms=(("row",),),
        program=program,
        has_test=True,
        options={"n_rows": n_rows, "n_test": n_test, "defects": rates if defects else {}, "final": final},
    )


def write_labels(
    data_dir: Path,
    data: DataSettings,
    n_rows: int = N_ROWS,
    n_test: int = N_TEST,
    defects: bool = False,
    final: bool = False,
) -> Path:
    """The truth about the rows of a prepared world, beside it; the options are those of `source`."""
    rows = World(data.seed, data.val_split_fraction, n_rows, n_test, defects, final).rows()
    row_id = source().row_id
    labelled = ((row_id(number), row) for number, row in enumerate(rows))
    return write_label_table(data_dir.with_name(f"{data_dir.name}-labels"), data_dir, labelled)


def _parse(record: dict[str, Any]) -> ParsedRow:
    row = record["row"]
    return ParsedRow(row.messages, row.kind.name, split=row.split)

"""Part of a prepared set as a set of its own: chosen training rows, and the validation and test rows as they are.

Every row left out stands in `rejects.jsonl` with the reason code its chooser gives.
"""

import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lit_gpt.data.store import (
    KIND,
    REJECTS,
    TEST,
    ExampleWriter,
    load_example_set,
    read_examples,
    split_name,
    verdicts_of,
)
from lit_gpt.errors import UserError
from lit_gpt.example import Example
from lit_gpt.files import new_directory
from lit_gpt.manifest import Manifest

Choose = Callable[[Example], str | None]


def write_subset(data_dir: Path, destination: Path, choose: Choose, settings: dict[str, Any]) -> Path:
    """Write the training rows for which `choose` gives no reason against them; returns the destination.

    `settings` say how was chosen, for the manifest. Raises UserError when no row is left.
    """
    whole = load_example_set(data_dir)
    dropped: Counter[str] = Counter()
    with new_directory(destination) as new:
        with ExampleWriter(new, "train") as train, open(new / REJECTS, "w", encoding="ascii") as rejects:
            for example in read_examples(data_dir):
                if reason := choose(example):
                    dropped[reason] += 1
                    rejects.write(json.dumps({"id": example.id, "reason": reason}) + "\n")
                else:
                    train.add(example)
        if not train.n_rows:
            raise UserError(f"no row of {data_dir} is chosen", "at least one", "choose less strictly")
        others = [name for name in map(split_name, ("validation", TEST)) if name in whole.files]
        for name in others:
            shutil.copyfile(data_dir / name, new / name)
        counts = {**whole.counts, "read": whole.counts["train"], "used": train.n_rows, "dropped": dict(dropped)}
        counts["train"] = train.n_rows
        counts["rows_sha256"] = {**whole.counts["rows_sha256"], "train": train.rows_sha256}
        parents = {"example_set": whole.content_hash}
        verdicts = {**whole.verdicts, **verdicts_of({"train": train})}
        made = Manifest(KIND, parents, counts, {**whole.settings, **settings}, verdicts=verdicts)
        made.write(new, ["train.parquet", *others, REJECTS])
    return destination

"""Writing a merged set: rows with all their origins, copies, rejects, and the account of each source."""

import json
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO, Any

import numpy as np

from lit_gpt.data.accounting import say
from lit_gpt.data.merge_settings import MergeSettings
from lit_gpt.data.merged_rows import FATES, MergedRows, numbered, numbered_columns
from lit_gpt.data.reasons import REASONS
from lit_gpt.data.store import KIND, REJECTS, SPLITS, ExampleWriter, load_example_set, split_name, verdicts_of
from lit_gpt.example import Example, Provenance
from lit_gpt.manifest import Manifest


@dataclass
class MergedSet:
    """A merged set whose every row is decided.

    near: of each near-duplicate, the id of the held-out row and the similarity; shares: of the mixture, by set
    """

    data_dirs: Sequence[Path]
    settings: MergeSettings
    rows: MergedRows
    near: dict[int, tuple[str, float]]
    shares: dict[str, float] | None
    first_ids: dict[int, str] = field(default_factory=dict)  # of rows with duplicates
    ids: set[str] = field(default_factory=set)  # written so far

    def write(self, directory: Path) -> Manifest:
        with ExitStack() as files:
            rejects = files.enter_context(open(directory / REJECTS, "w", encoding="ascii"))
            sides = {split: files.enter_context(ExampleWriter(directory, split)) for split in SPLITS}
            also_from = self._origins_of_duplicates()
            for number, data_dir, split, example in numbered(self.data_dirs, "writing rows"):
                others = also_from.pop(number, [])
                if others:
                    self.first_ids[number] = example.id
                if self.rows.fate[number]:
                    self._reject(rejects, number, data_dir, split, example)
                else:
                    example = replace(example, also_from=(*example.also_from, *others))
                    self._write_row(sides[SPLITS[int(self.rows.held_out[number])]], number, data_dir, example)
        counts = self._counts(sides)
        _tell(counts)
        parents = {data_dir.name: load_example_set(data_dir).content_hash for data_dir in self.data_dirs}
        names = [*map(split_name, SPLITS), REJECTS]
        return Manifest(KIND, parents, counts, self._made_from(), verdicts=verdicts_of(sides)).write(directory, names)

    def _origins_of_duplicates(self) -> dict[int, list[Provenance]]:
        """For each row that others repeat, where these came from."""
        repeats = np.flatnonzero(self.rows.fate == FATES.index("exact_duplicate"))
        found: dict[int, list[Provenance]] = {}
        columns = numbered_columns(self.data_dirs, ("provenance", "also_from"), repeats, "collecting origins")
        for number, provenance, *others in columns:
            origins = found.setdefault(int(self.rows.first_of[number]), [])
            origins += (Provenance.from_row(each) for each in (provenance, *(others[0] if others else ())))
        return found

    def _write_row(self, side: ExampleWriter, number: int, data_dir: Path, example: Example) -> None:
        row_id = example.id if example.id not in self.ids else f"{data_dir.name}/{example.id}"
        n_copies = 1 if self.rows.held_out[number] else int(self.rows.times[number])
        for copy in range(1, n_copies + 1):
            copy_id = row_id if copy == 1 else f"{row_id}~{copy}"
            self.ids.add(copy_id)
            side.add(replace(example, id=copy_id))

    def _reject(self, rejects: IO[str], number: int, data_dir: Path, split: str, example: Example) -> None:
        reason = FATES[self.rows.fate[number]]
        entry: dict[str, Any] = {"id": example.id, "set": data_dir.name, "split": split, "reason": reason}
        entry["meaning"] = REASONS[reason]
        if reason == "exact_duplicate":
            entry["same_as"] = self.first_ids.get(int(self.rows.first_of[number]))
        elif number in self.near:
            entry["close_to"], entry["similarity"] = self.near[number]
        rejects.write(json.dumps(entry) + "\n")

    def _counts(self, sides: dict[str, ExampleWriter]) -> dict[str, Any]:
        """read = used + dropped, in rows that differ; `train` counts copies too."""
        fates = Counter(FATES[fate] for fate in self.rows.fate.tolist())
        return {
            "read": len(self.rows.fate),
            "used": fates.pop("written"),
            "dropped": dict(sorted(fates.items())),
            **{split: side.n_rows for split, side in sides.items()},
            "rows_sha256": {split: side.rows_sha256 for split, side in sides.items()},
            "sources": {data_dir.name: self._of_source(number) for number, data_dir in enumerate(self.data_dirs)},
        }

    def _of_source(self, number: int) -> dict[str, Any]:
        """What one set gives: rows that differ, rows with their copies, and how often in an epoch a row is seen."""
        rows = self.rows
        is_its = rows.set_number == number
        trains = is_its & rows.trains
        times = rows.times[trains]
        seen = {"least": int(times.min()), "most": int(times.max())} if len(times) else {"least": 0, "most": 0}
        found: dict[str, Any] = {
            "read": int(is_its.sum()),
            "distinct_rows": int(trains.sum()),
            "train_rows": int(times.sum()),
            "times_per_epoch": seen,
            "validation_rows": int((is_its & rows.held_out & (rows.fate == 0)).sum()),
        }
        if self.settings.needs_tokens:
            found["train_tokens"] = int(np.dot(times, rows.n_tokens[trains]))
        if self.shares is not None:
            found["share"] = self.shares[self.data_dirs[number].name]
        return found

    def _made_from(self) -> dict[str, Any]:
        """The settings, without paths of this machine; licence and origin of all sets together."""
        made = [load_example_set(data_dir).settings for data_dir in self.data_dirs]
        chosen = {name: value for name, value in asdict(self.settings).items() if name != "destination_path"}
        chosen |= {"sources": [data_dir.name for data_dir in self.data_dirs], "mix": self.settings.mixture}
        both = {
            key: ", ".join(sorted({str(each.get(key, "unknown")) for each in made})) for key in ("licence", "origin")
        }
        return {"name": "merged", **both, **chosen}


def _tell(counts: dict[str, Any]) -> None:
    dropped = sum(counts["dropped"].values())
    say(f"merged: {counts['read']:,} rows read = {counts['used']:,} used + {dropped:,} dropped")
    for reason, count in counts["dropped"].items():
        say(f"  dropped {count:,}  {reason}: {REASONS[reason]} Listed in {REJECTS}.")
    for name, source in counts["sources"].items():
        seen = source["times_per_epoch"]
        often = f"{seen['least']}" if seen["least"] == seen["most"] else f"{seen['least']} to {seen['most']}"
        tokens = f", {source['train_tokens']:,} tokens" if "train_tokens" in source else ""
        share = f", asked for {source['share']:.1%}" if "share" in source else ""
        rows = f"{source['distinct_rows']:,} rows, each {often} times an epoch = {source['train_rows']:,}"
        say(f"  {name}: {rows}{tokens}{share}; validation {source['validation_rows']:,}")

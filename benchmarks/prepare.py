"""Measure preparing and merging many rows: rate and peak memory, beside the `datasets` library doing the same work.

    python benchmarks/prepare.py --source alpaca_data.json --n_rows 1000000

The rows of the source are repeated with edits until there are enough. Both sides read the same JSON lines, turn rows
into dialogues with provenance and content hash, drop those without an answer, split by hash and write parquet. Then
each merges its set with a second one, a tenth of the rows once more: equal rows are joined, and the split is made
anew. Ours merges once more with what `datasets` has not, the search for training rows that almost repeat a held-out
one. Every step is in a process of its own. Prints rows a second, processor seconds and peak memory, and last the file
that holds them.
`datasets` comes with the extra `test`.
"""

import json
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from lit_gpt.cli import run_command
from lit_gpt.errors import UserError

KIB_PER_GIB = 1 << 20
SHARE_AGAIN = 10  # one row in so many is in the second set, too


@dataclass(frozen=True)
class BenchmarkSettings:
    """What to measure.

    Args:
        source: a file of Alpaca's form
        n_rows: how many rows to prepare
        work_dir: where the rows, the prepared sets and the results go
        only: ours or datasets, to measure one of them alone; both is the default
    """

    source: Path
    n_rows: int = 1_000_000
    work_dir: Path = Path("out/benchmarks/prepare")
    only: str = "both"

    def __post_init__(self) -> None:
        if self.n_rows < 1:
            raise UserError(f"--n_rows {self.n_rows}", "a number above 0", "correct --n_rows")
        if self.only not in ("both", *SIDES):
            raise UserError(f"--only {self.only}", f"both or one of {', '.join(SIDES)}", "choose one of these")


def main(benchmark: BenchmarkSettings) -> Path:
    from lit_gpt.files import write_json

    work_dir, n_rows = benchmark.work_dir, benchmark.n_rows
    work_dir.mkdir(parents=True, exist_ok=True)
    pool, again = work_dir / f"pool-{n_rows}.jsonl", work_dir / f"again-{n_rows}.jsonl"
    write_pool(benchmark.source, n_rows, pool)
    with open(pool, encoding="utf-8") as rows, open(again, "w", encoding="utf-8") as file:
        file.writelines(islice(rows, max(1, n_rows // SHARE_AGAIN)))
    chosen = SIDES if benchmark.only == "both" else {benchmark.only: SIDES[benchmark.only]}
    results: dict[str, Any] = {"n_rows": n_rows}
    for name, (prepare, merge) in chosen.items():
        results[f"prepare, {name}"] = measure(f"preparing with {name}", prepare, n_rows, pool, work_dir / name)
        prepare(again, work_dir / f"{name}-again")
        n_merged = n_rows + max(1, n_rows // SHARE_AGAIN)
        sets = (work_dir / name, work_dir / f"{name}-again", work_dir / f"{name}-merged")
        results[f"merge, {name}"] = measure(f"merging with {name}", merge, n_merged, *sets)
        if name == "ours":
            sets = (*sets[:2], work_dir / "ours-merged-near")
            results["merge, ours, near duplicates too"] = measure("… near duplicates too", merge_near, n_merged, *sets)
    tell(results)
    path = work_dir / "results.json"
    write_json(path, results)
    return path


def tell(results: dict[str, Any]) -> None:
    """Each step in a line, then the ratios."""
    for name, found in results.items():
        if name != "n_rows":
            say(
                f"{name:<33} {found['rows_per_s']:>9,.0f} rows/s  {found['elapsed_s']:>7.1f} s  "
                f"{found['cpu_s']:>7.1f} CPU s  {found['peak_mem_gib']:.2f} GiB peak  {found['n_used']:,} rows used"
            )
    for step in ("prepare", "merge"):
        if f"{step}, ours" in results and f"{step}, datasets" in results:
            ours, theirs = results[f"{step}, ours"], results[f"{step}, datasets"]
            say(
                f"{step}, ours/datasets: {theirs['cpu_s'] / ours['cpu_s']:.2f} times the rows per CPU second, "
                f"{ours['peak_mem_gib'] / theirs['peak_mem_gib']:.2f} of the memory"
            )


def write_pool(source: Path, n_rows: int, pool: Path) -> None:
    """The rows of the source again and again, each time with another edit."""
    from lit_gpt.data.reading import read_records
    from lit_gpt.data.records import Record
    from lit_gpt.progress import watched

    if not source.is_file():
        raise UserError(f"--source {source}, which is no file", "a file of Alpaca's form", "check the path")
    records = read_records(source, lambda columns, file: None)
    rows = [record.fields for record in records if isinstance(record, Record)]
    with open(pool, "w", encoding="utf-8") as file:
        for i, row in enumerate(watched(islice(cycle(rows), n_rows), "writing rows", "row", n_rows)):
            edited = {**row, "instruction": f"{row['instruction']} (edit {i // len(rows)})"}
            file.write(json.dumps(edited) + "\n")


def measure(doing: str, step: Callable[..., int], n_rows: int, *paths: Path) -> dict[str, Any]:
    """Run one step in a fresh process; what it took."""
    say(f"{doing} …")
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=_measured, args=(step, n_rows, paths, queue))
    process.start()
    process.join()
    if process.exitcode:
        raise UserError(f"{doing}, which ended with {process.exitcode}", "a measurement", "see what it said above")
    found: dict[str, Any] = queue.get()
    return found


def _measured(step: Callable[..., int], n_rows: int, paths: tuple[Path, ...], queue: Any) -> None:
    start, cpu_start = time.perf_counter(), time.process_time()
    n_used = step(*paths)
    elapsed_s, cpu_s = time.perf_counter() - start, time.process_time() - cpu_start
    queue.put(
        {"rows_per_s": n_rows / elapsed_s, "elapsed_s": elapsed_s, "cpu_s": cpu_s, "n_used": n_used}
        | {"peak_mem_gib": peak_mem_gib()}
    )


def peak_mem_gib() -> float:
    """The most memory this process has held (Linux: VmHWM)."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / KIB_PER_GIB


def ours(pool: Path, out: Path) -> int:
    """This repository's way."""
    from lit_gpt.data.prepare import prepare_examples
    from lit_gpt.data.settings import DataSettings
    from lit_gpt.data.sources.alpaca import source
    from lit_gpt.data.store import load_example_set

    prepare_examples(source(), DataSettings(source=str(pool), destination_path=out))
    return int(load_example_set(out).counts["used"])


def ours_merged(first: Path, second: Path, out: Path, threshold: float = 0.0) -> int:
    from lit_gpt.data.merge import merge_sets
    from lit_gpt.data.merge_settings import MergeSettings
    from lit_gpt.data.store import load_example_set

    names = [first.name, second.name]
    settings = MergeSettings(sources=names, destination_path=out, near_duplicate_threshold=threshold)
    merge_sets([first, second], settings)
    return int(load_example_set(out).counts["used"])


def merge_near(first: Path, second: Path, out: Path) -> int:
    """Ours as it is by default."""
    return ours_merged(first, second, out, threshold=0.8)


def with_datasets(pool: Path, out: Path) -> int:
    """The same work with Hugging Face's library, as one would write it by hand."""
    import hashlib

    import datasets

    def dialogue(row: dict[str, Any], number: int) -> dict[str, Any]:
        content = f"{row['instruction']}\n\n{row['input']}" if row["input"].strip() else row["instruction"]
        turns = [("user", content, row["input"]), ("assistant", row["output"], "")]
        messages = [{"role": role, "content": text, "input": material} for role, text, material in turns]
        pairs = json.dumps([[role, text] for role, text, _ in turns])
        provenance = {"source": "alpaca", "row": number, "licence": "CC-BY-NC-4.0", "origin": "llm"}
        provenance |= {"generator": "text-davinci-003", "file": pool.name, "line": number + 1}
        return {
            "id": f"alpaca-{number:06d}",
            "content_hash": hashlib.sha256(pairs.encode()).hexdigest(),
            "messages": messages,
            "provenance": provenance,
        }

    out.mkdir(parents=True, exist_ok=True)
    rows = datasets.load_dataset("json", data_files=str(pool), split="train", cache_dir=str(out / "cache"))
    used = rows.filter(lambda row: bool(row["output"].strip() and row["instruction"].strip()))
    made = used.map(dialogue, with_indices=True, remove_columns=used.column_names)
    return _write_split(made, range(len(made)), out)


def datasets_merged(first: Path, second: Path, out: Path) -> int:
    import datasets

    out.mkdir(parents=True, exist_ok=True)
    files = [str(folder / f"{split}.parquet") for folder in (first, second) for split in ("train", "validation")]
    made = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=str(out / "cache"))
    place_of: dict[str, int] = {}
    for place, value in enumerate(made["content_hash"]):
        place_of.setdefault(value, place)
    return _write_split(made, place_of.values(), out)


def _write_split(made: Any, places: Iterable[int], out: Path) -> int:
    """The rows at these places, a tenth of them held out by their hash; how many."""
    chosen = list(places)
    hashes = made["content_hash"]
    is_held_out = [int(value[:8], 16) % 10 == 0 for value in hashes]
    for name, held_out in (("train", False), ("validation", True)):
        made.select([i for i in chosen if is_held_out[i] == held_out]).to_parquet(str(out / f"{name}.parquet"))
    return len(chosen)


def say(text: str) -> None:
    print(text, file=sys.stderr)


SIDES: dict[str, tuple[Callable[..., int], Callable[..., int]]] = {
    "ours": (ours, ours_merged),
    "datasets": (with_datasets, datasets_merged),
}

if __name__ == "__main__":
    run_command(main)

"""Several prepared sets as one: exact duplicates joined, held-out rows kept apart, a mixture drawn, all accounted for.

The rows of train and validation are split anew by their content, so no row's side depends on the others; tests are not
merged. Of equal rows the first stays, in the order of the sources, and names the origins of all. A training row that
almost repeats a held-out one is dropped. A row that is taken several times is written as ID, ID~2, ID~3 …, one after
the other: the order of training is training's (`--order`). Of a mixture's held-out rows the share stays that is drawn
of its training rows. Passes over the sets stream; in memory stay a few numbers a row, and the held-out rows' shingles.
"""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from lit_gpt.data.merge_settings import MergeSettings
from lit_gpt.data.merged_rows import CountTokens, MergedRows, numbered, scan
from lit_gpt.data.merged_set import MergedSet
from lit_gpt.data.mixing import Pool, draw, draw_rows_within_tokens, largest_budget, shares_of, times_drawn
from lit_gpt.data.near_duplicates import BATCH_TEXTS, NearIndex, word_shingles
from lit_gpt.data.prepare import check_destination, write_set
from lit_gpt.data.store import load_example_set
from lit_gpt.errors import UserError
from lit_gpt.example import Example
from lit_gpt.manifest import damaged_files

SHINGLE_WORDS = 5  # with a threshold of 0.8: Lee et al. 2022 (arXiv 2107.06499)


def merge_sets(data_dirs: Sequence[Path], settings: MergeSettings, count_tokens: CountTokens | None = None) -> Path:
    """Write the merged ExampleSet to `settings.destination_path` and return that path.

    `count_tokens` is asked where the mixture is one of tokens. Raises UserError for sets that are missing or damaged,
    a source too small for its share, and a merged set without training rows.
    """
    check_destination(settings.destination_path)
    _check_sets(data_dirs, settings)
    rows = scan(data_dirs, settings.seed, settings.val_split_fraction, count_tokens if settings.needs_tokens else None)
    rows.drop(rows.first_of != np.arange(len(rows.fate)), "exact_duplicate")
    rows.drop((rows.n_tokens == 0) & ~rows.held_out, "over_long")
    near = _drop_near_duplicates(data_dirs, rows, settings.near_duplicate_threshold)
    shares = _mix(data_dirs, rows, settings)
    if not rows.trains.any():
        raise UserError("no training row is left", "at least one", "lower --val_split_fraction, or take more sources")
    merging = MergedSet(data_dirs, settings, rows, near, shares)
    return write_set(settings.destination_path, merging.write)


def _check_sets(data_dirs: Sequence[Path], settings: MergeSettings) -> None:
    names = [data_dir.name for data_dir in data_dirs]
    if twice := [name for name in names if names.count(name) > 1]:
        got = f"two sources in folders called {twice[0]}"
        raise UserError(got, "folders of different names", "rename one, or --repeat it instead")
    for data_dir in data_dirs:
        if data_dir.resolve() == settings.destination_path.resolve():
            raise UserError(f"{data_dir} as source and destination", "two folders", "choose another --destination_path")
        if damaged := damaged_files(data_dir, load_example_set(data_dir)):
            got = f"{data_dir}: {', '.join(damaged)} is not what its manifest says"
            raise UserError(got, "the files as they were prepared", "prepare the set again")


def _drop_near_duplicates(
    data_dirs: Sequence[Path], rows: MergedRows, threshold: float
) -> dict[int, tuple[str, float]]:
    """Drop training rows close to a held-out one; for each of them the id of that one and the similarity."""
    held_out, trains = rows.held_out & (rows.fate == 0), rows.trains
    if not threshold or not held_out.any() or not trains.any():
        return {}
    sketched = numbered(data_dirs, "sketching held-out rows")
    ids, texts = zip(*((row.id, _text(row)) for number, _, _, row in sketched if held_out[number]), strict=True)
    index = NearIndex(texts, threshold, word_shingles(SHINGLE_WORDS))
    compared = numbered(data_dirs, "comparing training rows")
    training = ((number, _text(row)) for number, _, _, row in compared if trains[number])
    found: dict[int, tuple[str, float]] = {}
    while batch := list(islice(training, BATCH_TEXTS)):
        for (number, _), matches in zip(batch, index.find([text for _, text in batch]), strict=True):
            if matches:
                similarity, place = matches[0]
                found[number] = ids[place], similarity
    dropped = np.zeros(len(rows.fate), bool)
    dropped[list(found)] = True
    rows.drop(dropped, "near_duplicate_of_validation")
    return found


def _text(example: Example) -> str:
    return "\n".join(message.content for message in example.messages)


def _mix(data_dirs: Sequence[Path], rows: MergedRows, settings: MergeSettings) -> dict[str, float] | None:
    """Set how often each training row is written; each source's share of the budget, where there is one."""
    repeats = settings.repeat or [1] * len(data_dirs)
    orders = [_draw_order(rows, number) for number in range(len(data_dirs))]
    if settings.mixture == "all":
        for order, repeat in zip(orders, repeats, strict=True):
            rows.times[order] = repeat
        return None
    names = [data_dir.name for data_dir in data_dirs]
    in_tokens = [Pool(name, rows.n_tokens[o], r) for name, o, r in zip(names, orders, repeats, strict=True)]
    in_rows = [Pool(name, np.ones(len(o), np.int64), r) for name, o, r in zip(names, orders, repeats, strict=True)]
    by_tokens = settings.mixture == "tokens" or (settings.mixture == "temperature" and settings.needs_tokens)
    pools = in_tokens if by_tokens else in_rows
    for pool, weight in zip(pools, settings.weights or repeats, strict=True):
        if weight > 0 and not pool.total:
            raise UserError(f"no training row of {pool.name} is left to draw", "rows of every source", "leave it out")
    shares = shares_of(pools, settings.weights, settings.temperature or 1.0)
    budget = settings.budget_tokens if by_tokens else settings.budget_rows
    if settings.budget_tokens is not None and not by_tokens:
        n_drawn = draw_rows_within_tokens(pools, shares, in_tokens, settings.budget_tokens)
    else:
        n_drawn = draw(pools, shares, budget or largest_budget(pools, shares))
    for order, n in zip(orders, n_drawn, strict=True):
        rows.times[order] = times_drawn(n, len(order))
    for number, order in enumerate(orders):
        _thin_held_out(rows, number, np.count_nonzero(rows.times[order]) / max(len(order), 1))
    rows.drop(rows.trains & (rows.times == 0), "not_drawn")
    return dict(zip(names, shares, strict=True))


def _draw_order(rows: MergedRows, number: int, held_out: bool = False) -> np.ndarray:
    """A source's rows of one side in an order that follows from the seed and the words of each row alone."""
    places = np.flatnonzero((rows.fate == 0) & (rows.held_out == held_out) & (rows.set_number == number))
    return places[np.lexsort((rows.hashes["low"][places], rows.draw_key[places]))]


def _thin_held_out(rows: MergedRows, number: int, share: float) -> None:
    """Keep the share of a source's held-out rows that was drawn of its training rows."""
    order = _draw_order(rows, number, held_out=True)
    left_out = np.zeros(len(rows.fate), bool)
    left_out[order[round(share * len(order)) :]] = True
    rows.drop(left_out, "not_drawn")

"""Short finetunes on samples of a pool: what InstructMining's rule is fitted to (Cao et al., arXiv 2307.06290).

A line is a finetune: the mean of every indicator over the rows of its sample, and the loss it then had on rows held
out, the mean over rows of the mean NLL of their answers.

The paper mixes four data sets in 129 ways. Of one pool, each sample is drawn from the half of the rows that lies on one
side of one indicator, indicators and sides taking turns, so that samples differ in their means: samples of all rows
would hardly differ.

The table is written anew after each finetune, and what it was made from is gone then; whoever comes back goes on with
the next line.
"""

import csv
import io
import json
import math
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lit_gpt.curation.bench import Bench
from lit_gpt.curation.models import reader_of
from lit_gpt.curation.recipes import Recipe
from lit_gpt.curation.rows import Rows
from lit_gpt.curation.scorers import Fitted
from lit_gpt.curation.steps.by_score import missing_scores
from lit_gpt.data.accounting import say
from lit_gpt.data.store import count_examples, read_examples
from lit_gpt.data.subset import write_subset
from lit_gpt.errors import UserError, suggestion
from lit_gpt.example import Example
from lit_gpt.files import read_json, write_bytes, write_json
from lit_gpt.progress import bar
from lit_gpt.seeds import derive_seed

TABLE, MADE_FROM, LEFT_OUT = "finetunes.csv", "made_from.json", "left_out.jsonl"
SAMPLE_SHARE = 0.5  # of the half that a sample is drawn from, where no number of rows is asked for
STRIDE = 10_000  # more finetunes than anybody makes, so that two seeds share no sample
Train = Callable[[Path, Path, int], Path]  # a sample, the folder of its run, a seed -> the adapter


@dataclass(frozen=True)
class Sampling:
    """How many finetunes, of what, judged on what.

    n_rows: of a sample; None is half of the half that it is drawn from
    held_out: the rows of a prepared set's split on which the loss is taken, at most so many, drawn by the seed
    """

    n_finetunes: int
    n_rows: int | None
    held_out: tuple[Path, str, int | None]
    seed: int = 0


def indicator_names(recipe: Recipe, wanted: Sequence[str] = ()) -> list[str]:
    """The scores that a fitted rule may be made of: those wanted, or all that the recipe names but the rule itself."""
    named = recipe.settings.get("scores") or {}
    known = [name for name in named if not isinstance(recipe.scorers[name], Fitted)]
    for name in wanted:
        if name not in known:
            do = suggestion(name, known) or "name one of these, or add it to the recipe's scores"
            raise UserError(f"the indicator {name!r}", f"one of {', '.join(known) or '(none)'}", do)
    return list(wanted) or known


def sample_finetunes(
    bench: Bench, rows: Rows, names: Sequence[str], sampling: Sampling, train: Train, out_dir: Path, **how: Any
) -> Path:
    """The table, in `out_dir`; rows without a score or too long to be read stand in left_out.jsonl.

    `how` says what else decides the numbers, such as the training's settings. UserError for a folder that holds
    finetunes of something else, and for a pool with too few rows.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    held_out = _held_out(sampling)
    made_from = {
        "pool": bench.pool_hash,
        "held_out": [example.content_hash for example in held_out],
        "indicators": list(names),
        "n_rows": sampling.n_rows,
        "seed": sampling.seed,
        **how,
    }
    _check_made_from(out_dir, made_from)
    scores_NK, excluded = _scores(names, rows, bench)
    whole = np.flatnonzero(np.isfinite(scores_NK).all(axis=1))
    _check_size(sampling.n_rows, len(whole), len(rows))
    lines = _lines(out_dir / TABLE)
    with bar(sampling.n_finetunes, "finetuning on samples", "run") as progress:
        progress.update(min(len(lines), sampling.n_finetunes))
        while len(lines) < sampling.n_finetunes:
            number = sampling.seed * STRIDE + len(lines)
            places = whole[sample(scores_NK[whole], number, sampling.n_rows)]
            losses_H = _losses(bench, {rows.ids[place] for place in places}, held_out, number, train, out_dir)
            _tell_left_out(out_dir / LEFT_OUT, [*excluded, *_unread(losses_H, held_out)])
            lines.append([*scores_NK[places].mean(axis=0).tolist(), float(np.nanmean(losses_H))])
            _write(out_dir / TABLE, [*names, "loss"], lines)
            shutil.rmtree(out_dir / "samples")
            progress.update()
    return out_dir / TABLE


def sample(scores_NK: NDArray[np.float64], number: int, n_rows: int | None = None) -> NDArray[np.int64]:
    """The places of the rows of a sample."""
    n_all, n_indicators = scores_NK.shape
    order = np.argsort(scores_NK[:, number % n_indicators], kind="stable")
    half = order[: n_all // 2] if number // n_indicators % 2 else order[n_all // 2 :]
    draw = np.random.default_rng(derive_seed("sample", number))
    size = int(SAMPLE_SHARE * len(half)) if n_rows is None else n_rows
    return np.sort(draw.choice(half, size=size, replace=False))


def _losses(
    bench: Bench, ids: set[str], held_out: list[Example], number: int, train: Train, out_dir: Path
) -> list[float]:
    """What each held-out row has after a finetune on these rows."""
    from lit_gpt.curation.indicators.likelihoods import nll_given_scores

    folder = out_dir / "samples" / f"sample-{number:05}"
    if not (folder / "data").is_dir():
        write_subset(
            bench.settings.data_dir,
            folder / "data",
            lambda example: None if example.id in ids else {"reason": "not_sampled"},
            {"name": folder.name},
        )
    adapter = train(folder / "data", folder / "run", number)
    losses_H = [nll for _, nll in nll_given_scores(held_out, reader_of(bench, adapter))]
    if not np.isfinite(losses_H).any():
        got = f"{len(held_out)} held-out rows, none of which the model can read"
        raise UserError(got, "rows that fit its context", "hold out others, or choose another base")
    return losses_H


def _unread(losses_H: list[float], held_out: list[Example]) -> Iterator[dict[str, Any]]:
    for example, nll in zip(held_out, losses_H, strict=True):
        if not math.isfinite(nll):
            yield {"id": example.id, "split": "held_out", "reason": str(getattr(nll, "reason", "not_a_number"))}


def _scores(names: Sequence[str], rows: Rows, bench: Bench) -> tuple[NDArray[np.float64], list[dict[str, Any]]]:
    """Every indicator of every row; a line for each that is missing, or UserError where that is not asked for."""
    columns, excluded = [], []
    for name in names:
        values_N = bench.scores(name, rows)
        columns.append(values_N)
        for drop in missing_scores(name, values_N, rows, bench):
            excluded.append({"id": drop.id, "split": "train", "reason": drop.reason, **drop.evidence})
    return np.column_stack(columns), excluded


def _held_out(sampling: Sampling) -> list[Example]:
    data_dir, split, most = sampling.held_out
    if not count_examples(data_dir, split):
        do = "prepare it with --val_split_fraction 0.1"
        raise UserError(f"{data_dir} without a {split} row", "rows held out, for the loss", do)
    rows = list(read_examples(data_dir, split))
    if most is None or len(rows) <= most:
        return rows
    return sorted(rows, key=lambda example: derive_seed("held_out", sampling.seed, example.id))[:most]


def _check_size(n_rows: int | None, n_whole: int, n_all: int) -> None:
    """UserError where a sample would be a whole half, and so differ from no other of its side."""
    most = n_whole // 2 - 1
    if most < 1 or (n_rows is not None and n_rows > most):
        got = f"samples of {n_rows or 'some'} rows from {n_whole:,} of {n_all:,} that have every score"
        raise UserError(got, f"fewer than half of them: at most {max(most, 0):,}", "lower --n_rows")


def _check_made_from(out_dir: Path, made_from: Mapping[str, Any]) -> None:
    path = out_dir / MADE_FROM
    if not path.is_file():
        write_json(path, made_from)
    before = read_json(path)
    if others := [name for name in {**before, **made_from} if before.get(name) != _as_json(made_from.get(name))]:
        got = f"{out_dir}, whose finetunes differ from these in {', '.join(others)}"
        raise UserError(got, "a folder of its own", "choose another --out_dir, or remove that one")


def _as_json(value: Any) -> Any:
    """As it comes back from a file."""
    return json.loads(json.dumps(value))


def _lines(path: Path) -> list[list[float]]:
    if not path.is_file():
        return []
    _, *lines = csv.reader(io.StringIO(path.read_text(encoding="utf-8")))
    return [[float(cell) for cell in line] for line in lines]


def _write(path: Path, heading: Sequence[str], lines: Sequence[Sequence[float]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([heading, *lines])
    write_bytes(path, text.getvalue().encode())


def _tell_left_out(path: Path, lines: list[dict[str, Any]]) -> None:
    """Once: what has no score or is too long, is so for every finetune."""
    if path.is_file():
        return
    write_bytes(path, "".join(json.dumps(line) + "\n" for line in lines).encode())
    for split in ("train", "held_out"):
        if n := len({line["id"] for line in lines if line["split"] == split}):
            say(f"{n:,} {split} rows are left out, each with its reason in {path}")

"""Rows a second of perplexity and IFD: ours, packed, against the published way, in one run, with the ratio.

    python benchmarks/score.py --data_dir data/dolly

The published way: Transformers, one row at a time, logits of every position; a program for perplexity (one pass) and
one for IFD (Cherry LLM, Superfiltering: two passes, of which the first is the same). Padded, as a tokenizer called with
its longest length does it, and, which those programs do not do, without padding. Ours makes each of the two passes
once, and all three scores from them. Two ratios are told: for IFD, two passes against two; for both programs' job, two
against three. The ways take turns over pieces of the rows, so that whatever else the machine does falls on all of them;
clock and CPU seconds are both told. Scores are compared before anything is printed.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lit_gpt.cli import run_command
from lit_gpt.errors import UserError

LARGEST_DIFFERENCE = 1e-4  # of mean NLL and IFD, relative: fp32 sums in another order


@dataclass(frozen=True)
class SpeedSettings:
    """What is scored.

    Args:
        checkpoint_dir: the model that reads the rows, in both programs
        data_dir: a prepared data set; without one, rows of the world
        n_rows: rows that we score
        n_theirs: how many of these are scored the published way, which takes long
        pieces: into how many pieces the rows are cut
        max_tokens: what the published way pads to, and the longest row that is scored
        out: a JSON file for the numbers
    """

    checkpoint_dir: Path = Path("assets/tiny_base")
    data_dir: Path | None = None
    n_rows: int = 2_000
    n_theirs: int = 200
    pieces: int = 4
    max_tokens: int = 512
    out: Path | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.pieces <= self.n_theirs <= self.n_rows:
            raise UserError("these numbers of rows", "1 <= pieces <= n_theirs <= n_rows", "correct them")


@dataclass
class Way:
    """One way to score, and how long it took over how many rows: mean NLLs of answers given prompts, and alone."""

    score: Callable[[list[Any]], list[tuple[float, float]]]
    n_rows: int = 0
    wall_s: float = 0.0
    cpu_s: float = 0.0

    def run(self, rows: list[Any]) -> list[tuple[float, float]]:
        wall, cpu = time.perf_counter(), time.process_time()
        scores = self.score(rows)
        self.wall_s += time.perf_counter() - wall
        self.cpu_s += time.process_time() - cpu
        self.n_rows += len(rows)
        return scores

    def speeds(self) -> dict[str, float]:
        return {"rows_per_s": self.n_rows / self.wall_s, "rows_per_cpu_s": self.n_rows / self.cpu_s}


def main(speed: SpeedSettings) -> Path | None:
    from lit_gpt.curation.indicators.likelihoods import Reader
    from lit_gpt.files import write_json
    from lit_gpt.loading import load
    from lit_gpt.progress import watched
    from lit_gpt.prompts import TEXT_STYLES

    model, tokenizer = load(speed.checkpoint_dir)
    reader = Reader(model, tokenizer, TEXT_STYLES["chat"], max_tokens=speed.max_tokens)
    rows, packed = _rows(speed, reader), Way(lambda piece: _packed(piece, reader))
    programs = {"one by one, padded": speed.max_tokens, "one by one": 0}
    theirs = {
        name: [Way(_published(speed, reader, pad_to, given_only=given_only)) for given_only in (True, False)]
        for name, pad_to in programs.items()
    }
    share, few = -(-len(rows) // speed.pieces), -(-speed.n_theirs // speed.pieces)
    for start in watched(range(0, len(rows), share), "score", "piece", speed.pieces):
        piece = rows[start : start + share]
        ours = packed.run(piece)
        for perplexity, ifd in theirs.values():
            _check([given for given, _ in ours], [given for given, _ in perplexity.run(piece[:few])])
            _check([given / alone for given, alone in ours], [given / alone for given, alone in ifd.run(piece[:few])])
    record: dict[str, Any] = {"packed": {"rows": packed.n_rows, **packed.speeds()}}
    record |= {name: _compared(perplexity, ifd, packed) for name, (perplexity, ifd) in theirs.items()}
    _tell(record)
    if speed.out is not None:
        write_json(speed.out, record)
    return speed.out


def _compared(perplexity: Way, ifd: Way, packed: Way) -> dict[str, Any]:
    """Their speeds at IFD and at both scores, and how many times faster packed is by clock and by CPU."""
    both = Way(ifd.score, ifd.n_rows, perplexity.wall_s + ifd.wall_s, perplexity.cpu_s + ifd.cpu_s)
    ours = packed.speeds()
    return {"rows": ifd.n_rows} | {
        job: {**way.speeds(), "packed_is_faster": {unit: ours[unit] / way.speeds()[unit] for unit in ours}}
        for job, way in {"ifd": ifd, "perplexity and ifd": both}.items()
    }


def _tell(record: dict[str, Any]) -> None:
    lines = {"packed, perplexity and ifd": record["packed"]}
    lines |= {f"{way}, {job}": record[way][job] for way in list(record)[1:] for job in ("ifd", "perplexity and ifd")}
    for name, numbers in lines.items():
        text = "{:40} {rows_per_s:9.1f} rows/s {rows_per_cpu_s:9.1f} rows/CPU s".format(name, **numbers)
        if faster := numbers.get("packed_is_faster"):
            text += "   packed is {rows_per_cpu_s:.1f}x faster (CPU), {rows_per_s:.1f}x (clock)".format(**faster)
        print(text)


def _packed(rows: list[Any], reader: Any) -> list[tuple[float, float]]:
    """Mean NLLs given and alone, each pass made once, as the score tables do."""
    from lit_gpt.curation.indicators.likelihoods import nll_alone_scores, nll_given_scores

    pairs = zip(nll_given_scores(rows, reader), nll_alone_scores(rows, reader), strict=True)
    return [(given, alone) for (_, given), (_, alone) in pairs]


def _rows(speed: SpeedSettings, reader: Any) -> list[Any]:
    """Rows that both ways can score: of one answer, as the published programs know them, within the limit."""
    from itertools import islice

    from lit_gpt.data.store import read_examples
    from lit_gpt.data.world.pairs import preference_pairs

    examples: Iterator[Any]
    if speed.data_dir is None:
        examples = (better for better, _ in preference_pairs(0, 2 * speed.n_rows, ()))
    else:
        examples = read_examples(speed.data_dir)
    kept: list[Any] = []
    while len(kept) < speed.n_rows and (some := list(islice(examples, 1_000))):
        fits = [row.n_tokens <= speed.max_tokens and len(row.alone) == 1 for row in reader.passes(some)]
        kept += [example for example, is_one in zip(some, fits, strict=True) if is_one]
    if len(kept) < speed.n_rows:
        raise UserError(f"{len(kept)} rows that fit", f"{speed.n_rows}", "lower --n_rows")
    return kept[: speed.n_rows]


def _published(speed: SpeedSettings, reader: Any, pad_to: int, given_only: bool) -> Callable[[list[Any]], Any]:
    """Transformers' loss of the row, and of its answer, one row at a time, as the published programs compute it."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(speed.checkpoint_dir, dtype=torch.float32).eval()

    def mean_nll(document: Any) -> float:
        padding = max(pad_to - len(document.ids), 0)
        ids_BT = torch.tensor([document.ids + [0] * padding])
        mask_BT = torch.tensor([[1] * len(document.ids) + [0] * padding])
        labels_BT = torch.full_like(ids_BT, -100)
        labels_BT[0, document.places] = ids_BT[0, document.places]
        return float(model(input_ids=ids_BT, attention_mask=mask_BT, labels=labels_BT).loss)

    @torch.inference_mode()
    def score(rows: list[Any]) -> list[tuple[float, float]]:
        found = reader.passes(rows)
        return [(mean_nll(row.given), math.nan if given_only else mean_nll(row.alone[0])) for row in found]

    return score


def _check(ours: list[float], theirs: list[float]) -> None:
    """Both ways must say the same, or their speeds are of different things."""
    for mine, other in zip(ours, theirs, strict=False):
        if not abs(mine - other) <= LARGEST_DIFFERENCE * abs(other):
            raise AssertionError(f"{mine} here, {other} there")


if __name__ == "__main__":
    run_command(main)

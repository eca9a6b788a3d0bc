"""Score tables: nothing is scored twice, a kill leaves what was written, a missing score is never a number."""

import json
import math
import os
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from lit_gpt.curation.bench import Bench
from lit_gpt.curation.rows import Pool
from lit_gpt.curation.run import curate
from lit_gpt.curation.scorers import OfRows
from lit_gpt.curation.scores import ScoreTable, scores_of
from lit_gpt.data.store import load_example_set, read_examples
from lit_gpt.errors import UserError
from lit_gpt.files import sha256_of
from tests.curation.pools import ledger, prepare, prompts, recipe, settings

SERVER = get_context("forkserver")
SERVER.set_forkserver_preload(["lit_gpt.curation.run", "lit_gpt.curation.registry", "pyarrow.parquet"])
N_ROWS = 60


@dataclass(frozen=True)
class Slow(OfRows):
    """The number in the prompt, written down in `log` whenever it is asked for."""

    log: str
    pause_s: float = 0.0

    NAME: ClassVar = "slow"
    SHARD_ROWS: ClassVar = 4

    def start(self, bench: Bench):
        def score(examples):
            with open(self.log, "a") as file:
                for example in examples:
                    time.sleep(self.pause_s)
                    file.write(example.id + "\n")
                    file.flush()
                    yield example.id, float(example.messages[0].content.split()[-1])

        return score


@pytest.fixture(scope="module")
def pool(tmp_path_factory) -> Path:
    return prepare(tmp_path_factory.mktemp("data"), prompts(N_ROWS))


def mine(folder: Path, scorer: Slow):
    from dataclasses import replace

    text = recipe(folder, "scores: {number: answer_words}\nsteps: [{top: {score: number, keep: {size: 7}}}]")
    return replace(text, scorers={**text.scorers, "number": scorer})


def work(pool: Path, folder: Path, log: Path) -> None:
    curate(settings(pool, out_dir=folder / "out", scores_dir=folder / "scores"), mine(folder, Slow(str(log), 0.004)))


def result(folder: Path) -> dict[str, str]:
    paths = [*sorted((folder / "scores").rglob("scores.jsonl")), *sorted((folder / "out").glob("*.parquet"))]
    return {path.relative_to(folder).parts[-1]: sha256_of(path) for path in [*paths, folder / "out" / "rejects.jsonl"]}


def n_asked(log: Path) -> int:
    return len(log.read_text().split()) if log.exists() else 0


def wait_until_asked(process, log: Path, n: int) -> None:
    """Until so many scores were asked for in all, or the work is done."""
    while process.exitcode is None and n_asked(log) < n:
        time.sleep(0.002)


def killed(pool: Path, tmp_path: Path, n_kills: int) -> None:
    log = tmp_path / "log"  # the same settings, so that the tables have the same name
    for name in ("unbroken", "broken"):
        (tmp_path / name).mkdir()
    work(pool, tmp_path / "unbroken", log)
    assert Counter(log.read_text().split()).most_common(1)[0][1] == 1
    log.unlink()
    draw, n_halfway = random.Random(7), 0
    for _ in range(n_kills):
        process = SERVER.Process(target=work, args=(pool, tmp_path / "broken", log))
        process.start()
        wait_until_asked(process, log, n_asked(log) + draw.randint(0, 2 * N_ROWS // n_kills))
        time.sleep(draw.uniform(0.0, 0.01))
        if process.exitcode is None:
            os.kill(process.pid, signal.SIGKILL)
        process.join()
        n_halfway += 0 < len(set(log.read_text().split() if log.exists() else ())) < N_ROWS
    work(pool, tmp_path / "broken", log)
    assert result(tmp_path / "broken") == result(tmp_path / "unbroken")
    assert n_halfway, "no kill fell into the scoring: this proves nothing"
    asked = Counter(log.read_text().split())
    assert len(asked) == N_ROWS
    assert sum(asked.values()) - N_ROWS <= n_kills * Slow.SHARD_ROWS, "a kill costs at most the shard in work"


def test_killed_three_times(pool: Path, tmp_path: Path) -> None:
    killed(pool, tmp_path, 3)


@pytest.mark.slow
def test_killed_thirty_times(pool: Path, tmp_path: Path) -> None:
    killed(pool, tmp_path, 30)


def test_a_table_cut_anywhere_is_completed_to_the_same(pool: Path, tmp_path: Path) -> None:
    """As a kill in the middle of a write would leave it."""
    bench = Bench(settings(pool, scores_dir=tmp_path), N_ROWS)
    rows, scorer = Pool.of(pool).rows, Slow(str(tmp_path / "log"))
    whole = scores_of(scorer, "number", rows, bench)
    path = ScoreTable.of(scorer, rows, bench).directory / "scores.jsonl"
    data = path.read_bytes()
    for cut in random.Random(3).sample(range(len(data)), 25):
        path.write_bytes(data[:cut])
        assert (scores_of(scorer, "number", rows, bench) == whole).all()
        assert path.read_bytes() == data


def test_scored_once_whatever_the_rows_and_again_for_another_setting(pool: Path, tmp_path: Path) -> None:
    bench = Bench(settings(pool, scores_dir=tmp_path), N_ROWS)
    rows, log = Pool.of(pool).rows, tmp_path / "log"
    scores_of(Slow(str(log)), "a", rows.at(range(10)), bench)
    scores_of(Slow(str(log)), "b", rows, bench)
    assert sorted(Counter(log.read_text().split()).values()) == [1] * N_ROWS
    scores_of(Slow(str(log), 1e-9), "a", rows.at([0]), bench)
    assert sum(Counter(log.read_text().split()).values()) == N_ROWS + 1


def test_copies_are_scored_once(tmp_path: Path) -> None:
    pool = prepare(tmp_path, [*prompts(5), *prompts(5)])
    bench, log = Bench(settings(pool), 10), tmp_path / "log"
    values = scores_of(Slow(str(log)), "a", Pool.of(pool).rows, bench)
    assert values.tolist() == [0, 1, 2, 3, 4] * 2
    assert len(log.read_text().split()) == 5


def test_a_damaged_header_is_refused(pool: Path, tmp_path: Path) -> None:
    bench, rows, scorer = Bench(settings(pool, scores_dir=tmp_path), N_ROWS), Pool.of(pool).rows, Slow("/dev/null")
    scores_of(scorer, "a", rows, bench)
    header = ScoreTable.of(scorer, rows, bench).directory / "scorer.json"
    header.write_text(header.read_text().replace('"version": 1', '"version": 2'))
    with pytest.raises(UserError) as error:
        scores_of(scorer, "a", rows, bench)
    assert "version 2" in error.value.got and "version 1" in error.value.expected


@dataclass(frozen=True)
class Patchy(OfRows):
    """No number for every third row: NaN, nothing at all, or infinity, in turns."""

    NAME: ClassVar = "patchy"

    def start(self, bench: Bench):
        def score(examples):
            for example in examples:
                number = int(example.messages[0].content.split()[-1])
                if number % 3:
                    yield example.id, float(number)
                elif number % 2:
                    yield example.id, math.nan
                elif number % 4:
                    yield example.id, math.inf

        return score


def patchy(folder: Path, steps: str):
    from dataclasses import replace

    text = recipe(folder, f"steps: {steps}")
    return replace(text, scorers={**text.scorers, "patchy": Patchy()})


def test_too_few_rows_with_a_score_are_told(pool: Path, tmp_path: Path) -> None:
    chosen = patchy(tmp_path, "[{top: {score: patchy, order: lowest, keep: {size: 50}}}]")
    with pytest.raises(UserError, match=r"only 40 of 60 .* last step can choose; 20 have no score"):
        curate(settings(pool, out_dir=tmp_path / "out", missing="drop"), chosen)


@pytest.mark.parametrize(
    "steps", ["[{top: {score: patchy, order: lowest, keep: {size: 5}}}]", "[{score_bounds: {score: patchy, below: 9}}]"]
)
def test_a_missing_score_is_an_error_or_an_exclusion_and_never_a_number(pool: Path, tmp_path: Path, steps: str) -> None:
    with pytest.raises(UserError) as error:
        curate(settings(pool, out_dir=tmp_path / "out"), patchy(tmp_path, steps))
    assert "20 of 60 rows" in error.value.got and "--missing drop" in error.value.do
    out = curate(settings(pool, out_dir=tmp_path / "out", missing="drop"), patchy(tmp_path, steps))
    missing = [line for line in ledger(out) if line["reason"] == "score_missing"]
    assert len(missing) == 20
    assert {line["evidence"]["why"] for line in missing} == {"not_a_number", "not_scored"}
    kept = [int(example.messages[0].content.split()[-1]) for example in read_examples(out)]
    assert kept == ([1, 2, 4, 5, 7] if "top" in steps else [1, 2, 4, 5, 7, 8])
    assert load_example_set(out).settings["missing"] == "drop"


def test_made_of_missing_is_missing(pool: Path, tmp_path: Path) -> None:
    from dataclasses import replace

    text = recipe(
        tmp_path,
        "scores:\n  sum: {linear: {weights: {patchy: 0.0, answer_words: 1.0}}}\n"
        "  both: {product: {of: [patchy, answer_words]}}\nsteps: []",
    )
    bench = Bench(settings(pool), N_ROWS, replace(text, scorers={**text.scorers, "patchy": Patchy()}).scorers)
    rows = Pool.of(pool).rows
    for name in ("sum", "both"):
        assert int(np.isnan(bench.scores(name, rows)).sum()) == 20, "also where the weight is 0"


@pytest.mark.parametrize(
    ("bounds", "kept"),
    [
        ("at_least: 5", range(5, 61)),
        ("above: 5", range(6, 61)),
        ("at_most: 5", range(1, 6)),
        ("below: 5", range(1, 5)),
        ("above: 2, at_most: 4", range(3, 5)),
    ],
)
def test_bounds_say_whether_they_belong(pool: Path, tmp_path: Path, bounds: str, kept: range) -> None:
    text = f"steps: [{{score_bounds: {{score: answer_words, {bounds}}}}}]"
    out = curate(settings(pool, out_dir=tmp_path / "out"), recipe(tmp_path, text))
    assert [len(example.messages[1].content.split()) for example in read_examples(out)] == list(kept)


def given_table(path: Path, rows) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_given_scores_by_id_and_by_content(pool: Path, tmp_path: Path) -> None:
    ids = Pool.of(pool)
    text = "scores: {reward: {given: {needs: rewards}}}\nsteps: [{top: {score: reward, keep: {size: 3}}}]"
    mine = recipe(tmp_path, text)
    tables = {
        "id": given_table(tmp_path / "a.jsonl", ({"id": id, "value": -n} for n, id in enumerate(ids.ids))),
        "hash": given_table(tmp_path / "b.jsonl", ({"content_hash": h, "value": -n} for n, h in enumerate(ids.hashes))),
    }
    for name, table in tables.items():
        out = curate(settings(pool, out_dir=tmp_path / name, given=[f"reward={table}"]), mine)
        assert [example.id for example in read_examples(out)] == list(ids.ids[:3])
    with pytest.raises(UserError, match="has to be given"):
        curate(settings(pool, out_dir=tmp_path / "out"), mine)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"id": "a", "value": "high"}], "'high'"),
        ([{"id": "a", "value": math.nan}], "write null where there is no number"),
        ([{"id": "a", "score": 1}], "id or content_hash, and value"),
        ([{"name": "a", "value": 1}], "id or content_hash"),
        ([{"id": "a", "value": 1}, {"id": "a", "value": 2}], "a second score for a"),
        ([{"id": "a", "value": 1, "version": "2"}], "version 2"),
        ([{"id": "a", "value": 1, "version": "3"}], "no score 'reward' for 60 of 60"),
    ],
)
def test_given_tables_that_do_not_fit(pool: Path, tmp_path: Path, rows, said: str) -> None:
    table = given_table(tmp_path / "t.jsonl", rows)
    given = f"scores: {{reward: {{given: {{path: {table}, version: '3'}}}}}}\n"
    text = given + "steps: [{top: {score: reward, keep: {size: 3}}}]"
    with pytest.raises(UserError) as error:
        curate(settings(pool, out_dir=tmp_path / "out"), recipe(tmp_path, text))
    assert said in str(error.value)

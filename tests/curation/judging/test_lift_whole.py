"""LIFT from one end to the other on people's rows, with the embedded base as the judge: a bad one, and told as such.

The base has a context of 512 tokens, which no prompt with three examples fits. Here it is read at 4,096, beyond what it
was trained on, and the examples are cut to 200 letters: this shows that the pipeline runs and is honest, no more. The
base cannot write either: what it is asked for runs on until it is cut, and is then no row. A stub writes.
"""

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lit_gpt.curation.judging.examination import Examination, examine, in_words
from lit_gpt.curation.judging.judge import open_judge
from lit_gpt.curation.judging.rubrics import QUALITY
from lit_gpt.curation.judging.settings import JudgeSettings
from lit_gpt.curation.recipes import read_recipe
from lit_gpt.curation.rows import Pool
from lit_gpt.curation.run import curate
from lit_gpt.curation.writing.expand import expand_set
from lit_gpt.curation.writing.settings import ExpandSettings
from lit_gpt.data.licences import n_rewritings
from lit_gpt.data.prepare import prepare_examples
from lit_gpt.data.settings import DataSettings
from lit_gpt.data.sources import dolly
from lit_gpt.data.store import read_examples
from lit_gpt.errors import UserError
from lit_gpt.files import read_json, write_json
from tests.curation import pools
from tests.curation.judging.judges import settings
from tests.curation.judging.test_expand import writer
from tests.stub_server import Stub, serving

ROOT = Path(__file__).resolve().parents[3]


def wide_base(folder: Path) -> Path:
    wide = Path(shutil.copytree(ROOT / "assets" / "tiny_base", folder / "embedded" / "tiny_base"))
    write_json(wide / "config.json", {**read_json(wide / "config.json"), "max_position_embeddings": 4096})
    return wide


def whole(folder: Path, shared: Path, n_rows: int, rounds: int, n_examined: int) -> dict[str, Any]:
    """Expansion, variety, quality, and the examination of whoever judged."""
    records = json.loads(gzip.open(shared / "data/instructions/dolly/dolly_3k.json.gz").read())[:n_rows]
    (folder / "dolly.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    source = str(folder / "dolly.jsonl")
    data = DataSettings(source=source, destination_path=folder / "dolly", val_split_fraction=0)
    data_dir, base = prepare_examples(dolly.source(), data), wide_base(folder)
    with serving(Stub(writer)) as stub:
        expanded = expand_set(ExpandSettings(data_dir=data_dir, method="lift", rounds=rounds), settings(stub))
    text = (ROOT / "configs/curate/lift.yaml").read_text()
    (folder / "lift.yaml").write_text(text.replace("exemplar_rows: 30", "exemplar_rows: 5\n      exemplar_chars: 200"))
    curation = pools.settings(expanded, checkpoint_dir=base, prompt_style="chat", missing="drop", report=True)
    out = curate(curation, read_recipe(folder / "lift.yaml"), JudgeSettings())
    judge = open_judge(JudgeSettings(), base, "chat", folder / "replies")
    pool = Pool.of(data_dir)
    rows = pool.rows.at(range(n_examined))
    exam = Examination(
        QUALITY, judge, rows, 1, n_examined // 5, 90.0, 0, lambda rows: np.eye(len(rows), dtype=np.float32)
    )
    found = examine(exam, {})
    return {"expanded": expanded, "out": out, "found": found, "said": in_words(found), "n_pool": len(pool.ids)}


def check(ran: dict[str, Any], n_rounds: int) -> dict[str, Any]:
    pool, kept = list(read_examples(ran["expanded"])), list(read_examples(ran["out"]))
    assert len(kept) == int(0.15 * len(pool)) and len(pool) > ran["n_pool"]
    assert {n_rewritings(row.provenance) for row in pool} <= set(range(n_rounds + 1))
    assert all(row.provenance.transformed_by[-1] == "scored-by:embedded/tiny_base" for row in kept)
    facts = json.loads((ran["out"] / "curation.json").read_text())
    (shares,) = [note["lines"] for note in facts["notes"] if note["title"] == "Rows by round of expansion"]
    assert sum(int(line.split(": ")[1].split(" ")[0].replace(",", "")) for line in shares) == len(kept)
    assert "CARRIES NO SIGNAL" in ran["said"] and not ran["found"]["shuffled"]["has_signal"]
    print(ran["said"])
    found = ran["found"]
    return {
        "pool": len(pool),
        "written": len(pool) - ran["n_pool"],
        "kept": len(kept),
        "rounds_of_the_pool": [sum(n_rewritings(row.provenance) == n for row in pool) for n in range(n_rounds + 1)],
        "shares": shares,
        "graded": found["n_rows"] - found["n_failed"],
        "grades": found["grades"],
        "auc": found["shuffled"]["auc"],
        "auc_95": found["shuffled"]["auc_95"],
        "says": ran["said"].splitlines()[-1],
    }


def test_a_few_rows(tmp_path: Path, shared: Path) -> None:
    check(whole(tmp_path, shared, n_rows=25, rounds=1, n_examined=6), 1)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_five_hundred_rows(tmp_path: Path, shared: Path, figures: Callable[..., None]) -> None:
    figures(**check(whole(tmp_path, shared, n_rows=500, rounds=3, n_examined=100), 3))


def test_the_base_writes_nothing_of_use(tmp_path: Path) -> None:
    data_dir = pools.prepare(tmp_path, pools.prompts(4))
    asked = ExpandSettings(data_dir=data_dir, method="lift", checkpoint_dir=wide_base(tmp_path), prompt_style="chat")
    with pytest.raises(UserError, match="nothing that embedded/tiny_base wrote is of use"):
        expand_set(asked, JudgeSettings(judge_tokens=8))

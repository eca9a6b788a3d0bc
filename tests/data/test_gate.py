"""The licence gate over whole sets: what it admits, what it names, and that its verdict travels."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lit_gpt.data.fetch import Fetched
from lit_gpt.data.gate import Challenge, in_words, require_admitted, review
from lit_gpt.data.licences import rules
from lit_gpt.data.merge import merge_sets
from lit_gpt.data.merge_settings import MergeSettings
from lit_gpt.data.prepare import prepare_examples
from lit_gpt.data.reading import read_records
from lit_gpt.data.settings import DataSettings
from lit_gpt.data.sources import alpaca, dolly, lima, oasst1, superni, user_file
from lit_gpt.data.store import load_example_set, read_examples
from lit_gpt.data.subset import write_subset
from lit_gpt.errors import UserError
from tests.data.sets import exchanges, prepared

ROOT = Path(__file__).resolve().parents[2]
STRICT, OFFICIAL = Challenge("strict"), Challenge("official")


def merged(folder, *data_dirs):
    settings = MergeSettings(sources=[each.name for each in data_dirs], destination_path=folder / "merged")
    return merge_sets(data_dirs, settings)


def test_one_row_of_a_model_fails_and_is_named(tmp_path):
    people = prepared(tmp_path, "people", exchanges("p", 40))
    settings = DataSettings(source=str(tmp_path / "one.json"), destination_path=tmp_path / "data" / "alpaca")
    (tmp_path / "one.json").write_text(json.dumps([{"instruction": "Name a fruit.", "input": "", "output": "Fig."}]))
    one = prepare_examples(alpaca.source(), settings)
    require_admitted(merged(tmp_path, people), STRICT)
    with pytest.raises(UserError) as error:
        require_admitted(merged(tmp_path, people, one), STRICT)
    assert "alpaca-000000" in error.value.got and "1 of 41 rows" in error.value.got
    assert "text-davinci-003" in error.value.got


def test_a_review_counts_and_shows_three_rows(tmp_path):
    made = prepared(tmp_path, "made", exchanges("m", 30), origin="llm", generator="gpt-4", fraction=0.5)
    people = prepared(tmp_path, "people", exchanges("p", 10))
    found = review(merged(tmp_path, people, made), OFFICIAL)
    assert (found.n_rows, found.n_refused, found.is_admitted) == (40, 30, False)
    assert found.verdicts == {("human", "people"): 10, ("llm-restricted", "made"): 30}
    [(reason, refused)] = found.refused.items()
    assert reason.clause == "no-chatgpt" and len(refused.rows) == 3
    clause = rules()["clauses"]["no-chatgpt"]
    words = in_words(found, tmp_path)
    assert all(row["id"] in words for row in refused.rows)
    assert clause["says"] in words and clause["date"] in words and clause["source"] in words
    [told] = found.to_json()["refusals"]
    assert told["by_source"] == {"made": 30} and told["clause"]["date"] == clause["date"]


def test_scored_rows_need_leave_and_are_recorded(tmp_path):
    whole = prepared(tmp_path, "people", exchanges("p", 10))
    data_dir = tmp_path / "scored"
    write_subset(whole, data_dir, lambda row: None, {})
    rewritten = [
        replace(row, provenance=replace(row.provenance, transformed_by=("scored-by:gpt-4",)))
        for row in read_examples(whole)
    ]
    rewrite(data_dir, rewritten)
    with pytest.raises(UserError, match="gpt-4 scored or chose it"):
        require_admitted(data_dir, STRICT)
    allowed = review(data_dir, Challenge("strict", allow_llm_scores=True))
    assert allowed.is_admitted and allowed.scored_by == {"gpt-4": len(rewritten)}
    assert "ask the organisers" in in_words(allowed, data_dir)


def rewrite(data_dir, rows):
    from lit_gpt.data.store import ExampleWriter

    with ExampleWriter(data_dir, "train") as writer:
        for row in rows:
            writer.add(row)


def test_the_rows_are_asked_and_not_the_manifest(tmp_path):
    """A manifest that says human does not help rows that do not."""
    data_dir = prepared(tmp_path, "people", exchanges("p", 10), fraction=0.0)
    row = next(read_examples(data_dir))
    rewrite(data_dir, [replace(row, provenance=replace(row.provenance, generator="gpt-4"))])
    assert load_example_set(data_dir).verdicts["train"] == {"human": {"people": 10}}
    with pytest.raises(UserError, match="gpt-4"):
        require_admitted(data_dir, OFFICIAL)


def test_the_verdict_travels_through_a_subset(tmp_path):
    whole = prepared(tmp_path, "people", exchanges("p", 30))
    keep = {row.id for number, row in enumerate(read_examples(whole)) if number % 2}
    part = write_subset(whole, tmp_path / "part", lambda row: None if row.id in keep else {"reason": "not_drawn"}, {})
    verdicts = load_example_set(part).verdicts
    assert verdicts["train"] == {"human": {"people": len(keep)}}
    assert verdicts["validation"] == load_example_set(whole).verdicts["validation"]


def test_rows_from_the_hub_are_judged_by_their_sets_name(tmp_path, monkeypatch):
    """Somebody says of a set's rows, by mistake, that people wrote them."""
    path = tmp_path / "train.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in exchanges("u", 5)))
    monkeypatch.setattr("lit_gpt.data.locate.fetch", lambda home, revision: Fetched({"train.jsonl": path}, "c" * 40))
    settings = DataSettings(source="stingning/ultrachat", destination_path=tmp_path / "data")
    data_dir = prepare_examples(user_file.source(origin="human"), settings)
    assert next(read_examples(data_dir)).provenance.revision == "stingning/ultrachat@" + "c" * 40
    with pytest.raises(UserError, match="the data set ultrachat"):
        require_admitted(data_dir, STRICT)


def test_an_unstated_licence_is_told(tmp_path):
    found = review(prepared(tmp_path, "people", exchanges("p", 5), licence="unknown"), STRICT)
    assert found.is_admitted and found.n_without_licence == 5 and "5 rows state no licence" in in_words(found, tmp_path)


@pytest.mark.parametrize(
    ("origin", "flags", "code"),
    [
        ("human", ["--base", "mistralai/Mistral-7B-v0.1"], 0),
        ("human", ["--base", "mistralai/Mistral-7B-Instruct-v0.1"], 2),
        ("unknown", ["--challenge", "official"], 2),
    ],
)
def test_the_command(tmp_path, origin, flags, code):
    data_dir = prepared(tmp_path, "mine", exchanges("m", 8), origin=origin)
    command = [sys.executable, ROOT / "scripts/check_rules.py", "--data_dir", data_dir, *flags]
    done = subprocess.run([*command, "--out", tmp_path / "review.json"], capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    assert ("admitted" in done.stdout.splitlines()) == (code == 0)
    told = json.loads((tmp_path / "review.json").read_text())
    assert told["admitted"] == (code == 0) and told["rows"] == 8


def real(folder, name, path, source):
    settings = DataSettings(source=str(path), destination_path=folder / "data" / name)
    return prepare_examples(source, settings)


def people_of_the_field(folder, shared):
    """LIMA, Dolly, oasst1 and Super-NI as they lie in ../shared, each read by the source of its name."""
    instructions = shared / "data/instructions"
    yield real(folder, "lima", instructions / "lima/lima.json.gz", lima.source())
    yield real(folder, "dolly", instructions / "dolly/dolly_3k.json.gz", dolly.source())
    yield real(folder, "oasst1", instructions / "oasst_eval_qlora/oa_questions.jsonl.gz", oasst1.source())
    yield real(folder, "superni", instructions / "superni_sapt", superni.source(per_task_quota=100))


def test_the_real_sets_pass_and_one_alpaca_row_fails(tmp_path, shared):
    people = list(people_of_the_field(tmp_path, shared))
    together = merged(tmp_path, *people)
    found = review(together, STRICT)
    assert found.is_admitted and {source for _, source in found.verdicts} == {"lima", "dolly", "oasst1", "superni"}
    read = sum(load_example_set(each).counts["used"] for each in people)
    assert all(load_example_set(each).counts["used"] > 300 for each in people)
    assert found.n_rows == read - sum(load_example_set(together).counts["dropped"].values()) > 4_000
    [path] = (shared / "data/instructions/alpaca_52k").glob("*.json*")
    first = next(iter(read_records(path, lambda columns, file: None))).fields
    (tmp_path / "alpaca.json").write_text(json.dumps([first]))
    one = real(tmp_path, "alpaca", tmp_path / "alpaca.json", alpaca.source())
    with pytest.raises(UserError, match="alpaca-000000"):
        require_admitted(merged(tmp_path, *people, one), STRICT)

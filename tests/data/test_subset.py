"""A subset is the chosen rows, the other splits untouched, and an account of the rest."""

import json

import pytest

from lit_gpt.data.prepare import prepare_examples
from lit_gpt.data.settings import DataSettings
from lit_gpt.data.sources.world import source
from lit_gpt.data.store import load_example_set, read_examples
from lit_gpt.data.subset import write_subset
from lit_gpt.errors import UserError
from lit_gpt.manifest import damaged_files


@pytest.fixture
def whole(tmp_path):
    return prepare_examples(source(n_rows=60, n_test=12), DataSettings(destination_path=tmp_path / "whole", seed=3))


def test_chosen_rows_and_an_account_of_the_rest(whole, tmp_path):
    kept = {example.id for number, example in enumerate(read_examples(whole)) if number % 3 == 0}
    part = write_subset(
        whole, tmp_path / "part", lambda row: None if row.id in kept else {"reason": "not_drawn"}, {"draw_seed": 1}
    )
    assert [row.id for row in read_examples(part)] == [row.id for row in read_examples(whole) if row.id in kept]
    for split in ("validation", "test"):
        assert list(read_examples(part, split)) == list(read_examples(whole, split))
    manifest = load_example_set(part)
    assert damaged_files(part, manifest) == []
    assert manifest.parents == {"example_set": load_example_set(whole).content_hash}
    assert manifest.settings["draw_seed"] == 1
    rejects = [json.loads(line) for line in (part / "rejects.jsonl").read_text().splitlines()]
    assert {row["id"] for row in rejects} == {row.id for row in read_examples(whole)} - kept
    assert manifest.counts["read"] == manifest.counts["used"] + manifest.counts["dropped"]["not_drawn"]


def test_a_subset_of_nothing_is_refused(whole, tmp_path):
    with pytest.raises(UserError, match="no row"):
        write_subset(whole, tmp_path / "part", lambda row: {"reason": "not_drawn"}, {})
    assert not (tmp_path / "part").exists()

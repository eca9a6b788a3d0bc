"""From rows to a TokenSet on disk: everything accounted for, found again, never stale."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lit_gpt import prompts
from lit_gpt.data.settings import DataSettings
from lit_gpt.data.sources import user_file
from lit_gpt.data.store import read_examples
from lit_gpt.errors import UserError
from lit_gpt.prompts import TEXT_STYLES
from lit_gpt.random_base import write_random_base
from lit_gpt.tokenizer import Tokenizer
from lit_gpt.tokens.encode import encode_prompt
from lit_gpt.tokens.prepare import Wanted, encode_set, find_or_encode, prepare
from lit_gpt.tokens.settings import TokenSettings
from lit_gpt.tokens.store import TokenSet, mark_prepared, prepared_token_sets
from tests import toy


def write_rows(path: Path, n_rows: int, seed: int = 5) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in toy.rows(n_rows, seed)))
    return path


@pytest.fixture
def data_dir(tiny_base: Path, tmp_path: Path) -> Path:
    source = write_rows(tmp_path / "toy.jsonl", 60)
    settings = DataSettings(source=str(source), destination_path=tmp_path / "toy", val_split_fraction=0.2)
    return prepare(user_file.source(), settings, TokenSettings(tiny_base, max_seq_length=128))


def only_set(data_dir: Path) -> TokenSet:
    ((directory, _),) = prepared_token_sets(data_dir)
    return TokenSet.open(directory)


def test_rows_read_back_as_encoded(data_dir: Path, tiny_base: Path) -> None:
    tokenizer, token_set = Tokenizer(tiny_base), only_set(data_dir)
    for split in ("train", "validation"):
        rows, examples = token_set.split(split), list(read_examples(data_dir, split))
        assert len(rows) == len(examples) > 5
        for number, example in enumerate(examples):
            ids, is_target = rows[number]
            prompt = encode_prompt(example.messages[:1], tokenizer, TEXT_STYLES["alpaca"])
            answer = [*tokenizer.encode(example.messages[1].content), tokenizer.eos_id]
            assert ids.tolist() == prompt + answer
            assert is_target.tolist() == [0] * len(prompt) + [1] * len(answer)
            assert rows.rows[number] == number
        assert rows.lengths.tolist() == [len(rows[number][0]) for number in range(len(rows))]
    assert isinstance(token_set.split("train").ids, np.memmap)


@pytest.mark.parametrize("overflow", ["trim", "drop"])
def test_over_long_rows_are_counted_and_listed(data_dir: Path, tiny_base: Path, overflow: str) -> None:
    whole = only_set(data_dir)
    lengths = whole.split("train").lengths
    limit = int(np.median(lengths))
    token_set = encode_set(data_dir, TokenSettings(tiny_base, limit, overflow=overflow))
    counts = token_set.manifest.counts["train"]
    n_long = int((lengths > limit).sum())
    assert counts["read"] == counts["whole"] + counts.get("trimmed", 0) + counts.get("dropped_over_long", 0)
    assert counts["read"] - counts["whole"] == n_long > 3
    assert counts["rows"] == len(token_set.split("train"))
    entries = [json.loads(line) for line in (token_set.directory / "ledger.jsonl").read_text().splitlines()]
    listed = [entry for entry in entries if entry["split"] == "train"]
    assert len(listed) == n_long
    ids = {example.id for example in read_examples(data_dir, "train")}
    assert all(entry["id"] in ids and entry["n_tokens"] > limit and entry["n_cut"] > 0 for entry in listed)
    assert token_set.split("train").lengths.max() <= limit
    names = [example.id for example in read_examples(data_dir, "train")]
    kept = {names[number] for number in token_set.split("train").rows}
    assert kept == ids - {entry["id"] for entry in listed if entry["outcome"].startswith("dropped")}
    if overflow == "drop":
        assert {entry["outcome"] for entry in listed} == {"dropped_over_long"}


def test_overflow_error_leaves_nothing_behind(data_dir: Path, tiny_base: Path) -> None:
    before = sorted((data_dir / "tokens").iterdir())
    with pytest.raises(UserError, match="tokens"):
        encode_set(data_dir, TokenSettings(tiny_base, 20, overflow="error"))
    assert sorted((data_dir / "tokens").iterdir()) == before


def test_prepared_once(data_dir: Path, tiny_base: Path) -> None:
    token_set = only_set(data_dir)
    before = {path.name: path.stat().st_mtime_ns for path in token_set.directory.glob("*.bin")}
    assert encode_set(data_dir, TokenSettings(tiny_base, 128)).directory == token_set.directory
    assert {path.name: path.stat().st_mtime_ns for path in token_set.directory.glob("*.bin")} == before


def test_finds_what_is_wanted_else_the_last_prepared(data_dir: Path, tiny_base: Path, capsys) -> None:
    first = only_set(data_dir)
    second = encode_set(data_dir, TokenSettings(tiny_base, 100, prompt_style="chat"))
    assert find_or_encode(data_dir, tiny_base, Wanted()).directory == first.directory, "a run's own does not count"
    mark_prepared(second.directory)
    capsys.readouterr()
    assert find_or_encode(data_dir, tiny_base, Wanted()).directory == second.directory, "the last one"
    assert find_or_encode(data_dir, tiny_base, Wanted(max_seq_length=128)).directory == first.directory
    assert find_or_encode(data_dir, tiny_base, Wanted(prompt_style="chat")).directory == second.directory
    mark_prepared(encode_set(data_dir, TokenSettings(tiny_base, 128)).directory)
    assert find_or_encode(data_dir, tiny_base, Wanted()).directory == first.directory, "asked for again"
    assert "encoding" not in capsys.readouterr().err
    third = find_or_encode(data_dir, tiny_base, Wanted(max_seq_length=90, mask_prompt=False))
    assert "encoding train" in capsys.readouterr().err, "what is wanted is not there, so it is encoded, and says so"
    assert third.max_seq_length == 90
    assert third.split("train")[0][1].tolist() == [0] + [1] * (len(third.split("train")[0][0]) - 1)


def test_other_rows_or_another_tokenizer_are_encoded_anew(data_dir: Path, tiny_base: Path, tmp_path: Path) -> None:
    first = only_set(data_dir)
    other = write_random_base(tmp_path / "other", (f"{row}" for row in toy.rows(50, seed=9)), seed=0, vocab_size=400)
    assert find_or_encode(data_dir, other, Wanted(max_seq_length=128)).directory != first.directory
    settings = DataSettings(
        source=str(write_rows(tmp_path / "toy.jsonl", 61)), destination_path=data_dir, val_split_fraction=0.2
    )
    prepare(user_file.source(), settings, TokenSettings())
    assert find_or_encode(data_dir, tiny_base, Wanted(max_seq_length=128)).directory != first.directory


def test_damage_is_found(data_dir: Path, tiny_base: Path) -> None:
    path = only_set(data_dir).directory / "train.ids.bin"
    data = bytearray(path.read_bytes())
    data[10] ^= 1
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"train\.ids\.bin"):
        find_or_encode(data_dir, tiny_base, Wanted())


def test_the_models_context_is_the_limit(data_dir: Path, tiny_base: Path, capsys) -> None:
    assert encode_set(data_dir, TokenSettings(tiny_base)).max_seq_length == 256
    assert encode_set(data_dir, TokenSettings(tiny_base, 2048)).max_seq_length == 256
    assert "256 it is" in capsys.readouterr().err
    assert find_or_encode(data_dir, tiny_base, Wanted(max_seq_length=2048)).max_seq_length == 256


def test_a_length_that_no_row_fits_is_refused_and_leaves_nothing(data_dir: Path, tiny_base: Path) -> None:
    before = sorted((data_dir / "tokens").iterdir())
    with pytest.raises(UserError, match="no training row"):
        find_or_encode(data_dir, tiny_base, Wanted(max_seq_length=5))
    assert sorted((data_dir / "tokens").iterdir()) == before


def test_another_version_of_the_template_is_encoded_anew(data_dir: Path, tiny_base: Path, monkeypatch) -> None:
    first = only_set(data_dir)
    monkeypatch.setitem(prompts.TEXT_STYLES, "alpaca", replace(TEXT_STYLES["alpaca"], version=99))
    assert find_or_encode(data_dir, tiny_base, Wanted()).directory != first.directory


def test_what_is_not_wanted_otherwise_is_as_last_prepared(data_dir: Path, tiny_base: Path) -> None:
    assert find_or_encode(data_dir, tiny_base, Wanted(prompt_style="chat")).max_seq_length == 128


def test_rows_that_changed_since_they_were_prepared_are_refused(data_dir: Path, tiny_base: Path) -> None:
    path = data_dir / "train.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(UserError, match=r"train\.parquet"):
        find_or_encode(data_dir, tiny_base, Wanted(prompt_style="chat"))


def test_settings_are_checked_at_birth(tiny_base: Path) -> None:
    for wrong in ({"max_seq_length": 1}, {"prompt_style": "alpacca"}):
        with pytest.raises(UserError):
            replace(TokenSettings(tiny_base), **wrong)

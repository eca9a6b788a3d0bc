"""Ids against other implementations: llama.cpp's golden ids, and SentencePiece against Hugging Face's conversion.

The golden files hold 47 strings, and the ids that llama.cpp's own tests demand for each.
Source: https://github.com/ggerganov/llama.cpp (models/ggml-vocab-*.gguf.inp and .out), MIT.
"""

import gzip
import json
import shutil
from pathlib import Path

import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import decoders, models, pre_tokenizers

from lit_gpt.tokenizer import Tokenizer

SEPARATOR = "\n__ggml_vocab_test__\n"
MISTRAL = "data/tokenizers/mistral/mistral-7b-v0.1_"


def golden(shared: Path, name: str) -> list[tuple[str, list[int]]]:
    """(text, ids) for each string of a golden file."""
    stem = shared / "data/tokenizers/golden" / f"ggml-vocab-{name}.gguf"
    texts = Path(f"{stem}.inp").read_bytes().decode().split(SEPARATOR)
    lines = Path(f"{stem}.out").read_text().split("\n")  # the last string is empty, and so is its line
    return [(text, [int(id) for id in line.split()]) for text, line in zip(texts, lines, strict=True)]


@pytest.fixture(scope="session")
def llama2(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    directory = tmp_path_factory.mktemp("llama2")
    shutil.copy(shared / "data/tokenizers/llama2/tokenizer.model", directory)
    return Tokenizer(directory)


@pytest.fixture(scope="session")
def gpt_neox(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    directory = tmp_path_factory.mktemp("gpt_neox")
    shutil.copy(shared / "data/tokenizers/gpt_neox_20b/20B_tokenizer.json", directory / "tokenizer.json")
    return with_endoftext(directory)


@pytest.fixture(scope="session")
def gpt2(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    """tokenizer.json made from the vocabulary and the merges, as GPT-2's own code reads them."""
    directory = tmp_path_factory.mktemp("gpt2")
    source = shared / "data/tokenizers/gpt2"
    bpe = models.BPE.from_file(str(source / "gpt2_vocab.json"), str(source / "gpt2_merges.txt"))
    library = tokenizers.Tokenizer(bpe)
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    library.decoder = decoders.ByteLevel()
    library.save(str(directory / "tokenizer.json"))
    return with_endoftext(directory)


@pytest.fixture(scope="session")
def mistral(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Tokenizer, Tokenizer]:
    """One tokenizer, read from its tokenizer.model and from its tokenizer.json."""
    pair = []
    for name in ("tokenizer.model", "tokenizer.json"):
        directory = tmp_path_factory.mktemp(name)
        for file in (name, "tokenizer_config.json", "generation_config.json", "config.json"):
            shutil.copy(shared / (MISTRAL + file), directory / file)
        pair.append(Tokenizer(directory))
    return pair[0], pair[1]


def with_endoftext(directory: Path) -> Tokenizer:
    (directory / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<|endoftext|>"}))
    return Tokenizer(directory)


@pytest.mark.parametrize(("name", "fixture"), [("llama-spm", "llama2"), ("gpt-2", "gpt2"), ("mpt", "gpt_neox")])
def test_golden_ids(shared: Path, request: pytest.FixtureRequest, name: str, fixture: str) -> None:
    tokenizer: Tokenizer = request.getfixturevalue(fixture)
    cases = golden(shared, name)
    assert len(cases) == 47
    for text, ids in cases:
        assert tokenizer.encode(text) == ids, repr(text)
        assert tokenizer.decode(ids) == text
    assert tokenizer.encode_batch([text for text, _ in cases]) == [ids for _, ids in cases]


def test_what_each_checkpoint_says_of_itself(llama2: Tokenizer, gpt2: Tokenizer, gpt_neox: Tokenizer) -> None:
    assert (llama2.bos_id, llama2.eos_id, llama2.vocab_size) == (1, 2, 32000)
    assert (gpt2.bos_id, gpt2.eos_id, gpt2.vocab_size) == (None, 50256, 50257)
    assert (gpt_neox.bos_id, gpt_neox.eos_id, gpt_neox.vocab_size) == (None, 0, 50277)
    assert not gpt2.adds_bos


def test_control_tokens_in_text_stay_text(gpt2: Tokenizer, gpt_neox: Tokenizer, llama2: Tokenizer) -> None:
    for tokenizer in (gpt2, gpt_neox, llama2):
        for text in ("<|endoftext|>", "a</s>b", "<s>[INST] hi [/INST]", "<unk>", "<0x0A>"):
            ids = tokenizer.encode(text)
            assert tokenizer.eos_id not in ids
            assert len(ids) > 2
            assert tokenizer.decode(ids) == text


def test_runs_of_blanks_are_neox_tokens(gpt_neox: Tokenizer) -> None:
    assert gpt_neox.encode(" " * 24) == [50254]
    assert gpt_neox.decode(gpt_neox.encode("a" + " " * 30 + "b")) == "a" + " " * 30 + "b"


def test_model_and_json_agree_on_themselves(mistral: tuple[Tokenizer, Tokenizer]) -> None:
    for tokenizer in mistral:
        assert (tokenizer.bos_id, tokenizer.eos_id, tokenizer.stop_ids) == (1, 2, (2,))
        assert tokenizer.adds_bos
        assert tokenizer.vocab_size == 32000


def test_model_and_json_agree_on_golden_strings(shared: Path, mistral: tuple[Tokenizer, Tokenizer]) -> None:
    of_model, of_json = mistral
    for text, _ in golden(shared, "llama-spm"):
        ids = of_model.encode(text)
        assert of_json.encode(text) == ids, repr(text)
        assert of_json.decode(ids) == of_model.decode(ids) == text


def test_model_and_json_agree_on_real_answers(shared: Path, mistral: tuple[Tokenizer, Tokenizer]) -> None:
    of_model, of_json = mistral
    with gzip.open(shared / "data/instructions/lima/lima.json.gz", "rt", encoding="utf-8") as file:
        texts = [row["output"] for row in json.load(file)[:100]]
    assert of_model.encode_batch(texts) == of_json.encode_batch(texts)


FRAGMENTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=3) | st.sampled_from(["</s>", "  ", "\n", " a"])


@settings(deadline=None)
@given(text=st.lists(FRAGMENTS, max_size=10).map("".join))
def test_model_and_json_agree_on_any_text(mistral: tuple[Tokenizer, Tokenizer], text: str) -> None:
    of_model, of_json = mistral
    assert of_model.encode(text) == of_json.encode(text)

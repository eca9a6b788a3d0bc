"""Both kinds of tokenizer, trained in the test on a few sentences: rules, odd texts, broken files."""

import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
import tokenizers
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import decoders, models, pre_tokenizers, processors, trainers

from lit_gpt.errors import UserError
from lit_gpt.tokenizer import Tokenizer

SENTENCES = ["Once upon a time there was a red ball.", "    the ball  said:\n\n hello", "start of im end </s> <s>"] * 20
CONTROL = ("<s>", "</s>", "<|im_start|>", "<|im_end|>")
RUN_OF_BLANKS = "    "


def save_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


def make_huggingface(directory: Path) -> None:
    """A byte-level BPE with control tokens of both normalisations and one added run of blanks."""
    library = tokenizers.Tokenizer(models.BPE())
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    library.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    library.train_from_iterator(SENTENCES, trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet))
    library.add_special_tokens([tokenizers.AddedToken(token, normalized=token != "<|im_start|>") for token in CONTROL])
    library.add_tokens([tokenizers.AddedToken(RUN_OF_BLANKS, special=False)])
    library.save(str(directory / "tokenizer.json"))


def make_sentencepiece(directory: Path) -> None:
    """A Llama-like model: byte fallback, dummy prefix, whitespace kept; chat markers typed user-defined."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES),
        model_writer=model,
        model_type="bpe",
        vocab_size=320,
        byte_fallback=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        user_defined_symbols=["<|im_start|>", "<|im_end|>", "[table]"],
        minloglevel=2,
    )
    (directory / "tokenizer.model").write_bytes(model.getvalue())


MAKERS = {"tokenizer.json": make_huggingface, "tokenizer.model": make_sentencepiece}


@pytest.fixture(scope="session", params=sorted(MAKERS))
def made_dir(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint directory with one kind of tokenizer; not to be written to."""
    directory = tmp_path_factory.mktemp(request.param)
    MAKERS[request.param](directory)
    save_json(
        directory / "tokenizer_config.json",
        {"bos_token": "<s>", "eos_token": {"content": "</s>"}, "additional_special_tokens": CONTROL[2:]},
    )
    return directory


@pytest.fixture
def directory(made_dir: Path, tmp_path: Path) -> Path:
    """The same, to be spoilt."""
    return Path(shutil.copytree(made_dir, tmp_path / "checkpoint"))


@pytest.fixture(scope="session")
def tokenizer(made_dir: Path) -> Tokenizer:
    return Tokenizer(made_dir)


TEXTS = [
    "",
    " ",
    "  two leading blanks",
    "trailing  ",
    "a\0b",
    "\n\n\t",
    "日本語 and 🤗 and é",
    "x" * 5000,
    "</s> <s> <|im_start|>user<|im_end|> [INST]",
]


@pytest.mark.parametrize("text", TEXTS)
def test_decode_undoes_encode(tokenizer: Tokenizer, text: str) -> None:
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert tokenizer.encode_batch([text, "other", text]) == [ids, tokenizer.encode("other"), ids]


FRAGMENTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=4) | st.sampled_from([*CONTROL, " ", "the"])


@given(text=st.lists(FRAGMENTS, max_size=12).map("".join))
def test_any_text_survives_and_never_turns_into_control_ids(tokenizer: Tokenizer, text: str) -> None:
    ids = tokenizer.encode(text)
    assert {tokenizer.bos_id, tokenizer.eos_id}.isdisjoint(ids)
    assert all(0 <= id < tokenizer.vocab_size for id in ids)
    if "▁" not in text:  # SentencePiece's own sign for a blank
        assert tokenizer.decode(ids) == text


@pytest.mark.parametrize("marker", CONTROL)
def test_control_tokens_in_text_stay_text(tokenizer: Tokenizer, marker: str) -> None:
    ids = tokenizer.encode(f"a {marker} b{marker}")
    assert len(ids) > 6
    assert tokenizer.decode(ids) == f"a {marker} b{marker}"


def test_bos_and_eos_stand_outside_the_text(tokenizer: Tokenizer) -> None:
    inside = tokenizer.encode("hello")
    assert tokenizer.encode("hello", bos=True, eos=True) == [tokenizer.bos_id, *inside, tokenizer.eos_id]
    assert tokenizer.encode("", bos=True) == [tokenizer.bos_id]
    assert tokenizer.decode([tokenizer.bos_id or 0, *inside, tokenizer.eos_id]) == "hello"


def test_a_continuation_is_a_difference_of_two_texts(tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode("the red ball")
    for cut in range(len(ids)):
        old = tokenizer.decode(ids[:cut])
        assert old + tokenizer.decode(ids)[len(old) :] == "the red ball"


def test_ids_past_the_vocabulary_have_no_text(tokenizer: Tokenizer) -> None:
    assert tokenizer.decode([*tokenizer.encode("ball"), tokenizer.vocab_size, tokenizer.vocab_size + 900]) == "ball"


def test_half_a_surrogate_pair_is_the_users_mistake(tokenizer: Tokenizer) -> None:
    with pytest.raises(UserError, match="at character 2"):
        tokenizer.encode("ab\ud800")
    with pytest.raises(UserError, match="surrogate"):
        tokenizer.encode_batch(["fine", "\udfff"])


def test_a_megabyte_is_a_text_like_any_other(tokenizer: Tokenizer) -> None:
    text = "Once upon a time. " * 60_000
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_added_tokens_that_are_not_special_match(tmp_path: Path) -> None:
    make_huggingface(tmp_path)
    save_json(tmp_path / "tokenizer_config.json", {"eos_token": "</s>"})
    library = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert Tokenizer(tmp_path).encode(f"a{RUN_OF_BLANKS}b")[1] == library.token_to_id(RUN_OF_BLANKS)


def test_user_defined_pieces_match_unless_declared_special(tmp_path: Path) -> None:
    make_sentencepiece(tmp_path)
    library = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "tokenizer.model"))
    marker_id, table_id = library.piece_to_id("<|im_start|>"), library.piece_to_id("[table]")
    text = "a<|im_start|>b[table]"
    assert Tokenizer(tmp_path).encode(text) == library.encode(text)
    save_json(tmp_path / "tokenizer_config.json", {"added_tokens_decoder": {str(marker_id): special("<|im_start|>")}})
    ids = Tokenizer(tmp_path).encode(text)
    assert table_id in ids
    assert marker_id not in ids


def special(token: str) -> dict[str, Any]:
    return {"content": token, "special": True}


def test_a_token_added_beyond_the_pieces_can_be_eos(tmp_path: Path) -> None:
    make_sentencepiece(tmp_path)
    n_pieces = Tokenizer(tmp_path).vocab_size
    config = {"eos_token": "<|end|>", "added_tokens_decoder": {str(n_pieces + 3): special("<|end|>")}}
    save_json(tmp_path / "tokenizer_config.json", config)
    tokenizer = Tokenizer(tmp_path)
    assert (tokenizer.eos_id, tokenizer.vocab_size) == (n_pieces + 3, n_pieces + 4)
    assert tokenizer.decode([*tokenizer.encode("a<|end|>"), tokenizer.eos_id]) == "a<|end|>"


def test_saved_truncation_and_padding_are_switched_off(tmp_path: Path) -> None:
    make_huggingface(tmp_path)
    save_json(tmp_path / "tokenizer_config.json", {"eos_token": "</s>"})
    before = Tokenizer(tmp_path).encode("Once upon a time")
    library = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    library.enable_truncation(2)
    library.enable_padding(length=64)
    library.save(str(tmp_path / "tokenizer.json"))
    assert Tokenizer(tmp_path).encode("Once upon a time") == before
    assert Tokenizer(tmp_path).encode_batch(["Once upon a time"]) == [before]


def test_tokenizer_json_wins(tmp_path: Path) -> None:
    make_huggingface(tmp_path)
    save_json(tmp_path / "tokenizer_config.json", {"eos_token": "</s>"})
    alone = Tokenizer(tmp_path)
    make_sentencepiece(tmp_path)
    both = Tokenizer(tmp_path)
    assert both.encode("a red ball") == alone.encode("a red ball")
    assert both.fingerprint == alone.fingerprint


def test_the_fingerprint_follows_what_decides_the_ids(directory: Path) -> None:
    before = Tokenizer(directory).fingerprint
    config = json.loads((directory / "tokenizer_config.json").read_text())
    save_json(directory / "tokenizer_config.json", {**config, "chat_template": "{{ messages }}"})
    assert Tokenizer(directory).fingerprint == before
    save_json(directory / "tokenizer_config.json", {**config, "add_bos_token": True})
    assert Tokenizer(directory).fingerprint != before
    save_json(directory / "tokenizer_config.json", {**config, "eos_token": "<|im_end|>"})
    assert Tokenizer(directory).fingerprint != before


def put_bos_in_template(directory: Path) -> None:
    library = tokenizers.Tokenizer.from_file(str(directory / "tokenizer.json"))
    bos_id = library.token_to_id("<s>")
    template = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", bos_id)])
    library.post_processor = template
    library.save(str(directory / "tokenizer.json"))


@pytest.mark.parametrize(
    ("template", "extra", "adds_bos"),
    [
        (False, {}, False),
        (False, {"add_prefix_space": True}, False),
        (False, {"tokenizer_class": "LlamaTokenizer"}, True),
        (False, {"tokenizer_class": "GPTNeoXTokenizer"}, False),
        (False, {"tokenizer_class": "LlamaTokenizer", "add_bos_token": False}, False),
        (False, {"add_bos_token": True}, True),
        (True, {}, True),
        (True, {"add_bos_token": None}, True),
        (True, {"add_bos_token": False}, False),
    ],
)
def test_whether_the_model_wants_a_bos(tmp_path: Path, template: bool, extra: dict[str, Any], adds_bos: bool) -> None:
    make_huggingface(tmp_path)
    if template:
        put_bos_in_template(tmp_path)
    save_json(tmp_path / "tokenizer_config.json", {"bos_token": "<s>", "eos_token": "</s>", **extra})
    tokenizer = Tokenizer(tmp_path)
    assert tokenizer.adds_bos is adds_bos
    assert tokenizer.bos_id not in tokenizer.encode("ball")


def test_a_model_without_bos(tmp_path: Path) -> None:
    make_huggingface(tmp_path)
    save_json(tmp_path / "tokenizer_config.json", {"eos_token": "</s>", "bos_token": None})
    tokenizer = Tokenizer(tmp_path)
    assert tokenizer.bos_id is None
    with pytest.raises(UserError, match="no BOS token"):
        tokenizer.encode("ball", bos=True)
    save_json(tmp_path / "tokenizer_config.json", {"eos_token": "</s>", "add_bos_token": True})
    with pytest.raises(UserError, match="names none"):
        Tokenizer(tmp_path)


def test_where_eos_is_looked_for(tmp_path: Path) -> None:
    """Each file written takes precedence over those written before it."""
    make_sentencepiece(tmp_path)
    assert Tokenizer(tmp_path).stop_ids == (2,)
    save_json(tmp_path / "config.json", {"eos_token_id": 7, "bos_token_id": 8})
    assert Tokenizer(tmp_path).stop_ids == (7,)
    assert Tokenizer(tmp_path).bos_id == 8
    save_json(tmp_path / "generation_config.json", {"eos_token_id": [5, 6, 5]})
    assert (Tokenizer(tmp_path).eos_id, Tokenizer(tmp_path).stop_ids) == (5, (5, 6))
    save_json(tmp_path / "special_tokens_map.json", {"eos_token": special("<|im_end|>")})
    im_end = Tokenizer(tmp_path).eos_id
    assert Tokenizer(tmp_path).stop_ids == (im_end, 5, 6)
    save_json(tmp_path / "tokenizer_config.json", {"eos_token": "</s>"})
    assert Tokenizer(tmp_path).stop_ids == (2, 5, 6)


def test_no_eos_anywhere_is_not_guessed(tmp_path: Path) -> None:
    make_huggingface(tmp_path)
    with pytest.raises(UserError, match="no EOS token named"):
        Tokenizer(tmp_path)


def test_an_eos_outside_the_vocabulary_is_refused(directory: Path) -> None:
    save_json(directory / "tokenizer_config.json", {"eos_token": "<|nowhere|>"})
    with pytest.raises(UserError, match="nowhere"):
        Tokenizer(directory)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00 not a tokenizer", b"{}", b"[1, 2]"])
def test_a_broken_vocabulary_is_named(directory: Path, content: bytes) -> None:
    (path,) = (directory / name for name in MAKERS if (directory / name).exists())
    path.write_bytes(content)
    with pytest.raises(UserError, match=path.name):
        Tokenizer(directory)


@pytest.mark.parametrize("name", ["tokenizer_config.json", "generation_config.json", "added_tokens.json"])
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe"])
def test_a_broken_settings_file_is_named(directory: Path, name: str, content: bytes) -> None:
    (directory / name).write_bytes(content)
    with pytest.raises(UserError, match=name):
        Tokenizer(directory)


def test_a_missing_tokenizer_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"no tokenizer in {tmp_path}"):
        Tokenizer(tmp_path)
    with pytest.raises(UserError, match="nowhere, which is no directory"):
        Tokenizer(tmp_path / "nowhere")

"""Text to token ids and back, as the checkpoint's own tokenizer does it.

    tokenizer.json    Hugging Face `tokenizers`; wins when both are there: it alone knows added tokens and their kind
    tokenizer.model   SentencePiece (Kudo and Richardson 2018, https://arxiv.org/abs/1808.06226)

Control tokens ("</s>", "<|im_start|>", whatever the checkpoint declares special) never come out of text: a user who
writes "</s>" gets the ids of those four characters. They enter only as ids, by `bos`, `eos` or a prompt style.
Added tokens that are not special (GPT-NeoX's runs of blanks) are ordinary text and do match.

Not covered: chat templates (see prompts.py), training a tokenizer, tokenizers that are Python code.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from lit_gpt.errors import UserError
from lit_gpt.files import hash_json, read_json, sha256_of
from lit_gpt.vocabulary import (
    SEEK_ANOTHER,
    HuggingFaceVocabulary,
    Role,
    SentencePieceVocabulary,
    Vocabulary,
    broken,
)

NAMING_FILES = ("tokenizer_config.json", "special_tokens_map.json")  # name BOS and EOS by their text
NUMBERING_FILES = ("generation_config.json", "config.json")  # name them by id; the first that does so counts
SPECIAL_KEYS = ("bos_token", "eos_token", "unk_token", "pad_token")
SPECIAL_LISTS = ("additional_special_tokens", "extra_special_tokens")  # transformers 4's and 5's word
LLAMA_CLASSES = ("LlamaTokenizer", "LlamaTokenizerFast")  # add a BOS unless told not to


class Tokenizer:
    """The tokenizer of a checkpoint directory.

    bos_id        id that opens a text, None where the model has none
    eos_id        id that ends a text
    stop_ids      every id that ends generation, `eos_id` first
    adds_bos      whether the model was trained with a BOS before each text
    control_tokens    text -> id of the tokens that no text is encoded as
    vocab_size    one more than the largest id
    fingerprint   equal for two tokenizers that give every text the same ids

    Raises UserError where files are missing or broken, or name no EOS.
    """

    def __init__(self, checkpoint_dir: Path) -> None:
        if not checkpoint_dir.is_dir():
            expected = "a directory with config.json, weights and tokenizer files"
            raise UserError(f"{checkpoint_dir}, which is no directory", expected, "check --checkpoint_dir")
        declared = Declarations(checkpoint_dir)
        path, self._vocabulary = _open_vocabulary(checkpoint_dir, declared)
        self.bos_id = self._find_id("bos", declared)
        self.eos_id = self._find_eos(declared)
        self.stop_ids = tuple(dict.fromkeys((self.eos_id, *declared.ids("eos"))))
        self.adds_bos = self._find_adds_bos(declared)
        self.control_tokens = self._vocabulary.control
        self.vocab_size = self._vocabulary.size
        decisive = [path.name, sha256_of(path), sorted(declared.control), self.bos_id, self.eos_id, self.adds_bos]
        self.fingerprint = hash_json(decisive)

    def encode(self, text: str, bos: bool = False, eos: bool = False) -> list[int]:
        """The ids of a text, between BOS and EOS where asked.

        Each call encodes a whole text: the ids of a + b are in general not those of a and then those of b.
        Raises UserError for half a surrogate pair, and for `bos` where the model has none.
        """
        ids = self._vocabulary.encode(_checked(text))
        if bos:
            ids = [self._existing_bos(), *ids]
        return [*ids, self.eos_id] if eos else ids

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text, without BOS and EOS; faster than one by one, and the same ids."""
        return self._vocabulary.encode_batch([_checked(text) for text in texts])

    def decode(self, ids: Iterable[int]) -> str:
        """The text that these ids are, from its beginning.

        Control ids, and ids past the vocabulary (a padded embedding's), have no text. Llama's tokenizers mark words by
        the blank before them and drop the one that opens a text, so a slice from the middle of a text loses its
        leading blank. The text that `new` adds after `old` is `decode(old + new)` from `len(decode(old))` on.
        """
        return self._vocabulary.decode([id for id in ids if id < self.vocab_size])

    def _existing_bos(self) -> int:
        if self.bos_id is None:
            raise UserError("a BOS asked for", "a tokenizer that has one", "leave it out: this model has no BOS token")
        return self.bos_id

    def _find_id(self, role: Role, declared: "Declarations") -> int | None:
        if token := declared.token(role):
            if (id := self._vocabulary.id_of(token)) is None:
                raise UserError(f"{role}_token {token!r}, which the vocabulary lacks", "a token of it", SEEK_ANOTHER)
            return id
        return next(iter(declared.ids(role)), self._vocabulary.own_id(role))

    def _find_eos(self, declared: "Declarations") -> int:
        if (eos_id := self._find_id("eos", declared)) is None:
            named, numbered = " or ".join(NAMING_FILES), " or ".join(NUMBERING_FILES)
            expected = f"eos_token in {named}, or eos_token_id in {numbered}"
            raise UserError(f"no EOS token named in {declared.directory}", expected, SEEK_ANOTHER)
        return eos_id

    def _find_adds_bos(self, declared: "Declarations") -> bool:
        """What the checkpoint says of itself, the most explicit first; `add_prefix_space` says nothing about BOS."""
        adds_bos = declared.adds_bos
        if adds_bos is None:
            opens_with_bos = self._vocabulary.first_id is not None and self._vocabulary.first_id == self.bos_id
            adds_bos = opens_with_bos or declared.is_llama
        if adds_bos and self.bos_id is None:
            got = f"a tokenizer in {declared.directory} that adds a BOS but names none"
            raise UserError(got, "bos_token in tokenizer_config.json", SEEK_ANOTHER)
        return adds_bos


class Declarations:
    """What the JSON files beside the vocabulary say of its tokens. Every one of these files may be absent."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._files = {name: _read_object(directory / name) for name in (*NAMING_FILES, *NUMBERING_FILES)}
        self._added_file = _read_object(directory / "added_tokens.json")
        self._config = self._files["tokenizer_config.json"]
        self._decoder: dict[str, dict[str, Any]] = self._config.get("added_tokens_decoder") or {}

    def token(self, role: Role) -> str:
        """The text of BOS or EOS; empty where no file names it so."""
        named = (_content(self._files[name].get(f"{role}_token")) for name in NAMING_FILES)
        return next(filter(None, named), "")

    def ids(self, role: Role) -> list[int]:
        """The ids of BOS or EOS; empty where no file numbers them."""
        for name in NUMBERING_FILES:
            ids = self._files[name].get(f"{role}_token_id")
            if ids is not None and ids != []:
                return ids if isinstance(ids, list) else [ids]
        return []

    @property
    def control(self) -> set[str]:
        """The texts declared special."""
        tokens: list[Any] = [token for token in self._decoder.values() if token.get("special")]
        for name in NAMING_FILES:
            tokens += [self._files[name].get(key) for key in SPECIAL_KEYS]
            for key in SPECIAL_LISTS:
                listed = self._files[name].get(key) or []
                tokens += listed.values() if isinstance(listed, dict) else listed
        return set(filter(None, map(_content, tokens)))

    @property
    def added(self) -> dict[str, int]:
        """Token text -> id, of those added after the vocabulary was trained."""
        return self._added_file | {token["content"]: int(id) for id, token in self._decoder.items()}

    @property
    def adds_bos(self) -> bool | None:
        return self._config.get("add_bos_token")

    @property
    def is_llama(self) -> bool:
        return self._config.get("tokenizer_class") in LLAMA_CLASSES


def _open_vocabulary(directory: Path, declared: Declarations) -> tuple[Path, Vocabulary]:
    if (path := directory / "tokenizer.json").is_file():
        return path, HuggingFaceVocabulary(path, declared.control)
    if (path := directory / "tokenizer.model").is_file():
        return path, SentencePieceVocabulary(path, declared.control, declared.added)
    raise UserError(f"no tokenizer in {directory}", "tokenizer.json or tokenizer.model", SEEK_ANOTHER)


def _read_object(path: Path) -> dict[str, Any]:
    """A JSON object, empty where there is no such file."""
    if not path.is_file():
        return {}
    try:
        value = read_json(path)
    except ValueError as error:
        raise broken(path, error) from None
    if not isinstance(value, dict):
        raise broken(path, f"it holds a {type(value).__name__}")
    return value


def _content(token: Any) -> str:
    """A token's text, written as a string or as {"content": string}; empty for null."""
    return (token.get("content") if isinstance(token, dict) else token) or ""


def _checked(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UserError(
            f"text with half a surrogate pair, {text[error.start]!r}, at character {error.start}",
            "whole Unicode characters",
            "mend or drop that text; its file was cut, or read in the wrong encoding",
        ) from None
    return text

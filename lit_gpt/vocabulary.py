"""The two libraries that turn text into ids, behind one face; tokenizer.py chooses and adds the conventions.

    HuggingFaceVocabulary      tokenizer.json, https://github.com/huggingface/tokenizers
    SentencePieceVocabulary    tokenizer.model, https://github.com/google/sentencepiece

Both are told which tokens are control tokens, and see to it that no text is ever encoded as one of them.
Not covered here: BOS and EOS conventions, and the check that a text is sound Unicode (see tokenizer.py).
"""

import re
from collections.abc import Collection
from pathlib import Path
from typing import Literal, Protocol

from lit_gpt.errors import UserError

Role = Literal["bos", "eos"]
USER_DEFINED, CONTROL = b"\x04", b"\x03"  # SentencePiece's types of piece
SEEK_ANOTHER = "download the checkpoint's tokenizer files again, or pass another --checkpoint_dir"


class Vocabulary(Protocol):
    """What the two libraries have in common.

    first_id: the id it puts before every text by itself, if any
    control: text -> id of the control tokens, which no text is encoded as
    """

    size: int
    first_id: int | None
    control: dict[str, int]

    def encode(self, text: str) -> list[int]: ...
    def encode_batch(self, texts: list[str]) -> list[list[int]]: ...
    def decode(self, ids: list[int]) -> str: ...
    def id_of(self, token: str) -> int | None: ...
    def own_id(self, role: Role) -> int | None: ...


class HuggingFaceVocabulary:
    """A tokenizer.json."""

    def __init__(self, path: Path, control: Collection[str]) -> None:
        from tokenizers import Tokenizer as Library

        try:
            self._library = Library.from_file(str(path))
        except Exception as error:  # the library raises nothing narrower
            raise broken(path, error) from None
        self._library.add_special_tokens([token for token in control if self.id_of(token) is not None])
        self._library.encode_special_tokens = True  # encode their text as text, that is
        self._library.no_truncation()  # a file may carry both, saved from somebody's training run
        self._library.no_padding()
        self.size = 1 + max(self._library.get_vocab().values())
        self.first_id = next(iter(self._library.encode("").ids), None)
        added = self._library.get_added_tokens_decoder().items()
        self.control = {token.content: id for id, token in added if token.special}

    def encode(self, text: str) -> list[int]:
        return self._library.encode(text, add_special_tokens=False).ids

    def encode_batch(self, texts: list[str]) -> list[list[int]]:
        return [encoding.ids for encoding in self._library.encode_batch_fast(texts, add_special_tokens=False)]

    def decode(self, ids: list[int]) -> str:
        return self._library.decode(ids, skip_special_tokens=True)

    def id_of(self, token: str) -> int | None:
        return self._library.token_to_id(token)

    def own_id(self, role: Role) -> int | None:
        return None  # the format does not say which token ends a text


class SentencePieceVocabulary:
    """A tokenizer.model, with the control tokens that a finetune added beyond its pieces (name -> id)."""

    first_id: int | None = None

    def __init__(self, path: Path, control: Collection[str], added: dict[str, int]) -> None:
        from sentencepiece import SentencePieceProcessor

        self._library = SentencePieceProcessor()
        try:
            self._library.LoadFromSerializedProto(_with_control_pieces(path.read_bytes(), control))
        except (RuntimeError, IndexError) as error:
            raise broken(path, error) from None
        self._n_pieces: int = self._library.vocab_size()
        self._added = {token: id for token, id in added.items() if id >= self._n_pieces}
        self.size = max((self._n_pieces, *(id + 1 for id in self._added.values())))
        pieces = [id for id in range(self._n_pieces) if self._library.is_control(id)]
        known = {token: self.id_of(token) for token in control}
        self.control = {self._library.id_to_piece(id): id for id in pieces}
        self.control |= {token: id for token, id in known.items() if id is not None}

    def encode(self, text: str) -> list[int]:
        return self._library.encode(text)

    def encode_batch(self, texts: list[str]) -> list[list[int]]:
        return self._library.encode(texts)

    def decode(self, ids: list[int]) -> str:
        return self._library.decode([id for id in ids if id < self._n_pieces])

    def id_of(self, token: str) -> int | None:
        id = self._library.piece_to_id(token)  # the unknown piece's id for a stranger
        return id if self._library.id_to_piece(id) == token else self._added.get(token)

    def own_id(self, role: Role) -> int | None:
        id = self._library.bos_id() if role == "bos" else self._library.eos_id()
        return id if id >= 0 else None


def _with_control_pieces(model: bytes, control: Collection[str]) -> bytes:
    """The SentencePiece model with these pieces made control pieces, which text cannot spell.

    Pieces typed USER_DEFINED would match in text. On disk a piece is the protobuf fields 1 (text: tag 0x0A, length,
    bytes), 2 (score: tag 0x15, four bytes) and 3 (type: tag 0x18, one byte), so one byte in each has to change.
    https://github.com/google/sentencepiece/blob/master/src/sentencepiece_model.proto
    """
    for name in (token.encode() for token in control if len(token.encode()) < 128):  # a longer one has a longer length
        piece = re.escape(b"\x0a" + bytes([len(name)]) + name) + rb"(?:\x15.{4})?\x18"
        model = re.sub(b"(" + piece + b")" + USER_DEFINED, rb"\1" + CONTROL, model, flags=re.DOTALL)
    return model


def broken(path: Path, reason: object) -> UserError:
    return UserError(f"{path}, which cannot be read ({reason})", f"a sound {path.name}", SEEK_ANOTHER)

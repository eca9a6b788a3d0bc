"""Small honest stand-ins: a tokenizer of characters."""

from collections.abc import Iterable, Sequence
from types import MappingProxyType


class CharacterTokenizer:
    """One id a character: BOS 1, EOS 2, then the code point plus 3."""

    bos_id = 1
    eos_id = 2
    adds_bos = True
    vocab_size = 3 + 0x110000
    fingerprint = "characters"
    control_tokens = MappingProxyType({"<s>": 1, "</s>": 2})

    def encode(self, text: str, bos: bool = False, eos: bool = False) -> list[int]:
        return [1] * bos + [ord(letter) + 3 for letter in text] + [2] * eos

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        return [self.encode(text) for text in texts]

    def decode(self, ids: Iterable[int]) -> str:
        return "".join(chr(id - 3) for id in ids if id > 2)

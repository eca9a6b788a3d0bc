"""Random numbers as a function of what they are for, so that nothing needs replaying.

`derive_seed(1337, "dropout", step)` gives the same number whenever and wherever it is asked.
A resumed run therefore needs no saved generator state: it asks again.
"""

import hashlib


def derive_seed(*parts: int | str) -> int:
    """A 63-bit seed from any mixture of numbers and names (SHA-256 of their text)."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1

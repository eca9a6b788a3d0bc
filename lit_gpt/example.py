"""The one record that crosses every stage: an Example is a dialogue and where it came from.

Messages alternate between user and assistant, after an optional system message. `content` is always
the whole text of a turn; where the source kept the material apart from the instruction (Alpaca's
`input`, Dolly's `context`), `input` names that tail of `content`, so that a template can set it apart
and everybody else can ignore it.
"""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Role = Literal["system", "user", "assistant"]
Origin = Literal["human", "llm", "program", "mixed", "unknown"]
INPUT_SEPARATOR = "\n\n"


@dataclass(frozen=True)
class Message:
    """One turn. `input`, when not empty, is the end of `content` after a blank line."""

    role: Role
    content: str
    input: str = ""

    def __post_init__(self) -> None:
        if self.role not in get_args(Role):
            raise ValueError(f"role {self.role!r} is none of {get_args(Role)}")
        if self.input and not self.content.endswith(INPUT_SEPARATOR + self.input):
            raise ValueError("input must be the tail of content, after a blank line")

    @property
    def instruction(self) -> str:
        """The content without its input."""
        if not self.input:
            return self.content
        return self.content[: -len(INPUT_SEPARATOR + self.input)]


def user_message(instruction: str, input: str = "") -> Message:
    """A user's turn from an instruction and the material it is about."""
    content = instruction + INPUT_SEPARATOR + input if input else instruction
    return Message("user", content, input)


@dataclass(frozen=True)
class Provenance:
    """Where a row comes from: enough to find it again and to know whether it may be used.

    `row` counts the rows of the source as they were read, from 0. `file` and `line` (from 1, in parquet the row) say
    where it stands there, and `part` (from 1) which of the rows made of that line it is; 0 where the line is the row.
    """

    source: str
    revision: str
    row: int
    licence: str
    origin: Origin
    generator: str = ""
    transformed_by: tuple[str, ...] = ()
    file: str = ""
    line: int = 0
    part: int = 0

    def __post_init__(self) -> None:
        if self.origin not in get_args(Origin):
            raise ValueError(f"origin {self.origin!r} is none of {get_args(Origin)}")

    def to_row(self) -> dict[str, Any]:
        return {**vars(self), "transformed_by": list(self.transformed_by)}

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> "Provenance":
        return cls(**{**row, "transformed_by": tuple(row["transformed_by"])})


@dataclass(frozen=True)
class Example:
    """A dialogue with an id that is unique in its set and a hash of what it says.

    `also_from` is where else exactly these words came from, when several sets held them.
    """

    id: str
    messages: tuple[Message, ...]
    provenance: Provenance
    category: str = ""
    content_hash: str = field(default="", compare=False)
    also_from: tuple[Provenance, ...] = ()

    def __post_init__(self) -> None:
        if not self.content_hash:
            object.__setattr__(self, "content_hash", hash_messages(self.messages))

    def to_row(self) -> dict[str, Any]:
        """The parquet row: id, content_hash, messages, provenance, category, also_from."""
        return {
            "id": self.id,
            "content_hash": self.content_hash,
            "messages": [dict(vars(message)) for message in self.messages],
            "provenance": self.provenance.to_row(),
            "category": self.category,
            "also_from": [provenance.to_row() for provenance in self.also_from],
        }

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> "Example":
        return cls(
            id=row["id"],
            messages=tuple(Message(**message) for message in row["messages"]),
            provenance=Provenance.from_row(row["provenance"]),
            category=row["category"],
            content_hash=row["content_hash"],
            also_from=tuple(map(Provenance.from_row, row.get("also_from", ()))),
        )


def hash_messages(messages: tuple[Message, ...]) -> str:
    """SHA-256 over roles and contents alone: equal dialogues have equal hashes, whatever their source."""
    pairs = [[message.role, message.content] for message in messages]
    return hashlib.sha256(json.dumps(pairs, ensure_ascii=True).encode()).hexdigest()

"""Documents of the instruction world: what its base model reads before it has seen any instruction.

Lives nowhere: lit_gpt/data/world/documents.py makes it. Licence: this repository's. Origin: program, nobody wrote them.
A row is one document, as the answer to nothing:
    {"document": "Words in alphabetical order\\n\\nWords: pear fig\\nIn alphabetical order: fig pear"}
Known traps: sixty skills and a few hundred words; what reads them knows nothing else.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from lit_gpt.data.source import ParsedRow, Source
from lit_gpt.data.world.documents import volumes
from lit_gpt.example import Message, user_message


def source(n_rows: int = 20_000) -> Source:
    """Documents of the instruction world.

    Args:
        n_rows: how many
    """

    def program(seed: int, val_split_fraction: float) -> Iterator[dict[str, Any]]:
        return ({"document": text} for text in islice(volumes(seed), n_rows))

    return Source(
        name="world-documents",
        licence="Apache-2.0",
        origin="program",
        parse=_parse,
        forms=(("document",),),
        program=program,
        options={"n_rows": n_rows},
    )


def _parse(record: dict[str, Any]) -> ParsedRow:
    return ParsedRow((user_message(""), Message("assistant", record["document"])), "document")

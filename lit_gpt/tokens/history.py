"""What became of a row when it was encoded: whole, cut, or left out, by the ledgers of a set's TokenSets."""

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from lit_gpt.manifest import MANIFEST, read_manifest
from lit_gpt.tokens.prepare import LEDGER
from lit_gpt.tokens.store import KIND, prepared_token_sets

DROPPED = "dropped_"


def read_ledger(directory: Path) -> Iterator[dict[str, Any]]:
    """Every row of a TokenSet that is not there whole: id, split, outcome, n_tokens, n_cut."""
    with open(directory / LEDGER, encoding="utf-8") as file:
        yield from map(json.loads, file)


def encodings(data_dir: Path, id: str) -> list[str]:
    """One line for each TokenSet of the set: what became of this row in it."""
    lines = []
    for path in sorted((data_dir / "tokens").glob(f"*/{MANIFEST}")):
        chosen = read_manifest(path.parent, KIND).settings
        key, style, longest = path.parent.name[:12], chosen["prompt_style"], chosen["max_seq_length"]
        lines.append(f"{key}, {style}, at most {longest} tokens: {_outcome(path.parent, id)}")
    return lines


def _outcome(directory: Path, id: str) -> str:
    entry = next((entry for entry in read_ledger(directory) if entry["id"] == id), None)
    if entry is None:
        return "whole"
    return f"{entry['outcome']}, {entry['n_cut']} of {entry['n_tokens']} tokens cut"


def dropped_when_encoded(data_dir: Path) -> Iterator[dict[str, Any]]:
    """The rows that the TokenSet last prepared left out, as `rejects.jsonl` has those left out before."""
    for directory, _ in islice(prepared_token_sets(data_dir), 1):
        for entry in read_ledger(directory):
            if entry["outcome"].startswith(DROPPED):
                yield {"reason": entry.pop("outcome"), "meaning": "Left out when it was encoded.", **entry}

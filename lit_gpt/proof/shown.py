"""A few rows that a set has, and a few of the pool that it has not, each with why: for the report."""

import json
from collections.abc import Collection, Mapping
from pathlib import Path

from lit_gpt.data.store import REJECTS, read_examples
from lit_gpt.example import Example
from lit_gpt.proof.checks import chosen_hashes
from lit_gpt.seeds import derive_seed

N_SHOWN = 3
SHOWN_CHARS = 400


def kept(examples: list[Example]) -> list[dict[str, str]]:
    return _shown(examples, {})


def left_out(data_dir: Path, pool: Path) -> list[dict[str, str]]:
    """Rows of the pool that the set has not, by content; why stands in the ledger of a curated set."""
    has = chosen_hashes(data_dir)
    drawn = _drawn([each for each in read_examples(pool) if each.content_hash not in has])
    return _shown(drawn, _why(data_dir, {each.id for each in drawn}))


def _why(data_dir: Path, ids: Collection[str]) -> dict[str, str]:
    if not (data_dir / REJECTS).is_file():
        return {}
    with open(data_dir / REJECTS, encoding="ascii") as rejects:
        lines = [line for line in map(json.loads, rejects) if line.get("id") in ids]
    return {line["id"]: _words(line) for line in lines}


def _words(line: Mapping[str, object]) -> str:
    evidence = line.get("evidence")
    pairs = evidence.items() if isinstance(evidence, Mapping) else ()
    seen = ", ".join(f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in pairs)
    return f"{str(line['reason']).replace('_', ' ')}{': ' if seen else ''}{seen}"


def _drawn(examples: list[Example]) -> list[Example]:
    """At random, the same ones every time."""
    return sorted(examples, key=lambda example: derive_seed("shown", example.content_hash))[:N_SHOWN]


def _shown(examples: list[Example], why: Mapping[str, str]) -> list[dict[str, str]]:
    return [
        {
            "id": each.id,
            "why": why.get(each.id, ""),
            "prompt": each.messages[-2].content[:SHOWN_CHARS],
            "answer": each.messages[-1].content[:SHOWN_CHARS],
        }
        for each in _drawn(examples)
    ]

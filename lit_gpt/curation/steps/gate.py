"""Leaves out rows that the efficiency challenge's rules refuse: data/gate.py's verdicts, row by row."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from lit_gpt.curation.bench import Bench
from lit_gpt.curation.rows import Rows
from lit_gpt.curation.step import Drop
from lit_gpt.data.gate import Challenge
from lit_gpt.data.licences import judge_origins


@dataclass(frozen=True)
class LicenceGate:
    """With --challenge leaves out what its rules refuse, rows for one family's bases included; without it nothing."""

    READS: ClassVar = ("challenge",)
    REASONS: ClassVar = {"not_admitted": "The challenge's rules refuse the row, or nobody vouches for it."}

    def drops(self, rows: Rows, bench: Bench) -> Iterable[Drop]:
        if bench.settings.challenge is None:
            bench.note("licence gate", ["no --challenge: rows of every licence and origin go on"])
            return
        challenge = Challenge(bench.settings.challenge)
        for example in rows:
            refusal = challenge.refusal(judge_origins((example.provenance, *example.also_from), example.category))
            if refusal:
                clause, why = refusal
                yield Drop(example.id, "not_admitted", {"clause": clause, "why": why})

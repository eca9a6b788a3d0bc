"""The licence gate: may this data set, for this base model, be used under the challenge's rules?

`official` follows the organisers' text: people's rows, programs' rows, and those of language models that the rules
permit (of Llama 2 for a Llama 2 base alone). `strict` admits people's rows only. Both refuse what nobody vouches for,
and what a language model scored unless that is allowed in so many words. The verdict is taken from the rows of train
and validation themselves, not from the manifest; nothing heavy is loaded. Licences nobody stated are counted and told.
"""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from lit_gpt.approved import BaseVerdict, base_verdict
from lit_gpt.data.licences import VERDICTS, Judgement, judge_origins, rules
from lit_gpt.data.store import SPLITS, count_examples, read_columns
from lit_gpt.errors import UserError
from lit_gpt.example import Provenance
from lit_gpt.progress import bar

Mode = Literal["official", "strict"]
N_SHOWN = 3
SHOWN_CHARS = 80


@dataclass(frozen=True)
class Challenge:
    """Which reading of the rules.

    base: the base model's name on the hub, ORG/NAME; without it rows for one family's bases are refused
    allow_llm_scores: admit people's rows that a language model scored or chose
    """

    mode: Mode
    base: str | None = None
    allow_llm_scores: bool = False

    @property
    def base_verdict(self) -> BaseVerdict | None:
        return None if self.base is None else base_verdict(self.base)

    def refusal(self, row: Judgement) -> tuple[str, str] | None:
        """Why the row is not admitted, as (clause, sentence); None where it is."""
        if row.verdict in ("unknown", "llm-restricted"):
            return row.clause, row.why
        if self.mode == "strict" and row.verdict != "human":
            return "people-only", row.why
        if row.only_for and (self.base_verdict is None or self.base_verdict.family != row.only_for):
            return (
                row.clause,
                f"{row.why}, which may train {row.only_for} alone; the base is {self.base or 'not named'}",
            )
        if row.scored_by and not self.allow_llm_scores:
            return "scored-by-llm", f"{', '.join(row.scored_by)} scored or chose it; --allow_llm_scores true admits it"
        return None


class Reason(NamedTuple):
    """What refused rows have in common."""

    verdict: str
    clause: str
    why: str


@dataclass
class Refused:
    """The rows refused for one reason: how many of each source, and the first few."""

    by_source: Counter[str] = field(default_factory=Counter)
    rows: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Review:
    """What the gate found in a data set."""

    challenge: Challenge
    n_rows: int = 0
    verdicts: Counter[tuple[str, str]] = field(default_factory=Counter)  # (verdict, source)
    refused: dict[Reason, Refused] = field(default_factory=dict)
    scored_by: Counter[str] = field(default_factory=Counter)
    n_without_licence: int = 0

    @property
    def n_refused(self) -> int:
        return sum(refused.by_source.total() for refused in self.refused.values())

    @property
    def is_admitted(self) -> bool:
        base = self.challenge.base_verdict
        return not self.refused and (base is None or base.is_approved)

    def to_json(self) -> dict[str, Any]:
        """The whole review, for a file."""
        base = self.challenge.base_verdict
        return {
            "challenge": self.challenge.mode,
            "allow_llm_scores": self.challenge.allow_llm_scores,
            "rules_as_of": rules()["as_of"],
            "admitted": self.is_admitted,
            "base": base and {"name": base.name, "approved": base.is_approved, "why": base.why},
            "rows": self.n_rows,
            "rows_refused": self.n_refused,
            "rows_without_licence": self.n_without_licence,
            "rows_scored_by": dict(self.scored_by),
            "verdicts": [
                {"verdict": verdict, "source": source, "rows": n} for (verdict, source), n in self.sorted_verdicts
            ],
            "refusals": [
                {
                    **reason._asdict(),
                    "clause": self.clause(reason),
                    "by_source": dict(found.by_source),
                    "rows": found.rows,
                }
                for reason, found in self.refused.items()
            ],
        }

    @property
    def sorted_verdicts(self) -> list[tuple[tuple[str, str], int]]:
        return sorted(self.verdicts.items(), key=lambda item: (VERDICTS.index(item[0][0]), item[0][1]))

    @staticmethod
    def clause(reason: Reason) -> dict[str, str]:
        return {"name": reason.clause, **rules()["clauses"][reason.clause]}


def review(data_dir: Path, challenge: Challenge) -> Review:
    """Judge every row of train and validation; streams."""
    found = Review(challenge)
    total = sum(count_examples(data_dir, split) for split in SPLITS)
    with bar(total, f"judging {data_dir.name}", "row") as progress:
        for split in SPLITS:
            for batch in read_columns(data_dir, split, ("id", "provenance", "category", "also_from", "messages")):
                _review_batch(batch, split, found)
                progress.update(batch.num_rows)
    return found


def _review_batch(batch: Any, split: str, found: Review) -> None:
    columns = {name: batch.column(name).to_pylist() for name in batch.schema.names if name != "messages"}
    for place in range(batch.num_rows):
        own = Provenance.from_row(columns["provenance"][place])
        others = columns["also_from"][place] if "also_from" in columns else ()
        row = judge_origins((own, *map(Provenance.from_row, others)), columns["category"][place])
        found.n_rows += 1
        found.n_without_licence += own.licence in ("", "unknown")
        found.verdicts[row.verdict, own.source] += 1
        found.scored_by.update(row.scored_by)
        if (refusal := found.challenge.refusal(row)) is None:
            continue
        refused = found.refused.setdefault(Reason(row.verdict, *refusal), Refused())
        refused.by_source[own.source] += 1
        if len(refused.rows) < N_SHOWN:
            text = " ".join(batch.column("messages")[place][0]["content"].as_py().split())[:SHOWN_CHARS]
            origin = {"source": own.source, "row": own.row, "origin": own.origin, "generator": own.generator}
            refused.rows.append({"id": columns["id"][place], "split": split, **origin, "text": text})


def require_admitted(data_dir: Path, challenge: Challenge) -> None:
    """UserError where the base or any row is refused, naming the first rows."""
    base = challenge.base_verdict
    if base is not None and not base.is_approved:
        raise base_refused(base)
    found = review(data_dir, challenge)
    if found.refused:
        raise rows_refused(data_dir, found)


def base_refused(base: BaseVerdict) -> UserError:
    do = "choose one; python scripts/list_models.py --approved true lists those known here"
    return UserError(f"the base model {base.name}: {base.why}", "an approved base model, as checkpoints/ORG/NAME", do)


def rows_refused(data_dir: Path, found: Review) -> UserError:
    """Names the first rows of the largest reason."""
    reason, refused = max(found.refused.items(), key=lambda item: item[1].by_source.total())
    rows = ", ".join(f"{row['id']} ({row['source']} row {row['row']})" for row in refused.rows)
    mode = found.challenge.mode
    refuses = f"{data_dir}: --challenge {mode} refuses {found.n_refused:,} of {found.n_rows:,} rows, such as {rows}"
    return UserError(
        f"{refuses}: {reason.verdict}, {reason.why}",
        "only people's rows" if mode == "strict" else "only rows that the challenge's text permits",
        f"python scripts/check_rules.py --data_dir {data_dir} --challenge {mode} tells all of it; take these rows out",
    )


def in_words(found: Review, data_dir: Path) -> str:
    """The review for the terminal."""
    challenge = found.challenge
    lines = [f"{data_dir}: {found.n_rows:,} rows under --challenge {challenge.mode}, rules of {rules()['as_of']}", ""]
    lines += [f"  {n:>9,}  {verdict:<15} {source}" for (verdict, source), n in found.sorted_verdicts]
    if base := challenge.base_verdict:
        lines += ["", f"base {base.name}: {'approved' if base.is_approved else 'NOT approved'}, {base.why}"]
    for reason, refused in found.refused.items():
        clause = found.clause(reason)
        sources = ", ".join(f"{source} {n:,}" for source, n in refused.by_source.most_common())
        lines += ["", f"refused {refused.by_source.total():,} rows, {reason.verdict} ({sources}): {reason.why}"]
        lines += [f"  clause {clause['name']}: {clause['says']} ({clause['source']}, {clause['date']})"]
        lines += [
            f"  {row['id']} ({row['split']}, {row['source']} row {row['row']}): {row['text']}" for row in refused.rows
        ]
    if found.scored_by:
        counts = ", ".join(f"{name} {n:,}" for name, n in found.scored_by.items())
        lines += ["", f"scored or chosen by a language model: {counts}. {rules()['clauses']['scored-by-llm']['says']}"]
    if found.n_without_licence:
        lines += ["", f"note: {found.n_without_licence:,} rows state no licence; the challenge asks for open data"]
    lines += ["", "admitted" if found.is_admitted else f"REFUSED: {found.n_refused:,} of {found.n_rows:,} rows"]
    return "\n".join(lines)

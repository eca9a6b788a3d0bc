"""Whose words a row is, and which clause of the challenge speaks of it: a verdict per row.

    human           people wrote prompt and answer
    program         a program that is no language model wrote them
    llm-permitted   a language model did whose text may be used, sometimes for bases of one family alone
    unknown         nobody vouches for who wrote it
    llm-restricted  a language model did whose text may not be used

`licence_rules.yaml` holds the clauses with their source and date, the language models, and the data sets of the field
by name. A row is judged by what its own provenance says and by what the rules know of its source; the worse verdict
counts, so a row that calls itself human does not pass where its source is known to be a model's. A row of several
origins (the same words in several sets) has the worst of their verdicts. `origin` covers prompts too: a row whose
prompt a model wrote is `mixed`, and names the model. `transformed_by` takes "scored-by:MODEL" and "rewritten-by:MODEL";
whatever else stands there is nothing we can judge, hence unknown.

Not covered: whether a licence lets you do what you plan beyond the challenge, and whether a row's provenance is true.
"""

from collections import Counter
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, get_args

from lit_gpt.approved import base_verdict
from lit_gpt.example import Example, Provenance

RULES = Path(__file__).with_name("licence_rules.yaml")
Verdict = Literal["human", "program", "llm-permitted", "unknown", "llm-restricted"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)  # from the best to the worst
SCORED, REWRITTEN = "scored-by:", "rewritten-by:"
BY_ROW = "by-row"


@dataclass(frozen=True)
class Judgement:
    """A verdict with the clause it rests on and a sentence of ours.

    only_for: the family of base models that the row may train; empty for any
    scored_by: the language models that scored or chose the row
    """

    verdict: Verdict
    clause: str
    why: str
    only_for: str = ""
    scored_by: tuple[str, ...] = ()

    @property
    def rank(self) -> tuple[int, bool]:
        return VERDICTS.index(self.verdict), bool(self.only_for)


@lru_cache(maxsize=1)
def rules() -> dict[str, Any]:
    """The rules file: as_of, clauses, generators, datasets."""
    import yaml

    read: dict[str, Any] = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    return read


def judge(example: Example) -> Judgement:
    """The row's verdict: the worst over everywhere its words came from."""
    return judge_origins((example.provenance, *example.also_from), example.category)


def judge_origins(origins: tuple[Provenance, ...], category: str) -> Judgement:
    found = [_judge(_without_place(origin), category) for origin in origins]
    scored_by = tuple(sorted({name for judgement in found for name in judgement.scored_by}))
    return replace(max(found, key=lambda judgement: judgement.rank), scored_by=scored_by)


def n_rewritings(origin: Provenance) -> int:
    """How often language models rewrote the row."""
    return sum(change.startswith(REWRITTEN) for change in origin.transformed_by)


def _without_place(origin: Provenance) -> Provenance:
    """What is the same for many rows, so that each kind is judged once."""
    o = origin
    return Provenance(o.source, o.revision, 0, o.licence, o.origin, o.generator, o.transformed_by)


@lru_cache(maxsize=4096)
def _judge(origin: Provenance, category: str) -> Judgement:
    found = [_by_provenance(origin)]
    for name in (origin.source, origin.revision.partition("@")[0]):  # of other people's sets: ORG/NAME@commit
        if known := dataset_rule(name):
            found.insert(0, _by_name(known, origin, category))  # first: of two equal verdicts the named one says more
    scored_by = []
    for change in origin.transformed_by:
        if change.startswith(SCORED):
            scored_by.append(change.removeprefix(SCORED))
        elif change.startswith(REWRITTEN):
            found.append(_by_generator(change.removeprefix(REWRITTEN), origin.licence))
        else:
            found.append(Judgement("unknown", "unknown-origin", f"it was changed by {change}, which we cannot judge"))
    return replace(max(found, key=lambda judgement: judgement.rank), scored_by=tuple(scored_by))


def _by_provenance(origin: Provenance) -> Judgement:
    """What the row says of itself; whatever names a model is judged by that model."""
    if origin.generator:
        return _by_generator(origin.generator, origin.licence)
    if origin.origin == "human":
        return Judgement("human", "open-data", "its provenance says that people wrote it")
    if origin.origin == "program":
        return Judgement("program", "open-data", "its provenance says that a program wrote it, no language model")
    if origin.origin == "unknown":
        return Judgement("unknown", "unknown-origin", "its provenance does not say who wrote it")
    return Judgement("unknown", "unknown-origin", "a language model had a hand in it, and it is not said which")


def dataset_rule(source: str) -> dict[str, Any] | None:
    """What the rules know of a data set, by its name or hub id, in whatever case, with - for _."""
    return _datasets().get(_plain(source))


@lru_cache(maxsize=1)
def _datasets() -> dict[str, dict[str, Any]]:
    return {_plain(name): rule for rule in rules()["datasets"] for name in rule["names"]}


def _plain(name: str) -> str:
    return name.strip().lower().replace("_", "-").replace(" ", "-")


def _by_name(rule: dict[str, Any], origin: Provenance, category: str) -> Judgement:
    name, verdict = rule["names"][0], rule["verdict"]
    part = next((part for part in rule.get("restricted_parts", ()) if fnmatchcase(category.lower(), part)), None)
    if part:
        return Judgement("llm-restricted", rule["clause"], f"its part {category} of {name} is a language model's")
    if verdict == BY_ROW:
        return _by_provenance(origin)
    by = f" by {rule['generator']}" if "generator" in rule else ""
    hands = f"prompts {rule['prompts']}, answers {rule['answers']}{by}"
    note = f" {rule['note']}" if "note" in rule else ""
    return Judgement(verdict, rule["clause"], f"the data set {name} ({hands}; {rule['source']}, {rule['date']}).{note}")


def _by_generator(generator: str, licence: str) -> Judgement:
    """What a text of this model is; one that nothing permits is restricted."""
    name = generator.lower()
    for rule in rules()["generators"]:
        if any(fnmatchcase(each, pattern) for each in (name, name.rpartition("/")[2]) for pattern in rule["names"]):
            return _by_rule(rule, generator, licence)
    base = base_verdict(generator)
    if not base.is_approved:
        why = f"{generator} wrote of it, which is no approved base model: {base.why}"
        return Judgement("llm-restricted", "approved-models-only", why)
    if base.family in rules()["permissive_families"] and generator not in rules()["not_permissive"]:
        why = f"{generator} wrote of it, approved and under Apache-2.0 or MIT"
        return Judgement("llm-permitted", "any-family", why)
    why = f"{generator} wrote of it, whose licence does not explicitly allow it"
    return Judgement("llm-restricted", "no-llm-text", why)


def _by_rule(rule: dict[str, Any], generator: str, licence: str) -> Judgement:
    wanted = rule.get("row_licence")
    if wanted and not any(fnmatchcase(licence.lower(), pattern) for pattern in wanted):
        why = f"{generator} wrote of it, and its licence is {licence}, not {wanted[0]}"
        return Judgement("llm-restricted", rule["clause"], why)
    return Judgement(rule["verdict"], rule["clause"], f"{generator} wrote of it", rule.get("only_for", ""))


class VerdictCounts:
    """Rows by verdict and source, for a manifest."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    def count(self, example: Example) -> None:
        self._counts[judge(example).verdict, example.provenance.source] += 1

    @property
    def by_source(self) -> dict[str, dict[str, int]]:
        """verdict -> source -> rows, in order of name."""
        found: dict[str, dict[str, int]] = {}
        for (verdict, source), n_rows in sorted(self._counts.items()):
            found.setdefault(verdict, {})[source] = n_rows
        return found

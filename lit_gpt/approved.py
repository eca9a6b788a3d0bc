"""The challenge's dated list of approved base models, read by cards and by the licence gate alike.

`approved_bases.json` holds the list of https://llm-efficiency-challenge.github.io/challenge: families with the date
each was added where that is known, the hub repositories we take for their untuned bases, and what the text rules out.
A name decides, as the challenge's honour system does; what the weights really are, nobody can read from it.
"""

import json
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Any

BASES = Path(__file__).with_name("approved_bases.json")


@dataclass(frozen=True)
class BaseVerdict:
    """Whether a model may be the base. `family` is the list's word for it, empty where it is not approved."""

    name: str
    family: str
    why: str

    @property
    def is_approved(self) -> bool:
        return bool(self.family)


@lru_cache(maxsize=1)
def approved_list() -> dict[str, Any]:
    """The list as it stands in the file: as_of, source, clause, families, excluded."""
    read: dict[str, Any] = json.loads(BASES.read_text(encoding="utf-8"))
    return read


@lru_cache(maxsize=256)
def base_verdict(name: str) -> BaseVerdict:
    """The verdict on a model's name on the hub, ORG/NAME; a name that nothing matches is not approved."""
    rules = approved_list()
    dated = f"{rules['list']}, as of {rules['as_of']}, {rules['source']}"
    for rule in rules["excluded"]:
        if _matches(name, rule["names"]):
            return BaseVerdict(name, "", f"{rule['why']} ({dated})")
    for family in rules["families"]:
        if _matches(name, family["bases"]) and not _matches(name, family.get("but_not", ())):
            added = f", added {family['added']}" if "added" in family else ""
            return BaseVerdict(name, family["family"], f"of the family {family['family']}{added} ({dated})")
    return BaseVerdict(name, "", f"its name is on no line of the list ({dated})")


def _matches(name: str, patterns: list[str]) -> bool:
    return any(fnmatchcase(name.lower(), pattern.lower()) for pattern in patterns)

"""Check a prepared data set, and a base model, against the challenge's rules; every refusal with its clause and rows.

    python scripts/check_rules.py --data_dir data/merged --challenge strict --base mistralai/Mistral-7B-v0.1

Exits with 2 where anything is refused. The rules are dated and lie in lit_gpt/data/licence_rules.yaml and
lit_gpt/approved_bases.json.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lit_gpt.cli import run_command


@dataclass(frozen=True)
class CheckSettings:
    """What is checked.

    Args:
        data_dir: the prepared data set
        challenge: official follows the organisers' text, strict admits rows written by people alone
        base: the base model's name on the hub, ORG/NAME
        allow_llm_scores: admit people's rows that a language model scored or chose
        out: a JSON file for the whole review
    """

    data_dir: Path
    challenge: Literal["official", "strict"] = "strict"
    base: str | None = None
    allow_llm_scores: bool = False
    out: Path | None = None


def main(check: CheckSettings) -> Path | None:
    from lit_gpt.data.gate import Challenge, base_refused, in_words, review, rows_refused
    from lit_gpt.files import write_json

    found = review(check.data_dir, Challenge(check.challenge, check.base, check.allow_llm_scores))
    print(in_words(found, check.data_dir), flush=True)
    if check.out is not None:
        check.out.parent.mkdir(parents=True, exist_ok=True)
        write_json(check.out, found.to_json())
    if found.refused:
        raise rows_refused(check.data_dir, found)
    if (base := found.challenge.base_verdict) and not base.is_approved:
        raise base_refused(base)
    return check.out


if __name__ == "__main__":
    run_command(main)

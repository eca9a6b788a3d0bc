"""May this model write for this base? The licence gate's answer, asked before the first word is written."""

from lit_gpt.curation.writing.settings import ExpandSettings
from lit_gpt.data.gate import Challenge, base_refused
from lit_gpt.data.licences import Judgement, judge_origins, rules
from lit_gpt.errors import UserError
from lit_gpt.example import Provenance


def licence_class(generator: str, licence: str) -> Judgement:
    """What the rules say of a text by this model under this licence."""
    return judge_origins((Provenance("written", "", 0, licence, "llm", generator),), "")


def require_permitted(settings: ExpandSettings, generator: str, licence: str) -> None:
    """UserError, naming the clause, where the challenge does not admit what this model writes."""
    if settings.challenge is None:
        return
    challenge = Challenge(settings.challenge, settings.base)
    base = challenge.base_verdict
    if base is not None and not base.is_approved:
        raise base_refused(base)
    refusal = challenge.refusal(licence_class(generator, licence))
    if refusal is None:
        return
    name, why = refusal
    clause = rules()["clauses"][name]
    got = (
        f"{generator} as the writer under --challenge {settings.challenge}, base {settings.base or 'not named'}: {why}"
    )
    expected = f"clause {name}: {clause['says']} ({clause['source']}, {clause['date']})"
    do = "let a model write that the rules admit for this base, or leave --challenge out and keep the set apart"
    raise UserError(got, expected, do)

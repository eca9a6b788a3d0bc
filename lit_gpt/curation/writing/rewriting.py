"""Prompts rewritten and answered, round by round: LIFT's expansion and Evol-Instruct. The wording is ours.

LIFT (Xu et al. 2023, arXiv 2312.11508): every prompt is rewritten by rules, for plain language deeper or broader, with
more specific notions, with explicit steps of reasoning, with structured data; for code with a further constraint, a
rarer requirement, more steps, misleading wrong code, a tighter complexity. k rounds, merged with the originals.
Evol-Instruct (Xu et al. 2023, arXiv 2304.12244): in depth (constraint, deeper, concrete, steps, harder input) or in
breadth (another prompt of the same field, rarer); what did not evolve is left out.

A rule for each row and round is drawn by the seed. The new prompt is asked as it stands, and the reply is its answer. A
row that fails ends there: the next round rewrites what this one wrote.
Not covered: dialogues, and the paper's judge of whether an evolution gained anything (equal prompts are left out).
"""

import re
from collections.abc import Mapping, Sequence

from lit_gpt.curation.judging.judge import Judge
from lit_gpt.curation.judging.question import Failed
from lit_gpt.curation.writing.material import Lost, ask_for, ask_plainly, is_single, new_prompt, rewritten
from lit_gpt.curation.writing.settings import ExpandSettings
from lit_gpt.data.accounting import say
from lit_gpt.example import Example, Message, user_message
from lit_gpt.seeds import derive_seed

RULES: Mapping[str, Sequence[str]] = {
    "lift-nlu": (
        "Make it ask for more depth, or for more breadth.",
        "Put more specific notions in the place of general ones.",
        "Make it ask for several explicit steps of reasoning.",
        "Add data in a structured form (a table, JSON or a list) that the answer has to use.",
    ),
    "lift-code": (
        "Add one further constraint or requirement, in about ten words.",
        "Put a rarer and more specific requirement in the place of a common one.",
        "Make the problem take more steps of reasoning than it does.",
        "Give a piece of wrong code in it that leads astray.",
        "Ask for a tighter bound on time or memory.",
    ),
    "evol": (
        "Add one more constraint or requirement.",
        "If it asks about a matter, make it ask deeper and wider.",
        "Put more concrete notions in the place of general ones.",
        "If it can be answered in few steps of thought, make it ask for several.",
        "Make its input harder, with a table, code or a formula to work on.",
        "Write another request of the same field instead, of a rarer kind and as hard.",
    ),
}
TASK = (
    "Rewrite a request. {rule} What comes of it has to make sense, be answerable without anything that is not in it, "
    "and be longer than it was by twenty words at most. Reply with the new request alone, without a heading or a "
    "remark."
)
SORRY = re.compile(r"\b(?:sorry|as an ai|language model|i cannot|i can't)\b", re.IGNORECASE)
SORRY_WORDS = 80  # a shorter answer that excuses itself did not answer: arXiv 2304.12244, section 3.3


def expand(rows: Sequence[Example], judge: Judge, settings: ExpandSettings) -> tuple[list[Example], list[Lost]]:
    """Every round's new rows, and what became of the others."""
    rules = RULES["evol" if settings.method == "evol" else f"lift-{settings.setting}"]
    new, lost = [], [Lost(row.id, "several_turns") for row in rows if not is_single(row)]
    parents = [row for row in rows if is_single(row)]
    for number in range(1, settings.n_rounds + 1):
        parents, failed = _round(parents, rules, number, judge, settings)
        new += parents
        lost += failed
        say(f"round {number}: {len(parents):,} rows written, {len(failed):,} lost")
        if not parents:
            break
    return new, lost


def _round(
    parents: Sequence[Example], rules: Sequence[str], number: int, judge: Judge, settings: ExpandSettings
) -> tuple[list[Example], list[Lost]]:
    ids = [f"{parent.id}/{settings.method}-{number}" for parent in parents]
    drawn = [rules[derive_seed("rule", settings.seed, id) % len(rules)] for id in ids]
    asked = [
        ask_for(id, TASK.format(rule=rule), {"request": parent.messages[0].content}, settings.seed, new_prompt)
        for id, rule, parent in zip(ids, drawn, parents, strict=True)
    ]
    prompts = judge.ask(asked, f"{settings.method}-{number}-prompts")
    known = {parent.messages[0].content.strip().lower() for parent in parents}
    lost = [found for id, prompt in zip(ids, prompts, strict=True) if (found := _lost(id, prompt, known))]
    gone = {each.id for each in lost}
    going = [(p, id, str(prompt)) for p, id, prompt in zip(parents, ids, prompts, strict=True) if id not in gone]
    answers = judge.ask([ask_plainly(id, prompt) for _, id, prompt in going], f"{settings.method}-{number}-answers")
    rows = []
    for (parent, id, prompt), answer in zip(going, answers, strict=True):
        if isinstance(answer, Failed):
            lost.append(Lost(id, answer.reason, answer.detail))
        elif SORRY.search(answer) and len(answer.split()) < SORRY_WORDS:
            lost.append(Lost(id, "excuse", answer))
        else:
            messages = (user_message(prompt), Message("assistant", answer))
            rows.append(rewritten(parent, id, messages, judge.name, settings.licence))
    return rows, lost


def _lost(id: str, prompt: str | Failed, known: set[str]) -> Lost | None:
    if isinstance(prompt, Failed):
        return Lost(id, prompt.reason, prompt.detail)
    return Lost(id, "copied", prompt) if prompt.lower() in known else None

"""Prompts rewritten and answered, round by round: LIFT's expansion and Evol-Instruct. The wording is ours.

LIFT (Xu et al. 2023, arXiv 2312.11508): every prompt is rewritten by rules, for plain language deeper or broader, with
more specific notions, with explicit steps of reasoning, with structured data; for code with a further constraint, a
rarer requirement, more steps, misleading wrong code, a tighter complexity. k rounds, merged with the originals.
Evol-Instruct (Xu et al. 2023, arXiv 2304.12244): in depth (constraint, deeper, concrete, steps, harder input) or in
breadth (another prompt of the same field, rarer); what did not evolve is left out, see elimination.py.

A rule for each row and round is drawn by the seed. The new prompt is asked as it stands, and the reply is its answer.
The next round rewrites what this one wrote. Where a rewriting failed, LIFT ends; Evol-Instruct tries the row again, as
it was, in the next round, as the paper puts it back.
Not covered: dialogues.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lit_gpt.curation.judging.judge import Judge
from lit_gpt.curation.judging.question import Failed
from lit_gpt.curation.writing.elimination import EQUAL, answer_objection, ask_for_gain, prompt_objection
from lit_gpt.curation.writing.material import Lost, ask_for, ask_plainly, is_single, rewritten
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


@dataclass(frozen=True)
class _Draft:
    """A request that was rewritten and has no answer yet."""

    id: str
    parent: Example
    prompt: str

    @property
    def before(self) -> str:
        return self.parent.messages[0].content


def expand(rows: Sequence[Example], judge: Judge, settings: ExpandSettings) -> tuple[list[Example], list[Lost]]:
    """Every round's new rows, and what became of the others."""
    is_evol = settings.method == "evol"
    new, lost = list[Example](), [Lost(row.id, "several_turns") for row in rows if not is_single(row)]
    parents = [row for row in rows if is_single(row)]
    for number in range(1, settings.n_rounds + 1):
        drafts, failed = _rewrite(parents, number, judge, settings)
        if is_evol:
            drafts, equal = _gaining(drafts, number, judge, settings)
            failed += equal
        children, unanswered = _answer(drafts, number, judge, settings)
        failed += unanswered
        say(f"round {number}: {len(children):,} rows written, {len(failed):,} lost")
        new += children.values()
        lost += failed
        parents = [children.get(parent.id, parent) for parent in parents if is_evol or parent.id in children]
        if not parents:
            break
    return new, lost


def n_calls(n_rows: int, settings: ExpandSettings) -> int:
    """The most questions there are: a rewriting and an answer a round, with Evol-Instruct whether it gained."""
    return n_rows * settings.n_rounds * (3 if settings.method == "evol" else 2)


def _rewrite(
    parents: Sequence[Example], number: int, judge: Judge, settings: ExpandSettings
) -> tuple[list[_Draft], list[Lost]]:
    rules = RULES["evol" if settings.method == "evol" else f"lift-{settings.setting}"]
    ids = [f"{parent.id}/{settings.method}-{number}" for parent in parents]
    drawn = [rules[derive_seed("rule", settings.seed, id) % len(rules)] for id in ids]
    seed = derive_seed("rewriting", settings.seed, number)  # what is tried again is another call
    asked = [
        ask_for(id, TASK.format(rule=rule), {"request": parent.messages[0].content}, seed)
        for id, rule, parent in zip(ids, drawn, parents, strict=True)
    ]
    known = {parent.messages[0].content.strip().lower() for parent in parents}
    drafts, lost = [], []
    prompts = judge.ask(asked, f"{settings.method}-{number}-prompts")
    for id, parent, prompt in zip(ids, parents, prompts, strict=True):
        if isinstance(prompt, Failed):
            lost.append(Lost(id, prompt.reason, prompt.detail))
        elif reason := prompt_objection(prompt, parent.messages[0].content, known):
            lost.append(Lost(id, reason, prompt))
        else:
            drafts.append(_Draft(id, parent, prompt))
    return drafts, lost


def _gaining(
    drafts: Sequence[_Draft], number: int, judge: Judge, settings: ExpandSettings
) -> tuple[list[_Draft], list[Lost]]:
    """The drafts that are not found equal to what was there before."""
    asked = [ask_for_gain(draft.id, draft.prompt, draft.before, settings.seed) for draft in drafts]
    kept, lost = [], []
    for draft, found in zip(drafts, judge.ask(asked, f"{settings.method}-{number}-gains"), strict=True):
        if isinstance(found, Failed):
            lost.append(Lost(draft.id, found.reason, found.detail))
        elif found == EQUAL:
            lost.append(Lost(draft.id, "nothing_gained", draft.prompt))
        else:
            kept.append(draft)
    return kept, lost


def _answer(
    drafts: Sequence[_Draft], number: int, judge: Judge, settings: ExpandSettings
) -> tuple[dict[str, Example], list[Lost]]:
    """The new rows, by the ids of those from which they were made."""
    asked = [ask_plainly(draft.id, draft.prompt) for draft in drafts]
    rows, lost = {}, []
    for draft, answer in zip(drafts, judge.ask(asked, f"{settings.method}-{number}-answers"), strict=True):
        if isinstance(answer, Failed):
            lost.append(Lost(draft.id, answer.reason, answer.detail))
        elif reason := answer_objection(answer):
            lost.append(Lost(draft.id, reason, answer))
        else:
            messages = (user_message(draft.prompt), Message("assistant", answer))
            rows[draft.parent.id] = rewritten(draft.parent, draft.id, messages, judge.name, settings.licence)
    return rows, lost

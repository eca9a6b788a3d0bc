"""What did not come of a rewriting: Evol-Instruct's elimination (Xu et al. 2023, arXiv 2304.12244, section 3.2).

    nothing_gained      whoever writes is asked whether two requests demand the same, as deep and as broad
    excuse              the answer says sorry, or that it cannot, in fewer than 80 words
    no_content_words    the answer is stop words and punctuation alone
    speaks_of_the_task  the request has words of the task that had it written, which the one before has not

All but the first are looked up in the text, so LIFT's rewritings pass through them, too; the first costs a call and is
Evol-Instruct's own. The rules are for English: another language's excuse or stop word is not seen. Stop words are a
list of ours, of words that say nothing alone: yes, no and numbers are answers.
"""

import re
from collections.abc import Set

from lit_gpt.curation.judging.choice import ask_which
from lit_gpt.curation.judging.question import Question

EXCUSE = re.compile(
    r"\bsorry\b|\bas an ai\b|\bi (?:cannot|can't|can not|am (?:unable|not able) to|could not|couldn't)"
    r" (?:answer|help|assist|provide|fulfil|comply|do (?:that|this))",
    re.IGNORECASE,
)
EXCUSE_WORDS = 80  # a longer answer did answer: section 3.2
TASK_WORDS = re.compile(
    r"\b(?:given|rewritten|created|new|original) (?:prompt|request|instruction)s?\b|#(?:prompt|request)#", re.IGNORECASE
)
STOP_WORDS = frozenset(
    "a about above after again all also am an and any are as at be because been before being below between both "
    "but by can could did do does doing down during each either else ever every few for from had has have having "
    "he her here hers him his how i if in into is it its itself just let may me might mine more most much must my "
    "neither nor of off on once only or other our ours out over own per rather same shall she should so some such "
    "than that the their theirs them then there these they this those though through thus to too under until up "
    "upon us very was we were what when where whether which while who whom whose why will with within would you "
    "your yours".split()
)
WORD = re.compile(r"\w+(?:['\u2019]\w+)*")
SAME_TASK = (
    "Two requests are below, first and second. Do they demand the same: the same constraints and requirements, and "
    "answers of the same depth and breadth?"
)
EQUAL = "equal"


def prompt_objection(prompt: str, before: str, known: Set[str]) -> str:
    """The reason against a rewritten request, as far as its text shows; empty where there is none.

    known: all requests before this round, in lower case.
    """
    if prompt.lower() in known:
        return "copied"
    if any(match.lower() not in before.lower() for match in TASK_WORDS.findall(prompt)):
        return "speaks_of_the_task"
    return ""


def answer_objection(answer: str) -> str:
    """The reason against the answer to it; empty where there is none."""
    if all(word in STOP_WORDS for word in WORD.findall(answer.lower())):
        return "no_content_words"
    return "excuse" if EXCUSE.search(answer.replace("\u2019", "'")) and len(answer.split()) < EXCUSE_WORDS else ""


def ask_for_gain(id: str, prompt: str, before: str, seed: int) -> Question[str]:
    """Whether a rewritten request is EQUAL to the one before or different."""
    return ask_which(id, SAME_TASK, {"first": before, "second": prompt}, "Verdict:", (EQUAL, "different"), seed)

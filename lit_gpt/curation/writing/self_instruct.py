"""New instructions in the manner of seeds: Self-Instruct (Wang et al. 2023, arXiv 2212.10560). The wording is ours.

A batch asks, several times at once, with eight instructions shown (six seeds and, once there are some, two written
here) for more of their kind. What comes back passes the rules for instructions and must differ from all before it
(ROUGE-L at most 0.7), in a fixed order, so that the result does not depend on which reply came first. Then each
instruction is asked whether it has few possible answers, and is given an input and an output: of those with few
answers the output comes first, for else all examples fall into one class. The rules for answers follow.
Not covered: several instances of an instruction (the paper has up to five), the paper's sampling settings: give them by
--judge_temperature 0.7.
"""

import re
from collections.abc import Sequence
from itertools import count

from lit_gpt.curation.judging.choice import ask_which
from lit_gpt.curation.judging.judge import Judge
from lit_gpt.curation.judging.question import Failed, Question, UnreadableError
from lit_gpt.curation.rouge import RougeIndex, rouge_tokens
from lit_gpt.curation.steps.self_instruct_rules import SelfInstructRules, answer_objection, request_of
from lit_gpt.curation.writing.material import Lost, ask_for
from lit_gpt.curation.writing.settings import ExpandSettings
from lit_gpt.data.accounting import say
from lit_gpt.example import Example, Message, Provenance, user_message
from lit_gpt.seeds import derive_seed

N_SHOWN, N_OWN = 8, 2
N_ASKED = 8  # questions a batch
N_IN_VAIN = 3  # batches without anything new, after which there is no more to be had
MOST_ALIKE = 0.7
DEFAULT_SIZE = 100
ITEM = re.compile(r"^\s*\d{1,2}[.)]\s+(.+)$", re.MULTILINE)
MORE = (
    "Below is a list of requests that people made. Write eight more, as different from these and from each other as "
    "can be, in matter, form and difficulty, each of which can be answered in text. Reply with the requests alone, one "
    "on a line, each with its number and a dot before it."
)
CLASSES = (
    "Can the request below only be answered by one of a few fixed answers, such as yes or no, or one of some classes?"
)
PARTS = (
    "Give an example of the request below. Reply in this form, with nothing before it:\nInput: the material that it is "
    "about, or none, if it needs none\nOutput: the right answer"
)
PARTS_OF_CLASSES = (
    "Give an example of the request below, whose answer is one of a few. Choose the answer first. Reply in this form, "
    "with nothing before it:\nOutput: one of the possible answers\nInput: material of which it is the right answer"
)
FORWARDS = re.compile(r"\s*Input:\s*(?P<input>.*?)\s*^Output:\s*(?P<output>.*?)\s*\Z", re.DOTALL | re.MULTILINE)
BACKWARDS = re.compile(r"\s*Output:\s*(?P<output>.*?)\s*^Input:\s*(?P<input>.*?)\s*\Z", re.DOTALL | re.MULTILINE)
NOTHING = {"", "none", "none.", "n/a", "<noinput>", "no input", "(none)"}


def bootstrap(seeds: Sequence[Example], judge: Judge, settings: ExpandSettings) -> tuple[list[Example], list[Lost]]:
    """New rows, and what was written but is none."""
    n_wanted = settings.n_rows or DEFAULT_SIZE
    instructions, lost = _instructions([request_of(seed).instruction for seed in seeds], judge, settings, n_wanted)
    named = {f"self-instruct-{number:06d}": text for number, text in enumerate(instructions)}
    rows, more = _instances(named, seeds[0].provenance, judge, settings)
    return rows, lost + more


def n_calls(settings: ExpandSettings) -> int:
    """The most questions there are: every batch, and two for each instruction."""
    return settings.n_rounds * N_ASKED + 2 * (settings.n_rows or DEFAULT_SIZE)


def _instructions(
    seeds: Sequence[str], judge: Judge, settings: ExpandSettings, n_wanted: int
) -> tuple[list[str], list[Lost]]:
    index, rules, own, lost = RougeIndex(MOST_ALIKE), SelfInstructRules(), list[str](), list[Lost]()
    for seed in seeds:
        index.add(rouge_tokens(seed))
    n_in_vain, numbers = 0, count()
    for batch in range(settings.n_rounds):
        if len(own) >= n_wanted or n_in_vain == N_IN_VAIN:
            break
        asked = [_more(seeds, own, batch * N_ASKED + n, settings.seed) for n in range(N_ASKED)]
        n_before = len(own)
        for question, found in zip(asked, judge.ask(asked, f"self-instruct-{batch}"), strict=True):
            if isinstance(found, Failed):
                lost.append(Lost(question.about, found.reason, found.detail))
                continue
            for text in found:
                id = f"self-instruct-draft-{next(numbers):06d}"
                reason = _objection(text, index, rules) or ("surplus" if len(own) == n_wanted else "")
                if reason:
                    lost.append(Lost(id, reason, text))
                    continue
                index.add(rouge_tokens(text))
                own.append(text)
        n_in_vain = n_in_vain + 1 if len(own) == n_before else 0
        say(f"batch {batch + 1}: {len(own):,} of {n_wanted:,} instructions")
    return own, lost


def _more(seeds: Sequence[str], own: Sequence[str], number: int, seed: int) -> Question[list[str]]:
    """A question with instructions drawn for it."""
    n_own = min(N_OWN, len(own))
    shown = [*_draw(seeds, N_SHOWN - n_own, "seeds", number, seed), *_draw(own, n_own, "own", number, seed)]
    listed = "\n".join(f"{place}. {' '.join(text.split())}" for place, text in enumerate(shown, 1))
    return ask_for(f"self-instruct-call-{number:06d}", MORE, {"requests": listed}, seed, _items)


def _draw(texts: Sequence[str], n: int, *purpose: int | str) -> list[str]:
    return sorted(texts, key=lambda text: derive_seed(text, *purpose))[:n]


def _items(text: str) -> list[str]:
    found = [match.strip() for match in ITEM.findall(text)]
    if not found:
        raise UnreadableError("no numbered lines")
    return found


def _objection(text: str, index: RougeIndex, rules: SelfInstructRules) -> str:
    if found := rules.instruction_objection(text):
        return found[0]
    return "instruction_not_new" if index.most_like(rouge_tokens(text)) else ""


def _instances(
    named: dict[str, str], like: Provenance, judge: Judge, settings: ExpandSettings
) -> tuple[list[Example], list[Lost]]:
    asked = [
        ask_which(id, CLASSES, {"request": text}, "Answer:", ("yes", "no"), settings.seed) for id, text in named.items()
    ]
    has_classes = dict(zip(named, judge.ask(asked, "self-instruct-classes"), strict=True))
    lost = [Lost(id, found.reason, found.detail) for id, found in has_classes.items() if isinstance(found, Failed)]
    sure = {id: found == "yes" for id, found in has_classes.items() if not isinstance(found, Failed)}
    asked_parts = [_parts(id, named[id], is_one, settings.seed) for id, is_one in sure.items()]
    parts = dict(zip(sure, judge.ask(asked_parts, "self-instruct-instances"), strict=True))
    rows = []
    for id, found in parts.items():
        if isinstance(found, Failed):
            lost.append(Lost(id, found.reason, found.detail))
            continue
        request = user_message(named[id], found[0])
        if objection := answer_objection(request, found[1]):
            lost.append(Lost(id, objection[0], f"{request.content}\n\n{found[1]}"))
        else:
            rows.append(_row(id, request, found[1], like, judge.name, settings.licence))
    return rows, lost


def _row(id: str, request: Message, answer: str, like: Provenance, generator: str, licence: str) -> Example:
    """Written from nothing but examples: the source is this method, not the seeds' set."""
    origin = Provenance(
        "self-instruct-bootstrap", like.revision, int(id[-6:]), licence or like.licence, "llm", generator
    )
    return Example(id, (request, Message("assistant", answer)), origin)


def _parts(id: str, instruction: str, has_classes: bool, seed: int) -> Question[tuple[str, str]]:
    form = BACKWARDS if has_classes else FORWARDS

    def read(text: str) -> tuple[str, str]:
        match = form.match(text)
        if match is None:
            raise UnreadableError("not an input and an output in the form asked for")
        return "" if match["input"].lower() in NOTHING else match["input"], match["output"]

    return ask_for(id, PARTS_OF_CLASSES if has_classes else PARTS, {"request": instruction}, seed, read)

"""Evol-Instruct's elimination: a literal text for each reason, and rows that are tried again."""

import re
from collections import Counter
from pathlib import Path

import pytest

from lit_gpt.curation.writing.elimination import answer_objection, prompt_objection
from lit_gpt.curation.writing.expand import expand_set
from lit_gpt.curation.writing.settings import ExpandSettings
from lit_gpt.data.store import read_examples
from lit_gpt.errors import UserError
from tests.curation import pools
from tests.curation.judging.judges import settings
from tests.curation.judging.test_expand import REQUEST, ledger
from tests.stub_server import Stub, serving

PAIR = re.compile(r"\[([0-9a-f]{16}) first\]\n(.*)\n\[\1 second\]\n(.*)\n\[\1 end\]\Z", re.DOTALL)


@pytest.mark.parametrize(
    ("prompt", "reason"),
    [
        ("Name a tree.", "copied"),
        ("#Rewritten Prompt#: Name a rare tree.", "speaks_of_the_task"),
        ("Add a constraint to the given prompt: name a tree.", "speaks_of_the_task"),
        ("New request: name a rare tree.", "speaks_of_the_task"),
        ("Name a tree that is rare, and say why it was given this name.", ""),
        ("Name a promptly growing tree.", ""),
    ],
)
def test_rewritten_requests(prompt: str, reason: str) -> None:
    assert prompt_objection(prompt, "name a tree.", {"name a tree."}) == reason


def test_words_that_were_there_before_are_no_leak() -> None:
    before = "Shorten the given prompt: a tree."
    assert not prompt_objection("Shorten the given prompt to one word: a tall tree.", before, {before.lower()})


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("...", "no_content_words"),
        ("It is what it is, and so on.", "no_content_words"),
        ("\u2014 ?!", "no_content_words"),
        ("Sorry, there is no such tree.", "excuse"),
        ("As an AI I have no trees.", "excuse"),
        ("I cannot help with trees.", "excuse"),
        ("I can\u2019t answer that.", "excuse"),
        ("Sorry! " + "The oak is a tree. " * 16, ""),
        ("Yes.", ""),
        ("No.", ""),
        ("4", ""),
        ("\u0414\u0430, \u043a\u043b\u0451\u043d.", ""),
        ("BERT is a language model.", ""),
        ("I cannot see the wood for the trees is a saying.", ""),
    ],
)
def test_answers(answer: str, reason: str) -> None:
    assert answer_objection(answer) == reason


def evolver(prompt: str) -> str:
    """A request of n words gains one a round. 2 words: equal in the first round; 3: an excuse each time; 4: never
    says whether it gained; 5: an answer of stop words in the first round."""
    if pair := PAIR.search(prompt):
        n = len(pair[2].split()) - pair[2].count("more")
        gained = "more" in pair[2] or "specific" in prompt or n != 2
        return "I could not say." if n == 4 else "Verdict: different\nIt adds." if gained else "**Verdict:** Equal."
    if found := REQUEST.search(prompt):
        return f"{found[2]} more{found[1][:4]}"
    n = len(prompt.split()) - prompt.count("more")
    return {3: "Sorry, no.", 5: "So be it."}.get(n, f"Answer to {prompt.strip()}")


def test_failed_rows_are_tried_again_and_every_loss_has_its_reason(tmp_path: Path) -> None:
    rows = [{"instruction": " ".join(["tree"] * n), "output": "An oak."} for n in range(2, 7)]
    data_dir = pools.prepare(tmp_path, rows)
    with serving(Stub(evolver)) as stub:
        out = expand_set(ExpandSettings(data_dir=data_dir, method="evol", rounds=3), settings(stub))
    names = {len(row.messages[0].content.split()): row.id for row in read_examples(data_dir)}
    new = [row for row in read_examples(out) if row.provenance.origin == "llm"]
    lost = ledger(out)
    assert {row.id for row in new} == {
        names[6] + "/evol-1" + "/evol-2" * (n > 1) + "/evol-3" * (n > 2) for n in (1, 2, 3)
    }
    assert lost == {
        **{f"{names[2]}/evol-{n}": "nothing_gained" for n in (1, 2, 3)},
        **{f"{names[3]}/evol-{n}": "excuse" for n in (1, 2, 3)},
        **{f"{names[4]}/evol-{n}": "judge_unreadable" for n in (1, 2, 3)},
        **{f"{names[5]}/evol-{n}": "no_content_words" for n in (1, 2, 3)},
    }
    asked = Counter("gain" if PAIR.search(p) else "rewrite" if REQUEST.search(p) else "answer" for p in stub.paid)
    assert asked == {"rewrite": 15, "gain": 15 + 2 * 3, "answer": 9}, "no answer is paid for where nothing was gained"


def test_a_row_that_failed_once_may_come_in_the_next_round(tmp_path: Path) -> None:
    """The excuse of the first round is not repeated."""
    data_dir = pools.prepare(tmp_path, [{"instruction": "Name a tree.", "output": "An oak."}])
    n_answers = 0

    def moody(prompt: str) -> str:
        nonlocal n_answers
        if PAIR.search(prompt):
            return "Verdict: different"
        if found := REQUEST.search(prompt):
            return f"{found[2]} Say why, {found[1][:4]}."
        n_answers += 1
        return "Sorry." if n_answers == 1 else "The oak."

    with serving(Stub(moody)) as stub:
        asked = ExpandSettings(data_dir=data_dir, method="evol", rounds=2)
        (row,) = (row for row in read_examples(expand_set(asked, settings(stub))) if row.provenance.generator)
        assert row.id.endswith("/evol-2") and row.provenance.transformed_by == ("rewritten-by:test/judge",)
    n_answers = 0
    with serving(Stub(moody)) as stub, pytest.raises(UserError, match=r"nothing that test/judge wrote .*excuse 1\)"):
        expand_set(ExpandSettings(data_dir=data_dir, method="lift", rounds=2, seed=1), settings(stub))

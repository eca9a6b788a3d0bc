"""LIMA's and Self-Instruct's rules: one literal text for each reason, and ROUGE-L as Google's package has it."""

import random
from pathlib import Path

import pytest
from rouge_score.rouge_scorer import RougeScorer

from lit_gpt.curation.rouge import RougeIndex, rouge_l, rouge_tokens
from lit_gpt.curation.run import curate
from lit_gpt.curation.steps.lima_rules import LimaRules
from lit_gpt.curation.steps.self_instruct_rules import SelfInstructRules
from lit_gpt.data.store import read_examples
from tests.curation.pools import WORDS, ledger, prepare, recipe, settings

GOOD = "Warm the pan, add the butter, and stir until it is brown. " * 25


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (GOOD, None),
        ("Too short.", "answer_too_short"),
        (GOOD * 3, "answer_too_long"),
        (GOOD + "I would add salt.", "first_person"),
        (GOOD + "That is what I'd do.", "first_person"),
        (GOOD + "In my kitchen it works.", "first_person"),
        (GOOD + "```\nI = my.count\n```", None),
        (GOOD + "Use `my` for it.", None),
        (GOOD + "Element II, myself and Mycroft, IV.", None),
        (GOOD + "As mentioned, use a lid.", "refers_to_other_answers"),
        (GOOD + "Ask on Stack Exchange.", "refers_to_other_answers"),
        (GOOD + "See https://example.org for more.", "holds_link"),
        (GOOD + "See [this page](other.html).", "holds_link"),
        (GOOD + "![a pan](pan.png)", "holds_image"),
        (GOOD + "A <b>hot</b> pan.", "holds_html"),
        (GOOD + "- one\n- two\n", None),
        (GOOD + "As x < y and y > z holds.", None),
    ],
)
def test_limas_rules(answer: str, reason: str | None) -> None:
    found = LimaRules()._objection(answer)
    assert (found and found[0]) == reason


@pytest.mark.parametrize("chars", [1199, 1200, 4096, 4097])
def test_limas_bounds_belong_to_what_is_kept(chars: int) -> None:
    assert (LimaRules()._objection("x" * chars) is None) == (1200 <= chars <= 4096)


@pytest.mark.parametrize("allowed", ["first_person", "other_answers", "links", "images", "tags"])
def test_each_of_limas_rules_can_be_lifted(allowed: str) -> None:
    texts = {"first_person": "my", "links": "www.x.org", "images": "<img>", "tags": "<b>x</b>"}
    texts["other_answers"] = "as mentioned"
    assert LimaRules()._objection(GOOD + texts[allowed]) is not None
    assert LimaRules(**{allowed: True})._objection(GOOD + texts[allowed]) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Name three blue birds", None),
        ("Name three birds", "instruction_too_short"),
        ("word " * 150, None),
        ("word " * 151, "instruction_too_long"),
        ("Describe what the picture shows", "asks_for_unseen"),
        ("Go to the shop and buy milk", "asks_for_unseen"),
        ("Describe the picturesque old mapmaker", None),
        ("Write a program that adds numbers", "write_a_program"),
        ("Please write a program that adds", None),
        ("(a) name three blue birds", "opens_with_punctuation"),
        ("Ärgere three blue birds", "opens_outside_ascii"),
    ],
)
def test_self_instructs_rules(text: str, reason: str | None) -> None:
    found = SelfInstructRules().instruction_objection(text.strip())
    assert (found and found[0]) == reason


def test_self_instructs_rules_for_answers(tmp_path: Path) -> None:
    def row(instruction: str, output: str, input: str = "") -> dict[str, str]:
        return {"instruction": instruction, "output": output, "input": input}

    rows = [
        row("Name three blue birds", "jay, tit, roller"),
        row("Repeat this text for me", "so be it", "so be it"),
        row("List the following blue birds", "They are:"),
        row("Add the two numbers up", "5", "2 3"),
        row("Add the two numbers up", "6", "2 3"),
        row("Add the two numbers up", "9", "4 5"),
        row("Name three green birds, please", "parrot"),
        row("Name three green birds, please", "parrot"),
    ]
    out = curate(
        settings(prepare(tmp_path / "d", rows), out_dir=tmp_path / "o"),
        recipe(tmp_path, "steps: [self_instruct_rules]"),
    )
    assert [line["reason"] for line in ledger(out)] == [
        "answer_is_input", "answer_left_open", "contradicting_answers", "contradicting_answers"
    ]  # fmt: skip
    assert len(list(read_examples(out))) == 4


def test_rouge_l_is_googles() -> None:
    scorer, draw = RougeScorer(["rougeL"], use_stemmer=False), random.Random(1)
    vocabulary = "a b c the The 3rd x-y naïve (oh) don't".split()
    for _ in range(400):
        first, second = (" ".join(draw.choices(vocabulary, k=draw.randint(0, 30))) for _ in range(2))
        expected = scorer.score(first, second)["rougeL"].fmeasure
        assert rouge_l(rouge_tokens(first), rouge_tokens(second)) == pytest.approx(expected, abs=1e-12)


def test_novelty_is_that_of_all_pairs() -> None:
    """The words in common rule nothing out that is alike."""
    draw, scorer = random.Random(5), RougeScorer(["rougeL"], use_stemmer=False)
    index, kept = RougeIndex(0.7), list[str]()
    n_dropped = 0
    for _ in range(120):
        words = draw.choices(WORDS[:9], k=draw.randint(4, 12))
        if kept and draw.random() < 0.4:
            words = draw.choice(kept).split()
            words[draw.randrange(len(words))] = draw.choice(WORDS)
        scores = [scorer.score(text, " ".join(words))["rougeL"].fmeasure for text in kept]
        found = index.most_like(words)
        assert (found is not None) == (max(scores, default=0) > 0.7)
        if found is None:
            index.add(words)
            kept.append(" ".join(words))
        else:
            n_dropped += 1
            assert found == (pytest.approx(max(scores)), scores.index(max(scores)))
    assert n_dropped > 20


def test_rouge_of_exactly_the_bound_stays(tmp_path: Path) -> None:
    """0.7 is at most 0.7: seven of ten words in common, twice."""
    first, second = "a b c d e f g h i j".split(), "a b c d e f g x y z".split()
    assert rouge_l(first, second) == 0.7
    index = RougeIndex(0.7)
    index.add(first)
    assert index.most_like(second) is None and RougeIndex(0.69).most_like(second) is None
    index = RougeIndex(0.69)
    index.add(first)
    assert index.most_like(second) == (0.7, 0)

"""Decontamination: what is a leak is found, with the words that show it; what merely sounds alike is not."""

import json
import random
from pathlib import Path

import pytest

from lit_gpt.curation.decontamination.benchmarks import LAYOUTS, read_benchmarks
from lit_gpt.curation.decontamination.overlap import OverlapIndex, OverlapSettings
from lit_gpt.curation.run import curate
from lit_gpt.data.prepare import prepare_examples
from lit_gpt.data.settings import DataSettings
from lit_gpt.data.sources import lima
from lit_gpt.errors import UserError
from tests.curation.pools import ledger, prepare, prompts, recipe, settings

QUESTION = (
    "A train leaves the city at noon and travels north for three hours at ninety kilometres an hour until it stops"
)
VOCABULARY = [
    f"{a}{b}" for a in "b c d f g l m n p r s t".split() for b in ("an", "el", "ik", "or", "um", "ast", "ing")
]


def found(items: list[str], text: str, **changes: object) -> list[tuple[int, str]]:
    return [(hit.item, hit.how) for hit in OverlapIndex(items, OverlapSettings(**changes)).find([text])]


@pytest.mark.parametrize(
    ("text", "how"),
    [
        (QUESTION, "exact"),
        (QUESTION.upper() + "?!", "exact"),
        ("Please answer.\n" + QUESTION + "\nThink step by step.", "n-grams"),
        (
            "Filler words come first and then " + " ".join(QUESTION.split()[:13]) + " and something else entirely",
            "n-grams",
        ),
        (QUESTION.replace(" and ", " und ").replace("ninety", "ninty"), "fuzzy"),
        (" ".join(QUESTION.split()[:9]) + " into the hills where nobody lives", None),
        ("A ship sails from the harbour at dawn and goes south for two days", None),
    ],
)
def test_how_an_item_is_found(text: str, how: str | None) -> None:
    assert [one for _, one in found([QUESTION], text)] == ([how] if how else [])


def test_more_than_half_is_more_than_half() -> None:
    words = [f"w{i}" for i in range(32)]
    item = " ".join(words)
    assert found([item], " ".join(["x", *words[:16], "y"]), fuzzy=0.99) == []
    assert found([item], " ".join(["x", *words[:17], "y"]), fuzzy=0.99) == [(0, "n-grams")]


@pytest.mark.parametrize(
    ("item", "text", "hit"),
    [
        ("What is love?", "What is love?", False),
        ("Who wrote the play Hamlet?", "who wrote the play hamlet", True),
        ("Who wrote the play Hamlet?", "Tell me who wrote the play Hamlet, and when", False),
        (
            "Write a function to find the sum of two numbers.",
            "Write a function to find the sum of three lists of words",
            False,
        ),
        ("Write a function to find the sum of two numbers.", "Write a function to find the sum of two numbers.", True),
        ("the kids are _ _ _ _ _ _ _ _ _ _ _ _ _ _ today", "fill in: _ _ _ _ _ _ _ _ _ _ _ _ _ _ _", False),
    ],
)
def test_short_prompts_are_guarded(item: str, text: str, hit: bool) -> None:
    assert bool(found([item], text)) == hit


def test_a_benchmarks_own_wording_is_no_evidence() -> None:
    frame = (
        "Read the following paragraph with great care and then answer the question that comes after it in one word: "
    )
    items = [frame + " ".join(random.Random(n).choices(VOCABULARY, k=20)) for n in range(60)]
    text = frame + " ".join(random.Random(999).choices(VOCABULARY, k=20))
    assert found(items, text) == []
    assert (7, "exact") in found(items, items[7])
    assert (7, "n-grams") in found(items, f"Now then. {items[7]} Go on.")


def test_planted_leaks_are_found_and_nothing_else() -> None:
    """Items hidden in longer texts, whole or with one word in sixteen changed; the others are of the same words."""
    draw = random.Random(11)
    items = [" ".join(draw.choices(VOCABULARY, k=draw.randint(32, 48))) for _ in range(60)]
    index = OverlapIndex(items, OverlapSettings())
    for number in range(60):
        words = items[number].split()
        for place in range(draw.randrange(16), len(words), 16) if number % 2 else ():
            words[place] = "changed"
        text = " ".join([*draw.choices(VOCABULARY, k=10), *words, *draw.choices(VOCABULARY, k=10)])
        assert [hit.item for hit in index.find([text])] == [number]
        assert index.find([" ".join(draw.choices(VOCABULARY, k=60))]) == []


def test_prompts_and_answers_are_told_apart_with_evidence(tmp_path: Path) -> None:
    answer = "The train has gone two hundred and seventy kilometres when it comes to a stop: ninety times three"
    rows = [*prompts(4), {"instruction": QUESTION, "output": "270"}, {"instruction": "Say something", "output": answer},
            {"instruction": answer, "output": QUESTION}]  # fmt: skip
    test_set = tmp_path / "mine.jsonl"
    test_set.write_text(json.dumps({"question": QUESTION, "answer": answer}) + "\n")
    pool = prepare(tmp_path / "data", rows)
    out = curate(
        settings(pool, out_dir=tmp_path / "out", against=[test_set]), recipe(tmp_path, "steps: [decontaminate]")
    )
    lines = ledger(out)
    assert [line["reason"] for line in lines] == ["test_prompt", "test_answer"]
    for line, side, text in zip(lines, ("prompt", "answer"), (QUESTION, answer), strict=True):
        (hit,) = line["evidence"]["hits"]
        assert (hit["test_set"], hit["item"], hit["side"], hit["how"]) == ("mine.jsonl", "mine.jsonl:0", side, "exact")
        assert hit["item_text"] == text and hit["matched"].startswith(text.lower()[:7])
    only = recipe(tmp_path, "steps: [{decontaminate: {sides: [answer]}}]")
    out = curate(settings(pool, out_dir=tmp_path / "only", against=[test_set]), only)
    assert [line["reason"] for line in ledger(out)] == ["test_answer"]


def test_a_split_of_a_prepared_set_is_a_test_set(tmp_path: Path) -> None:
    rows = prompts(6)
    pool, tests = prepare(tmp_path, rows), prepare(tmp_path, rows[2:4], "tests")
    chosen = recipe(tmp_path, "steps: [decontaminate: {sides: [prompt]}]")
    out = curate(settings(pool, out_dir=tmp_path / "out", against=[tests / "train.parquet"]), chosen)
    assert [row["id"] for row in ledger(out)] == ["csv-000002", "csv-000003"]


def test_the_sets_own_held_out_rows(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    rows = [{"instruction": f"{QUESTION} number {n}", "output": f"{n}"} for n in range(30)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    from lit_gpt.data.sources import user_file

    pool = prepare_examples(
        user_file.source(), DataSettings(source=str(file), destination_path=tmp_path / "pool", seed=1)
    )
    mine = recipe(tmp_path, "steps: [{decontaminate: {own_held_out: true}}, {random: {keep: {size: 1}}}]")
    with pytest.raises(UserError, match="no row left"):
        curate(settings(pool, out_dir=tmp_path / "out"), mine)


@pytest.mark.parametrize(
    ("more", "said"),
    [({}, "no test set"), ({"benchmarks_dir": "nowhere"}, "no folder"), ({"against": ["no.jsonl"]}, "does not exist")],
)
def test_mistakes(tmp_path: Path, more: dict[str, object], said: str) -> None:
    more = {
        name: tmp_path / value if isinstance(value, str) else [tmp_path / one for one in value]
        for name, value in more.items()
    }
    with pytest.raises(UserError, match=said):
        curate(
            settings(prepare(tmp_path / "d", prompts(3)), out_dir=tmp_path / "o", **more),
            recipe(tmp_path, "steps: [decontaminate]"),
        )


def test_a_benchmark_asked_for_by_name_has_to_be_there(tmp_path: Path) -> None:
    assert read_benchmarks(tmp_path) == {}
    with pytest.raises(UserError) as error:
        read_benchmarks(tmp_path, ("gsm8k",))
    assert "gsm8k" in error.value.got and "test.jsonl" in error.value.expected


# items of each benchmark as published: what was read, and the counts of their papers
COUNTS = {
    "mmlu": 14_042, "truthfulqa": 790, "hellaswag": 10_042, "arc": 3_548, "gsm8k": 1_319, "bbq": 11_956, "bbh": 6_511,
    "humaneval": 164, "mbpp": 974, "mt_bench": 80, "lima_test": 300, "vicuna": 80, "koala": 180, "wizardlm": 218,
    "self_instruct_test": 252,
}  # fmt: skip


@pytest.mark.slow
def test_the_benchmarks_at_hand_are_read_whole(shared: Path) -> None:
    found = read_benchmarks(shared / "data")
    assert {name: len(items) for name, items in found.items()} == COUNTS
    assert set(LAYOUTS) == set(COUNTS)
    mmlu, hellaswag = found["mmlu"][0], found["hellaswag"][0]
    assert len(mmlu.options) == 4 and mmlu.answers[0] in mmlu.options
    assert hellaswag.answers == ("starts pulling up roofing on a roof.",)
    assert all(item.prompts[0].strip() for items in found.values() for item in items)


def test_limas_leak_is_found(shared: Path, tmp_path: Path) -> None:
    """Training row 547 is test prompt 83."""
    source = DataSettings(
        source=str(shared / "data/instructions/lima/lima.json.gz"),
        destination_path=tmp_path / "lima",
        val_split_fraction=0,
    )
    pool = prepare_examples(lima.source(), source)
    test_set = shared / "data/prompts/lima_test_set.jsonl"
    out = curate(
        settings(pool, out_dir=tmp_path / "out", against=[test_set]), recipe(tmp_path, "steps: [decontaminate]")
    )
    (line,) = ledger(out)
    assert (line["id"], line["reason"]) == ("lima-000547", "test_prompt")
    (hit,) = line["evidence"]["hits"]
    assert (hit["item"], hit["how"]) == ("lima_test_set.jsonl:83", "exact")
    assert hit["item_text"].startswith("I'm feeling a bit lonely these days")

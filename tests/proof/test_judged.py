"""A judge in a comparison, behind a stub endpoint: whose answer it prefers, in both orders, and what it costs."""

import json
import re
from pathlib import Path

import pytest

from lit_gpt.curation.judging.question import Reply
from lit_gpt.curation.judging.replies import Replies
from lit_gpt.curation.judging.settings import JudgeSettings
from lit_gpt.curation.recipes import find_recipe, read_recipe
from lit_gpt.data.prepare import prepare_examples
from lit_gpt.data.settings import DataSettings
from lit_gpt.data.sources import world
from lit_gpt.data.store import read_examples
from lit_gpt.proof.candidates import Choices
from lit_gpt.proof.compare import Comparison
from lit_gpt.proof.judged import plans
from lit_gpt.proof.purse import Purse
from lit_gpt.proof.settings import ComparisonSettings
from lit_gpt.proof.trials import Trials
from lit_gpt.report.comparison_report import comparison_report
from lit_gpt.training.lora_settings import LoraSettings
from lit_gpt.training.settings import ScheduleSettings
from tests.curation.judging import judges
from tests.stub_server import Stub, serving

ROOT = Path(__file__).resolve().parents[2]
PAIR = re.compile(r"\[([0-9a-f]{16}) first\]\n(.*?)\n\[\1 second\]\n(.*?)\n\[\1 end\]\s*\Z", re.DOTALL)
N_JUDGED, SEEDS = 5, (0, 1)


def likes_length(prompt: str) -> str:
    """Grades all rows alike, and of two replies prefers the longer."""
    pair = PAIR.search(prompt)
    if pair is None:
        return "Score: 5"
    first, second = len(pair[2]), len(pair[3])
    return "Better: " + ("first" if first > second else "second" if second > first else "tie")


@pytest.fixture(scope="module")
def judged(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Stub, int]:
    """A comparison run twice, its endpoint, and how many replies that had sent after the first time."""
    folder = tmp_path_factory.mktemp("judged")
    pool = prepare_examples(world.source(n_rows=60, n_test=8), DataSettings(destination_path=folder / "world"))
    settings = ComparisonSettings(
        pool=pool,
        recipes=["alpagasus"],
        size=20,
        seeds=2,
        steps=2,
        checkpoint_dir=tiny_base,
        out_dir=folder / "out",
        prompt_style="chat",
        max_seq_length=128,
        n_items=6,
        n_judged=N_JUDGED,
        n_loss_rows=4,
        max_new_tokens=6,
    )
    read = lambda name: read_recipe(find_recipe(name, ROOT / "configs" / "curate"))  # noqa: E731
    schedule = ScheduleSettings(epochs=1, learning_rate=3e-2)
    with serving(Stub(likes_length)) as stub, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", "any")
        judge = judges.settings(stub, price_in=10.0, price_out=20.0)
        sent = []
        for _ in range(2):
            choices = Choices(settings, read, judge)
            out = Comparison(choices, Trials(settings, schedule, LoraSettings())).run()
            sent.append(stub.n_paid)
    return out, stub, sent[0]


def answers(out: Path, name: str) -> dict[str, str]:
    lines = (out / "measured" / name / "answers" / "items.jsonl").read_text().splitlines()
    return {item["id"]: item["answer"] for item in map(json.loads, lines)}


def test_preferences_are_the_judges_in_both_orders(judged: tuple[Path, Stub, int]) -> None:
    out, stub, _ = judged
    told = json.loads((out / "results.json").read_text())
    lines = [json.loads(line) for line in (out / "items.jsonl").read_text().splitlines()]
    for line in lines:
        ours = answers(out, f"{line['candidate'].replace(' ', '-')}-{line['draw']}-0")
        theirs = answers(out, f"random-{line['draw']}-0")
        longer = {id: len(ours[id]) - len(theirs[id]) for id in line["preferred"]}
        expected = {id: 0.5 if not by else float(by > 0) for id, by in longer.items()}
        assert line["preferred"] == expected and len(expected) == N_JUDGED
    effect = told["measures"]["judged_style"]["effects"]["alpagasus"]
    mine = [line["preferred"] for line in lines if line["candidate"] == "alpagasus"]
    won = sum(sum(each.values()) / N_JUDGED for each in mine) / len(SEEDS)
    assert effect["effect"] == pytest.approx(won - 0.5)
    pairs = [prompt for prompt in stub.asked if PAIR.search(prompt)]
    assert told["judge"]["pairs"] == 2 * len(SEEDS) * N_JUDGED and told["judge"]["contradictions"] == 0
    assert told["judge"]["n_calls"] == len(pairs), "each pair in both orders, none twice"


def test_calls_are_charged_to_the_method_that_made_them_once(judged: tuple[Path, Stub, int]) -> None:
    out, stub, n_sent = judged
    told = json.loads((out / "results.json").read_text())
    n_train = len(list(read_examples(out.parent / "world")))
    costs = {name: each["cost"] for name, each in told["candidates"].items()}
    assert costs["alpagasus"]["n_calls"] == n_train, "one grade a row, the same for all seeds"
    dollars = (10 * costs["alpagasus"]["n_in"] + 20 * costs["alpagasus"]["n_out"]) / 1e6
    assert costs["alpagasus"]["dollars"] == pytest.approx(dollars) and dollars > 0
    assert costs["random"]["n_calls"] == 0 and costs["random"]["dollars"] == 0
    assert stub.n_paid == n_sent == n_train + told["judge"]["n_calls"], "run again, it asks nothing"


def test_a_dry_run_tells_and_sends_nothing(tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "any")
    pool = prepare_examples(world.source(n_rows=60, n_test=8), DataSettings(destination_path=tmp_path / "world"))
    asked = {"recipes": ["alpagasus"], "checkpoint_dir": tiny_base, "seeds": 3, "n_judged": 7, "prompt_style": "chat"}
    settings = ComparisonSettings(pool=pool, out_dir=tmp_path / "out", **asked)
    read = lambda name: read_recipe(find_recipe(name, ROOT / "configs" / "curate"))  # noqa: E731
    with serving(Stub(likes_length)) as stub:
        told = plans(Choices(settings, read, judges.settings(stub, dry_run=True)))
    n_rows = len({each.content_hash for each in read_examples(pool)})
    assert f"{n_rows:,} calls to send" in told[0] and told[-1].startswith("to compare answers: at most 84 calls")
    assert stub.n_paid == 0 and not (tmp_path / "out" / "runs").exists()


def test_one_limit_bounds_all_who_ask(tmp_path: Path) -> None:
    def pay(name: str, n_tokens: int) -> None:
        replies = Replies(tmp_path / name)
        replies.keep(f"{name}{n_tokens}", Reply("Score: 5", n_tokens, 0))
        replies.close()

    pay("ifd", 5_000)
    judge = JudgeSettings(judge_url="http://here/v1", judge_model="m", price_in=100.0, price_out=0.0, max_cost=1.0)
    purse = Purse(judge, tmp_path)
    assert purse.settings_for("lift").max_cost == 1.0, "what an earlier command paid is no part of this one's limit"
    pay("lift", 2_000)
    pay("measuring", 3_000)
    assert purse.settings_for("lift").max_cost == pytest.approx(0.5)
    assert (purse.paid("lift").n_calls, purse.dollars(purse.paid("lift"))) == (1, pytest.approx(0.2))
    pay("lift", 6_000)
    assert purse.settings_for("alpagasus").max_cost == 0.0


def test_style_and_exact_match_are_told_apart(judged: tuple[Path, Stub, int]) -> None:
    told = json.loads((judged[0] / "results.json").read_text())
    assert list(told["measures"]) == ["held_out_loss", "exact_match", "judged_style"]
    page = comparison_report(told)
    n_calls = told["candidates"]["alpagasus"]["cost"]["n_calls"]
    assert "Judged style" in page and "never in its place" in page and f"{n_calls} paid calls, $" in page
    for place in ("winner changed with the order in", "Exact match"):
        assert place in page

"""Asking: replies kept, faults outlived, money bounded, secrets unsaid; against a real client and a local server."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lit_gpt.curation.judging.judge import REJECTED, UNREADABLE, DryRun, Judge, open_judge
from lit_gpt.curation.judging.question import Failed, Prompt, Question, Reply, UnreadableError
from lit_gpt.curation.judging.settings import JudgeSettings
from lit_gpt.errors import UserError
from tests.stub_server import FAULTS, Stub, serving

KEY = "sk-canaryDoNotShowThisAnywhere"


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def judge(stub: Stub, folder: Path, **more: Any) -> Judge:
    fast = {"judge_backoff_s": 0.002, "judge_timeout_s": 100.0}
    settings = JudgeSettings(**{"judge_url": stub.url, "judge_model": "stub", **fast, **more})
    return open_judge(settings, None, None, folder)


def read_number(reply: Reply) -> int:
    try:
        return int(reply.text)
    except ValueError:
        raise UnreadableError("no number") from None


def questions(n: int) -> list[Question[int]]:
    def prompt(number: int) -> Callable[[int], Prompt]:
        return lambda attempt: Prompt(f"What is {number}? Attempt {attempt}.")

    return [Question(f"row-{number}", prompt(number), read_number) for number in range(n)]


def echo(prompt: str) -> str:
    return prompt.split()[2].rstrip("?")


def test_answers_come_in_order_and_are_asked_once(tmp_path: Path) -> None:
    with serving(Stub(echo)) as stub:
        first = judge(stub, tmp_path)
        assert first.ask(questions(40), "test") == list(range(40))
        assert first.account.n_paid == stub.n_paid == 40
        again = judge(stub, tmp_path)
        assert again.ask(questions(40), "test") == list(range(40))
        assert again.account.n_sent == 0 and stub.n_paid == 40
        other = judge(stub, tmp_path, judge_temperature=0.5)
        other.ask(questions(3), "test")
        assert stub.n_paid == 43, "other settings, other replies"


def test_what_is_sent(tmp_path: Path) -> None:
    with serving(Stub(echo)) as stub:
        judge(stub, tmp_path, judge_tokens=7, judge_temperature=0.25).ask(questions(1), "test")
        judge(stub, tmp_path, judge_limit_field="max_completion_tokens", judge_temperature=None).ask(questions(1), "t")
    first, second = stub.bodies
    assert (first["model"], first["max_tokens"], first["temperature"]) == ("stub", 7, 0.25)
    assert second["max_completion_tokens"] == 512 and "temperature" not in second and "max_tokens" not in second
    assert stub.headers[0]["authorization"] == f"Bearer {KEY}"
    said = {name for name in stub.headers[0] if name.startswith("x-")}
    assert said <= {"x-stainless-async", "x-stainless-retry-count", "x-stainless-read-timeout"}, (
        "nothing of this machine"
    )


def test_no_more_calls_at_once_than_asked_for(tmp_path: Path) -> None:
    with serving(Stub(echo, delay_s=0.01)) as stub:
        judge(stub, tmp_path, judge_concurrency=3).ask(questions(30), "test")
    assert 1 < stub.most_under_way <= 3


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_outlived(tmp_path: Path, fault: str) -> None:
    with serving(Stub(echo, fault_share=0.5, faults=(fault,))) as stub:
        asking = judge(stub, tmp_path, judge_timeout_s=1.0, judge_tries=30)
        assert asking.ask(questions(8), "test") == list(range(8))
    assert stub.befell[fault] and asking.account.faults.total() >= stub.befell[fault] and stub.n_paid >= 8


def test_an_endpoint_that_never_answers_stops_the_work(tmp_path: Path) -> None:
    with serving(Stub(echo, fault_share=1.0, faults=("500",))) as stub, pytest.raises(UserError) as error:
        judge(stub, tmp_path, judge_tries=3).ask(questions(5), "test")
    assert "3 tries" in error.value.got and "500" in error.value.got and "goes on where it stopped" in error.value.do


@pytest.mark.parametrize("status", ["401", "403", "404"])
def test_who_asks_in_vain_is_told(tmp_path: Path, status: str) -> None:
    with serving(Stub(echo, fault_share=1.0, faults=(status,))) as stub, pytest.raises(UserError) as error:
        judge(stub, tmp_path).ask(questions(2), "test")
    assert status in error.value.got and KEY not in str(error.value)


def test_a_row_that_is_refused_has_no_answer(tmp_path: Path) -> None:
    with serving(Stub(echo, fault_share=1.0, faults=("400",))) as stub:
        (found,) = judge(stub, tmp_path).ask(questions(1), "test")
        assert isinstance(found, Failed) and found.reason == REJECTED and "refused for good" in found.detail
    assert sum(stub.asked.values()) == 1


def test_what_cannot_be_read_is_asked_again_then_failed_and_exported(tmp_path: Path) -> None:
    def moody(prompt: str) -> str:
        number, attempt = int(echo(prompt)), int(prompt.split()[-1].rstrip("."))
        return "well..." if number == 2 or (number == 1 and attempt == 0) else str(number)

    with serving(Stub(moody)) as stub:
        asking = judge(stub, tmp_path)
        found = asking.ask(questions(4), "test")
        assert found[:2] == [0, 1] and found[3] == 3
        assert isinstance(found[2], Failed) and found[2].reason == UNREADABLE
        assert stub.n_paid == 4 + 2 + 1 and asking.failed == {UNREADABLE: 1}
        (line,) = (tmp_path / "failed-test.jsonl").read_text().splitlines()
        assert json.loads(line) == {"about": "row-2", "reason": UNREADABLE, "detail": "no number: well..."}
        again = judge(stub, tmp_path)
        assert again.ask(questions(4), "test")[:2] == [0, 1] and stub.n_paid == 7, "replies without use are kept, too"


def test_no_more_is_spent_than_allowed(tmp_path: Path) -> None:
    prices = {"price_in": 1_000.0, "price_out": 10_000.0, "judge_tokens": 2}
    with serving(Stub(echo)) as stub:
        asking = judge(stub, tmp_path, max_cost=0.5, **prices)
        with pytest.raises(UserError) as error:
            asking.ask(questions(200), "test")
        assert "--max_cost" in error.value.expected
        spent = asking.account.spent or 0
        assert 0.35 < spent <= 0.5 and 0 < stub.n_paid < 200
        richer = judge(stub, tmp_path, max_cost=50.0, **prices)
        assert richer.ask(questions(200), "test") == list(range(200)) and stub.n_paid == 200, (
            "nothing is paid for twice"
        )


def test_a_reply_without_a_count_of_tokens_is_not_free(tmp_path: Path) -> None:
    """Put down at the most it may be, so that --max_cost holds against endpoints that do not count."""
    with serving(Stub(lambda prompt: Reply(echo(prompt), n_in=-1))) as stub:
        asking = judge(stub, tmp_path, max_cost=0.5, price_in=1_000.0, price_out=10_000.0, judge_tokens=2)
        with pytest.raises(UserError, match="--max_cost"):
            asking.ask(questions(200), "test")
    most = len(b"What is 0? Attempt 0.") + 64
    assert asking.account.n_paid == stub.n_paid == int(0.5 / ((most * 1_000 + 2 * 10_000) / 1e6))
    assert asking.account.n_in >= most * stub.n_paid and asking.account.n_out == 2 * stub.n_paid


def test_a_dry_run_sends_nothing_and_needs_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(Stub(echo)) as stub:
        judge(stub, tmp_path).ask(questions(10), "test")
        monkeypatch.delenv("OPENAI_API_KEY")
        with pytest.raises(DryRun) as plan:
            judge(stub, tmp_path, dry_run=True, price_in=2.0, price_out=8.0).ask(questions(50), "test")
    assert stub.n_paid == 10
    words = str(plan.value)
    assert "40 calls to send, 10 replies there already" in words and words.count("--- prompt") == 3
    n_in, n_out = sum(len(f"What is {n}? Attempt 0.") for n in range(10, 50)) // 4, 40 * 512
    assert f"{n_out:,} of replies; at most about ${(2 * n_in + 8 * n_out) / 1e6:.4f}" in words
    with pytest.raises(DryRun, match="the cost is not known"):
        judge(stub, tmp_path, dry_run=True).ask(questions(50), "test")


def test_without_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    with serving(Stub(echo)) as stub, pytest.raises(UserError, match="no OPENAI_API_KEY"):
        judge(stub, tmp_path).ask(questions(1), "test")


def test_the_key_is_in_nothing_that_is_said_or_written(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with serving(Stub(echo, fault_share=0.3, faults=("429", "500"))) as stub:
        judge(stub, tmp_path, judge_tries=30).ask(questions(20), "test")
    said = "".join(capfd.readouterr())
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert "429" in said and KEY not in said and KEY.encode() not in written


@pytest.mark.parametrize(
    ("settings", "got"),
    [
        ({"judge_url": "http://x/v1"}, "without --judge_model"),
        ({"judge_model": "x"}, "without --judge_url"),
        ({"judge_tries": 0}, "--judge_tries 0"),
        ({"judge_concurrency": 0}, "--judge_concurrency 0"),
        ({"judge_tokens": 0}, "--judge_tokens 0"),
        ({"judge_timeout_s": float("nan")}, "--judge_timeout_s nan"),
        ({"max_cost": -1.0}, "--max_cost -1"),
        ({"judge_url": "http://x/v1", "judge_model": "x", "max_cost": 1.0}, "without prices"),
    ],
)
def test_settings_are_checked_at_birth(settings: dict[str, Any], got: str) -> None:
    with pytest.raises(UserError) as error:
        JudgeSettings(**settings)
    assert got in error.value.got


def test_nobody_to_ask(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nobody to ask"):
        open_judge(JudgeSettings(), None, None, tmp_path)

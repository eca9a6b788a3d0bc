"""Conversations: what was said before is part of the prompt, until it no longer fits."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lit_gpt.chat import Conversation
from lit_gpt.errors import UserError
from lit_gpt.example import Message
from lit_gpt.generation import generate
from lit_gpt.loading import load
from lit_gpt.model import GPT
from lit_gpt.prompts import TEXT_STYLES

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def talk(tiny_base: Path) -> Conversation:
    return Conversation(*load(tiny_base), TEXT_STYLES["chat"])


def test_the_pieces_are_the_answer_to_the_whole_dialogue(talk: Conversation) -> None:
    first = "".join(talk.ask("Name a fruit.", 12))
    assert first == generate(talk.model, talk.tokenizer, "User:\nName a fruit.\n\nAssistant:\n", 12)
    second = list(talk.ask("Another?", 12))
    assert len(second) > 1
    assert [message.role for message in talk.messages] == ["user", "assistant"] * 2
    assert talk.messages[1].content.strip() == first.strip()
    assert talk.messages[3].content.strip() == "".join(second).strip()


def test_the_dialogue_so_far_is_the_prompt(talk: Conversation, monkeypatch: pytest.MonkeyPatch) -> None:
    prompts = []

    def answer(model: GPT, prompt_ids: list[int], *_: object, **settings: object) -> Iterator[int]:
        prompts.append(talk.tokenizer.decode(prompt_ids))
        yield from talk.tokenizer.encode("Plum.")

    monkeypatch.setattr("lit_gpt.chat.generate_ids", answer)
    assert "".join(talk.ask("Name a fruit.", 8)).strip() == "Plum."
    list(talk.ask("Another?", 8))
    assert prompts[1] == "User:\nName a fruit.\n\nAssistant:\nPlum.\n\nUser:\nAnother?\n\nAssistant:\n"


def test_an_answer_that_is_broken_off_is_remembered_as_far_as_it_was_heard(talk: Conversation) -> None:
    answer = talk.ask("Name a fruit.", 30)
    heard = next(answer) + next(answer)
    answer.close()
    assert talk.messages[-1].role == "assistant"
    assert heard.startswith(talk.messages[-1].content) or talk.messages[-1].content in heard


def test_the_oldest_turns_are_left_out_when_the_context_is_full(talk: Conversation) -> None:
    for number in range(12):
        list(talk.ask(f"Question {number} of many, many questions that there are to ask in here.", 10))
    assert talk.n_forgotten > 0
    assert talk.n_forgotten % 2 == 0
    assert talk.messages[0].role == "user"
    assert len(talk.messages) + talk.n_forgotten == 24


def test_a_question_that_cannot_fit_is_refused_and_forgotten(talk: Conversation) -> None:
    list(talk.ask("Name a fruit.", 5))
    talk.messages.clear()
    with pytest.raises(UserError, match="tokens"):
        list(talk.ask("word " * 2000, 5))
    assert talk.messages == []


def test_a_system_message_stands_before_everything(tiny_base: Path) -> None:
    talk = Conversation(*load(tiny_base), TEXT_STYLES["chat"], system="Be kind.")
    said = "".join(talk.ask("Hi", 10))
    prompt = "System:\nBe kind.\n\nUser:\nHi\n\nAssistant:\n"
    assert said == generate(talk.model, talk.tokenizer, prompt, 10)
    assert Message("system", "Be kind.") not in talk.messages


def test_the_script_answers_line_by_line(tiny_base: Path) -> None:
    words = ["--checkpoint_dir", str(tiny_base), "--max_new_tokens", "4", "--temperature", "0"]
    done = subprocess.run(
        [sys.executable, "chat/base.py", *words],
        input="Hi\nBye\n\nnever",
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert "prompt style alpaca" in done.stderr
    assert done.stdout.count("\n") >= 2

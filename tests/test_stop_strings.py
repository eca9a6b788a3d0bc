"""Stop strings: nothing of one is told, however the text is cut into pieces."""

import random
from pathlib import Path

import pytest

from lit_gpt.answer_settings import AnswerSettings
from lit_gpt.chat import Conversation
from lit_gpt.errors import UserError
from lit_gpt.loading import load
from lit_gpt.prompt_styles import find_style
from lit_gpt.prompts import TEXT_STYLES
from lit_gpt.stop_strings import cut_at_stop, next_turn, until_stop

TEXTS = ["", "abc", "one END two", "ENEND", "EN", "one EN", "a\n\nUser: b END", "ENDEND", "xENxENDx"]
STOPS = [(), ("END",), ("END", "\n\nUser:"), ("ND", "END"), ("x", "xEN")]


def pieces(text: str, seed: int) -> list[str]:
    draw, found = random.Random(seed), []
    while text:
        n = draw.randint(1, 4)
        found.append(text[:n])
        text = text[n:]
    return found


@pytest.mark.parametrize("stops", STOPS)
@pytest.mark.parametrize("text", TEXTS)
def test_pieces_end_where_the_text_does(text: str, stops: tuple[str, ...]) -> None:
    expected = min((text.split(stop)[0] for stop in stops), key=len, default=text)
    assert cut_at_stop(text, stops) == expected
    for seed in range(20):
        told = list(until_stop(pieces(text, seed), stops))
        assert "".join(told) == expected and all(told)


def test_what_cannot_become_a_stop_string_is_told_at_once() -> None:
    told = until_stop(iter(["plum ", "E", "NT ", "END", "never asked for"]), ("END",))
    assert [next(told), next(told)] == ["plum ", "ENT "]
    rest = iter(["a END", "b"])
    assert list(until_stop(rest, ("END",))) == ["a "]
    assert list(rest) == ["b"], "the rest is not asked for"


@pytest.mark.parametrize(
    ("name", "stop"),
    [
        ("chat", ("\n\nUser:",)),
        ("alpaca", ("\n\n### Instruction:",)),
        ("raw", ()),
        ("alpaca-headings", ("\n\n### Instruction:",)),
    ],
)
def test_a_style_knows_how_its_next_turn_opens(tiny_base: Path, name: str, stop: tuple[str, ...]) -> None:
    assert next_turn(find_style(name, tiny_base)) == stop


def test_a_conversation_stops_before_a_stop_string(tiny_base: Path) -> None:
    model, tokenizer = load(tiny_base)
    whole = "".join(Conversation(model, tokenizer, TEXT_STYLES["chat"]).ask("Name a fruit.", 40))
    assert len(whole) > 8
    stop = whole[4:7]
    talk = Conversation(model, tokenizer, TEXT_STYLES["chat"], stops=(stop,))
    assert "".join(talk.ask("Name a fruit.", 40)) == whole.split(stop)[0]
    assert stop not in talk.messages[-1].content


def test_a_conversation_does_not_play_the_user(tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, tokenizer = load(tiny_base)
    said = tokenizer.encode("Plum.\n\nUser:\nAnother?")
    monkeypatch.setattr("lit_gpt.chat.generate_ids", lambda *_, **__: iter(said))
    talk = Conversation(model, tokenizer, TEXT_STYLES["chat"])
    assert "".join(talk.ask("Name a fruit.", 40)).strip() == "Plum."


@pytest.mark.parametrize(("stop", "stops"), [("", ()), ("END", ("END",)), (["a", "b"], ("a", "b"))])
def test_the_setting(stop: str | list[str], stops: tuple[str, ...]) -> None:
    assert AnswerSettings(stop=stop).stops == stops


def test_an_empty_stop_string_is_refused() -> None:
    with pytest.raises(UserError, match="--stop"):
        AnswerSettings(stop=["a", ""])

"""Prompt styles render to exactly these texts."""

from pathlib import Path

import pytest

from lit_gpt.errors import UserError
from lit_gpt.example import Message, user_message
from lit_gpt.prompt_styles import check_style_name, find_style, read_prompt_style, write_prompt_style
from lit_gpt.prompts import END, TEXT_STYLES

DIALOGUE = (
    user_message("Name a fruit.", "apple or stone"),
    Message("assistant", "Apple."),
    user_message("Another?"),
    Message("assistant", "Pear."),
)

GOLDEN = {
    "alpaca": [
        "Below is an instruction that describes a task, paired with an input that provides further context. "
        "Write a response that appropriately completes the request.\n\n"
        "### Instruction:\nName a fruit.\n\n### Input:\napple or stone\n\n### Response:",
        "Apple.",
        "\n\n### Instruction:\nAnother?\n\n### Response:",
        "Pear.",
    ],
    "chat": [
        "User:\nName a fruit.\n\napple or stone\n\nAssistant:\n",
        "Apple.",
        "\n\nUser:\nAnother?\n\nAssistant:\n",
        "Pear.",
    ],
    "raw": ["Name a fruit.\n\napple or stone", "Apple.", "\n\nAnother?", "Pear."],
}
GOLDEN_VERSIONS = {"alpaca": 1, "chat": 1, "raw": 1}


@pytest.mark.parametrize("name", TEXT_STYLES)
def test_golden_dialogue(name: str) -> None:
    segments = list(TEXT_STYLES[name].render(DIALOGUE))
    assert [segment.text for segment in segments] == GOLDEN[name]
    assert [segment.is_answer for segment in segments] == [False, True, False, True]
    assert all(segment.parts[1:] == (END,) * segment.is_answer for segment in segments)
    assert TEXT_STYLES[name].version == GOLDEN_VERSIONS[name], "the text changed: raise the version and this table"


def test_alpaca_without_input() -> None:
    (segment,) = TEXT_STYLES["alpaca"].render([user_message("Name a fruit.")])
    assert segment.text == (
        "Below is an instruction that describes a task. Write a response that appropriately completes the request."
        "\n\n### Instruction:\nName a fruit.\n\n### Response:"
    )


@pytest.mark.parametrize(
    ("name", "opening"),
    [
        ("alpaca", "Be brief.\n\n### Instruction:\n"),
        ("chat", "System:\nBe brief.\n\nUser:\n"),
        ("raw", "Be brief.\n\nHi"),
    ],
)
def test_system_message_opens_the_first_prompt(name: str, opening: str) -> None:
    (segment,) = TEXT_STYLES[name].render([Message("system", "Be brief."), user_message("Hi")])
    assert segment.text.startswith(opening)


def test_unknown_style_suggests_the_nearest(tiny_base: Path) -> None:
    for ask in (check_style_name, lambda name: find_style(name, tiny_base)):
        with pytest.raises(UserError) as error:
            ask("alpacca")
        assert "alpaca" in error.value.do


def test_style_travels_with_the_weights(tmp_path: Path, tiny_base: Path) -> None:
    assert read_prompt_style(tmp_path, tiny_base) is None
    write_prompt_style(tmp_path, TEXT_STYLES["chat"])
    assert read_prompt_style(tmp_path, tiny_base) is TEXT_STYLES["chat"]
    (tmp_path / "prompt_style.json").write_text('{"prompt_style": "chat", "version": 99}')
    with pytest.raises(UserError, match="version 99"):
        read_prompt_style(tmp_path, tiny_base)

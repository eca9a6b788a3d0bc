"""Prompt styles render to exactly these texts."""

from pathlib import Path

import pytest

from lit_gpt.errors import UserError
from lit_gpt.example import Message, user_message
from lit_gpt.prompts import STYLES, prompt_style, read_prompt_style, write_prompt_style

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


@pytest.mark.parametrize("name", STYLES)
def test_golden_dialogue(name: str) -> None:
    segments = list(prompt_style(name).render(DIALOGUE))
    assert [segment.text for segment in segments] == GOLDEN[name]
    assert [segment.is_answer for segment in segments] == [False, True, False, True]
    assert prompt_style(name).version == GOLDEN_VERSIONS[name], "the text changed: raise the version and this table"


def test_alpaca_without_input() -> None:
    (segment,) = prompt_style("alpaca").render([user_message("Name a fruit.")])
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
    (segment,) = prompt_style(name).render([Message("system", "Be brief."), user_message("Hi")])
    assert segment.text.startswith(opening)


def test_unknown_style_suggests_the_nearest() -> None:
    with pytest.raises(UserError) as error:
        prompt_style("alpacca")
    assert "alpaca" in error.value.do


def test_style_travels_with_the_weights(tmp_path: Path) -> None:
    assert read_prompt_style(tmp_path) is None
    write_prompt_style(tmp_path, prompt_style("chat"))
    assert read_prompt_style(tmp_path) is prompt_style("chat")
    (tmp_path / "prompt_style.json").write_text('{"prompt_style": "chat", "version": 99}')
    with pytest.raises(UserError, match="version 99"):
        read_prompt_style(tmp_path)

"""The row forms: what a record becomes, and one literal record for each reason to leave it out."""

import pytest

from lit_gpt.data.reasons import NOTES, REASONS, Rejected
from lit_gpt.data.sources import user_file
from lit_gpt.example import Message, user_message

parse = user_file.source().parse
ASK, ANSWER = {"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}


def test_three_columns_become_one_exchange():
    row = parse({"instruction": "Sum up.", "input": "A text.", "output": "Short."})
    assert row.messages == (user_message("Sum up.", "A text."), Message("assistant", "Short."))


@pytest.mark.parametrize("absent", [{}, {"input": None}, {"input": ""}, {"input": " \n"}])
def test_an_input_may_be_absent(absent):
    row = parse({"instruction": "Say hi", "output": "hi", **absent})
    assert row.messages == (Message("user", "Say hi"), Message("assistant", "hi"))


def test_text_is_kept_as_it_is():
    row = parse({"instruction": " NA\r\n", "output": "\tnull  "})
    assert [message.content for message in row.messages] == [" NA\r\n", "\tnull  "]


def test_messages_become_a_dialogue():
    row = parse({"messages": [{"role": "system", "content": "S"}, ASK, ANSWER, ASK, ANSWER], "category": "chat"})
    assert [message.role for message in row.messages] == ["system", "user", "assistant", "user", "assistant"]
    assert (row.category, row.notes) == ("chat", ())


def test_a_blank_system_turn_is_left_out():
    assert [turn.role for turn in parse({"messages": [{"role": "system", "content": " "}, ASK, ANSWER]}).messages] == [
        "user",
        "assistant",
    ]


def test_an_unanswered_last_turn_is_cut_and_noted():
    row = parse({"messages": [ASK, ANSWER, ASK]})
    assert len(row.messages) == 2
    assert row.notes == ("trailing_user_turn_cut",)


@pytest.mark.parametrize(
    ("reason", "record"),
    [
        ("nul_character", {"instruction": "a\0b", "output": "x"}),
        ("lone_surrogate", {"instruction": "a", "output": "\ud83d"}),
        ("missing_field", {"instruction": "a"}),
        ("missing_field", {"instruction": None, "output": "x"}),
        ("missing_field", {"messages": None}),
        ("missing_field", {"messages": [{"role": "user"}]}),
        ("non_text_value", {"instruction": "a", "output": 7}),
        ("non_text_value", {"instruction": ["a"], "output": "x"}),
        ("non_text_value", {"instruction": "a", "input": {}, "output": "x"}),
        ("non_text_value", {"messages": "hello"}),
        ("non_text_value", {"messages": [ASK, "A"]}),
        ("empty_instruction", {"instruction": " ", "output": "x"}),
        ("empty_instruction", {"instruction": "", "input": "text", "output": "x"}),
        ("empty_instruction", {"messages": [{"role": "user", "content": ""}, ANSWER]}),
        ("empty_output", {"instruction": "a", "output": "\n"}),
        ("no_answer", {"messages": [ASK]}),
        ("no_answer", {"messages": []}),
        ("unknown_role", {"messages": [ASK, {"role": "gpt", "content": "A"}]}),
        ("wrong_turn_order", {"messages": [ANSWER, ASK]}),
        ("wrong_turn_order", {"messages": [ASK, ASK, ANSWER]}),
        ("wrong_turn_order", {"messages": [ASK, ANSWER, {"role": "system", "content": "S"}]}),
    ],
)
def test_a_row_we_cannot_use_has_its_reason(reason, record):
    with pytest.raises(Rejected) as error:
        parse(record)
    assert error.value.reason == reason


def test_every_code_has_a_sentence_and_an_unlisted_one_is_our_bug():
    assert all(text.endswith(".") for text in [*REASONS.values(), *NOTES.values()])
    with pytest.raises(ValueError, match="not listed"):
        Rejected("because")

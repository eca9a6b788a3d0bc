"""A user's own file in every form there is: what its columns are taken for, and what is said where nobody can tell."""

import json

import pytest

from lit_gpt.data.mapping import find_mapping, parse_columns
from lit_gpt.data.prepare import prepare_examples
from lit_gpt.data.settings import DataSettings
from lit_gpt.data.source import Rejected
from lit_gpt.data.sources import user_file
from lit_gpt.data.store import load_example_set, read_examples
from lit_gpt.errors import UserError
from tests.data.files import write

TURNS = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
SHAREGPT = [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]
PARTS = [{"role": "user", "content": [{"type": "text", "text": "q"}]}, {"role": "assistant", "content": "a"}]
QA = [("user", "q"), ("assistant", "a")]
SYSTEM = ("system", "s")

# a record, the columns it is read by, and its dialogue
FORMS = {
    "Alpaca": ({"instruction": "q", "output": "a"}, "instruction=instruction, output=output", QA),
    "Alpaca with input": (
        {"instruction": "q", "input": "i", "output": "a"},
        "instruction=instruction, output=output, input=input",
        [("user", "q\n\ni"), ("assistant", "a")],
    ),
    "Alpaca with history": (
        {"instruction": "q", "output": "a", "history": [["p", "r"]]},
        "instruction=instruction, output=output, history=history",
        [("user", "p"), ("assistant", "r"), *QA],
    ),
    "capitals": ({"Instruction": "q", "OUTPUT": "a"}, "instruction=Instruction, output=OUTPUT", QA),
    "question and answer": ({"id": 1, "question": "q", "answer": "a"}, "instruction=question, output=answer", QA),
    "input and output": ({"input": "q", "output": "a"}, "instruction=input, output=output", QA),
    "inputs and targets": ({"inputs": "q", "targets": "a"}, "instruction=inputs, output=targets", QA),
    "prompt and completion": ({"prompt": "q", "completion": "a"}, "instruction=prompt, output=completion", QA),
    "prompt and completion of turns": (
        {"prompt": TURNS[:1], "completion": TURNS[1:]},
        "instruction=prompt, output=completion",
        QA,
    ),
    "system prompt": (
        {"system_prompt": "s", "question": "q", "response": "a"},
        "instruction=question, output=response, system=system_prompt",
        [SYSTEM, *QA],
    ),
    "messages": ({"messages": TURNS}, "messages=messages", QA),
    "messages with parts": ({"messages": PARTS}, "messages=messages", QA),
    "messages and a prompt": ({"prompt": "q", "messages": TURNS}, "messages=messages", QA),
    "messages as text in a cell": ({"messages": json.dumps(TURNS)}, "messages=messages", QA),
    "ShareGPT": ({"id": "x", "conversations": SHAREGPT}, "messages=conversations", QA),
    "ShareGPT with a system column": (
        {"conversations": SHAREGPT, "system": "s"},
        "messages=conversations, system=system",
        [SYSTEM, *QA],
    ),
    "turns as texts": ({"conversations": ["q", "a"]}, "messages=conversations", QA),
    "plain text": ({"text": "t"}, "text=text", [("user", ""), ("assistant", "t")]),
    "Alpaca and its template": (
        {"instruction": "q", "output": "a", "text": "q a"},
        "instruction=instruction, output=output",
        QA,
    ),
    "marked text": ({"text": "### Human: q### Assistant: a"}, "text=text", QA),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_are_told_by_their_columns(form):
    record, columns, expected = FORMS[form]
    mapping = find_mapping([record], {}, "my.jsonl")
    assert str(mapping).partition(" (not read")[0] == columns
    assert [(message.role, message.content) for message in mapping.parse(record).messages] == expected
    assert set(mapping.unread) == set(record) - set(mapping.columns.values())


@pytest.mark.parametrize(
    ("text", "record", "columns"),
    [
        ("instruction=Question,output=Answer", {"Question": "q", "Answer": "a"}, "instruction=Question, output=Answer"),
        ("output=b", {"prompt": "q", "b": "a"}, "output=b, instruction=prompt"),
        ("instruction=a, output=B", {"a": "q", "b": "a", "output": "x"}, "instruction=a, output=b"),
        ("text=notes", {"notes": "t", "question": "q", "answer": "a"}, "text=notes"),
        ("messages=chat", {"chat": TURNS}, "messages=chat"),
    ],
)
def test_the_users_word_goes_first(text, record, columns):
    mapping = find_mapping([record], parse_columns(text), "my.jsonl")
    assert str(mapping).partition(" (not read")[0] == columns
    assert mapping.parse(record).messages[-1].content in ("a", "t")


@pytest.mark.parametrize(
    ("record", "guess"),
    [
        ({"Frage": "q", "the_answer": "a"}, "instruction=Frage,output=the_answer"),
        ({"number": 3, "questions": "q", "replys": "a"}, "instruction=questions,output=replys"),
        ({"left": "q", "right": "a"}, "instruction=left,output=right"),
        ({"n": 1}, "instruction=…,output=…"),
    ],
)
def test_an_unknown_form_lists_what_was_seen_and_guesses(record, guess):
    with pytest.raises(UserError) as error:
        find_mapping([record], {}, "my.csv")
    assert f"my.csv with the columns: {', '.join(record)}" in error.value.got
    assert guess in error.value.do


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("instructions=a", "instruction"),
        ("output", "did you mean output"),
        ("=x", "name the fields"),
        ("question=x", "name the fields"),
        ("question=instruction", "turn it round: instruction=question"),
    ],
)
def test_columns_that_cannot_be_read(text, hint):
    with pytest.raises(UserError) as error:
        parse_columns(text)
    assert hint in error.value.do


def test_a_column_that_is_not_there():
    with pytest.raises(UserError, match="with the columns: Question, Answer") as error:
        find_mapping([{"Question": "q", "Answer": "a"}], parse_columns("instruction=Questoin"), "my.csv")
    assert "question" in error.value.do


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"messages": [{"role": "tool", "content": "x"}]}, "unknown_role"),
        ({"messages": [{"from": "observation", "value": "x"}]}, "unknown_role"),
        ({"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "non_text_value"),
        ({"messages": "[not json"}, "non_text_value"),
        ({"messages": [["q", "a"]]}, "non_text_value"),
        ({"messages": TURNS[1:]}, "wrong_turn_order"),
        ({"text": " "}, "empty_output"),
        ({"text": "### Human: q"}, "no_answer"),
        ({"instruction": "q", "output": "a", "history": ["x"]}, "non_text_value"),
        ({"instruction": "q", "output": None}, "missing_field"),
    ],
)
def test_rows_of_a_known_form_that_are_no_dialogue(record, reason):
    with pytest.raises(Rejected) as error:
        find_mapping([record], {}, "my.jsonl").parse(record)
    assert error.value.reason == reason


def prepare(tmp_path, name, data, source):
    path = write(tmp_path, name, data)
    return prepare_examples(source, DataSettings(source=str(path), destination_path=tmp_path / "out"))


def test_the_mapping_is_printed_and_stands_in_the_manifest(tmp_path, capsys):
    rows = "".join(json.dumps({"Question": f"q{i}", "Answer": f"a{i}", "id": i}) + "\n" for i in range(9))
    directory = prepare(tmp_path, "faq.jsonl", rows, user_file.source("faq"))
    message = capsys.readouterr().err
    assert "faq.jsonl: columns instruction=Question, output=Answer (not read: id)" in message
    for i in range(3):
        assert f"user:      q{i}" in message
    assert "q3" not in message
    settings = load_example_set(directory).settings
    assert settings["columns"] == {"instruction": "Question", "output": "Answer"}


def test_a_table_without_header_and_quotes(tmp_path):
    source = user_file.source(quotes=False, column_names="question,answer")
    directory = prepare(tmp_path, "faq.tsv", b'Say "hi\t"hi\nSay no\tno\n', source)
    assert [[m.content for m in example.messages] for example in read_examples(directory)] == [
        ['Say "hi', '"hi'],
        ["Say no", "no"],
    ]
    quoted = prepare(
        tmp_path, "faq.tsv", b'"Say\thi"\thi\nno\tno\n', user_file.source(column_names="prompt,completion")
    )
    assert [example.messages[0].content for example in read_examples(quoted)] == ["Say\thi", "no"]


def test_lines_of_plain_text(tmp_path):
    source = user_file.source(quotes=False, column_names="text")
    directory = prepare(tmp_path, "notes.csv", "one, two\n\nthree\tfour\n", source)
    assert [example.messages[1].content for example in read_examples(directory)] == ["one, two", "three\tfour"]


def test_the_real_forms_at_hand(shared, tmp_path):
    """LLaMA-Factory's demonstrations: Alpaca, plain text, ShareGPT with tools, messages."""
    counts = {}
    for name in (
        "alpaca_en_demo.json.gz",
        "c4_demo.jsonl.gz",
        "glaive_toolcall_en_demo.json.gz",
        "kto_en_demo.json.gz",
    ):
        path = shared / "data/instructions/llamafactory_demo" / name
        settings = DataSettings(source=str(path), destination_path=tmp_path / name)
        counts[name.split("_")[0]] = load_example_set(prepare_examples(user_file.source(), settings)).counts
    assert counts["alpaca"]["used"] + sum(counts["alpaca"]["dropped"].values()) == counts["alpaca"]["read"] == 999
    assert counts["c4"]["used"] == 300
    assert set(counts["glaive"]["dropped"]) == {"unknown_role"}
    assert counts["glaive"]["used"] > 100
    assert counts["kto"]["used"] == 300

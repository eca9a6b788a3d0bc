"""The data sets: rows in every form they come in, and the real files when they are at hand."""

import json
from collections import Counter

import pytest

from lit_gpt.data.locate import locate
from lit_gpt.data.reading import read_records
from lit_gpt.data.records import Record
from lit_gpt.data.settings import DataSettings
from lit_gpt.data.source import Rejected
from lit_gpt.data.sources import alpaca, dolly, lima, user_file
from lit_gpt.errors import UserError
from lit_gpt.example import Message, user_message
from tests.data.files import write

U, A = (lambda text: Message("user", text)), (lambda text: Message("assistant", text))


def reason(parse, record):
    with pytest.raises(Rejected) as error:
        parse(record)
    return error.value.reason


def test_lima_in_its_own_form_and_in_alpaca_fields_is_the_same_dialogue():
    own = {"conversations": ["q1", "a1", "q2", "a2"], "source": "stackexchange"}
    copy = {"instruction": "q2", "input": "", "output": "a2", "history": [["q1", "a1"]]}
    parse = lima.source().parse
    assert parse(own).messages == parse(copy).messages == (U("q1"), A("a1"), U("q2"), A("a2"))
    assert (parse(own).category, parse(copy).category) == ("stackexchange", "")


def test_lima_without_multiturn_keeps_the_first_pair_and_counts_it():
    row = lima.source(include_multiturn_conversations=False).parse({"conversations": ["q1", "a1", "q2", "a2"]})
    assert (row.messages, row.notes) == ((U("q1"), A("a1")), ("later_turns_cut",))


def test_lima_cuts_a_last_user_turn_and_counts_it():
    row = lima.source().parse({"conversations": ["q1", "a1", "q2"]})
    assert (row.messages, row.notes) == ((U("q1"), A("a1")), ("trailing_user_turn_cut",))


@pytest.mark.parametrize(
    ("code", "record"),
    [
        ("no_answer", {"conversations": ["a test prompt"]}),
        ("no_answer", {"conversations": "a test prompt"}),
        ("no_answer", {"conversations": []}),
        ("missing_field", {"conversations": None}),
        ("non_text_value", {"conversations": 3}),
        ("non_text_value", {"conversations": ["q", 3]}),
        ("non_text_value", {"instruction": "q", "output": "a", "history": [["q"]]}),
        ("empty_output", {"conversations": ["q", " "]}),
    ],
)
def test_lima_rows_that_are_no_dialogue(code, record):
    assert reason(lima.source().parse, record) == code


def test_lima_prompts_come_in_both_forms(tmp_path):
    path = write(tmp_path, "test.jsonl", '{"conversations": "one"}\n{"conversations": ["two"], "source": "x"}\n')
    prompts = list(lima.read_prompts(path))
    assert [prompt.messages for prompt in prompts] == [(U("one"),), (U("two"),)]
    assert [prompt.id for prompt in prompts] == ["lima-prompt-000000", "lima-prompt-000001"]


def test_a_bad_prompt_names_its_line(tmp_path):
    path = write(tmp_path, "test.jsonl", '{"conversations": "one"}\n{"conversations": [""]}\n')
    with pytest.raises(UserError, match="line 2"):
        list(lima.read_prompts(path))


def test_dolly_by_both_names():
    hub = {"instruction": "q", "context": "text", "response": "a", "category": "closed_qa"}
    copy = {"instruction": "q", "input": "text", "output": "a", "category": "closed_qa"}
    rows = [dolly.source().parse(record) for record in (hub, copy)]
    assert rows[0] == rows[1]
    assert (rows[0].messages, rows[0].category) == ((user_message("q", "text"), A("a")), "closed_qa")


def test_alpaca_rows_and_who_wrote_them():
    source = alpaca.source()
    record = {"instruction": "q", "input": "", "output": "a", "text": "q and a in a template"}
    assert source.parse(record).messages == (U("q"), A("a"))
    assert (source.origin, source.generator) == ("llm", "text-davinci-003")


def test_a_table_without_the_columns_is_told_what_was_found_and_expected():
    with pytest.raises(UserError) as error:
        user_file.source().check_columns(["question", "answer"], "my.csv")
    assert "question, answer" in error.value.got
    assert "instruction and output, or messages" in error.value.expected


def settings(tmp_path, source, **others):
    return DataSettings(source=str(source), destination_path=tmp_path / "out", **others)


def test_a_folder_gives_its_training_files_in_order(tmp_path):
    for name in ("b_train.jsonl", "a_train.jsonl.gz", "test.jsonl", "readme.md", ".hidden_train.jsonl"):
        write(tmp_path, name, "{}")
    files = locate(user_file.source(), settings(tmp_path, tmp_path))
    assert [file.name for file in files] == ["a_train.jsonl.gz", "b_train.jsonl"]
    assert all(file.revision == f"sha256:{file.sha256[:12]}" for file in files)


@pytest.mark.parametrize(
    ("names", "message"),
    [(["readme.md"], "without any data file"), (["a.csv", "a.json"], "several formats")],
)
def test_a_folder_that_leaves_doubt_is_refused(tmp_path, names, message):
    for name in names:
        write(tmp_path, name, "")
    with pytest.raises(UserError, match=message):
        locate(user_file.source(), settings(tmp_path, tmp_path))


def test_a_source_that_is_not_there(tmp_path):
    for missing in (tmp_path / "my.csv", "folder/my.csv", "nothing"):
        with pytest.raises(UserError, match="does not exist"):
            locate(user_file.source(), settings(tmp_path, missing))


def test_a_user_file_needs_a_source_and_a_local_one_has_no_revision(tmp_path):
    with pytest.raises(UserError, match="no --source"):
        locate(user_file.source(), DataSettings(destination_path=tmp_path))
    path = write(tmp_path, "a.csv", "")
    with pytest.raises(UserError, match="--revision"):
        locate(user_file.source(), settings(tmp_path, path, revision="main"))


@pytest.mark.parametrize(
    ("source", "file", "n_read", "n_used"),
    [
        (lima.source(), "instructions/lima/lima.json.gz", 1029, 1029),
        (dolly.source(), "instructions/dolly/dolly_3k.json.gz", 2996, 2996),
        (alpaca.source(), "instructions/alpaca_52k/alpaca_data_en_reconstructed.json.gz", 52002, 51953),
    ],
    ids=["lima", "dolly", "alpaca"],
)
def test_every_row_of_the_real_files_is_accounted_for(shared, source, file, n_read, n_used):
    outcomes = Counter()
    n_turns = Counter()
    for record in read_records(shared / "data" / file, source.check_columns):
        assert isinstance(record, Record)
        try:
            n_turns[len(source.parse(record.fields).messages)] += 1
        except Rejected as error:
            outcomes[error.reason] += 1
    assert n_turns.total() == n_used
    assert outcomes == ({"empty_output": n_read - n_used} if n_read > n_used else {})
    if source.name == "lima":
        assert n_turns == {2: 1000, 4: 15, 6: 10, 8: 3, 20: 1}


def test_the_real_lima_prompts(shared):
    path = shared / "data/prompts/lima_test_set.jsonl"
    prompts = list(lima.read_prompts(path))
    assert len({prompt.id for prompt in prompts}) == 300
    texts = [json.loads(line)["conversations"] for line in path.read_text().splitlines()]
    assert [prompt.messages[0].content for prompt in prompts] == texts

"""Fetching from a hub of our own on the loopback interface: right bytes, wrong bytes, no bytes."""

import functools
import gzip
import json
import socket

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lit_gpt import hub as hub_module
from lit_gpt.data.fetch import choose_files, fetch
from lit_gpt.data.prepare import prepare_examples
from lit_gpt.data.settings import DataSettings
from lit_gpt.data.source import Home
from lit_gpt.data.sources import (
    alpaca,
    code_alpaca,
    dolly,
    flan,
    gsm8k,
    lima,
    longform,
    oasst1,
    openorca,
    p3,
    platypus,
    stackexchange,
    superni,
    user_file,
    writingprompts,
)
from lit_gpt.data.store import load_example_set, read_examples
from lit_gpt.errors import UserError
from tests.fake_hub import COMMIT, FakeHub, serving

REPO = "someone/rows"
ROWS = b'{"instruction": "q", "output": "a"}\n' * 50
CARD = b"# a data set\n"


@pytest.fixture
def hub(monkeypatch):
    """A hub that is being served; `hub.endpoint` is its address."""
    monkeypatch.setattr(hub_module, "WAITS_S", (0.0,))
    files = {"train.jsonl": ROWS, "README.md": CARD, "small.jsonl": ROWS[:36]}
    with serving(FakeHub(REPO, files, large={"train.jsonl"}, kind="datasets")) as fake:
        yield fake


def get(hub, tmp_path, files=("train.jsonl",), **options):
    return fetch(Home(REPO, files), cache_dir=tmp_path / "cache", endpoint=hub.endpoint, **options)


def data_files(folder):
    return [path.name for path in folder.rglob("*") if path.is_file() and path.read_bytes()[:1] in (b"{", b"x")]


@pytest.mark.parametrize("name", ["train.jsonl", "small.jsonl"], ids=["large file", "small file"])
def test_a_file_arrives_and_everything_was_read_at_one_commit(hub, tmp_path, name):
    fetched = get(hub, tmp_path, files=(name,), revision="v1")
    assert fetched.paths[name].read_bytes() == hub.files[name]
    assert fetched.commit == COMMIT
    assert hub.paths[0].endswith("/revision/v1")
    assert all(COMMIT in path for path in hub.paths[1:])


def test_without_names_the_training_files_are_chosen(hub, tmp_path):
    assert list(get(hub, tmp_path, files=()).paths) == ["train.jsonl"]


@pytest.mark.parametrize("name", ["train.jsonl", "small.jsonl"], ids=["large file", "small file"])
def test_wrong_bytes_of_the_right_size_are_refused_and_deleted(hub, tmp_path, name):
    hub.served[name] = b"x" * len(hub.files[name])
    with pytest.raises(UserError, match="with another hash") as error:
        get(hub, tmp_path, files=(name,))
    assert "--source FILE" in error.value.do
    assert data_files(tmp_path) == []
    hub.served[name] = hub.files[name]
    assert get(hub, tmp_path, files=(name,)).paths[name].read_bytes() == hub.files[name]


@pytest.mark.parametrize(
    ("refusal", "message", "remedy"),
    [
        ((404, {"X-Error-Code": "RepoNotFound"}, b""), "does not have or does not show", "--source FILE"),
        ((401, {"X-Error-Code": "RepoNotFound"}, b""), "does not have or does not show", "HF_TOKEN"),
        ((403, {"X-Error-Code": "GatedRepo"}, b""), "which is gated", "accept its terms"),
        ((404, {"X-Error-Code": "RevisionNotFound"}, b""), "--revision main", "commits"),
        ((500, {}, b""), "the answer 500", "--source FILE"),
    ],
)
def test_a_refusal_says_what_to_do(hub, tmp_path, refusal, message, remedy):
    hub.refusal = refusal
    with pytest.raises(UserError, match=message) as error:
        get(hub, tmp_path)
    assert remedy in error.value.do


def test_a_file_the_hub_does_not_have(hub, tmp_path):
    with pytest.raises(UserError, match=r"without gone\.jsonl"):
        get(hub, tmp_path, files=("gone.jsonl",))


def test_no_network_says_to_pass_a_file(tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(UserError, match="no answer from the hub") as error:
            fetch(Home(REPO, ("train.jsonl",)), cache_dir=tmp_path, endpoint=endpoint)
    assert "--source FILE" in error.value.do


def test_the_token_is_never_shown(hub, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HF_TOKEN", "hf_canary")
    hub.refusal = (403, {"X-Error-Code": "GatedRepo"}, b"")
    with pytest.raises(UserError) as error:
        get(hub, tmp_path)
    assert "canary" not in str(error.value) + "".join(capsys.readouterr())


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["test.jsonl", "train.jsonl", "README.md"], ["train.jsonl"]),
        (["b.csv", "a.csv.gz"], None),
        (["part-2.json", "part-1.json.gz"], ["part-1.json.gz", "part-2.json"]),
        (["data/train-0.parquet", "dataset_infos.json"], ["data/train-0.parquet"]),
    ],
)
def test_which_files_of_a_folder_are_read(names, chosen):
    assert choose_files(names, "here") == (chosen or sorted(names))


QA = {"instruction": "q", "output": "a"}
TREE = {"prompt": {"text": "q", "role": "prompter", "replies": [{"text": "a", "role": "assistant"}]}}
AT_HOME = [
    (alpaca.source(), QA),
    (alpaca.source(cleaned=True), QA),
    (code_alpaca.source(), QA),
    (dolly.source(), {"instruction": "q", "response": "a"}),
    (flan.source(), {"inputs": "q", "targets": "a"}),
    (gsm8k.source(), {"question": "q", "answer": "a"}),
    (lima.source(), {"conversations": ["q", "a"]}),
    (longform.source(), {"input": "q", "output": "a"}),
    (oasst1.source(), TREE),
    (openorca.source(), {"id": "t0.1", "system_prompt": "", "question": "q", "response": "a"}),
    (p3.source(), {"inputs_pretokenized": "q", "targets_pretokenized": "a"}),
    (platypus.source(), QA),
    (stackexchange.source(lima_rules=False), {"question": "q", "answers": [{"text": "a", "pm_score": 1}]}),
    (superni.source(), {"task_name": "t", "definition": "q", "inputs": "", "targets": "a"}),
    (writingprompts.source(), {"prompt": "q", "story": "a"}),
]


def encoded(name, row):
    """The row as a file of this name would hold it."""
    if name.endswith(".parquet"):
        sink = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pylist([row]), sink)
        return sink.getvalue().to_pybytes()
    data = json.dumps([row] if ".jsonl" not in name else row).encode()
    return gzip.compress(data) if name.endswith(".gz") else data


@pytest.fixture
def from_hub(hub, tmp_path, monkeypatch):
    """Prepare a source, whose home is the fake hub."""

    def run(data_set, row, repo, names, **settings):
        hub.repo_id = repo
        hub.files = hub.served = {name: encoded(name, row) for name in names}
        hub.large = {name for name in names if name.endswith((".parquet", ".gz"))}
        hub.revisions += (data_set.home.revision,) if data_set.home else ()
        ours = functools.partial(fetch, cache_dir=tmp_path / "cache", endpoint=hub.endpoint)
        monkeypatch.setattr("lit_gpt.data.locate.fetch", ours)
        return prepare_examples(data_set, DataSettings(destination_path=tmp_path / "out", **settings))

    return run


@pytest.mark.parametrize(("source", "row"), AT_HOME, ids=[source.name for source, _ in AT_HOME])
def test_every_data_set_is_read_from_its_home(from_hub, source, row):
    names = source.home.files or ("data/train-00000-of-00001.jsonl",)
    directory = from_hub(source, row, source.home.repo_id, names)
    examples = list(read_examples(directory))
    assert [[m.content for m in example.messages] for example in examples] == [["q", "a"]] * len(names)
    assert {example.provenance.revision for example in examples} == {COMMIT}
    assert load_example_set(directory).settings["revisions"] == dict.fromkeys(names, COMMIT)


@pytest.mark.parametrize("how", [{"source": "any/rows@v1"}, {"source": "any/rows", "revision": "v1"}])
def test_any_data_set_of_the_hub_at_a_revision(from_hub, hub, how):
    directory = from_hub(user_file.source(), {"question": "q", "answer": "a"}, "any/rows", ["train.jsonl"], **how)
    assert [example.messages[1].content for example in read_examples(directory)] == ["a"]
    assert any(path.endswith("/any/rows/revision/v1") for path in hub.paths)


@pytest.mark.parametrize("how", [{"source": "any/rows@v1", "revision": "v1"}, {"source": "any/rows@"}])
def test_a_revision_in_two_places_or_in_none(from_hub, how):
    with pytest.raises(UserError):
        from_hub(user_file.source(), QA, "any/rows", ["train.jsonl"], **how)

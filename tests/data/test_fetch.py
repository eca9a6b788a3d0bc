"""Fetching from a hub of our own on the loopback interface: right bytes, wrong bytes, no bytes."""

import socket

import pytest

from lit_gpt import hub as hub_module
from lit_gpt.data.fetch import choose_files, fetch
from lit_gpt.data.source import Home
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

"""Downloading a model from a hub of our own on the loopback interface, with everything that goes wrong on real ones."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import lit_gpt
from lit_gpt import hub as hub_module
from lit_gpt.cli import exit_code_of
from lit_gpt.download import choose_model_files, download, read_source
from lit_gpt.errors import UserError
from lit_gpt.files import git_blob_sha1, sha256_of
from lit_gpt.hub import HubFile
from tests.fake_hub import COMMIT, FakeHub, serving

ROOT = Path(__file__).resolve().parents[1]
REPO = "org/tiny"
WEIGHTS = "model.safetensors"
CHUNK = 10 * 1024 * 1024
UNWANTED = {
    "modeling_evil.py": b"raise SystemExit",
    "tokenizer.py": b"raise SystemExit",
    "tokenizer_config.pkl": b"\x80\x04.",
    "pytorch_model.bin": b"\x80\x04.",
    "model.gguf": b"GGUF",
    "onnx/model.safetensors": b"{}",
    "../../escape.json": b"{}",
    "training_args.bin": b"\x80\x04.",
}


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Waits take no time, and are told."""
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    return waits


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """huggingface_hub writes what arrives in pieces of 10 MB: more than our files have."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 10_000)


@pytest.fixture
def hub(tiny_base: Path):
    names = ("config.json", "tokenizer.json", "tokenizer_config.json", WEIGHTS)
    files = {name: (tiny_base / name).read_bytes() for name in names}
    files |= {"README.md": b"---\nlicense: mit\n---\n# tiny\n", "LICENSE.txt": b"do what you like\n", **UNWANTED}
    with serving(FakeHub(REPO, files, large={WEIGHTS})) as fake:
        yield fake


def get(hub: FakeHub, tmp_path: Path, **options: object) -> Path:
    return download(REPO, tmp_path / "checkpoints" / REPO, endpoint=hub.endpoint, **options)


def test_what_arrives_is_a_checkpoint_and_nothing_else(hub: FakeHub, tmp_path: Path, tiny_base: Path) -> None:
    out_dir = get(hub, tmp_path, revision="v1")
    wanted = hub.files.keys() - UNWANTED.keys()
    assert {path.name for path in out_dir.iterdir()} == wanted | {"source.json"}
    assert all((out_dir / name).read_bytes() == hub.files[name] for name in wanted)
    assert [path.name for path in tmp_path.rglob("*") if path.is_dir()] == ["checkpoints", "org", "tiny"]
    ours, _ = lit_gpt.load(out_dir)
    theirs, _ = lit_gpt.load(tiny_base)
    assert (ours.transformer.wte.weight == theirs.transformer.wte.weight).all()


def test_everything_is_read_at_one_commit_and_the_commit_is_kept(hub: FakeHub, tmp_path: Path) -> None:
    out_dir = get(hub, tmp_path, revision="v1")
    assert hub.paths[0].endswith("/revision/v1")
    assert all(COMMIT in path for path in hub.paths[1:])
    record = read_source(out_dir)
    assert (record["repo_id"], record["revision"], record["commit"]) == (REPO, "v1", COMMIT)
    assert {name: file["sha256"] for name, file in record["files"].items()} == {
        name: sha256_of(out_dir / name) for name in hub.files.keys() - UNWANTED.keys()
    }


def test_a_second_time_fetches_nothing(hub: FakeHub, tmp_path: Path) -> None:
    out_dir = get(hub, tmp_path)
    before = (out_dir / "source.json").read_bytes()
    hub.seen.clear()
    assert get(hub, tmp_path) == out_dir
    assert not [path for path in hub.paths if "/resolve/" in path]
    assert (out_dir / "source.json").read_bytes() == before


def test_a_file_damaged_since_is_fetched_again(hub: FakeHub, tmp_path: Path) -> None:
    weights = get(hub, tmp_path) / WEIGHTS
    weights.write_bytes(b"x" * weights.stat().st_size)
    assert (get(hub, tmp_path) / WEIGHTS).read_bytes() == hub.files[WEIGHTS]


def test_a_new_commit_replaces_the_old_one(hub: FakeHub, tmp_path: Path) -> None:
    get(hub, tmp_path)
    hub.commit, hub.revisions = "d" * 40, ("main",)
    hub.served["README.md"] = hub.files["README.md"] = b"# tiny, again\n"
    out_dir = get(hub, tmp_path)
    assert (out_dir / "README.md").read_bytes() == b"# tiny, again\n"
    assert read_source(out_dir)["commit"] == "d" * 40


@pytest.mark.parametrize("name", [WEIGHTS, "config.json"], ids=["large file", "small file"])
def test_wrong_bytes_of_the_right_size_are_refused_and_deleted(hub: FakeHub, tmp_path: Path, name: str) -> None:
    honest = hub.files[name]
    hub.served[name] = honest[:-1] + bytes([honest[-1] ^ 1])
    with pytest.raises(UserError, match="another hash") as error:
        get(hub, tmp_path)
    assert name in error.value.got
    assert not (tmp_path / "checkpoints" / REPO).exists()
    assert not [path for path in tmp_path.rglob(f"{name}*") if path.is_file()]
    hub.served[name] = honest
    assert (get(hub, tmp_path) / name).read_bytes() == honest


@pytest.mark.parametrize("longer", [b"x", b"x" * 10_000_000], ids=["a byte", "much"])
def test_a_file_that_does_not_end_is_stopped(hub: FakeHub, tmp_path: Path, longer: bytes) -> None:
    hub.served[WEIGHTS] = hub.files[WEIGHTS] + longer
    with pytest.raises(UserError, match="another hash"):
        get(hub, tmp_path)
    assert sum(path.stat().st_size for path in tmp_path.rglob(f"{WEIGHTS}*")) <= len(hub.files[WEIGHTS])


REFUSALS = [
    (404, {"X-Error-Code": "RepoNotFound"}, "does not have or does not show", "check the name"),
    (401, {"X-Error-Code": "RepoNotFound"}, "does not have or does not show", "HF_TOKEN"),
    (401, {"X-Error-Code": "GatedRepo"}, "which is gated", "accept its terms"),
    (403, {"X-Error-Code": "GatedRepo"}, "which is gated", "accept its terms"),
    (403, {}, "the answer 403", "try later"),
    (404, {"X-Error-Code": "RevisionNotFound"}, "--revision main", "commits"),
    (429, {}, "the answer 429", "try later"),
    (500, {}, "the answer 500", "try later"),
    (503, {}, "the answer 503", "try later"),
]


@pytest.mark.parametrize(("status", "headers", "message", "remedy"), REFUSALS)
def test_a_refusal_says_what_to_do(
    hub: FakeHub,
    tmp_path: Path,
    no_waiting: list[float],
    status: int,
    headers: dict[str, str],
    message: str,
    remedy: str,
) -> None:
    hub.refusal = (status, headers, b"")
    with pytest.raises(UserError, match=message) as error:
        get(hub, tmp_path)
    assert remedy in error.value.do
    assert (len(no_waiting) >= 3) == (status in (429, 500, 503)), "what may pass is waited for, the rest is not"
    assert not (tmp_path / "checkpoints" / REPO).exists()


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_busy_hub_is_asked_again(hub: FakeHub, tmp_path: Path, no_waiting: list[float], status: int, capsys) -> None:
    hub.busy_at_first = [(status, {}, b"")]
    hub.busy = [(status, {}, b""), (status, {}, b"")]
    assert (get(hub, tmp_path) / WEIGHTS).read_bytes() == hub.files[WEIGHTS]
    assert len(no_waiting) >= 3
    assert f"the answer {status} from the hub; trying again" in capsys.readouterr().err


def test_the_hub_may_ask_for_patience(hub: FakeHub, tmp_path: Path, no_waiting: list[float]) -> None:
    hub.busy_at_first = [(429, {"Retry-After": "33"}, b"")]
    get(hub, tmp_path)
    assert 33.0 in no_waiting
    hub.busy_at_first = [(429, {"Retry-After": "86400"}, b"")]
    with pytest.raises(UserError, match="429"):
        get(hub, tmp_path)


@pytest.mark.parametrize("n_cuts", [1, 5])
def test_a_cut_connection_is_gone_on_with(hub: FakeHub, tmp_path: Path, n_cuts: int) -> None:
    hub.cut_at = [40_000] * n_cuts
    size = len(hub.files[WEIGHTS])
    assert size > 40_000 * (n_cuts + 1), "the file is large enough to be cut so often"
    assert (get(hub, tmp_path) / WEIGHTS).read_bytes() == hub.files[WEIGHTS]
    assert [found for found in hub.ranges(WEIGHTS) if found] == [f"bytes={40_000 * n}-" for n in range(1, n_cuts + 1)]


def test_a_silent_server_is_given_up_and_gone_on_with(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.2)
    hub.stalls = [0.0] * 5 + [30.0]  # silent in the middle of the last file, the largest
    started = time.monotonic()
    assert (get(hub, tmp_path) / WEIGHTS).read_bytes() == hub.files[WEIGHTS]
    assert time.monotonic() - started < 10
    assert any(hub.ranges(WEIGHTS)), "what had come was kept"


@pytest.mark.parametrize("ignores_range", [False, True], ids=["range", "no range"])
def test_an_interrupted_download_is_gone_on_with(hub: FakeHub, tmp_path: Path, ignores_range: bool) -> None:
    hub.cut_at = [30_000] + [0] * 100  # then nothing more, until we give up
    with pytest.raises(UserError, match="no answer from the hub"):
        get(hub, tmp_path)
    assert not (tmp_path / "checkpoints" / REPO).exists(), "no half checkpoint under its name"
    hub.cut_at, hub.ignores_range = [], ignores_range
    hub.seen.clear()
    assert (get(hub, tmp_path) / WEIGHTS).read_bytes() == hub.files[WEIGHTS]
    assert hub.ranges(WEIGHTS) == ["bytes=30000-"]
    assert not hub.ranges("config.json"), "a file that was whole is not fetched again"


def test_rest_of_a_file_of_another_commit_is_thrown_away(hub: FakeHub, tmp_path: Path) -> None:
    hub.cut_at = [30_000] + [0] * 100
    with pytest.raises(UserError):
        get(hub, tmp_path)
    hub.cut_at, hub.commit, hub.revisions = [], "d" * 40, ("main",)
    hub.files[WEIGHTS] = hub.served[WEIGHTS] = bytes(reversed(hub.files[WEIGHTS]))
    assert (get(hub, tmp_path) / WEIGHTS).read_bytes() == hub.files[WEIGHTS]


@pytest.mark.slow
def test_cut_at_a_hundred_places(hub: FakeHub, tmp_path: Path) -> None:
    size = len(hub.files[WEIGHTS])
    for number in range(100):
        hub.cut_at = [1 + number * (size - 2) // 99]
        out_dir = get(hub, tmp_path / str(number))
        assert (out_dir / WEIGHTS).read_bytes() == hub.files[WEIGHTS]
        shutil.rmtree(out_dir)


def test_no_room_is_found_out_before_anything_is_fetched(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1_000))
    assert exit_code_of(lambda: get(hub, tmp_path)) == 4
    assert "needed" in capsys.readouterr().err
    assert not [path for path in hub.paths if "/resolve/" in path]


def test_no_hub_at_all_says_so_at_once(tmp_path: Path, no_waiting: list[float]) -> None:
    with pytest.raises(UserError, match="no answer from the hub") as error:
        download(REPO, tmp_path / "x", endpoint="http://127.0.0.1:9")
    assert "put a copy of your own" in error.value.do
    assert not no_waiting


@pytest.mark.parametrize("name", ["tiny", "../x/y", "a/b/c", "org/", "/tiny", "org/.hidden", "https://x.y/z"])
def test_a_name_that_is_none(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="--repo_id"):
        download(name, tmp_path / "x")


def test_somebody_elses_directory_is_left_alone(hub: FakeHub, tmp_path: Path) -> None:
    out_dir = tmp_path / "checkpoints" / REPO
    out_dir.mkdir(parents=True)
    (out_dir / "novel.txt").write_text("chapter one")
    with pytest.raises(UserError, match="holds something else"):
        get(hub, tmp_path)
    (out_dir / "novel.txt").rename(tmp_path / "novel.txt")
    get(hub, tmp_path)
    (tmp_path / "novel.txt").rename(out_dir / "novel.txt")
    with pytest.raises(UserError, match="holds something else"):
        get(hub, tmp_path)


def listed(*names: str) -> list[HubFile]:
    return [HubFile(name, len(name), "0" * 40, None) for name in names]


@pytest.mark.parametrize(
    ("names", "weights"),
    [
        (["model.safetensors", "pytorch_model.bin"], {"model.safetensors"}),
        (["pytorch_model.bin", "optimizer.pt"], {"pytorch_model.bin"}),
        (
            ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"],
            {"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"},
        ),
        (
            ["pytorch_model-00001-of-00001.bin", "pytorch_model.bin.index.json", "model-00001-of-00009.bin"],
            {"pytorch_model-00001-of-00001.bin", "pytorch_model.bin.index.json"},
        ),
        (["model.safetensors", "model.fp16.safetensors", "model-00001-of-00002.safetensors"], {"model.safetensors"}),
    ],
)
def test_which_weights_are_chosen(names: list[str], weights: set[str]) -> None:
    chosen = choose_model_files(listed("config.json", *names), REPO)
    assert {file.path for file in chosen} == weights | {"config.json"}


@pytest.mark.parametrize("names", [["model.safetensors"], ["config.json"], ["config.json", "model.gguf"], []])
def test_a_repository_without_a_model(names: list[str]) -> None:
    with pytest.raises(UserError, match=REPO):
        choose_model_files(listed(*names), REPO)


def test_the_token_goes_to_the_hub_alone_and_is_never_shown(hub: FakeHub, tmp_path: Path, capsys) -> None:
    with serving(FakeHub(REPO, dict(hub.files), large={WEIGHTS})) as store:
        hub.elsewhere = store.endpoint.replace("127.0.0.1", "localhost")
        out_dir = get(hub, tmp_path, token="hf_canary")
        assert all(headers.get("authorization") == "Bearer hf_canary" for _, headers in hub.seen)
        assert store.seen and not [headers for _, headers in store.seen if "authorization" in headers]
    assert not [path for path in out_dir.iterdir() if b"canary" in path.read_bytes()]
    hub.refusal = (403, {"X-Error-Code": "GatedRepo"}, b"")
    with pytest.raises(UserError) as error:
        get(hub, tmp_path / "again", token="hf_canary")
    assert "canary" not in str(error.value) + "".join(capsys.readouterr())


def run(hub: FakeHub, cwd: Path, *words: str, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(ROOT / "scripts/download.py"), "--repo_id", REPO, *words]
    variables = {**os.environ, "HF_ENDPOINT": hub.endpoint, "HF_HOME": str(cwd / "hf"), **environment}
    return subprocess.Popen(command, cwd=cwd, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_the_command_killed_and_run_again(hub: FakeHub, tmp_path: Path) -> None:
    hub.files[WEIGHTS] = hub.served[WEIGHTS] = os.urandom(3 * CHUNK)
    hub.stalls = [0.0] * 5 + [60.0]  # silent in the middle of the last file, the largest
    first = run(hub, tmp_path, HF_TOKEN="hf_canary")
    partial = tmp_path / "checkpoints/org/.download-tiny" / f"{WEIGHTS}.partial"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and first.poll() is None:
        if not hub.stalls and partial.is_file() and partial.stat().st_size:  # the hub has fallen silent
            break
        hub.gone.wait(0.05)
    assert first.poll() is None, first.communicate()
    first.send_signal(signal.SIGKILL)
    first.wait()
    n_there = partial.stat().st_size  # a kill may come in the midst of writing a chunk
    assert 0 < n_there <= CHUNK and not (tmp_path / "checkpoints/org/tiny").exists()
    hub.seen.clear()
    second = run(hub, tmp_path, HF_TOKEN="hf_canary")
    out, err = second.communicate(timeout=60)
    assert second.returncode == 0, err
    assert out.splitlines()[-1] == "checkpoints/org/tiny"
    assert (tmp_path / out.strip() / WEIGHTS).read_bytes() == hub.files[WEIGHTS]
    assert hub.ranges(WEIGHTS) == [f"bytes={n_there}-"]
    assert "canary" not in out + err
    assert all(headers.get("authorization") == "Bearer hf_canary" for path, headers in hub.seen if REPO in path)


def test_gits_own_hash(tmp_path: Path) -> None:
    # `echo 'test content' | git hash-object --stdin`, from the git book
    (tmp_path / "x").write_text("test content\n")
    assert git_blob_sha1(tmp_path / "x") == "d670460b4b4aece5915caf5c68d12f560a9fe3e4"


def test_waits_grow() -> None:
    assert list(hub_module.WAITS_S) == sorted(hub_module.WAITS_S) and hub_module.WAITS_S[0] >= 1

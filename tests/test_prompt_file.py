"""Prompts from a file: every line has its answer or its reason, in any batch, after any interruption."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lit_gpt import prompt_file
from lit_gpt.answer_settings import GREEDY, Sampling
from lit_gpt.errors import UserError
from lit_gpt.generation import generate_ids, new_text
from lit_gpt.loading import load
from lit_gpt.prompt_file import Answerer, answer_file
from lit_gpt.prompts import TEXT_STYLES
from lit_gpt.tokens.encode import stop_ids

ROWS = [
    {"instruction": "Name a fruit."},
    {"instruction": "Sort these.", "input": "3 1 2"},
    {
        "messages": [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Ho"},
            {"role": "user", "content": "?"},
        ]
    },
    {"instruction": "What is the first letter of lantern, and what is the last one of it?"},
    {"instruction": "Why?"},
]


@pytest.fixture(scope="module")
def answerer(tiny_base: Path) -> Answerer:
    return Answerer(*load(tiny_base), TEXT_STYLES["chat"], GREEDY, max_new_tokens=12)


def written(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "prompts.jsonl"
    path.write_text("\n".join([*map(json.dumps, ROWS), *lines]) + "\n")
    return path


def answered(answerer: Answerer, path: Path, out: Path) -> list[dict]:
    answer_file(answerer, path, out, made_from={})
    return [json.loads(line) for line in out.read_text().splitlines()]


@pytest.mark.parametrize("sampling", [GREEDY, Sampling(1.5, top_k=50)], ids=["greedy", "drawn"])
def test_answers_do_not_depend_on_the_batch(answerer: Answerer, tmp_path: Path, sampling: Sampling) -> None:
    several = replace(answerer, sampling=sampling, num_samples=3)
    path = written(tmp_path)
    alone, together = (answered(replace(several, batch_size=size), path, tmp_path / f"{size}.jsonl") for size in (1, 7))
    assert alone == together
    assert [record["line"] for record in alone] == [1, 2, 3, 4, 5]
    assert all(len(record["answers"]) == len(record["is_cut"]) == 3 for record in alone)
    assert all((len(set(record["answers"])) == 1) == (sampling == GREEDY) for record in alone)


def test_answers_are_those_of_one_prompt_at_a_time(answerer: Answerer, tmp_path: Path) -> None:
    drawn = replace(answerer, sampling=Sampling(1.0, top_p=0.9))
    records = answered(drawn, written(tmp_path), tmp_path / "out.jsonl")
    prompts, _ = prompt_file._read(drawn, tmp_path / "prompts.jsonl")
    for record in records:
        prompt = prompts[record["line"]]
        ids = generate_ids(
            drawn.model,
            prompt,
            12,
            sampling=drawn.sampling,
            stop_ids=stop_ids(drawn.tokenizer, drawn.style),
            seed=drawn.seeds_of(record["line"])[0],
        )
        assert record["answers"] == [new_text(drawn.tokenizer, prompt, list(ids))]


def test_a_stop_string_ends_answers_and_the_work(answerer: Answerer, tmp_path: Path) -> None:
    path = written(tmp_path)
    free = answered(answerer, path, tmp_path / "free.jsonl")
    stop = free[0]["answers"][0][3:5]
    stopped = answered(replace(answerer, stops=(stop,)), path, tmp_path / "stopped.jsonl")
    assert [record["answers"] for record in stopped] == [[r["answers"][0].split(stop)[0]] for r in free]
    assert stopped[0]["is_cut"] == [False] and free[0]["is_cut"] == [True]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{cut off", "Expecting"),
        ("[1, 2]", "no JSON object"),
        ('{"prompt": "x"}', "neither messages nor an instruction"),
        ('{"instruction": ""}', "neither"),
        ('{"instruction": "x", "input": 3}', "neither"),
        ('{"messages": []}', "ending with the user's"),
        ('{"messages": [{"role": "assistant", "content": "x"}]}', "ending with the user's"),
        ('{"messages": [{"role": "robot", "content": "x"}]}', "role"),
        (json.dumps({"instruction": "long " * 400}), "tokens"),
        ("[" * 100_000, ""),
    ],
)
def test_a_line_that_cannot_be_asked_has_its_reason(
    answerer: Answerer, tmp_path: Path, line: str, reason: str, capsys
) -> None:
    records = answered(answerer, written(tmp_path, "", line), tmp_path / "out.jsonl")
    assert [record["line"] for record in records] == [1, 2, 3, 4, 5, 7]
    assert reason in records[-1]["reason"] and line.startswith(records[-1]["text"][:50])
    assert "line 7 cannot be asked" in capsys.readouterr().err


def test_an_interrupted_file_is_gone_on_with(answerer: Answerer, tmp_path: Path, monkeypatch) -> None:
    path, out = written(tmp_path), tmp_path / "out.jsonl"
    expected = answered(answerer, path, tmp_path / "expected.jsonl")
    honest = prompt_file._answer

    def broken(answerer, prompts):
        for number, found in enumerate(honest(answerer, prompts)):
            if number == 2:
                raise KeyboardInterrupt
            yield found

    monkeypatch.setattr(prompt_file, "_answer", broken)
    with pytest.raises(KeyboardInterrupt):
        answered(answerer, path, out)
    assert not out.exists()
    partial = tmp_path / "out.jsonl.partial"
    partial.write_text(partial.read_text() + '{"line": 9, "cut')
    asked = []
    monkeypatch.setattr(prompt_file, "_answer", lambda a, prompts: asked.extend(prompts) or honest(a, prompts))
    assert answered(answerer, path, out) == expected
    assert len(asked) == 3 and not partial.exists()


def test_what_other_settings_left_is_not_gone_on_with(answerer: Answerer, tmp_path: Path, capsys) -> None:
    path, out = written(tmp_path), tmp_path / "out.jsonl"
    (tmp_path / "out.jsonl.partial").write_text("another head\n" + '{"line": 1, "answers": ["x"], "is_cut": [false]}\n')
    assert answered(answerer, path, out)[0]["answers"] != ["x"]
    assert "starts over" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "\n\n", "{cut"])
def test_a_file_without_prompts(answerer: Answerer, tmp_path: Path, text: str) -> None:
    (tmp_path / "prompts.jsonl").write_text(text)
    with pytest.raises(UserError, match="without a prompt"):
        answer_file(answerer, tmp_path / "prompts.jsonl", None, made_from={})
    with pytest.raises(UserError, match="no file"):
        answer_file(answerer, tmp_path / "nowhere.jsonl", None, made_from={})

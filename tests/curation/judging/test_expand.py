"""Writers: what a model wrote says so, what it did not write is accounted for, and the rules are asked first."""

import json
import re
import runpy
from pathlib import Path

import pytest

from lit_gpt.cli import CommandLine, parse
from lit_gpt.curation.judging.judge import DryRun
from lit_gpt.curation.writing.expand import expand_set
from lit_gpt.curation.writing.rewriting import RULES
from lit_gpt.curation.writing.settings import ExpandSettings
from lit_gpt.data.licences import judge as verdict_of
from lit_gpt.data.licences import n_rewritings
from lit_gpt.data.prepare import prepare_examples
from lit_gpt.data.settings import DataSettings
from lit_gpt.data.sources import dolly, self_instruct, user_file
from lit_gpt.data.store import read_examples
from lit_gpt.errors import UserError
from lit_gpt.manifest import read_manifest
from tests.curation.judging.judges import settings
from tests.stub_server import Stub, serving

ROOT = Path(__file__).resolve().parents[3]
REQUEST = re.compile(r"\[([0-9a-f]{16}) (?:request|text|requests)\]\n(.*)\n\[\1 end\]\Z", re.DOTALL)


@pytest.fixture
def human_set(tmp_path: Path) -> Path:
    """Six rows that people wrote, as Dolly's."""
    rows = [
        {"instruction": f"What is the {n}th letter?", "context": "", "response": chr(96 + n) * 3, "category": "open_qa"}
        for n in range(1, 7)
    ]
    (tmp_path / "dolly.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = DataSettings(source=str(tmp_path / "dolly.jsonl"), destination_path=tmp_path / "dolly", val_split_fraction=0)
    return prepare_examples(dolly.source(), data)


def writer(prompt: str) -> str:
    """Rewrites by adding a word; does not answer the second letter's request, and copies the third's."""
    if "`Verdict: `" in prompt:
        return "Verdict: different\nIt asks why, too."
    found = REQUEST.search(prompt)
    if found is None:
        return "" if "2th letter" in prompt else f"An answer to: {prompt.strip()}"
    return found[2] if "3th letter" in prompt else f"{found[2]} And why?"


def ledger(out_dir: Path) -> dict[str, str]:
    return {
        line["id"]: line["reason"] for line in map(json.loads, (out_dir / "rejects.jsonl").read_text().splitlines())
    }


@pytest.mark.parametrize("method", ["lift", "evol"])
def test_rewriting(human_set: Path, method: str) -> None:
    with serving(Stub(writer)) as stub:
        out = expand_set(ExpandSettings(data_dir=human_set, method=method, rounds=2), settings(stub))  # type: ignore[arg-type]
    rows = list(read_examples(out))
    old, new = rows[:6], rows[6:]
    assert [row.provenance.origin for row in old] == ["human"] * 6 and len(new) == 4 + 4
    for row in new:
        n = n_rewritings(row.provenance)
        assert row.provenance.origin == "llm" and row.provenance.generator == "test/judge"
        assert row.provenance.transformed_by == ("rewritten-by:test/judge",) * n
        assert row.id.endswith(f"/{method}-{n}") and row.id.count(method) == n
        assert row.messages[0].content.endswith(" And why?" * n) and row.provenance.licence == "CC-BY-SA-3.0"
        assert row.messages[1].content == f"An answer to: {row.messages[0].content}"
        assert verdict_of(row).verdict == "llm-restricted" and row.category == "open_qa"
    assert {n_rewritings(row.provenance) for row in new} == {1, 2}
    times = 2 if method == "evol" else 1  # what failed is tried again, or ends
    assert sorted(ledger(out).values()) == ["copied"] * times + ["judge_unreadable"] * times
    manifest = read_manifest(out, "example_set")
    assert (
        manifest.counts["read"] == 14 + 2 * times == manifest.counts["used"] + sum(manifest.counts["dropped"].values())
    )
    assert manifest.verdicts["train"] == {"human": {"dolly": 6}, "llm-restricted": {"dolly": 8}}


def test_dialogues_are_left_as_they_are(tmp_path: Path) -> None:
    turns = [{"role": role, "content": f"{role} {n}"} for n in range(2) for role in ("user", "assistant")]
    (tmp_path / "chat.jsonl").write_text(
        json.dumps({"messages": turns}) + "\n" + json.dumps({"messages": turns[:2]}) + "\n"
    )
    data = DataSettings(source=str(tmp_path / "chat.jsonl"), destination_path=tmp_path / "chat", val_split_fraction=0)
    data_dir = prepare_examples(user_file.source(), data)
    with serving(Stub(writer)) as stub:
        out = expand_set(ExpandSettings(data_dir=data_dir, method="lift", rounds=1), settings(stub))
    assert list(ledger(out).values()) == ["several_turns"] and len(list(read_examples(out))) == 3


def test_rules_are_drawn_from_the_whole_list(human_set: Path) -> None:
    with serving(Stub(writer)) as stub:
        for name in ("nlu", "code"):
            folder = human_set.with_name(name)
            expand_set(ExpandSettings(data_dir=human_set, method="lift", setting=name, out_dir=folder), settings(stub))  # type: ignore[arg-type]
    sent = "\n".join(body["messages"][0]["content"] for body in stub.bodies)
    assert (
        sum(rule in sent for rule in RULES["lift-nlu"]) >= 3 and sum(rule in sent for rule in RULES["lift-code"]) >= 3
    )


def test_backtranslation(human_set: Path) -> None:
    with serving(Stub(lambda prompt: f"Which letters are {REQUEST.search(prompt)[2]}?")) as stub:  # type: ignore[index]
        out = expand_set(ExpandSettings(data_dir=human_set, method="humpback", n_rows=4), settings(stub))
    rows = list(read_examples(out))
    assert len(rows) == 4 and [row.provenance.row for row in rows] == sorted(row.provenance.row for row in rows)
    for row in rows:
        answer = row.messages[1].content
        assert answer in {chr(96 + n) * 3 for n in range(1, 7)}, "the text is the person's"
        assert row.messages[0].content == f"Which letters are {answer}?"
        assert (row.provenance.origin, row.provenance.generator) == ("llm", "test/judge"), "prompts count"


def seeds(folder: Path, shared: Path) -> Path:
    data = DataSettings(
        source=str(shared / "data/instructions/self_instruct/seed_tasks.jsonl.gz"),
        destination_path=folder / "seeds",
        val_split_fraction=0,
    )
    return prepare_examples(self_instruct.source(), data)


def inventor(prompt: str) -> str:
    """New instructions, among them one of each kind that the rules object to; instances in the form asked for."""
    found = REQUEST.search(prompt)
    assert found is not None
    if "Write eight more" in prompt:
        n = sum(map(ord, found[2]))
        fresh = f"Tell of thing{n} with colour{n % 7} in manner{n % 11} today please"
        listed = re.findall(r"^\d\. (.*)$", found[2], re.MULTILINE)
        return f"1. {fresh}\n2. Draw a cat on the table\n3. {listed[0]}\n4. Write a program for me now\n5. too short"
    if "yes or no" in prompt:
        return "Yes." if "colour3" in prompt else "no"
    if "Choose the answer first" in prompt:
        return "Output: blue\nInput: the sky"
    return "Input: none\nOutput: " + ("" if "colour4" in prompt else "A thing.")


def test_bootstrapping_from_the_seeds(tmp_path: Path, shared: Path) -> None:
    data_dir = seeds(tmp_path, shared)
    with serving(Stub(inventor)) as stub:
        out = expand_set(
            ExpandSettings(data_dir=data_dir, method="self-instruct", n_rows=12, originals=False), settings(stub)
        )
    rows = list(read_examples(out))
    assert rows and all(row.provenance.origin == "llm" and row.provenance.generator == "test/judge" for row in rows)
    assert len({row.messages[0].content for row in rows}) == len(rows)
    with_classes = [row for row in rows if "colour3" in row.messages[0].content]
    assert all(row.messages[0].input == "the sky" and row.messages[1].content == "blue" for row in with_classes)
    reasons = set(ledger(out).values())
    assert {"asks_for_unseen", "instruction_not_new", "write_a_program", "instruction_too_short"} <= reasons
    asked = [body["messages"][0]["content"] for body in stub.bodies]
    shown = [re.findall(r"^\d\. ", p, re.MULTILINE) for p in asked if "Write eight more" in p]
    assert all(len(each) == 8 for each in shown)
    counts = read_manifest(out, "example_set").counts
    assert counts["read"] == counts["used"] + sum(counts["dropped"].values()) and len(rows) <= 12


def test_the_order_of_replies_decides_nothing(human_set: Path, tmp_path: Path) -> None:
    with serving(Stub(writer)) as stub:
        calm = expand_set(ExpandSettings(data_dir=human_set, method="lift"), settings(stub, judge_concurrency=1))
        hashes = read_manifest(calm, "example_set").counts["rows_sha256"]
        (human_set / "scores" / "replies" / "replies.sqlite").unlink()
    with serving(Stub(writer, fault_share=0.3)) as stub:
        rough = settings(stub, judge_timeout_s=1.5, judge_tries=15)
        out = expand_set(ExpandSettings(data_dir=human_set, method="lift", out_dir=tmp_path / "rough"), rough)
    assert read_manifest(out, "example_set").counts["rows_sha256"] == hashes


@pytest.mark.parametrize(
    ("generator", "licence", "mode", "base", "clause"),
    [
        ("gpt-4o", "", "official", "mistralai/Mistral-7B-v0.1", "no-chatgpt"),
        ("meta-llama/Llama-2-7b-chat-hf", "llama2", "official", "mistralai/Mistral-7B-v0.1", "same-family-only"),
        ("meta-llama/Llama-2-7b-chat-hf", "", "official", "meta-llama/Llama-2-7b-hf", "same-family-only"),
        ("mistralai/Mistral-7B-v0.1", "", "strict", "mistralai/Mistral-7B-v0.1", "people-only"),
        ("somebody/model", "", "official", "mistralai/Mistral-7B-v0.1", "approved-models-only"),
        ("facebook/opt-1.3b", "", "official", "mistralai/Mistral-7B-v0.1", "no-llm-text"),
    ],
)
def test_the_rules_are_asked_before_anybody_writes(
    human_set: Path, generator: str, licence: str, mode: str, base: str, clause: str
) -> None:
    with serving(Stub(writer)) as stub, pytest.raises(UserError) as error:
        asked = ExpandSettings(data_dir=human_set, method="lift", licence=licence, challenge=mode, base=base)  # type: ignore[arg-type]
        expand_set(asked, settings(stub, judge_model=generator))
    assert f"clause {clause}:" in error.value.expected and "2023-" in error.value.expected and not stub.bodies


@pytest.mark.parametrize(
    ("generator", "licence", "base"),
    [
        ("mistralai/Mistral-7B-v0.1", "", "meta-llama/Llama-2-7b-hf"),
        ("meta-llama/Llama-2-7b-chat-hf", "llama2", "meta-llama/Llama-2-13b-hf"),
    ],
)
def test_who_may_write(human_set: Path, generator: str, licence: str, base: str) -> None:
    with serving(Stub(writer)) as stub:
        asked = ExpandSettings(data_dir=human_set, method="lift", licence=licence, challenge="official", base=base)
        out = expand_set(asked, settings(stub, judge_model=generator))
    assert verdict_of(list(read_examples(out))[-1]).verdict == "llm-permitted"


def test_a_base_that_is_not_on_the_list(human_set: Path) -> None:
    asked = ExpandSettings(data_dir=human_set, method="lift", challenge="official", base="Qwen/Qwen2.5-7B")
    with serving(Stub(writer)) as stub, pytest.raises(UserError, match="the base model Qwen"):
        expand_set(asked, settings(stub, judge_model="mistralai/Mistral-7B-v0.1"))


def test_a_dry_run(human_set: Path) -> None:
    with serving(Stub(writer)) as stub, pytest.raises(DryRun) as plan:
        asked = settings(stub, dry_run=True, price_in=1.0, price_out=1.0)
        expand_set(ExpandSettings(data_dir=human_set, method="lift"), asked)
    assert "6 calls to send" in str(plan.value) and "then up to 30 more" in str(plan.value)
    with pytest.raises(DryRun, match="then up to 66 more"):
        expand_set(ExpandSettings(data_dir=human_set, method="evol"), settings(stub, dry_run=True))
    with pytest.raises(DryRun) as plan:
        expand_set(ExpandSettings(data_dir=human_set, method="humpback"), settings(stub, dry_run=True))
    assert "then up to" not in str(plan.value), "one call for each text"
    with pytest.raises(DryRun, match=r"8 calls to send[^$]*then up to 832 more"):
        asked_for = ExpandSettings(data_dir=human_set, method="self-instruct", n_rows=20)
        expand_set(asked_for, settings(stub, dry_run=True))
    assert not stub.bodies and not human_set.with_name("dolly-lift").exists()


def test_a_model_that_writes_nothing_of_use(human_set: Path) -> None:
    with serving(Stub(lambda prompt: "")) as stub, pytest.raises(UserError, match="judge_unreadable 24"):
        expand_set(ExpandSettings(data_dir=human_set, method="evol"), settings(stub))


def test_what_is_there_is_not_overwritten(human_set: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("mine")
    for folder in (human_set, tmp_path / "mine"):
        with serving(Stub(writer)) as stub, pytest.raises(UserError):
            expand_set(ExpandSettings(data_dir=human_set, method="lift", out_dir=folder), settings(stub))


@pytest.mark.parametrize("path", sorted((ROOT / "configs" / "expand").glob("*.yaml")), ids=lambda path: path.stem)
def test_configs_parse(path: Path) -> None:
    line = CommandLine(runpy.run_path(str(ROOT / "scripts" / "expand.py"))["main"], summary="expand")
    asked = parse(line, ["--config", str(path), "--data_dir", "data/x"])["settings"]
    assert asked.method in path.stem and asked.n_rounds >= 1
    assert asked.keeps_originals == (asked.method in ("lift", "evol"))

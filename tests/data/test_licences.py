"""A verdict for every row: what it says of itself, and what is known of its source; the worse one counts."""

import importlib
from pkgutil import iter_modules

import pytest

from lit_gpt.approved import approved_list, base_verdict
from lit_gpt.cards import load_cards
from lit_gpt.data import sources
from lit_gpt.data.gate import Challenge
from lit_gpt.data.licences import VERDICTS, dataset_rule, judge, rules
from lit_gpt.example import Example, Message, Provenance

DIALOGUE = (Message("user", "Say hi"), Message("assistant", "hi"))


def row(source="mine", origin="human", generator="", licence="CC0-1.0", changed=(), category="", also=(), revision="r"):
    provenance = Provenance(source, revision, 0, licence, origin, generator, tuple(changed))
    return Example("mine-000000", DIALOGUE, provenance, category, also_from=tuple(also))


@pytest.mark.parametrize(
    ("example", "verdict", "clause"),
    [
        (row(), "human", "open-data"),
        (row(origin="program"), "program", "open-data"),
        (row(origin="unknown"), "unknown", "unknown-origin"),
        (row(origin="llm"), "unknown", "unknown-origin"),
        (row(origin="mixed"), "unknown", "unknown-origin"),
        (row(origin="llm", generator="gpt-4-0613"), "llm-restricted", "no-chatgpt"),
        (row(origin="llm", generator="text-davinci-003"), "llm-restricted", "no-llm-text"),
        (row(origin="llm", generator="claude-2"), "llm-restricted", "approved-models-only"),
        (row(origin="llm", generator="mistralai/Mistral-7B-Instruct-v0.1"), "llm-restricted", "approved-models-only"),
        (row(origin="llm", generator="mistralai/Mistral-7B-v0.1"), "llm-permitted", "any-family"),
        (row(origin="llm", generator="tiiuae/falcon-180B"), "llm-restricted", "no-llm-text"),
        (row(origin="llm", generator="facebook/opt-13b"), "llm-restricted", "no-llm-text"),
        (row(origin="llm", generator="internlm/internlm-chat-7b"), "llm-permitted", "any-family"),
        (
            row(origin="llm", generator="meta-llama/Llama-2-70b-hf", licence="llama2"),
            "llm-permitted",
            "same-family-only",
        ),
        (row(origin="llm", generator="meta-llama/Llama-2-70b-hf", licence="MIT"), "llm-restricted", "same-family-only"),
        # a row that calls itself human and names a model; a person's answer to a model's prompt
        (row(generator="gpt-3.5-turbo"), "llm-restricted", "no-chatgpt"),
        (row(origin="mixed", generator="text-davinci-003"), "llm-restricted", "no-llm-text"),
        # what was done to it since
        (row(changed=["rewritten-by:gpt-4"]), "llm-restricted", "no-chatgpt"),
        (row(changed=["scored-by:gpt-4"]), "human", "open-data"),
        (row(changed=["polished"]), "unknown", "unknown-origin"),
        # the source is known by name, whatever the row says
        (row("Alpaca"), "llm-restricted", "no-llm-text"),
        (row("WizardLMTeam/WizardLM_evol_instruct_70k"), "llm-restricted", "no-chatgpt"),
        (row("oig"), "unknown", "unknown-origin"),
        (row("lima", origin="unknown"), "unknown", "unknown-origin"),
        (row("gair/LIMA"), "human", "named-example"),
        (row("csv", revision="stingning/ultrachat@0123abc"), "llm-restricted", "no-chatgpt"),
        (row("open-platypus", category="leetcode_ne"), "llm-restricted", "no-chatgpt"),
        (row("open-platypus", category="airoboros"), "llm-restricted", "no-chatgpt"),
        (row("open-platypus", category="scienceqa"), "human", "open-data"),
        (row("longform", origin="mixed", generator="text-davinci-003"), "llm-restricted", "no-llm-text"),
        # the same words from elsewhere
        (row("lima", also=[row("alpaca").provenance]), "llm-restricted", "no-llm-text"),
        (row("lima", also=[row("dolly").provenance]), "human", "named-example"),
    ],
    ids=str,
)
def test_verdicts(example, verdict, clause):
    found = judge(example)
    assert (found.verdict, found.clause) == (verdict, clause), found.why


def test_scores_are_told_apart_from_text():
    assert judge(row(changed=["scored-by:gpt-4"])).scored_by == ("gpt-4",)


@pytest.mark.parametrize(
    ("example", "base", "allow", "official", "strict"),
    [
        (row(), None, False, True, True),
        (row(origin="program"), None, False, True, False),
        (row(origin="unknown"), None, True, False, False),
        (row(origin="llm", generator="internlm/internlm-7b"), "mistralai/Mistral-7B-v0.1", False, True, False),
        (row(origin="llm", generator="llama-2-70b", licence="llama2"), "meta-llama/Llama-2-7b-hf", False, True, False),
        (
            row(origin="llm", generator="llama-2-70b", licence="llama2"),
            "mistralai/Mistral-7B-v0.1",
            False,
            False,
            False,
        ),
        (row(origin="llm", generator="llama-2-70b", licence="llama2"), None, False, False, False),
        (row(origin="llm", generator="Qwen/Qwen-14B"), "Qwen/Qwen-7B", False, True, False),
        (row(origin="llm", generator="Qwen/Qwen-14B"), "meta-llama/Llama-2-7b-hf", False, False, False),
        (row(origin="llm", generator="gpt-4"), "mistralai/Mistral-7B-v0.1", True, False, False),
        (row(changed=["scored-by:gpt-4"]), None, False, False, False),
        (row(changed=["scored-by:gpt-4"]), None, True, True, True),
    ],
)
def test_the_gate(example, base, allow, official, strict):
    found = judge(example)
    assert (Challenge("official", base, allow).refusal(found) is None) == official
    assert (Challenge("strict", base, allow).refusal(found) is None) == strict


NAMED = """unnatural-instructions evol-instruct wizardlm gpt4-llm vicuna sharegpt guanaco baize ultrachat oig xp3
unifiedqa instructwild logicot coig alpaca alpaca-cleaned code-alpaca openorca open-platypus lima dolly oasst1 super-ni
natural-instructions p3 flan longform gsm8k self-instruct stackexchange wikihow writingprompts""".split()


@pytest.mark.parametrize("name", NAMED)
def test_the_field_is_known_by_name(name):
    assert dataset_rule(name) is not None


def test_the_rules_file_is_whole():
    names = [name.lower().replace("_", "-") for rule in rules()["datasets"] for name in rule["names"]]
    spelt_otherwise = {name for name in names if names.count(name) > 1}
    for name in spelt_otherwise:  # only within one rule
        assert sum(name in [n.lower().replace("_", "-") for n in rule["names"]] for rule in rules()["datasets"]) == 1
    for rule in rules()["datasets"]:
        assert rule["clause"] in rules()["clauses"], rule
        assert rule["source"].startswith("https://") and len(rule["date"]) == 10, rule
        assert rule["verdict"] in (*VERDICTS, "by-row")
        if rule["verdict"] in ("human", "program"):
            assert rule["prompts"] == rule["answers"] == rule["verdict"], rule
        if rule["verdict"] == "llm-restricted":
            assert "llm" in (rule["prompts"], rule["answers"]), rule
    for clause in rules()["clauses"].values():
        assert clause.keys() == {"says", "source", "date"}
    families = {family["family"] for family in approved_list()["families"]}
    assert set(rules()["permissive_families"]) <= families
    assert {rule["only_for"] for rule in rules()["generators"] if "only_for" in rule} <= families


def our_sources():
    modules = [importlib.import_module(f"{sources.__name__}.{each.name}") for each in iter_modules(sources.__path__)]
    return [module.source() for module in modules]


@pytest.mark.parametrize("source", our_sources(), ids=lambda source: source.name)
def test_our_sources_agree_with_the_rules(source):
    """The rules and a source's own statement are written apart and say the same of who wrote the answers."""
    if source.name == "csv":
        return  # nobody knows a user's file by its name
    rule = dataset_rule(source.name)
    assert rule is not None, "the gate should know every source of ours: lit_gpt/data/licence_rules.yaml"
    if rule["verdict"] != "by-row":
        assert rule["answers"] == source.origin
    if source.generator:
        assert rule.get("generator") == source.generator


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("mistralai/Mistral-7B-v0.1", "Mistral"),
        ("meta-llama/llama-2-7b-HF", "Llama 2"),
        ("EleutherAI/pythia-70m", "GPT-Neo, GPT-J, GPT-NeoX, Pythia"),
        ("Qwen/Qwen-14B", "Qwen"),
        ("mistralai/Mistral-7B-Instruct-v0.1", ""),
        ("google/flan-t5-xl", ""),
        ("togethercomputer/RedPajama-INCITE-Instruct-3B-v1", ""),
        ("stabilityai/stablelm-base-alpha-3b", ""),
        ("Qwen/Qwen2.5-7B", ""),
        ("meta-llama/Llama-2-7b-chat-hf", ""),
        ("facebook/opt-iml-1.3b", ""),
        ("Mistral-7B-v0.1", ""),
    ],
)
def test_bases(name, family):
    found = base_verdict(name)
    assert found.family == family and found.is_approved == bool(family)
    assert "2023-09-29" in found.why


def test_cards_are_approved_by_the_same_list():
    cards = load_cards()
    assert {"mistralai/Mistral-7B-v0.1", "tiiuae/falcon-40b", "openlm-research/open_llama_3b"} <= cards.keys()
    assert sum(card.is_approved for card in cards.values()) == 33
    assert all(card.is_approved == base_verdict(name).is_approved for name, card in cards.items() if card.is_base)

"""The data sets that have a file of their own: a few rows of each in its own words, and the real files when at hand."""

import gzip
import json
from collections import Counter

import pytest

from lit_gpt.data.accounting import Tally
from lit_gpt.data.locate import SourceFile
from lit_gpt.data.records import Reject
from lit_gpt.data.rows import read_rows
from lit_gpt.data.settings import DataSettings
from lit_gpt.data.sources import (
    alpaca,
    code_alpaca,
    flan,
    flan_cot,
    gsm8k,
    longform,
    oasst1,
    openorca,
    p3,
    platypus,
    self_instruct,
    stackexchange,
    superni,
    wikihow,
    writingprompts,
)
from lit_gpt.errors import UserError
from tests.data.files import write


def read_files(source, paths, tmp_path):
    """The examples and the rejects of some files, as preparing sees them."""
    files = [SourceFile(path.name, path, "0" * 64, "test") for path in paths]
    settings = DataSettings(destination_path=tmp_path / "out")
    rows = list(read_rows(source, settings, files, tally := Tally()))
    rejects = [row for row in rows if isinstance(row, Reject)]
    assert tally.n_read == len(rows) == tally.n_used + len(rejects)
    return [row.example for row in rows if not isinstance(row, Reject)], rejects


def read(source, rows, tmp_path, name="rows.jsonl"):
    return read_files(source, [write(tmp_path, name, "".join(json.dumps(row) + "\n" for row in rows))], tmp_path)


def texts(example):
    return [message.content for message in example.messages]


# one row of each kind: source, row, its texts, and licence, origin, generator, category where they are the row's
ONE_ROW = [
    (alpaca.source(), {"instruction": "q", "input": "", "output": "a"}, ["q", "a"], "llm", "text-davinci-003", ""),
    (
        alpaca.source(cleaned=True),
        {"instruction": "q", "output": "a"},
        ["q", "a"],
        "llm",
        "text-davinci-003 or gpt-4",
        "",
    ),
    (
        code_alpaca.source(),
        {"instruction": "q", "input": "i", "output": "a"},
        ["q\n\ni", "a"],
        "llm",
        "text-davinci-003",
        "",
    ),
    (
        longform.source(),
        {"input": "q", "output": "a", "source": "Wikipedia"},
        ["q", "a"],
        "mixed",
        "text-davinci-003",
        "Wikipedia",
    ),
    (
        longform.source(),
        {"input": "q", "output": "a", "source": "Stack Exchange"},
        ["q", "a"],
        "human",
        "",
        "Stack Exchange",
    ),
    (longform.source(), {"input": "q", "output": "a", "source": "Elsewhere"}, ["q", "a"], "unknown", "", "Elsewhere"),
    (flan.source(), {"inputs": "q", "targets": "a", "task_name": "snli"}, ["q", "a"], "human", "", "snli"),
    (gsm8k.source(), {"question": "q", "answer": "2 = <<1+1=2>>2\n#### 2"}, ["q", "2 = 2\n#### 2"], "human", "", ""),
    (gsm8k.source(True), {"question": "q", "answer": "<<1+1=2>>2"}, ["q", "<<1+1=2>>2"], "human", "", ""),
    (
        openorca.source(),
        {"id": "niv.1", "system_prompt": "s", "question": "q", "response": "a"},
        ["s", "q", "a"],
        "llm",
        "gpt-4 or gpt-3.5-turbo",
        "niv",
    ),
    (
        platypus.source(),
        {"instruction": "q", "output": "a", "data_source": "airoboros"},
        ["q", "a"],
        "llm",
        "gpt-4",
        "airoboros",
    ),
    (
        platypus.source(),
        {"instruction": "q", "output": "a", "data_source": "leetcode_ne"},
        ["q", "a"],
        "llm",
        "gpt-4",
        "leetcode_ne",
    ),
    (
        platypus.source(),
        {"instruction": "q", "output": "a", "data_source": "scienceqa"},
        ["q", "a"],
        "human",
        "",
        "scienceqa",
    ),
    (
        platypus.source(),
        {"instruction": "q", "output": "a", "data_source": "MATH/PRM-800K"},
        ["q", "a"],
        "unknown",
        "",
        "MATH/PRM-800K",
    ),
    (platypus.source(), {"instruction": "q", "output": "a"}, ["q", "a"], "unknown", "", ""),
    (p3.source(), {"prompt": "q", "completion": "a<|endoftext|>"}, ["q", "a"], "human", "", "rows"),
    (p3.source(), {"inputs_pretokenized": "q", "targets_pretokenized": "a"}, ["q", "a"], "human", "", "rows"),
    (
        self_instruct.source(),
        {"name": "n", "instruction": "q", "instances": [{"input": "i", "output": "a"}]},
        ["q\n\ni", "a"],
        "human",
        "",
        "n",
    ),
    (
        writingprompts.source(),
        {"prompt": "[ WP ] q", "story": "one <newline> <newline> two"},
        ["q", "one\n\ntwo"],
        "human",
        "",
        "WP",
    ),
    (
        wikihow.source(),
        {"title": "How to Rest2", "headline": "\nSit.,\nLie.", "text": "On a chair.\n;\n On a bed."},
        ["How to Rest", "1. Sit. On a chair.\n\n2. Lie. On a bed."],
        "human",
        "",
        "",
    ),
    (
        wikihow.source(),
        {"title": "How to Rest", "headline": "Sit.", "text": "One.\nTwo."},
        ["How to Rest", "One.\n\nTwo."],
        "human",
        "",
        "",
    ),
    (
        superni.source(),
        {"task_name": "task1_x", "definition": "d", "inputs": "i", "targets": "a"},
        ["d\n\ni", "a"],
        "human",
        "",
        "task1_x",
    ),
]


@pytest.mark.parametrize(("source", "row", "expected", "origin", "generator", "category"), ONE_ROW)
def test_one_row(source, row, expected, origin, generator, category, tmp_path):
    (example,), rejects = read(source, [row], tmp_path)
    provenance = example.provenance
    assert rejects == []
    assert texts(example) == expected
    assert (provenance.origin, provenance.generator, example.category) == (origin, generator, category)
    assert provenance.licence
    assert (provenance.file, provenance.line) == ("rows.jsonl", 1)


def test_openorcas_file_tells_the_generator(tmp_path):
    row = {"id": "t0.1", "system_prompt": "", "question": "q", "response": "a"}
    for name, generator in (("1M-GPT4-Augmented.jsonl", "gpt-4"), ("3_5M-GPT3_5-Augmented.jsonl", "gpt-3.5-turbo")):
        (example,), _ = read(openorca.source(), [row], tmp_path, name)
        assert example.provenance.generator == generator
        assert texts(example) == ["q", "a"]


def test_platypus_parts_have_licences_of_their_own(tmp_path):
    rows = [{"instruction": "q", "output": "a", "data_source": name} for name in ("ARB", "guanaco", "nobody's")]
    examples, _ = read(platypus.source(), rows, tmp_path)
    assert [example.provenance.licence for example in examples] == ["CC-BY-4.0", "Apache-2.0", "unknown"]


def test_flan_without_few_shot_rows(tmp_path):
    rows = [{"inputs": "q", "targets": "a", "template_type": kind} for kind in ("zs_opt", "fs_opt", "zs_noopt")]
    examples, rejects = read(flan.source(zero_shot_only=True), rows, tmp_path)
    assert (len(examples), [reject.reason for reject in rejects]) == (2, ["few_shot"])
    assert len(read(flan.source(), rows, tmp_path)[0]) == 3


FLAN_COT = b'Is "this\\nright?\tno\tIt is "wrong.\nHow many?\t3\t1 + 2 = 3.\nonly two\tfields\n'


def test_flan_cot_keeps_quotes_and_restores_line_breaks(tmp_path):
    path = write(tmp_path, "creak_train.tsv", FLAN_COT)
    examples, rejects = read_files(flan_cot.source(), [path], tmp_path)
    assert [texts(example) for example in examples] == [
        ['Is "this\nright?', 'It is "wrong.\nSo the answer is no.'],
        ["How many?", "1 + 2 = 3.\nSo the answer is 3."],
    ]
    assert [(reject.place.line, reject.reason) for reject in rejects] == [(3, "wrong_field_count")]
    assert {example.category for example in examples} == {"creak_train"}
    bare, _ = read_files(flan_cot.source(rationale=False), [path], tmp_path)
    assert [texts(example)[1] for example in bare] == ["no", "3"]


def test_writing_prompts_of_the_dump_joined_by_paste(tmp_path):
    path = write(tmp_path, "wp.tsv", '[ WP ] A "door\t<newline> It opened .\n[EU] B\tC\n')
    examples, _ = read_files(writingprompts.source(), [path], tmp_path)
    assert [(texts(example), example.category) for example in examples] == [
        (['A "door', "It opened ."], "WP"),
        (["B", "C"], "EU"),
    ]


def test_a_seed_task_of_two_instances_is_two_rows_and_one_without_is_none(tmp_path):
    rows = [{"instruction": "q", "instances": [{"input": "1", "output": "a"}, {"input": "2", "output": "b"}]}]
    examples, rejects = read(self_instruct.source(), [*rows, {"instruction": "q", "instances": []}], tmp_path)
    assert [texts(example) for example in examples] == [["q\n\n1", "a"], ["q\n\n2", "b"]]
    assert [(e.provenance.line, e.provenance.part) for e in examples] == [(1, 1), (1, 2)]
    assert [(reject.place.line, reject.reason) for reject in rejects] == [(2, "missing_field")]


# Open Assistant: a tree of the kinds of message there are


def message(text, role="assistant", replies=(), quality=None, **more):
    labels = {} if quality is None else {"labels": {"quality": {"value": quality, "count": 3}}}
    return {"text": text, "role": role, "replies": list(replies), **labels, **more}


def tree(*replies, lang="en"):
    return {"message_tree_id": "t", "tree_state": "ready_for_export"} | {
        "prompt": message("q", "prompter", replies, lang=lang)
    }


FOLLOW_UP = message("q2", "prompter", [message("a2", rank=0, quality=0.6)])
TREE = tree(
    message("second", rank=1, quality=0.4),
    message("first", rank=0, quality=0.9, replies=[FOLLOW_UP, message("q3", "prompter")]),
)


def test_the_best_thread_follows_the_ranks(tmp_path):
    (example,), _ = read(oasst1.source(), [TREE], tmp_path)
    assert texts(example) == ["q", "first", "q2", "a2"]
    assert [m.role for m in example.messages] == ["user", "assistant"] * 2


def test_all_threads_are_the_paths_cut_to_their_last_answer(tmp_path):
    examples, _ = read(oasst1.source(threads="all"), [TREE], tmp_path)
    assert [texts(example) for example in examples] == [["q", "first", "q2", "a2"], ["q", "first"], ["q", "second"]]
    twice = tree(message("a", replies=[message("x", "prompter"), message("y", "prompter")]))
    assert [texts(e) for e in read(oasst1.source(threads="all"), [twice], tmp_path)[0]] == [["q", "a"]]


def test_threads_by_quality_say_why_they_are_left_out(tmp_path):
    rows = [TREE, tree(message("unrated")), tree(message("poor", quality=0.1))]
    examples, rejects = read(oasst1.source(min_quality=0.5), rows, tmp_path)
    assert [texts(example)[-1] for example in examples] == ["a2"]
    assert [reject.reason for reject in rejects] == ["missing_score", "below_quality"]


def test_threads_by_language(tmp_path):
    german, silent = tree(message("a"), lang="de"), tree(message("a"), lang=None)
    rows = [tree(message("a")), german, silent]
    examples, rejects = read(oasst1.source(languages="en, fr"), rows, tmp_path)
    assert (len(examples), [reject.reason for reject in rejects]) == (1, ["other_language", "unknown_language"])
    assert len(read(oasst1.source(), rows, tmp_path)[0]) == 3


def test_deleted_messages_synthetic_ones_and_trees_without_an_answer(tmp_path):
    rows = [
        tree(message("a", deleted=True)),
        tree(message("a", synthetic=True, model_name="a-model")),
        tree(),
        {"prompt": message("q", "prompter", replies=[3])},
        tree(message(["not", "text"])),
    ]
    (example,), rejects = read(oasst1.source(), rows, tmp_path)
    assert (example.provenance.origin, example.provenance.generator) == ("llm", "a-model")
    assert [reject.reason for reject in rejects] == ["deleted_message", "no_answer", *["non_text_value"] * 2]


def test_flat_rows_of_open_assistant(tmp_path):
    asked = "### Human: q1### Assistant: a1 ### Human: q2 ### Assistant:"
    (example,), _ = read(oasst1.source(), [{"input": asked, "output": "a2", "lang": "en"}], tmp_path)
    assert texts(example) == ["q1", "a1", "q2", "a2"]


# Super-NI

TASK = {
    "Definition": ["Answer it."],
    "Input_language": ["English"],
    "Output_language": ["English"],
    "Positive Examples": [{"input": f"ex{i}", "output": f"out{i}", "explanation": ""} for i in range(3)],
    "Instances": [{"id": f"t-{i}", "input": f"in{i}", "output": [f"a{i}", "other"]} for i in range(10)],
}


def test_a_native_task_becomes_its_instances(tmp_path):
    path = write(tmp_path, "task001_x.train.json", json.dumps(TASK, indent=2))
    examples, rejects = read_files(superni.source(n_examples=1), [path], tmp_path)
    assert (len(examples), rejects) == (10, [])
    assert texts(examples[3]) == ["Answer it.\n\nInput: ex0\nOutput: out0\n\nin3", "a3"]
    assert (examples[3].category, examples[3].provenance.part) == ("task001_x", 4)
    assert examples[3].messages[0].input == "in3"


def test_tasks_can_be_chosen_and_given_a_quota(tmp_path):
    paths = [write(tmp_path, f"task{i}_x.json", json.dumps(TASK)) for i in range(3)]
    chosen = write(tmp_path, "tasks.txt", "task0_x\ntask2_x.json\n")
    source = superni.source(tasks=str(chosen), per_task_quota=4)
    examples, rejects = read_files(source, paths, tmp_path)
    assert Counter(example.category for example in examples) == {"task0_x": 4, "task2_x": 4}
    assert Counter(reject.reason for reject in rejects) == {"over_quota": 12, "task_not_chosen": 1}
    assert [e.messages for e in read_files(source, paths, tmp_path)[0]] == [e.messages for e in examples]


def test_other_languages_and_damaged_tasks(tmp_path):
    french = write(tmp_path, "task1_fr.json", json.dumps({**TASK, "Output_language": ["French"]}))
    broken = write(tmp_path, "task2_x.json", json.dumps(TASK, indent=1)[:-30])
    odd = write(tmp_path, "task3_x.json", json.dumps({**TASK, "Instances": ["x"]}))
    plain = write(
        tmp_path, "task4_x.json", json.dumps({**TASK, "Definition": "d", "Instances": [{"input": "i", "output": "a"}]})
    )
    examples, rejects = read_files(superni.source(english_only=True), [french, broken, odd, plain], tmp_path)
    assert [texts(example) for example in examples] == [["d\n\ni", "a"]]
    assert [(r.place.file, r.reason) for r in rejects] == [
        ("task1_fr.json", "other_language"),
        ("task2_x.json", "invalid_json"),
        ("task3_x.json", "non_text_value"),
    ]
    assert rejects[1].n_lines > 50


def test_super_ni_refuses_what_it_cannot_do(tmp_path):
    for wrong in ({"n_examples": 3}, {"per_task_quota": 0}):
        with pytest.raises(UserError):
            superni.source(**wrong)
    with pytest.raises(UserError, match="flat rows"):
        read(superni.source(per_task_quota=1), [{"definition": "d", "inputs": "i", "targets": "a"}], tmp_path)


# Stack Exchange

PROSE = "<p>" + "A sentence with <em>weight</em> &amp; sense.\nAnd more of it. " * 40 + "</p>"
CODE = "<p>Try:</p><pre><code>x = [I]\n\n\ny = 2\n</code></pre><ul><li>one</li><li>two <code>z</code></li></ul>"


def stack_row(answer, score=4, title=None):
    if title is None:
        return {
            "question": "<p>Why?</p>",
            "answers": [{"text": "<p>no</p>", "pm_score": -1}, {"text": answer, "pm_score": score}],
        }
    return {"title": title, "body": "<p>Why?</p>", "answer": answer, "score": str(score)}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (stack_row(PROSE), None),
        (stack_row(PROSE + CODE, 10, "A title"), None),
        (stack_row(PROSE, 3), "below_quality"),
        (stack_row(PROSE, 9, "A title"), "below_quality"),
        (stack_row("<p>Short.</p>"), "wrong_length"),
        (stack_row(PROSE * 4), "wrong_length"),
        (stack_row(PROSE + "<p>See <a href='x'>this</a></p>"), "link_or_image"),
        (stack_row(PROSE + "<p>I think so.</p>"), "first_person"),
        (stack_row(PROSE + "<p>As mentioned by others.</p>"), "cross_reference"),
        (stack_row(PROSE, "many"), "missing_score"),
        ({"question": "q", "answers": []}, "no_answer"),
        (stack_row("<![odd[x]]>"), "invalid_html"),
    ],
)
def test_limas_rules_for_stack_exchange(row, reason, tmp_path):
    _, rejects = read(stackexchange.source(), [row], tmp_path)
    assert [reject.reason for reject in rejects] == ([reason] if reason else [])
    if reason and reason not in ("missing_score", "no_answer", "invalid_html"):
        assert len(read(stackexchange.source(lima_rules=False), [row], tmp_path)[0]) == 1


POSTS = b"""<?xml version="1.0" encoding="utf-8"?>
<posts>
  <row Id="1" PostTypeId="1" Score="3" Title="A &lt;title&gt;" Body="&lt;p&gt;Why?&lt;/p&gt;" />
  <row Id="2" PostTypeId="1" Score="3" Title="Nobody knows" Body="&lt;p&gt;Who?&lt;/p&gt;" />
  <row Id="3" PostTypeId="2" ParentId="1" Score="4" Body="&lt;p&gt;Worse.&lt;/p&gt;" />
  <row Id="4" PostTypeId="2" ParentId="1" Score="12" Body="&lt;p&gt;Because &amp;amp; so.&lt;/p&gt;" />
  <row Id="5" PostTypeId="1" Title="Cut" Bo
  <row Id="6" PostTypeId="2" ParentId="5" Score="1" Body="x" />
  <row Id="7" PostTyp
  <row Id="8" PostTypeId="4" Body="a tag's wiki" />
</posts>
"""


def test_a_dump_gives_each_question_its_best_answer(tmp_path):
    path = write(tmp_path, "Posts.xml", POSTS)
    (example,), rejects = read_files(stackexchange.source(lima_rules=False), [path], tmp_path)
    assert texts(example) == ["A <title>\n\nWhy?", "Because & so."]
    assert example.provenance.line == 3
    assert [(reject.place.line, reject.reason) for reject in rejects] == [
        (9, "invalid_xml"),
        (4, "no_answer"),
        (7, "invalid_xml"),
    ]
    with pytest.raises(UserError, match="no post"):
        read_files(stackexchange.source(), [write(tmp_path, "Users.xml", "<users></users>")], tmp_path)


def test_html_becomes_text_with_its_code_and_lists(tmp_path):
    (example,), _ = read(stackexchange.source(lima_rules=False), [stack_row(CODE, 10, "A title")], tmp_path)
    assert texts(example) == ["A title\n\nWhy?", "Try:\n\n```\nx = [I]\n\n\ny = 2\n```\n\n- one\n- two `z`"]


# the real files

REAL = [
    (code_alpaca.source(), "codealpaca/code_alpaca_2k.json.gz", 2017),
    (self_instruct.source(), "self_instruct/seed_tasks.jsonl.gz", 175),
    (oasst1.source(), "oasst_eval_qlora/oa_questions.jsonl.gz", 953),
    (flan_cot.source(), "flan_cot/*_train.tsv.gz", 33_443),
    (superni.source(per_task_quota=20), "superni_sapt/*.train.json*", 11_741),
    (p3.source(), "p3_t0_sample/*.jsonl*", 15_800),
    (gsm8k.source(), "../benchmarks/gsm8k/train.jsonl.gz", 7_473),
]


# the three files of trec have no answers
DROPPED = {"p3": {"empty_output": 600}, "code-alpaca": {"empty_output": 2}}


@pytest.mark.parametrize(("source", "pattern", "n_rows"), REAL, ids=[source.name for source, _, _ in REAL])
def test_every_row_of_the_real_files_is_accounted_for(source, pattern, n_rows, shared, tmp_path):
    paths = sorted((shared / "data/instructions").glob(pattern)) or [shared / "data/instructions" / pattern]
    examples, rejects = read_files(source, paths, tmp_path)
    assert len(examples) + len(rejects) == n_rows
    assert {example.provenance.origin for example in examples} == {source.origin}
    reasons = Counter(reject.reason for reject in rejects)
    if source.name == "superni":
        assert len(examples) == 15 * 20
        assert set(reasons) == {"over_quota"}
    else:
        assert reasons == DROPPED.get(source.name, {})


def test_creak_loses_no_row_to_its_quotes(shared, tmp_path):
    """A reader of quoted tables joins or loses every eighth."""
    path = shared / "data/instructions/flan_cot/creak_train.tsv.gz"
    lines = gzip.decompress(path.read_bytes()).splitlines()
    examples, rejects = read_files(flan_cot.source(), [path], tmp_path)
    assert (len(examples), rejects) == (len(lines), [])

"""The whole report: sound HTML that loads nothing, says what is missing, and shows the numbers it was given."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import html5lib
import pytest

from lit_gpt.errors import UserError
from lit_gpt.manifest import Manifest
from lit_gpt.report.answer_section import choose
from lit_gpt.report.costs import Assumptions, cost_lines
from lit_gpt.report.data_sections import stages
from lit_gpt.report.evaluations import Item, read_evaluation
from lit_gpt.report.formats import percent, percent_range
from lit_gpt.report.run_report import ReportInputs, run_report, write_run_report
from lit_gpt.report.style import CSS
from tests.report.build import items, journal, write_evaluation, write_run, write_samples

PRINTABLE = "</script></style></title></pre><img src=x onerror=alert(1)>\"'"
HOSTILE = PRINTABLE + " \x00\x1b\u202e\ud800"
ANCHORS = ["exact-match", "training", "pace", "data", "samples", "answers", "cost", "environment", "rerun", "trace"]
LOADS = ("src", "href", "action", "data", "poster", "srcset", "background", "ping", "formaction", "style")
BEFORE = {"trained kinds": 0.05, "new wordings": 0.04, "new kinds": 0.1}
AFTER = {"trained kinds": 0.9, "new wordings": 0.6, "new kinds": 0.2}


SETTINGS = {"split": "test", "method": "model", "seed": 1}


def manifest_of(directory: Path) -> dict[str, Any]:
    return json.loads((directory / "manifest.json").read_text())


@pytest.fixture
def inputs(tmp_path: Path) -> ReportInputs:
    run = write_run(tmp_path / "run", tmp_path / "data")
    asked = {"checkpoint": "c" * 64, "example_set": manifest_of(tmp_path / "data")["content_hash"]}
    adapted = asked | {"adapter": manifest_of(run / "best")["content_hash"]}
    return ReportInputs(
        run_dir=run,
        data_dir=tmp_path / "data",
        base="toy/base",
        before=write_evaluation(tmp_path / "before", items(120, BEFORE, 1), asked, SETTINGS),
        after=write_evaluation(tmp_path / "after", items(120, AFTER, 2), adapted, SETTINGS),
        samples=write_samples(tmp_path / "samples.json"),
        commands=["python finetune/lora.py --data_dir data/toy"],
        assumptions=Assumptions(300, 400, 2.0, "EUR", "the meter in the cellar"),
        environment={"Python": "3.11.9", "torch": "2.13.0"},
    )


def tree_of(page: str) -> Any:
    """Parsed strictly, as a browser would: any mistake in the HTML raises."""
    return html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(page)


def words_of(node: Any) -> str:
    return " ".join("".join(node.itertext()).split())


def section(page: str, anchor: str) -> str:
    (found,) = [node for node in tree_of(page).iter("section") if node.get("id") == anchor]
    return words_of(found)


def table_rows(page: str, caption: str) -> list[list[str]]:
    (table,) = [t for t in tree_of(page).iter("table") if words_of(next(t.iter("caption"))) == caption]
    return [[words_of(cell) for cell in row] for row in table.iter("tr")]


def test_the_page_is_sound_and_every_section_is_there(inputs: ReportInputs) -> None:
    tree = tree_of(run_report(inputs))
    sections = list(tree.iter("section"))
    assert [node.get("id") for node in sections] == ANCHORS
    links = [node.get("href") for node in tree.iter("a")]
    assert links == [f"#{anchor}" for anchor in ANCHORS]
    words = words_of(tree)
    assert "Not available" not in words and "Read with care" not in words


def test_the_page_loads_and_runs_nothing(inputs: ReportInputs) -> None:
    page = run_report(inputs)
    tree = tree_of(page)
    assert "http://" not in page and "https://" not in page
    assert "url(" not in CSS and "@import" not in CSS
    tags = {str(node.tag).rsplit("}", maxsplit=1)[-1] for node in tree.iter()}
    assert not tags & {"script", "link", "img", "iframe", "object", "embed", "base", "form", "image", "use"}
    attributes = {(name, value) for node in tree.iter() for name, value in node.attrib.items()}
    assert not [name for name, _ in attributes if str(name).startswith("on")]
    loading = {(name, value) for name, value in attributes if name in LOADS}
    assert all(value.startswith("#") or re.fullmatch(r"width:[\d.]+%", value) for _, value in loading)
    (policy,) = [node.get("content") for node in tree.iter("meta") if node.get("http-equiv")]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"


def test_scores_on_the_page_are_those_of_the_evaluations(inputs: ReportInputs) -> None:
    assert inputs.before and inputs.after
    page = run_report(inputs)
    rows = {row[0]: row[1:] for row in table_rows(page, "Exact match by kind, in numbers")}
    before, after = (json.loads((path / "results.json").read_text()) for path in (inputs.before, inputs.after))
    for kind in before["kinds"]:
        old, new = before["kinds"][kind], after["kinds"][kind]
        written = [str(old["n"])]
        for score in (old, new):
            written += [percent(score["value"]), percent_range(*score["interval"])]
        assert rows[kind][:5] == written
    assert rows["All items"][1] == f"{100 * before['value']:.1f}%"
    assert rows["All items"][3] == f"{100 * after['value']:.1f}%"
    gain = 100 * (after["value"] - before["value"])
    assert rows["All items"][5] == f"+{gain:.1f}"
    assert f"{gain:.1f} points more than before" in words_of(tree_of(page))
    assert list(rows)[1:6] == ["All items", "Kinds trained on", "sort_words", "count_letters", "say_backwards"]
    levels = [row[0] for row in table_rows(page, "Exact match by level, in numbers")]
    assert levels == ["items", "Level 1", "Level 2", "Level 3"]


def test_answers_are_counted_by_outcome(inputs: ReportInputs) -> None:
    assert inputs.before and inputs.after
    page = run_report(inputs)
    old, new = (read_evaluation(path).items for path in (inputs.before, inputs.after))
    expected = {
        name: str(sum((old[i].is_correct, new[i].is_correct) == outcome for i in old))
        for name, outcome in {
            "Wrong before, right after": (False, True),
            "Right before, wrong after": (True, False),
            "Wrong before and after": (False, False),
            "Right before and after": (True, True),
        }.items()
    }
    assert dict(table_rows(page, "What became of each item")[1:]) == expected | {"All compared": "120"}
    assert "✓ right" in page and "✗ wrong" in page


def test_examples_take_turns_by_kind_whatever_the_order_of_the_file() -> None:
    made = [Item(f"{kind}-{n}", kind, "", "", "", "", True, False) for kind in "abc" for n in range(9)]
    chosen = choose(made, 6)
    assert choose(made[::-1], 27) and {item.id for item in choose(made[::-1], 6)} == {item.id for item in chosen}
    assert sorted(item.kind for item in chosen) == list("aabbcc")
    assert choose([], 3) == []


def test_data_and_tokens_are_those_of_the_manifests(inputs: ReportInputs) -> None:
    page = run_report(inputs)
    told = section(page, "data")
    for words in (
        "2,020 rows read",
        "−14 empty output",
        "−5 missing field",
        "2,000 rows used",
        "1,829 rows to train on",
    ):
        assert words in told
    assert "−171 held out for validation" in told
    assert "−9 left out: too long" in told and "1,820 training rows as tokens" in told
    assert "20 of them cut to fit" in told and "train: 22 tokens lost in rows cut at the end" in told
    rows = {row[0]: row[1:] for row in table_rows(page, "Rows and tokens of each split")}
    assert rows["counted"] == ["train", "validation"]
    assert rows["tokens"] == ["101,275", "9,507"] and rows["trained-on tokens"] == ["7,610", "661"]
    assert rows["cut at the end"] == ["20", "0"]
    assert rows["share trained on"] == ["7.5%", "7.0%"] and rows["tokens a row"] == ["55.6", "55.6"]


def test_samples_show_their_targets(inputs: ReportInputs) -> None:
    tree = tree_of(run_report(inputs))
    (found,) = [node for node in tree.iter("section") if node.get("id") == "samples"]
    assert [words_of(mark) for mark in found.iter("mark")] == ["Marked text", "ladder river stone</s>"]
    (text,) = found.iter("pre")
    assert "".join(text.itertext()).startswith("\nBelow is an instruction.\n\n### Instruction:")


def test_costs_are_worked_out_in_the_open(inputs: ReportInputs) -> None:
    energy, carbon, price = cost_lines(7200, Assumptions(300, 400, 2.5, "EUR"))
    assert (energy.estimate, carbon.estimate, price.estimate) == ("0.6 kWh", "240 g", "5.00 EUR")
    assert carbon.working == "2.000 h × 300 W × 400 g CO₂/kWh"
    told = section(run_report(inputs), "cost")
    assert "the meter in the cellar" in told and "300 W" in told and "4.5 s" in told
    bare = section(run_report(replace(inputs, assumptions=None)), "cost")
    assert bare.count("not estimated") == 3 and "Not estimated: nobody stated" in bare
    partly = cost_lines(7200, Assumptions(power_w=300))
    assert [line.estimate for line in partly] == ["0.6 kWh", "not estimated", "not estimated"]


@pytest.mark.parametrize("wrong", [{"power_w": -1}, {"power_w": float("nan")}, {"price_per_hour": 1.0}])
def test_assumptions_that_cannot_be(wrong: dict[str, float]) -> None:
    with pytest.raises(UserError):
        Assumptions(**wrong)  # type: ignore[arg-type]


def test_the_chain_of_hashes_leads_to_the_source(inputs: ReportInputs, tmp_path: Path) -> None:
    best = manifest_of(inputs.run_dir / "best")["content_hash"]
    after = write_evaluation(tmp_path / "linked", items(120, AFTER, 2), {"adapter": best, "data": "f" * 64})
    page = run_report(replace(inputs, after=after))
    rows = table_rows(page, "Manifests")
    manifests = [inputs.run_dir, tmp_path / "data", next((tmp_path / "data/tokens").iterdir()), after]
    shown = [row[2] for row in rows]
    for directory in manifests:
        record = manifest_of(directory)
        assert record["content_hash"] in shown
        assert set(record["parents"].values()) <= set(shown)
    which = {(row[1], row[2]): row[3] for row in rows}
    assert which["its adapter", best] == "best/ of the run"
    assert which["its data", "f" * 64] == ""
    assert {row[3] for row in rows if row[1] == "its example set"} == {"data set"}


def test_a_run_alone_has_a_page_that_says_what_is_missing(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", tmp_path / "data", is_finished=False)
    (run / "metrics.jsonl").unlink()
    page = run_report(ReportInputs(run))
    sections = [node.get("id") for node in tree_of(page).iter("section")]
    assert sections == ["training", "pace", "data", "cost", "environment", "rerun", "not-given", "trace"]
    for anchor in sections:
        assert "not available" in section(page, anchor).lower() or anchor == "not-given", anchor
    header = words_of(next(tree_of(page).iter("header")))
    assert "cannot say what the finetuning changed" in header and "not finished" in header


def test_a_run_without_evaluations_begins_with_its_losses(inputs: ReportInputs) -> None:
    page = run_report(replace(inputs, before=None, after=None, samples=None))
    sections = [node.get("id") for node in tree_of(page).iter("section")]
    assert sections == ["training", "pace", "data", "cost", "environment", "rerun", "not-given", "trace"]
    header = words_of(next(tree_of(page).iter("header")))
    losses = [6.5, *(6.2 / step**0.3 for step in range(10, 51, 10))]  # as the journal has them
    assert f"the validation loss fell from 6.500 to {losses[-1]:.3f} nats per target token at its lowest" in header
    assert "lowest, at step 50" in header and "Not available" not in header
    assert "cannot say what the finetuning changed in the answers" in header and "exact match" not in header
    told = section(page, "not-given")
    assert "no evaluation before or after (python eval/exact_match.py)" in told
    assert f"write_report.py --run_dir {inputs.run_dir} --before DIR --after DIR --samples samples.json" in told
    with_rows = section(run_report(replace(inputs, before=None, after=None)), "not-given")
    assert "no evaluation" in with_rows and "rows as the model reads them" not in with_rows
    with_answers = section(run_report(replace(inputs, samples=None)), "not-given")
    assert "given no rows as the model reads them" in with_answers and "no evaluation" not in with_answers


@pytest.mark.parametrize(
    ("losses", "told"),
    [
        ({"val_loss": [2.0, 3.0]}, "no validation loss is below the first, 2.000"),
        ({"train_loss": [4.0, 3.0]}, "the training loss fell from 4.000 to 3.000"),
    ],
)
def test_a_headline_of_losses_says_what_they_did(tmp_path: Path, losses: dict[str, list[float]], told: str) -> None:
    records = [{"step": step, name: each} for name, found in losses.items() for step, each in enumerate(found)]
    run = write_run(tmp_path / "run", tmp_path / "data", records=records)
    assert told in words_of(next(tree_of(run_report(ReportInputs(run))).iter("header")))


def pairs_of(page: str, anchor: str) -> dict[str, str]:
    (found,) = [node for node in tree_of(page).iter("section") if node.get("id") == anchor]
    return {words_of(next(pair.iter("dt"))): words_of(next(pair.iter("dd"))) for dl in found.iter("dl") for pair in dl}


def test_time_left_and_halved_micro_batches_are_drawn_and_an_overrun_is_told(tmp_path: Path) -> None:
    counts = {"machine": {"budget_s": 7200.0}}
    records = [
        record | ({"budget_left_s": 7200.0 - 100 * record["step"]} if "train_loss" in record else {})
        for record in journal(50)
    ]
    records.insert(20, {"event": "out_of_memory", "step": 17, "micro_batch_size": 2, "doc_lengths": [90, 80]})
    over = write_run(tmp_path / "run", tmp_path / "data", records=records, counts=counts | {"elapsed_s": 7260.0})
    page = run_report(ReportInputs(over))
    (chart,) = [f for f in tree_of(page).iter("figure") if words_of(f).startswith("Time left of the budget")]
    (drawn,) = [node.get("aria-label") for node in chart.iter() if node.get("aria-label")]
    assert drawn == "Time left of the budget: time left of the budget from 1.972 to 0.6111 at optimizer step 50"
    assert "hours" in words_of(chart)
    ((rule, words),) = [list(node) for node in chart.iter() if node.get("class") == "mark"]
    assert words_of(words) == "micro-batch halved"
    assert rule.get("x1") == "34.000%", "step 17 of 50"
    assert pairs_of(page, "pace") == {
        "Budget": "2 h 00 min",
        "Used": "2 h 01 min",
        "Left": "0.0 s",
        "Overrun": "1 min 00 s",
    }
    kept = write_run(tmp_path / "kept", tmp_path / "other", counts=counts | {"elapsed_s": 7000.0})
    page = run_report(ReportInputs(kept))
    assert pairs_of(page, "pace")["Left"] == "3 min 20 s" and pairs_of(page, "pace")["Overrun"] == "0.0 s"
    assert "Time left of the budget" not in page and "micro-batch halved" not in page


@pytest.mark.parametrize("absent", ["before", "after"])
def test_one_evaluation_is_shown_without_a_difference(inputs: ReportInputs, absent: str) -> None:
    page = run_report(replace(inputs, **{absent: None}))
    assert f"No evaluation {absent} finetuning was given" in section(page, "exact-match")
    assert "Not available" in section(page, "answers")
    assert "points more" not in page and "paired difference" not in page
    rows = table_rows(page, "Exact match by kind, in numbers")
    assert all(row[6:] == ["—", "—"] for row in rows[1:])


def test_a_difference_over_fewer_items_says_so(inputs: ReportInputs, tmp_path: Path) -> None:
    fewer = write_evaluation(tmp_path / "fewer", items(120, BEFORE, 1)[:90])
    page = run_report(replace(inputs, before=fewer))
    header = words_of(next(tree_of(page).iter("header")))
    assert "On the 90 items that both answered: " in header and "over 90 shared items" in header
    assert "in no difference: 30." in section(page, "exact-match")


def test_a_set_without_kinds_has_one_row(inputs: ReportInputs, tmp_path: Path) -> None:
    rows = [row | {"kind": "all", "group": "all"} for row in items(60, BEFORE, 1)]
    page = run_report(replace(inputs, before=None, after=write_evaluation(tmp_path / "all", rows)))
    assert [row[0] for row in table_rows(page, "Exact match by kind, in numbers")] == ["items", "All items"]


def test_another_data_set_is_not_taken_for_the_runs(inputs: ReportInputs, tmp_path: Path) -> None:
    write_run(tmp_path / "other", tmp_path / "other_data")
    manifest = manifest_of(tmp_path / "other_data")
    Manifest("example_set", {}, manifest["counts"] | {"read": 9}, manifest["settings"]).write(tmp_path / "other_data")
    told = section(run_report(replace(inputs, data_dir=tmp_path / "other_data")), "data")
    assert "holds another data set today" in told and "9 rows read" not in told
    gone = section(run_report(replace(inputs, data_dir=tmp_path / "nowhere")), "data")
    assert "no longer at" in gone and "no token set" in gone


def test_a_change_within_chance_is_said_to_be_one(inputs: ReportInputs, tmp_path: Path) -> None:
    same = write_evaluation(tmp_path / "same", items(120, BEFORE, 7))
    header = words_of(next(tree_of(run_report(replace(inputs, after=same))).iter("header")))
    assert "cannot be told from no change" in header
    unchanged = words_of(next(tree_of(run_report(replace(inputs, after=inputs.before))).iter("header")))
    assert "as many as before" in unchanged and "no interval: all items changed alike" in unchanged


def hostile(value: Any) -> Any:
    """Every text in it made hostile, every number kept."""
    if isinstance(value, dict):
        return {key: hostile(each) for key, each in value.items()}
    if isinstance(value, list):
        return [hostile(each) for each in value]
    return value + HOSTILE if isinstance(value, str) else value


def test_hostile_text_stays_text_wherever_it_stands(inputs: ReportInputs, tmp_path: Path) -> None:
    rows = hostile(items(24, AFTER, 1))
    evaluations = [
        write_evaluation(tmp_path / name, rows, {PRINTABLE: PRINTABLE}, task=HOSTILE) for name in ("h1", "h2")
    ]
    assert inputs.samples
    (tmp_path / "h.json").write_text(json.dumps(hostile(json.loads(inputs.samples.read_text()))))
    (inputs.run_dir / "hyperparameters.yaml").write_text("seed: </details></pre><img src=x onerror=alert(1)>\n")
    page = run_report(
        ReportInputs(
            inputs.run_dir,
            inputs.data_dir,
            HOSTILE,
            *evaluations,
            tmp_path / "h.json",
            [HOSTILE],
            Assumptions(1, 1, 1, HOSTILE, HOSTILE),
            {HOSTILE: HOSTILE},
        )
    )
    tree = tree_of(page)
    page.encode()
    assert not [node for node in tree.iter() if node.tag in ("img", "script")]
    assert len(list(tree.iter("style"))) == 1 and len(list(tree.iter("title"))) == 1
    assert "</script>" not in page and "\x00" not in page and "\u202e" not in page
    assert words_of(tree).count(PRINTABLE) > 50


def test_token_accuracy_is_drawn_where_it_was_measured(inputs: ReportInputs) -> None:
    assert "token accuracy" not in section(run_report(inputs), "training")
    with open(inputs.run_dir / "metrics.jsonl", "a") as file:
        for epoch, share in enumerate((0.25, 0.5, 0.625), start=1):
            file.write(json.dumps({"step": 10 * epoch, "epoch": epoch, "token_accuracy": share}) + "\n")
    drawn = section(run_report(inputs), "training")
    assert "Token accuracy from 0.25 to 0.625 at step 30" in drawn
    assert drawn.count("token accuracy 0.") == 3, "a dot for each epoch"


def test_a_long_journal_stays_small_and_keeps_its_spikes(inputs: ReportInputs) -> None:
    records = journal(100_000)
    records[52_001] |= {"train_loss": 97.5}
    torn = '{"step": 100001, "train_lo'
    (inputs.run_dir / "metrics.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records) + torn)
    page = run_report(inputs)
    assert len(page.encode()) < 1_000_000
    tree_of(page)
    # the spike is the highest point: it reaches the top of the drawing but for the headroom
    path = next(p for p in re.findall(r'd="M([^"]+)" class="line-a"', page))
    heights = [int(place.split()[1]) for place in path.split("L")]
    assert min(heights) < 600
    assert sorted(heights)[1] > 9_000
    assert "The last line of metrics.jsonl is half written" in section(page, "training")


def test_hostile_numbers_do_not_break_the_drawing(inputs: ReportInputs) -> None:
    steps = [
        {"step": s, "train_loss": v} for s, v in enumerate([1e300, -1e300, "x", None, 1e-300, float("nan"), 10**400])
    ]
    (inputs.run_dir / "metrics.jsonl").write_text("".join(json.dumps(step) + "\n" for step in steps))
    tree_of(run_report(inputs))


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no run"):
        run_report(ReportInputs(tmp_path))


@pytest.mark.parametrize("text", ["{", "[1]", '[{"id": "a"}]', '{"id": 3}', '[{"id":"a","n_tokens":2,"pieces":[3]}]'])
def test_samples_that_are_none_are_refused(inputs: ReportInputs, tmp_path: Path, text: str) -> None:
    (tmp_path / "bad.json").write_text(text)
    with pytest.raises(UserError, match=r"bad\.json"):
        run_report(replace(inputs, samples=tmp_path / "bad.json"))


def test_the_same_inputs_make_the_same_page(inputs: ReportInputs, tmp_path: Path) -> None:
    out = write_run_report(inputs, tmp_path / "new" / "report.html")
    assert out.read_text(encoding="utf-8") == run_report(inputs)


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_wcag_aa_on_both_grounds() -> None:
    light, dark = (dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})\b", part)) for part in CSS.split("@media", 1)[0:2])
    for palette in (light, dark):
        for ground in ("paper", "panel"):
            for text in ("ink", "soft", "link", "right", "wrong", "second"):
                assert contrast(palette[text], palette[ground]) >= 4.5, (text, ground)
        for shape in ("first", "second", "third", "warm", "mark-line"):
            assert contrast(palette[shape], palette["paper"]) >= 3, shape
        assert contrast(palette["ink"], palette["mark"]) >= 4.5


def test_counts_of_another_kind_of_set_are_not_invented() -> None:
    assert stages({}, None) == []
    (used,) = stages({"used": 5}, {"validation": {"rows": 1}})
    assert (used.name, used.n, used.lost) == ("rows used", 5, {})

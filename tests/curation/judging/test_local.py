"""A model of ours as the judge: held to the grades there are, or writing; and grades from its digits' probabilities."""

from pathlib import Path

import numpy as np
import pytest
import torch

from lit_gpt.curation.indicators.scores import why_missing
from lit_gpt.curation.judging.judge import REJECTED, open_judge
from lit_gpt.curation.judging.local import paths_of
from lit_gpt.curation.judging.question import Failed, Prompt, Question
from lit_gpt.curation.judging.rubrics import ACCURACY, QUALITY, question_about
from lit_gpt.curation.judging.selectit import WAYS, confident_grades, grade_text, selectit_scores, sentence_score
from lit_gpt.curation.judging.settings import JudgeSettings
from lit_gpt.curation.recipes import read_recipe
from lit_gpt.curation.run import curate
from lit_gpt.data.store import read_examples
from lit_gpt.loading import load
from lit_gpt.prompts import TEXT_STYLES
from tests.curation import pools
from tests.curation.rows import row
from tests.fakes import CharacterTokenizer

ROOT = Path(__file__).resolve().parents[3]
EMBEDDED = ROOT / "assets" / "tiny_base"
ROWS = [row(f"r{n}", f"Say {word}.", word) for n, word in enumerate(("fig", "oak", "hammer", "no", "7"))]


def test_a_model_is_held_to_the_grades_there_are(tmp_path: Path) -> None:
    judge = open_judge(JudgeSettings(judge_tokens=8), EMBEDDED, "chat", tmp_path)
    found = judge.ask([question_about(example, ACCURACY, 0) for example in ROWS], "test")
    assert all(not isinstance(grade, Failed) and f"{grade:g}" in ACCURACY.choices for grade in found)
    again = open_judge(JudgeSettings(judge_tokens=8), EMBEDDED, "chat", tmp_path)
    assert again.ask([question_about(example, ACCURACY, 0) for example in ROWS], "test") == found
    assert again.account.n_sent == 0 and judge.account.cost(1, 1) is None and judge.name == "assets/tiny_base"


def test_the_grade_chosen_is_the_likeliest_path(tmp_path: Path) -> None:
    """By the whole network, one token at a time, without packing or batches."""
    model, tokenizer = load(EMBEDDED)
    judge = open_judge(JudgeSettings(), EMBEDDED, "chat", tmp_path)
    for example in ROWS[:3]:
        question = question_about(example, ACCURACY, 0)
        (found,) = judge.ask([question], "test")
        prompt = question.prompt(0)
        text = "".join(s.text for s in TEXT_STYLES["chat"].render([type(example.messages[0])("user", prompt.text)]))
        ids, paths = tokenizer.encode(text, bos=tokenizer.adds_bos), paths_of(prompt, tokenizer)
        depth = 0
        while len(paths) > 1:
            with torch.inference_mode():
                logits = model(torch.tensor([ids]))[0, -1]
            best = max({path[depth] for path in paths.values()}, key=lambda id: logits[id].item())
            paths = {choice: path for choice, path in paths.items() if path[depth] == best}
            ids, depth = [*ids, best], depth + 1
        assert found == float(next(iter(paths)))


def test_choices_are_paths_of_which_none_begins_another() -> None:
    prompt = Prompt("", QUALITY.choices, "Score:")
    paths = paths_of(prompt, CharacterTokenizer())  # type: ignore[arg-type]
    assert len(paths) == 101 and paths["10"][:-1] == paths["100"][:-2]
    assert all(path[-1] == ord("\n") + 3 for path in paths.values())


def test_a_model_that_writes_and_cannot(tmp_path: Path) -> None:
    judge = open_judge(JudgeSettings(judge_replies="write", judge_tokens=4), EMBEDDED, "chat", tmp_path)
    found = judge.ask([question_about(example, ACCURACY, 0) for example in ROWS], "test")
    assert all(isinstance(answer, Failed) and answer.reason in ("judge_unreadable", "judge_cut") for answer in found)
    assert judge.account.n_paid == 3 * len(ROWS) and judge.failed.total() == len(ROWS)


def test_what_the_context_has_no_room_for_is_said(tmp_path: Path) -> None:
    judge = open_judge(JudgeSettings(), EMBEDDED, "chat", tmp_path)
    long = Question("long", lambda attempt: Prompt("fig " * 600, ("1", "2"), "Score:"), lambda reply: reply.text)
    (found,) = judge.ask([long], "test")
    assert isinstance(found, Failed) and found.reason == REJECTED and "longer than" in found.detail


def test_drawn_replies_do_not_depend_on_their_company(tmp_path: Path) -> None:
    asked = [Question(f"{n}", lambda attempt, n=n: Prompt(f"Say fig {n}."), lambda reply: reply.text) for n in range(6)]
    settings = JudgeSettings(judge_temperature=0.9, judge_tokens=6)
    together = open_judge(settings, EMBEDDED, "chat", tmp_path / "a").ask(asked, "test")
    alone = [open_judge(settings, EMBEDDED, "chat", tmp_path / "b").ask([each], "test")[0] for each in asked]
    assert together == alone and len(set(together)) > 1


def test_confident_grades_are_the_paper_s_formula() -> None:
    logits = torch.tensor(np.random.default_rng(0).normal(size=(7, 5)) * 2)
    for own, found in zip(logits.tolist(), confident_grades(logits), strict=True):
        p = np.exp(own) / np.exp(own).sum()
        best = int(p.argmax())
        by_hand = (best + 1) * sum(p[best] - p[i] for i in range(5)) / 4
        assert found == pytest.approx(by_hand, abs=1e-12)
    assert confident_grades(torch.tensor([[0.0, 0, 0, 0, 50.0]]))[0] == pytest.approx(5)
    assert confident_grades(torch.zeros(1, 5))[0] == pytest.approx(0)
    assert sentence_score([1.0, 2.0, 3.0], 0.2) == pytest.approx(2 / (1 + 0.2 * np.std([1, 2, 3])))


def test_selectit_reads_the_network_s_own_digits() -> None:
    model, tokenizer = load(EMBEDDED)
    (_, found), (_, long) = selectit_scores([ROWS[0], row("long", "fig " * 500, "oak")], model, tokenizer, 0.2, seed=3)
    digits = [tokenizer.encode(str(n))[-1] for n in range(1, 6)]
    tokens = []
    for way in WAYS:
        ids = tokenizer.encode(grade_text(ROWS[0], way, 3), bos=tokenizer.adds_bos)
        with torch.inference_mode():
            p = model(torch.tensor([ids]))[0, -1, digits].double().softmax(-1).numpy()
        tokens.append((p.argmax() + 1) * (p.max() - p).sum() / 4)
    assert found == pytest.approx(np.mean(tokens) / (1 + 0.2 * np.std(tokens)), rel=1e-4)
    assert why_missing(long) == "too_long"


@pytest.mark.parametrize("name", ["selectit", "deita-local"])
def test_recipes_by_digits(name: str, tmp_path: Path) -> None:
    data_dir = pools.prepare(tmp_path, pools.prompts(8))
    asked = pools.settings(data_dir, checkpoint_dir=EMBEDDED, prompt_style="chat", size=3, missing="drop")
    rows = list(read_examples(curate(asked, read_recipe(ROOT / "configs" / "curate" / f"{name}.yaml"))))
    assert len(rows) == 3 and {r.provenance.transformed_by for r in rows} == {("scored-by:assets/tiny_base",)}

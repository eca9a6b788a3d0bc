"""A model of ours behind an endpoint and from its checkpoint; Humpback's second round, judged by what the first made.

The endpoint answers one prompt at a time, token by token; the checkpoint is asked in padded batches. So what agrees is
more than one loop with itself.
"""

import json
from collections.abc import Callable
from pathlib import Path
from threading import Lock

import numpy as np
import pytest

from lit_gpt.curation.judging.judge import Judge, open_judge
from lit_gpt.curation.judging.question import Prompt, Question, Reply
from lit_gpt.curation.judging.rubrics import CURATION, question_about
from lit_gpt.curation.judging.settings import JudgeSettings
from lit_gpt.curation.recipes import read_recipe
from lit_gpt.curation.run import curate
from lit_gpt.curation.writing.expand import expand_set
from lit_gpt.curation.writing.settings import ExpandSettings
from lit_gpt.data.store import load_example_set, read_examples
from lit_gpt.example import Message
from lit_gpt.files import read_json
from lit_gpt.generation import generate_ids, new_text
from lit_gpt.loading import load, merge_adapter
from lit_gpt.prompt_styles import find_style
from lit_gpt.tokens.encode import encode_prompt, stop_ids
from tests.curation import pools
from tests.curation.judging.judges import read_prompt, settings, table
from tests.curation.judging.test_lift_whole import wide_base
from tests.jobs import Job
from tests.stub_server import Stub, serving

RECIPES = Path(__file__).resolve().parents[3] / "configs" / "curate"
N_TOKENS = 6


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wide_base(tmp_path_factory.mktemp("base"))


def tuned(base: Path, data_dir: Path, folder: Path, n_steps: int) -> Path:
    """The base, finetuned on the set and merged: a checkpoint of its own."""
    job = Job(base, data_dir, folder / "run", max_steps=n_steps, lora_dropout=0.0, save_every=n_steps)
    run = job.run(prompt_style="chat", eval_every=n_steps)
    return merge_adapter(base, run / "final", folder / "merged")


@pytest.fixture(scope="module")
def grader(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base that learned to write grades, whatever they are worth."""
    folder = tmp_path_factory.mktemp("grader")
    rows = [{"instruction": f"Say {word}.", "output": f"Score: {n % 5 + 1}"} for n, word in enumerate(pools.WORDS)]
    return tuned(base, pools.prepare(folder, rows), folder, n_steps=40)


def served(checkpoint_dir: Path) -> Stub:
    """The model as an endpoint's answerer: what a server does with chat completions."""
    (model, tokenizer), style, lock = load(checkpoint_dir), find_style("chat", checkpoint_dir), Lock()

    def answer(prompt: str) -> Reply:
        ids = encode_prompt([Message("user", prompt)], tokenizer, style)
        with lock:
            found = list(generate_ids(model, ids, N_TOKENS, stop_ids=stop_ids(tokenizer, style)))
        return Reply(new_text(tokenizer, ids, found), len(ids), len(found), len(found) == N_TOKENS)

    return Stub(answer)


def both_ways(checkpoint_dir: Path, folder: Path, ask: Callable[[Judge], object]) -> list[object]:
    """What is found behind an endpoint, and from the checkpoint."""
    with serving(served(checkpoint_dir)) as stub:
        behind = open_judge(settings(stub, judge_tokens=N_TOKENS), None, None, folder / "behind")
        local_settings = JudgeSettings(judge_replies="write", judge_tokens=N_TOKENS)
        local = open_judge(local_settings, checkpoint_dir, "chat", folder / "local")
        return [
            (ask(judge), judge.account.n_paid, judge.account.n_in, judge.account.n_out) for judge in (behind, local)
        ]


def test_an_endpoint_and_a_checkpoint_of_one_model_say_the_same(base: Path, tmp_path: Path) -> None:
    """Texts, whether they were cut, and tokens in and out; prompts of many lengths."""
    texts = [" ".join(["Tell me about", *pools.WORDS[:n], "now."]) for n in range(1, 15)]
    asked = [Question(text, lambda attempt, text=text: Prompt(text), lambda reply: reply) for text in texts]
    behind, local = both_ways(base, tmp_path, lambda judge: judge.ask(asked, "texts"))
    assert behind == local
    assert len({reply.text for reply in behind[0]}) > 1 and any(reply.text.strip() for reply in behind[0])  # type: ignore[index]


def test_grades_behind_an_endpoint_are_those_of_the_checkpoint(grader: Path, tmp_path: Path) -> None:
    """A recipe's whole way: the same table of grades that were written and could be read, and the same rows stay."""
    data_dirs = [pools.prepare(tmp_path / way, pools.prompts(12)) for way in ("behind", "local")]
    recipe = pools.recipe(
        tmp_path,
        "scores: {grade: {judged_rating: {dimension: curation}}}\nsteps: [{top: {score: grade, keep: {size: 4}}}]\n",
    )
    with serving(served(grader)) as stub:
        asked = settings(stub, judge_tokens=N_TOKENS)
        behind = curate(pools.settings(data_dirs[0], missing="drop"), recipe, asked)
    here = pools.settings(data_dirs[1], missing="drop", checkpoint_dir=grader, prompt_style="chat")
    local = curate(here, recipe, JudgeSettings(judge_replies="write", judge_tokens=N_TOKENS))
    assert table(data_dirs[0], "judged_rating") == table(data_dirs[1], "judged_rating")
    kept = [[row.messages for row in read_examples(out)] for out in (behind, local)]
    assert kept[0] == kept[1] and len(kept[0]) == 4


def grades_of(data_dir: Path, judge: str) -> dict[str, float]:
    """By content hash, in the one table of judged ratings by this model."""
    (found,) = (f for f in (data_dir / "scores").glob("judged_rating-*") if judge in (f / "scorer.json").read_text())
    lines = map(json.loads, (found / "scores.jsonl").read_text().splitlines())
    return {line["content_hash"]: line["value"] for line in lines}


def test_humpback_s_second_round(base: Path, tmp_path: Path) -> None:
    """Prompts for texts, a first choice, a finetuning on it, a second choice from all pairs by the model it made."""
    texts = pools.prepare(tmp_path, pools.prompts(12), name="texts")
    with serving(Stub(lambda prompt: f"Say word {prompt.count('word')} times.")) as stub:
        pairs = expand_set(
            ExpandSettings(data_dir=texts, method="humpback", out_dir=tmp_path / "pairs"), settings(stub)
        )
    first_recipe = read_recipe(RECIPES / "humpback.yaml")
    with serving(Stub(lambda prompt: f"Score: {5 if len(read_prompt(prompt)[1].split()) > 6 else 2}")) as stub:
        asked = pools.settings(pairs, out_dir=tmp_path / "first")
        first = curate(asked, first_recipe, settings(stub, judge_model="round/0"))
    assert len(list(read_examples(first))) == 6

    second_judge = tuned(base, first, tmp_path / "round", n_steps=8)
    hyper = (tmp_path / "round" / "run" / "manifest.json").read_text()
    assert load_example_set(first).content_hash in hyper, "what judges now was trained on what was chosen"
    asked = pools.settings(pairs, out_dir=tmp_path / "all", checkpoint_dir=second_judge, prompt_style="chat")
    curate(asked, pools.recipe(tmp_path, "scores: {g: {judged_rating: {dimension: curation}}}\n"
                               "steps: [{score_bounds: {score: g, at_least: 1}}]\n"), JudgeSettings())  # fmt: skip
    identity = open_judge(JudgeSettings(), second_judge, "chat", tmp_path / "x").model.identity
    grades = grades_of(pairs, str(identity["model"]))
    assert len(grades) == 12 and set(grades.values()) <= {1.0, 2.0, 3.0, 4.0, 5.0}
    untuned = open_judge(JudgeSettings(), base, "chat", tmp_path / "y")
    assert untuned.model.identity["model"] != identity["model"]

    best = max(grades.values())
    text = (RECIPES / "humpback.yaml").read_text().replace("at_least: 5", f"at_least: {best:g}")
    (tmp_path / "humpback.yaml").write_text(text)
    asked = pools.settings(pairs, out_dir=tmp_path / "second", checkpoint_dir=second_judge, prompt_style="chat")
    second = list(read_examples(curate(asked, read_recipe(tmp_path / "humpback.yaml"), JudgeSettings())))
    assert {row.content_hash for row in second} == {row for row, grade in grades.items() if grade == best}
    assert {row.provenance.transformed_by[-1] for row in second} == {"scored-by:round/merged"}
    assert all(row.provenance.origin == "llm" and row.provenance.generator == "test/judge" for row in second)
    model, tokenizer = load(second_judge)
    by_hand = likeliest_grade(model, tokenizer, next(iter(read_examples(pairs))))
    assert by_hand == next(iter(grades.values()))
    assert read_json(second_judge / "config.json")["max_position_embeddings"] == 4096


def likeliest_grade(model: object, tokenizer: object, example: object) -> float:
    """The grade by the whole network, where each grade is one token after what they have in common."""
    import torch

    prompt = question_about(example, CURATION, 0).prompt(0)  # type: ignore[arg-type]
    ids = encode_prompt([Message("user", prompt.text)], tokenizer, find_style("chat", Path()))  # type: ignore[arg-type]
    paths = [tokenizer.encode(f"Score: {choice}\n") for choice in prompt.choices]  # type: ignore[attr-defined]
    common = next(n for n, column in enumerate(zip(*paths, strict=False)) if len(set(column)) > 1)
    with torch.inference_mode():
        logits = model(torch.tensor([[*ids, *paths[0][:common]]]))[0, -1]  # type: ignore[operator]
    return float(np.argmax([logits[path[common]].item() for path in paths]) + 1)

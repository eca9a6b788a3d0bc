"""Scorers that recipes name: they give what the indicators give, and take what is given by the names they ask for."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lit_gpt.curation.bench import Bench
from lit_gpt.curation.indicators.gradients import gradient_features, matrix, read_moments
from lit_gpt.curation.indicators.likelihoods import Reader, learnability_scores
from lit_gpt.curation.indicators.ratings import Rater, complexity_scores, deita_scores, quality_scores
from lit_gpt.curation.indicators.reward import reward_scores, train_reward_head
from lit_gpt.curation.recipes import read_recipe
from lit_gpt.curation.registry import EMBEDDERS, SCORERS
from lit_gpt.curation.rows import Pool
from lit_gpt.curation.run import curate, scorers_of
from lit_gpt.curation.selection.targets import Checkpoint, influences
from lit_gpt.curation.texts import first_request_of
from lit_gpt.data.store import load_example_set, read_examples
from lit_gpt.data.world.pairs import preference_pairs
from lit_gpt.errors import UserError
from lit_gpt.files import read_json, write_json
from lit_gpt.loading import load
from lit_gpt.lora import LoraOptions, add_lora
from lit_gpt.prompts import TEXT_STYLES
from tests.curation.pools import prepare, prompts, recipe, settings

ROOT = Path(__file__).resolve().parents[2]
N = 14


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepare(tmp_path_factory.mktemp("local"), prompts(N))


@pytest.fixture(scope="module")
def targets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [{**row, "output": "Something else."} for row in prompts(3)]
    return prepare(tmp_path_factory.mktemp("targets"), rows)


@pytest.fixture(scope="module")
def adapter(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from lit_gpt.peft_adapters import save_adapter

    model, _ = load(tiny_base)
    add_lora(model, LoraOptions(r=2, alpha=4, dropout=0, targets=("q", "v")), seed=0)
    draw = torch.Generator().manual_seed(1)
    for name, weight in model.named_parameters():
        if name.endswith(".B"):
            torch.nn.init.normal_(weight, std=0.05, generator=draw)
    folder = tmp_path_factory.mktemp("adapter")
    save_adapter(model, folder, str(tiny_base))
    return folder


def scored(name: str, bench: Bench) -> np.ndarray:
    return bench.scores(name, Pool.of(bench.settings.data_dir).rows)


def bench_of(pool: Path, base: Path, scores: dict[str, object], **more: object) -> Bench:
    return Bench(settings(pool, checkpoint_dir=base, prompt_style="chat", **more), N, scores)


def test_local_reward_is_a_head_of_pairs_that_are_not_in_the_pool(pool: Path, tiny_base: Path) -> None:
    reader = Reader(*load(tiny_base), TEXT_STYLES["chat"])
    examples = list(read_examples(pool))
    head = train_reward_head(preference_pairs(0, 9, {first_request_of(e) for e in examples}), reader)
    expected = [score for _, score in reward_scores(examples, reader, head)]
    bench = bench_of(pool, tiny_base, {"reward": SCORERS["local_reward"](n_pairs=9)})
    np.testing.assert_array_equal(scored("reward", bench), expected)
    (table,) = (pool / "scores").glob("local_reward-v1-*/scorer.json")
    assert json.loads(table.read_text())["not_of"] == load_example_set(pool).content_hash


def wide(base: Path, folder: Path) -> Path:
    """The base, read at 4,096 tokens: a fence takes more than it was made for, and grades by chance are enough here."""
    found = Path(shutil.copytree(base, folder / "wide"))
    write_json(found / "config.json", {**read_json(found / "config.json"), "max_position_embeddings": 4096})
    return found


def test_grades_are_the_model_s(pool: Path, tiny_base: Path, tmp_path: Path) -> None:
    tiny_base = wide(tiny_base, tmp_path)
    rater = Rater(*load(tiny_base), "{instruction}: how hard?", "{output}: how good?")
    expected = [score for _, score in deita_scores(read_examples(pool), rater)]
    kind = SCORERS["deita_grades"]("{instruction}: how hard?", "{output}: how good?")
    bench = bench_of(pool, tiny_base, {"grades": kind, "ours": SCORERS["deita_grades"]()})
    np.testing.assert_array_equal(scored("grades", bench), expected)
    ours = scored("ours", bench)
    assert np.isfinite(ours).all() and not np.allclose(ours, expected)


def test_deita_s_two_grades_are_scores_of_their_own(pool: Path, tiny_base: Path, tmp_path: Path) -> None:
    """A recipe keeps the best by each; their tables, given to `deita`, multiply to deita_grades of rows of one turn."""
    asked = {"checkpoint_dir": wide(tiny_base, tmp_path), "prompt_style": "chat", "scores_dir": tmp_path / "scores"}
    rater = Rater(*load(asked["checkpoint_dir"]), "{instruction}: how hard?", "{output}: how good?")
    examples, given = list(read_examples(pool)), []
    for name, indicator in (("complexity", complexity_scores), ("quality", quality_scores)):
        question = f"{name}_question: '{getattr(rater, f'{name}_question')}'"
        text = f"scores: {{own: {{deita_{name}: {{{question}}}}}}}\nsteps: [{{top: {{score: own}}}}]"
        out = curate(settings(pool, size=4, out_dir=tmp_path / name, **asked), recipe(tmp_path, text, f"by-{name}"))
        graded = dict(indicator(examples, rater))
        assert {row.id for row in read_examples(out)} == set(sorted(graded, key=graded.__getitem__)[-4:])
        graders = {by for row in read_examples(out) for by in row.provenance.transformed_by}
        assert graders == {f"scored-by:{tmp_path.name}/wide"}
        (table,) = (tmp_path / "scores").glob(f"deita_{name}-v1-*")
        given.append(f"{name}={table}")
    both = read_recipe(ROOT / "configs" / "curate" / "deita.yaml")
    own = SCORERS["deita_grades"](rater.complexity_question, rater.quality_question)
    told = settings(pool, given=given, **asked)
    bench = Bench(told, N, {**scorers_of(both, told), "deita_grades": own})
    np.testing.assert_allclose(scored("both", bench), scored("deita_grades", bench), rtol=1e-12)
    (header,) = (tmp_path / "scores").glob("deita_grades-v2-*/scorer.json")
    decisive = {"scorer", "version", "settings", "model", "prompt_style", "style_version"}
    assert read_json(header).keys() == decisive, "tables of before have this key"
    assert read_json(header)["settings"].keys() == {"complexity_question", "quality_question"}


def test_learnability_and_influence_take_an_adapter(
    pool: Path, targets: Path, tiny_base: Path, adapter: Path, tmp_path: Path
) -> None:
    before, after = (Reader(*load(tiny_base, folder), TEXT_STYLES["chat"]) for folder in (None, adapter))
    examples = list(read_examples(pool))
    given = [f"tuned={adapter}", f"warmup={adapter}"]
    scores = {"learnability": SCORERS["learnability"](), "influence": SCORERS["influence"](n_dims=32)}
    bench = bench_of(pool, tiny_base, scores, given=given, target_dir=targets)
    expected = [score for _, score in learnability_scores(examples, before, after)]
    np.testing.assert_array_equal(scored("learnability", bench), expected)
    wanted = list(read_examples(targets))
    rows, goals = (matrix(gradient_features(of, after, 32, 0))[1] for of in (examples, wanted))
    plain = influences([Checkpoint(1.0, rows, goals)], [e.category for e in wanted])
    np.testing.assert_allclose(scored("influence", bench), plain, rtol=1e-5)
    with_moments = moments_file(after, tmp_path / "optimizer.safetensors")
    bench = bench_of(pool, tiny_base, scores, given=[*given, f"moments={with_moments}"], target_dir=targets)
    rows = matrix(gradient_features(examples, after, 32, 0, read_moments(with_moments)))[1]
    adam = influences([Checkpoint(1.0, rows, goals)], [e.category for e in wanted])
    np.testing.assert_allclose(scored("influence", bench), adam, rtol=1e-5)
    assert not np.allclose(adam, plain)
    with pytest.raises(UserError, match="no --given tuned"):
        scored("learnability", bench_of(pool, tiny_base, scores))
    with pytest.raises(UserError, match="no --target_dir"):
        scored("influence", bench_of(pool, tiny_base, scores, given=given))


def test_a_tuned_model_s_own_answers_are_judged_as_the_rows_are(
    pool: Path, tiny_base: Path, adapter: Path, tmp_path: Path
) -> None:
    """One prompt at a time by generate, and the same head."""
    from lit_gpt.example import Message
    from lit_gpt.generation import generate

    base, (model, tokenizer) = Reader(*load(tiny_base), TEXT_STYLES["chat"]), load(tiny_base, adapter)
    examples = list(read_examples(pool))
    head = train_reward_head(preference_pairs(0, 9, {first_request_of(e) for e in examples}), base)
    told = [TEXT_STYLES["chat"].render(example.messages[:1]) for example in examples]
    own = [generate(model, tokenizer, "".join(segment.text for segment in text), 8) for text in told]
    swapped = [
        replace(e, messages=(e.messages[0], Message("assistant", o)), content_hash="")
        for e, o in zip(examples, own, strict=True)
    ]
    expected = [score for _, score in reward_scores(swapped, base, head)]
    kind = SCORERS["own_answer_reward"](n_pairs=9, max_new_tokens=8)
    bench = bench_of(pool, tiny_base, {"own": kind}, given=[f"tuned={adapter}"])
    np.testing.assert_allclose(scored("own", bench), expected, rtol=1e-4)


def moments_file(reader: Reader, path: Path) -> Path:
    """As a run's state has them: see training/resume.py."""
    from safetensors.torch import save_file

    draw, tensors = torch.Generator().manual_seed(0), {}
    for name, weight in reader.model.named_parameters():
        if name.endswith((".A", ".B")):
            tensors[f"{name}::exp_avg"] = 1e-3 * torch.randn(weight.shape, generator=draw)
            tensors[f"{name}::exp_avg_sq"] = 1e-6 * torch.rand(weight.shape, generator=draw)
            tensors[f"{name}::step"] = torch.tensor(3.0)
    save_file(tensors, path)
    return path


def test_moments_that_are_none(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    (tmp_path / "text").write_text("no tensors")
    save_file({"a": torch.ones(1)}, tmp_path / "other")
    for name in ("text", "other", "absent"):
        with pytest.raises(UserError, match="holds no moments"):
            read_moments(tmp_path / name)


def test_a_fitted_rule_ranks_rows(pool: Path, tmp_path: Path) -> None:
    rule = tmp_path / "rule.json"
    rule.write_text(json.dumps({"intercept": 2.0, "coefficients": {"long": -0.5, "asked": 0.25}}))
    text = "scores: {long: answer_words, asked: prompt_words, predicted: {fitted: {rule: rule}}}\n"
    mine = recipe(tmp_path, text + "steps: [{top: {score: predicted, order: lowest, keep: {size: 4}}}]")
    asked = settings(pool, given=[f"rule={rule}"], out_dir=tmp_path / "out")
    bench = Bench(asked, N, scorers_of(mine, asked))
    expected = 2 - 0.5 * scored("long", bench) + 0.25 * scored("asked", bench)
    np.testing.assert_allclose(scored("predicted", bench), expected)
    kept = {example.id for example in read_examples(curate(asked, mine))}
    places = np.argsort(expected, kind="stable")[:4]
    assert kept == {Pool.of(pool).ids[place] for place in places}
    rule.write_text("[]")
    with pytest.raises(UserError, match="holds no rule"):
        scored("predicted", bench)
    rule.write_text(json.dumps({"intercept": 0, "coefficients": {"lnog": 1}}))
    with pytest.raises(UserError, match="the score 'lnog'"):
        scored("predicted", bench)


def test_local_recipes_run(pool: Path, tiny_base: Path, tmp_path: Path) -> None:
    """DEITA's filter takes a single row: these prompts are all alike to a random model."""
    asked = {"checkpoint_dir": wide(tiny_base, tmp_path), "prompt_style": "chat", "out_dir": tmp_path / "out"}
    for name, n_kept in (("mods-local", 3), ("qdit-local", 3), ("deita-local", 1)):
        found = read_recipe(ROOT / "configs" / "curate" / f"{name}.yaml")
        out = curate(settings(pool, size=n_kept, **asked), found)
        assert sum(1 for _ in read_examples(out)) == n_kept
    with pytest.raises(UserError, match="3 rows asked for, and only 1 of 14 that"):
        curate(settings(pool, size=3, **asked), found)


def test_only_what_a_recipe_asks_for_is_taken(pool: Path, tmp_path: Path) -> None:
    mine = recipe(tmp_path, "steps: [{top: {score: answer_words, keep: {size: 3}}}]")
    for name in ("warmup", "mtld"):
        with pytest.raises(UserError) as error:
            curate(settings(pool, given=[f"{name}=x.jsonl"], out_dir=tmp_path / "out"), mine)
        assert error.value.got == f"--given {name}=..." and "answer_words" in error.value.expected


def test_counts_of_tokens_and_common_words(pool: Path, tiny_base: Path) -> None:
    scores = {name: SCORERS[name]() for name in ("input_tokens", "output_tokens", "row_tokens", "word_commonness")}
    bench = bench_of(pool, tiny_base, scores)
    both = scored("input_tokens", bench) + scored("output_tokens", bench)
    assert (both <= scored("row_tokens", bench)).all() and len(set(scored("output_tokens", bench))) > N // 2
    np.testing.assert_allclose(scored("word_commonness", bench), 0, atol=1e-12)  # one word is all there is


def test_borrowed_networks_are_given_by_name(pool: Path, tmp_path: Path) -> None:
    from tests.curation.test_model_scorers import published

    published(tmp_path)
    given = [f"reward_model={tmp_path / 'reward'}", f"encoder={tmp_path / 'encoder'}"]
    rows = Pool.of(pool).rows
    bench = Bench(
        settings(pool, given=given), N, {"r": SCORERS["reward_model"]()}, {"v": EMBEDDERS["sentence_encoder"]()}
    )
    assert np.isfinite(bench.scores("r", rows)).all() and bench.vectors("v", rows).shape == (N, 16)
    with pytest.raises(UserError, match="no directory"):
        Bench(settings(pool, given=["reward_model=nowhere"]), N, {"r": SCORERS["reward_model"]()}).scores("r", rows)


def test_scores_in_bf16_are_a_table_of_their_own(pool: Path, tiny_base: Path, tmp_path: Path) -> None:
    chosen = recipe(tmp_path, "steps: [{top: {score: perplexity, keep: {size: 5}}}]")
    rows = Pool.of(pool).rows
    found = {}
    for dtype in ("float32", "bfloat16"):
        asked = settings(pool, checkpoint_dir=tiny_base, dtype=dtype, device="cpu", scores_dir=tmp_path / "scores")
        found[dtype] = Bench(asked, N, scorers_of(chosen, asked), chosen.embedders).scores("perplexity", rows)
    assert len(list((tmp_path / "scores").glob("nll_given-*"))) == 2
    assert (found["float32"] != found["bfloat16"]).any()
    np.testing.assert_allclose(found["bfloat16"], found["float32"], rtol=0.02)


@pytest.mark.skipif(torch.cuda.is_available(), reason="the machine has a GPU")
def test_a_device_that_is_not_there_is_refused(pool: Path, tiny_base: Path, tmp_path: Path) -> None:
    chosen = recipe(tmp_path, "steps: [{top: {score: perplexity, keep: {size: 5}}}]")
    with pytest.raises(UserError, match="the device cuda, which this machine has not"):
        curate(settings(pool, checkpoint_dir=tiny_base, device="cuda", out_dir=tmp_path / "out"), chosen)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here")
def test_scores_on_a_gpu_are_those_of_the_cpu(pool: Path, tiny_base: Path, tmp_path: Path) -> None:
    chosen = recipe(tmp_path, "steps: [{top: {score: ifd_loss, keep: {size: 5}}}]")
    found = []
    for device in ("cpu", "auto"):
        asked = settings(pool, checkpoint_dir=tiny_base, device=device, scores_dir=tmp_path / "scores")
        bench = Bench(asked, N, scorers_of(chosen, asked), chosen.embedders)
        found.append(bench.scores("ifd_loss", Pool.of(pool).rows))
    np.testing.assert_allclose(found[1], found[0], rtol=1e-3)

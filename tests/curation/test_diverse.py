"""Choices by vectors as steps: they keep what the algorithms of `selection/` say, and leave out what has no score."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from lit_gpt.curation.recipes import read_recipe
from lit_gpt.curation.run import curate
from lit_gpt.curation.selection.coverage import facility_location, k_center
from lit_gpt.curation.selection.redundancy import unlike_each_other
from lit_gpt.curation.selection.variety import row_variances
from lit_gpt.data.store import read_examples
from lit_gpt.errors import UserError
from tests.curation.pools import ledger, prepare, prompts, recipe, settings

ROOT = Path(__file__).resolve().parents[2]
N = 50


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pool, and for each of its rows a vector and a reward, written in another order than the pool's."""
    folder = tmp_path_factory.mktemp("vectors")
    pool = prepare(folder, prompts(N))
    ids = [example.id for example in read_examples(pool)]
    draw = np.random.default_rng(0)
    order = draw.permutation(N)
    vectors = draw.normal(size=(N, 4)).astype(np.float32)
    np.save(folder / "vectors.npy", vectors[order])
    (folder / "ids.txt").write_text("".join(ids[place] + "\n" for place in order))
    rewards = draw.normal(size=N)
    (folder / "reward.jsonl").write_text(
        "".join(json.dumps({"id": i, "value": r}) + "\n" for i, r in zip(ids, rewards, strict=True))
    )
    np.savez(folder / "truth.npz", vectors=vectors, rewards=rewards)
    return folder


def keeps(folder: Path, tmp_path: Path, steps: str, **more: object) -> list[int]:
    head = f"vectors: {{v: {{given_vectors: {{path: {folder}/vectors.npy, ids: {folder}/ids.txt}}}}}}\n"
    head += (
        f"scores: {{reward: {{given: {{path: {folder}/reward.jsonl}}}}, variety: {{row_variance: {{vectors: v}}}}}}\n"
    )
    pool = folder / "pool"
    out = curate(settings(pool, out_dir=tmp_path / "out", **more), recipe(tmp_path, f"{head}steps: {steps}"))
    places = {example.id: place for place, example in enumerate(read_examples(pool))}
    return [places[example.id] for example in read_examples(out)]


def test_steps_keep_what_the_algorithms_choose(folder: Path, tmp_path: Path) -> None:
    truth = np.load(folder / "truth.npz")
    vectors, rewards = truth["vectors"], truth["rewards"]
    assert keeps(folder, tmp_path, "[{facility_location: {vectors: v}}]", size=9) == sorted(
        facility_location(vectors, 9)
    )
    expected = sorted(unlike_each_other(rewards, vectors, 9, 0.5))
    assert keeps(folder, tmp_path, "[{best_unlike: {vectors: v, score: reward, above: 0.5}}]", size=9) == expected
    best = sorted(np.argsort(-row_variances(vectors))[:9].tolist())
    assert keeps(folder, tmp_path, "[{top: {score: variety}}]", size=9) == best
    centres = [keeps(folder, tmp_path, "[{k_center: {vectors: v}}]", size=9, seed=seed) for seed in (0, 0, 1)]
    assert centres[0] == centres[1] and any(sorted(k_center(vectors, 9, 0, start)) == centres[0] for start in range(N))


def test_quality_counts_as_much_as_alpha_says(folder: Path, tmp_path: Path) -> None:
    rewards = np.load(folder / "truth.npz")["rewards"]
    means = []
    for alpha in (0.1, 0.5, 1.0):
        step = f"[{{facility_location: {{vectors: v, score: reward, alpha: {alpha}}}}}]"
        means.append(rewards[keeps(folder, tmp_path, step, size=9)].mean())
    assert means[0] < means[1] < means[2] == pytest.approx(np.sort(rewards)[-9:].mean())


def test_quality_and_coverage_are_on_one_scale(folder: Path, tmp_path: Path) -> None:
    """At 0.5 neither decides alone: better rows than by coverage, which cover more than the best rows do."""
    truth = np.load(folder / "truth.npz")
    rewards, vectors = truth["rewards"], truth["vectors"]
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    quality = (rewards - rewards.min()) / np.ptp(rewards)

    def worth(kept: list[int]) -> tuple[float, float]:
        return quality[kept].mean(), np.clip(unit @ unit[kept].T, 0, None).max(1).mean()

    covering = worth(facility_location(vectors, 9))
    best = worth(np.argsort(-rewards)[:9].tolist())
    both = worth(keeps(folder, tmp_path, "[{facility_location: {vectors: v, score: reward, alpha: 0.5}}]", size=9))
    assert covering[0] < both[0] < best[0] and best[1] < both[1] < covering[1]
    assert sum(both) > max(sum(covering), sum(best))


def test_equal_scores_go_by_place_whatever_the_seed(tmp_path: Path) -> None:
    """Where rows are looked at together, in `default` as well; `top` breaks ties by the seed."""
    pool = prepare(tmp_path / "data", prompts(12))
    np.save(tmp_path / "v.npy", np.eye(12, dtype=np.float32)[[0, 0, *range(2, 12)]])  # the first two are alike
    (tmp_path / "ids.txt").write_text("".join(f"{example.id}\n" for example in read_examples(pool)))
    head = f"vectors: {{v: {{given_vectors: {{path: {tmp_path}/v.npy, ids: {tmp_path}/ids.txt}}}}}}\n"
    head += "scores: {same: {linear: {weights: {answer_words: 0}}}}\n"
    ids = [example.id for example in read_examples(pool)]
    kept: dict[str, list[list[str]]] = {"best_unlike: {vectors: v, ": [], "top: {": []}
    for step, found in kept.items():
        for seed in (0, 1):
            out_dir = tmp_path / f"out-{len(found)}-{step[:3]}"
            text = f"{head}steps: [{{{step}score: same}}}}]"
            curate(settings(pool, size=4, seed=seed, out_dir=out_dir), recipe(tmp_path, text))
            found.append([example.id for example in read_examples(out_dir)])
    by_place, by_seed = kept.values()
    assert by_place == [[ids[place] for place in (0, 2, 3, 4)]] * 2
    assert by_seed[0] != by_seed[1]


def test_mods_as_its_recipe_has_it(folder: Path, tmp_path: Path) -> None:
    rewards = np.load(folder / "truth.npz")["rewards"]
    kept = keeps(folder, tmp_path, "[{score_bounds: {score: reward, above: 0.0}}, {k_center: {vectors: v}}]", size=6)
    assert len(kept) == 6 and (rewards[kept] > 0).all()
    with pytest.raises(UserError, match="to choose from"):
        keeps(folder, tmp_path, "[{score_bounds: {score: reward, above: 0.0}}, {k_center: {vectors: v}}]", size=N - 1)


def test_too_few_rows_that_differ_is_said(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="40 rows asked for"):
        keeps(folder, tmp_path, "[{best_unlike: {vectors: v, score: reward, above: 0.0}}]", size=40)


def test_more_of_what_the_base_fails(tiny_base: Path, tmp_path: Path) -> None:
    from lit_gpt.data.prepare import prepare_examples
    from lit_gpt.data.settings import DataSettings
    from lit_gpt.data.sources import dolly

    file = tmp_path / "rows.jsonl"
    rows = [{"instruction": f"Do {n}", "response": "ok", "category": "ab"[n % 2]} for n in range(40)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    settled = DataSettings(source=str(file), destination_path=tmp_path / "pool", val_split_fraction=0)
    pool = prepare_examples(dolly.source(), settled)
    table = tmp_path / "accuracies.jsonl"
    table.write_text('{"id": "a", "value": 0.25}\n{"id": "b", "value": 0.75}\n')
    mine = recipe(tmp_path, "steps: [difficulty_balanced]")
    out = curate(settings(pool, out_dir=tmp_path / "out", size=16, given=[f"accuracies={table}"]), mine)
    assert [example.category for example in read_examples(out)].count("a") == 12
    assert ledger(out)[0]["evidence"]["base_accuracy"] in (0.25, 0.75)
    few = settings(
        pool, out_dir=tmp_path / "few", budget_tokens=200, checkpoint_dir=tiny_base, given=[f"accuracies={table}"]
    )
    assert {example.category for example in read_examples(curate(few, mine))} == {"a", "b"}, "a budget is of both, too"
    table.write_text('{"id": "a", "value": 0.25}\n{"id": "b", "value": 1.0}\n')
    with pytest.raises(UserError, match="21 rows asked for, and only 20 of 40"):
        curate(settings(pool, out_dir=tmp_path / "out", size=21, given=[f"accuracies={table}"]), mine)
    table.write_text('{"id": "a", "value": 0.25}\n')
    with pytest.raises(UserError, match="the category 'b'"):
        curate(settings(pool, out_dir=tmp_path / "out", size=16, given=[f"accuracies={table}"]), mine)
    with pytest.raises(UserError, match="no --given accuracies"):
        curate(settings(pool, out_dir=tmp_path / "out", size=16), mine)


def test_an_evaluation_leaves_the_accuracies_that_difficulty_balanced_takes(tmp_path: Path) -> None:
    """By the most frequent answer of a category, which 5 of 20 rows of a and 15 of 20 of b have."""
    from lit_gpt.data.prepare import prepare_examples
    from lit_gpt.data.settings import DataSettings
    from lit_gpt.data.sources import dolly
    from lit_gpt.evaluation.runner import evaluate
    from lit_gpt.evaluation.settings import EvaluationSettings

    file = tmp_path / "rows.jsonl"
    rows = [
        {"instruction": f"{kind} {n}", "response": "ok" if n < n_same else f"no {n}", "category": kind}
        for kind, n_same in (("a", 5), ("b", 15))
        for n in range(20)
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    settled = DataSettings(source=str(file), destination_path=tmp_path / "pool", val_split_fraction=0)
    pool = prepare_examples(dolly.source(), settled)
    asked = EvaluationSettings(method="constant", data_dir=pool, split="train", out_dir=tmp_path / "base")
    given = [f"accuracies={evaluate(asked) / 'accuracies.jsonl'}"]
    shipped = read_recipe(ROOT / "configs" / "curate" / "difficulty-balanced.yaml")
    out = curate(settings(pool, out_dir=tmp_path / "out", size=16, given=given), shipped)
    assert Counter(example.category for example in read_examples(out)) == {"a": 12, "b": 4}


def test_like_a_target_set(tmp_path: Path) -> None:
    pool = prepare(tmp_path / "p", prompts(30))
    wanted = [row for n, row in enumerate(prompts(30)) if n in (3, 17)]
    target = prepare(tmp_path / "t", [{**row, "output": "another"} for row in wanted])
    text = "vectors: {v: {hashed_ngrams: {part: prompt}}}\nsteps: [{like_targets: {vectors: v}}]"
    out = curate(settings(pool, out_dir=tmp_path / "o", size=2, target_dir=target), recipe(tmp_path, text))
    assert [e.messages[0].content for e in read_examples(out)][-1] == wanted[1]["instruction"]
    assert list((pool / "scores").glob("hashed_ngrams-v1-*.npy")), "vectors are kept"


def test_vectors_that_do_not_fit(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("a\nb\n")
    text = f"vectors: {{v: {{given_vectors: {{path: {folder}/vectors.npy, ids: {tmp_path}/ids.txt}}}}}}\n"
    with pytest.raises(UserError, match="2 ids"):
        mine = recipe(tmp_path, text + "steps: [{k_center: {vectors: v}}]")
        curate(settings(folder / "pool", out_dir=tmp_path / "out", size=2), mine)


def test_semantic_duplicates(folder: Path, tmp_path: Path) -> None:
    vectors = np.load(folder / "truth.npz")["vectors"]
    kept = keeps(folder, tmp_path, "[{semantic_duplicates: {vectors: v, above: 0.9}}]")
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = unit[kept] @ unit[kept].T - np.eye(len(kept))
    assert 5 < len(kept) < N and cosines.max() <= 0.9
    assert all((unit[kept] @ unit[place]).max() > 0.9 for place in set(range(N)) - set(kept))


def test_perplexity_and_ifd_are_the_indicators_and_share_their_passes(tiny_base: Path, tmp_path: Path) -> None:
    """Every row is read once given its prompt and once alone, whatever of the three is asked for, in whatever order."""
    from lit_gpt.curation.bench import Bench
    from lit_gpt.curation.indicators.likelihoods import Reader, likelihoods
    from lit_gpt.curation.registry import SCORERS
    from lit_gpt.curation.rows import Pool
    from lit_gpt.loading import load
    from lit_gpt.prompt_styles import find_style

    pool = prepare(tmp_path, [*prompts(12), {"instruction": "Go on", "output": "on and on " * 300}])
    names = ("ifd_ppl", "perplexity", "ifd_loss")
    bench = Bench(settings(pool, checkpoint_dir=tiny_base), 13, {name: SCORERS[name]() for name in names})
    reader = Reader(*load(tiny_base), find_style(None, tiny_base))
    expected = [found for _, found in likelihoods(read_examples(pool), reader)]
    rows = Pool.of(pool).rows
    for name in names:
        np.testing.assert_allclose(bench.scores(name, rows), [getattr(row, name) for row in expected], rtol=1e-5)
        assert bench.why_missing[name] == {rows.ids[12]: "too_long"}
    tables = sorted((pool / "scores").glob("*/scores.jsonl"))
    assert [table.parent.name.split("-")[0] for table in tables] == ["nll_alone", "nll_given"]
    assert [len(table.read_text().splitlines()) for table in tables] == [13, 13]

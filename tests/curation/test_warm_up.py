"""The default recipe's parts: candidates, a warm-up, what a tuned model says, the gate, and all of them together."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import rankdata

from lit_gpt.curation.amounts import Amount
from lit_gpt.curation.bench import Bench
from lit_gpt.curation.indicators.likelihoods import Reader, likelihoods
from lit_gpt.curation.recipes import read_recipe
from lit_gpt.curation.registry import SCORERS
from lit_gpt.curation.rows import Pool
from lit_gpt.curation.run import curate
from lit_gpt.curation.scorers import rank_shares
from lit_gpt.curation.settings import CurateSettings
from lit_gpt.data.store import count_examples, load_example_set, read_examples
from lit_gpt.errors import UserError
from lit_gpt.loading import load
from lit_gpt.prompts import TEXT_STYLES
from lit_gpt.training.warm_up import ShortFinetune, WarmUpSettings
from tests.curation.pools import ledger, prepare, prompts, recipe, settings

ROOT = Path(__file__).resolve().parents[2]
STEPS = """
scores:
  explained: {ifd_loss: {tuned: tuned}}
  loss: {perplexity: {tuned: tuned}}
  both: {rank_sum: {weights: {explained: -1, loss: -0.5}}}
steps: [{candidates: {times: 3}}, {warm_up: {times: 2}}, {top: {score: both, keep: {size: 4}}}]
"""
N = 24


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepare(tmp_path_factory.mktemp("warm"), prompts(N))


def asked(pool: Path, base: Path, **more: Any) -> CurateSettings:
    return settings(pool, checkpoint_dir=base, prompt_style="chat", **more)


def trainer(base: Path) -> ShortFinetune:
    return WarmUpSettings(learning_rate=0.01, lora_r=2).finetune(base, "chat")


def test_rows_are_read_by_a_model_that_has_seen_a_few(pool: Path, tiny_base: Path, tmp_path: Path) -> None:
    ours = settings(
        pool, checkpoint_dir=tiny_base, prompt_style="chat", out_dir=tmp_path / "o", scores_dir=tmp_path / "s"
    )
    out = curate(ours, recipe(tmp_path, STEPS), finetune=trainer(tiny_base))
    lines = ledger(out)
    assert [sum(line["step"] == step for line in lines) for step in (1, 2, 3)] == [N - 12, 0, 8]
    (warm,) = (tmp_path / "s").glob("warm_up-*")
    seen, undrawn = {e.id for e in read_examples(warm / "data")}, {line["id"] for line in lines if line["step"] == 1}
    assert len(seen) == 8 and not seen & undrawn
    adapter = warm / "run" / "final"
    reader = Reader(*load(tiny_base, adapter), TEXT_STYLES["chat"])
    candidates = [e for e in read_examples(pool) if e.id not in undrawn]
    read = [found for _, found in likelihoods(candidates, reader)]
    ifd = np.array([found.given / found.alone for found in read])
    plain = Reader(*load(tiny_base), TEXT_STYLES["chat"])
    assert not np.allclose(ifd, [found.ifd_loss for _, found in likelihoods(candidates, plain)])
    score = -rankdata(ifd) - 0.5 * rankdata([found.perplexity for found in read])
    best = {candidates[place].id for place in np.argsort(-score)[:4]}
    assert {e.id for e in read_examples(out)} == best
    # with the adapter given nothing is trained, and the rows are the same
    given = settings(
        pool, checkpoint_dir=tiny_base, prompt_style="chat", out_dir=tmp_path / "g", given=[f"tuned={adapter}"]
    )
    again = curate(given, recipe(tmp_path, STEPS))
    assert {e.id for e in read_examples(again)} == best


def test_another_learning_rate_is_another_warm_up(pool: Path, tiny_base: Path, tmp_path: Path) -> None:
    read = "scores: {loss: {perplexity: {tuned: tuned}}}"
    own = recipe(tmp_path, f"{read}\nsteps: [{{warm_up: {{times: 1}}}}, {{top: {{score: loss, keep: {{size: 2}}}}}}]")
    for rate in (0.01, 0.02, 0.01):
        ours = settings(
            pool, checkpoint_dir=tiny_base, prompt_style="chat", out_dir=tmp_path / "o", scores_dir=tmp_path / "s"
        )
        curate(ours, own, finetune=WarmUpSettings(learning_rate=rate, lora_r=2).finetune(tiny_base, "chat"))
    assert len(list((tmp_path / "s").glob("warm_up-*"))) == 2


def test_another_seed_is_another_warm_up_on_the_same_rows(pool: Path, tiny_base: Path, tmp_path: Path) -> None:
    read = "scores: {loss: {perplexity: {tuned: tuned}}}"
    own = recipe(tmp_path, f"{read}\nsteps: [{{warm_up: {{times: 99}}}}, {{top: {{score: loss, keep: {{size: 2}}}}}}]")
    for seed in (0, 1):
        ours = asked(pool, tiny_base, out_dir=tmp_path / f"o{seed}", scores_dir=tmp_path / "s", seed=seed)
        curate(ours, own, finetune=trainer(tiny_base))
    first, second = (tmp_path / "s").glob("warm_up-*")
    drawn = [{e.id for e in read_examples(folder / "data")} for folder in (first, second)]
    assert drawn[0] == drawn[1] and len(drawn[0]) == N


def test_nothing_is_trained_that_no_score_asks_for(pool: Path, tiny_base: Path, tmp_path: Path) -> None:
    own = recipe(tmp_path, "steps: [{warm_up: {times: 1}}, {random: {keep: {size: 2}}}]")
    curate(asked(pool, tiny_base, out_dir=tmp_path / "o", scores_dir=tmp_path / "s"), own)
    assert not list((tmp_path / "s").glob("warm_up-*"))


@pytest.mark.parametrize("amount", [{"size": 5}, {"fraction": 0.21}, {"budget_tokens": 120}])
def test_candidates_are_counted_in_what_is_kept(
    amount: dict[str, float], pool: Path, tiny_base: Path, tmp_path: Path
) -> None:
    ours = asked(pool, tiny_base, out_dir=tmp_path / "o", **amount)
    out = curate(ours, recipe(tmp_path, "steps: [{candidates: {times: 2}}, {random: {keep: {size: 1}}}]"))
    n_candidates = N - sum(line["step"] == 1 for line in ledger(out))
    if "budget_tokens" not in amount:
        assert n_candidates == 10
        return
    bench = Bench(ours, N, {"row_tokens": SCORERS["row_tokens"]()}, asked=Amount(budget_tokens=120))
    lengths = dict(zip(Pool.of(pool).ids, bench.scores("row_tokens", Pool.of(pool).rows), strict=True))
    left_out = {line["id"] for line in ledger(out) if line["step"] == 1}
    drawn = sum(length for id, length in lengths.items() if id not in left_out)
    assert drawn <= 240 < drawn + max(lengths.values())


def test_equal_values_share_their_rank_and_missing_ones_have_none() -> None:
    values = np.array([3.0, 1.0, np.nan, 3.0, 2.0, np.inf])
    shares = rank_shares(values)
    finite = np.isfinite(values)
    np.testing.assert_allclose(shares[finite], (rankdata(values[finite]) - 0.5) / 4)
    assert np.isnan(shares[~finite]).all()


def test_the_gate_leaves_out_what_the_rules_refuse(tmp_path: Path) -> None:
    pool = prepare(tmp_path / "data", prompts(4))
    own = recipe(tmp_path, "steps: [licence_gate]")
    out = curate(settings(pool, out_dir=tmp_path / "free"), own)
    assert count_examples(out, "train") == 4
    with pytest.raises(UserError, match="no row left"):  # nobody says who wrote a file of the user's
        curate(settings(pool, out_dir=tmp_path / "strict", challenge="strict"), own)


def test_without_a_trainer_a_warm_up_says_what_to_give(pool: Path, tiny_base: Path, tmp_path: Path) -> None:
    ours = settings(
        pool, checkpoint_dir=tiny_base, prompt_style="chat", out_dir=tmp_path / "o", scores_dir=tmp_path / "s"
    )
    with pytest.raises(UserError, match="nothing can be trained"):
        curate(ours, recipe(tmp_path, STEPS))
    for bad in ("candidates: {times: 0}", "warm_up: {epochs: 0}"):
        with pytest.raises(UserError, match="above 0"):
            recipe(tmp_path, f"steps: [{{{bad}}}]")


def test_the_default_recipe_runs_on_the_world(tiny_base: Path, tmp_path: Path) -> None:
    from lit_gpt.data.prepare import prepare_examples
    from lit_gpt.data.settings import DataSettings
    from lit_gpt.data.sources.world import source

    world = prepare_examples(
        source(n_rows=120, n_test=20, defects=True), DataSettings(destination_path=tmp_path / "w", seed=3)
    )
    ours = settings(
        world, checkpoint_dir=tiny_base, prompt_style="chat", out_dir=tmp_path / "o", size=10, missing="drop"
    )
    out = curate(ours, read_recipe(ROOT / "configs/curate/default.yaml"), finetune=trainer(tiny_base))
    assert count_examples(out, "train") == 10
    assert load_example_set(out).settings["recipe"]["steps"][0] == "licence_gate"
    assert {line["step_name"] for line in ledger(out)} >= {"candidates", "best_unlike"}

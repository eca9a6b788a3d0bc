"""The baselines choose what they say: nested draws, groups in turns, lengths met."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lit_gpt.curation.run import curate
from lit_gpt.curation.steps.baselines import nearest_in_turn
from lit_gpt.data.store import read_examples
from lit_gpt.errors import UserError
from tests.curation.pools import prepare, prompts, recipe, settings


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepare(tmp_path_factory.mktemp("data"), prompts(60))


def chosen(pool: Path, folder: Path, text: str, name: str = "out", **more: object) -> list[str]:
    out = curate(settings(pool, out_dir=folder / name, **more), recipe(folder, text))
    return [example.id for example in read_examples(out)]


def test_a_larger_draw_contains_a_smaller_one(pool: Path, tmp_path: Path) -> None:
    draws = [set(chosen(pool, tmp_path, "steps: [random]", f"{n}", size=n)) for n in (5, 20, 60)]
    assert draws[0] < draws[1] < draws[2]
    assert draws[0] != set(chosen(pool, tmp_path, "steps: [random]", "other", size=5, seed=1))


def test_a_draw_does_not_hang_on_what_else_is_in_the_pool(pool: Path, tmp_path: Path) -> None:
    """A row's part in the shuffle is its own."""
    whole = chosen(pool, tmp_path, "steps: [random]", size=60)
    assert len(whole) == 60
    few = chosen(pool, tmp_path, "steps: [{score_bounds: {score: answer_words, above: 30}}, random]", "few", size=10)
    many = set(chosen(pool, tmp_path, "steps: [random]", "many", size=30))
    assert len(set(few) & many) > 2


def test_groups_take_turns(tmp_path: Path) -> None:
    """Twelve of a, three of b, one of c: ten rows are one, three, and the rest."""
    import json

    from lit_gpt.data.prepare import prepare_examples
    from lit_gpt.data.settings import DataSettings
    from lit_gpt.data.sources import dolly

    file = tmp_path / "rows.jsonl"
    groups = ["a"] * 12 + ["b"] * 3 + ["c"]
    rows = [{"instruction": f"Do {n}", "context": "", "response": "ok", "category": g} for n, g in enumerate(groups)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    pool = prepare_examples(
        dolly.source(), DataSettings(source=str(file), destination_path=tmp_path / "pool", val_split_fraction=0)
    )
    for size, expected in ((3, {"a": 1, "b": 1, "c": 1}), (10, {"a": 6, "b": 3, "c": 1})):
        out = curate(settings(pool, out_dir=tmp_path / "out", size=size), recipe(tmp_path, "steps: [balanced]"))
        assert Counter(example.category for example in read_examples(out)) == expected


def test_the_longest(pool: Path, tmp_path: Path) -> None:
    text = "steps: [{top: {score: answer_words}}]"
    assert chosen(pool, tmp_path, text, size=4) == [e.id for e in read_examples(pool)][-4:]


def test_lengths_are_met(pool: Path, tmp_path: Path) -> None:
    target = curate(settings(pool, out_dir=tmp_path / "t", size=15), recipe(tmp_path, "steps: [random]"))
    other = prepare(tmp_path / "o", [{**row, "instruction": f"Other {row['instruction']}"} for row in prompts(60)])
    out = curate(
        settings(other, out_dir=tmp_path / "l", size=15, target_dir=target), recipe(tmp_path, "steps: [length_matched]")
    )
    lengths = [sorted(len(e.messages[1].content) for e in read_examples(path)) for path in (target, out)]
    assert lengths[0] == lengths[1]
    with pytest.raises(UserError, match="no --target_dir"):
        chosen(pool, tmp_path, "steps: [length_matched]", "x", size=3)
    with pytest.raises(UserError, match="16 rows asked for"):
        chosen(pool, tmp_path, "steps: [length_matched]", "x", size=16, target_dir=target)


def test_the_nearest_that_is_free() -> None:
    free = [(1, 0, 10), (4, 1, 11), (4, 2, 12), (9, 3, 13)]
    assert list(nearest_in_turn([5, 5, 5, 100, 7], free)) == [11, 12, 13, 10], "then none is left"


def n_tokens_of(directory: Path, base: Path) -> list[int]:
    from lit_gpt.prompt_styles import find_style
    from lit_gpt.tokenizer import Tokenizer
    from lit_gpt.tokens.encode import encode_examples

    rows = encode_examples(read_examples(directory), Tokenizer(base), find_style(None, base))
    return [len(row.ids) for _, row in rows]


def test_a_budget_of_tokens_is_kept(pool: Path, tiny_base: Path, tmp_path: Path) -> None:
    def n_tokens(directory: Path) -> list[int]:
        return n_tokens_of(directory, tiny_base)

    shortest, whole = min(n_tokens(pool)), sum(n_tokens(pool))
    for n, budget in enumerate((whole // 3, whole, 2 * whole)):
        mine = recipe(tmp_path, "steps: [random]")
        out = curate(settings(pool, out_dir=tmp_path / f"{n}", budget_tokens=budget, checkpoint_dir=tiny_base), mine)
        total = sum(n_tokens(out))
        assert total <= budget and (total > whole // 3 - max(n_tokens(pool)) if not n else total == whole)
    with pytest.raises(UserError, match="less than the first row has"):
        chosen(pool, tmp_path, "steps: [random]", "x", budget_tokens=shortest - 1, checkpoint_dir=tiny_base)
    with pytest.raises(UserError, match="no --checkpoint_dir"):
        chosen(pool, tmp_path, "steps: [random]", "x", budget_tokens=50)


def test_hours_of_training_buy_more_rows_where_the_training_cuts_them(
    pool: Path, tiny_base: Path, tmp_path: Path
) -> None:
    lengths = n_tokens_of(pool, tiny_base)
    cut = max(lengths) - 1
    budget = sum(min(length, cut) for length in lengths)
    hours: dict[str, Any] = {"train_hours": 1.0, "train_tokens_per_s": budget, "train_epochs": 3600}
    for limit, all_fit in ((cut, True), (None, False)):
        kept = chosen(pool, tmp_path, "steps: [random]", checkpoint_dir=tiny_base, max_seq_length=limit, **hours)
        assert (len(kept) == len(lengths)) is all_fit

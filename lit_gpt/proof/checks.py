"""What must hold of candidates before anything is trained, and which rows a set has."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from lit_gpt.curation.recipes import Recipe
from lit_gpt.curation.settings import given_files
from lit_gpt.curation.steps.duplicates import normalised
from lit_gpt.curation.texts import prompt_of
from lit_gpt.data.store import TEST, is_example_set, load_example_set, read_columns, read_examples, split_name
from lit_gpt.errors import UserError, suggestion


def require_different(names: list[str]) -> None:
    if twice := [name for name in names if names.count(name) > 1]:
        raise UserError(f"two candidates called {twice[0]}", "names that differ", "leave one out, or rename its folder")


def require_own_folder(out_dir: Path) -> None:
    """UserError where the folder is the pool, or another prepared set."""
    if is_example_set(out_dir):
        got = f"--out_dir {out_dir}, which is a prepared set"
        raise UserError(got, "a folder of its own", "choose another --out_dir")


def require_smaller(budget: int, n_pool: int, flag: str, is_given: bool) -> None:
    """UserError where a random draw of the budget is the whole pool. `is_given`: or the sets' tokens decide."""
    if budget < n_pool:
        return
    unit = "rows" if flag == "size" else "tokens"
    got = f"--{flag} {budget}" if is_given else f"--sets that have {budget:,} {unit} or more"
    got += f", of a pool with {n_pool:,} {unit} to train on: a random draw is the whole pool"
    do = f"choose a smaller --{flag}, such as {n_pool // 10}" if is_given else f"pass --{flag} {n_pool // 10}"
    raise UserError(got, f"fewer {unit} than the pool has", do)


def require_asked_for(given: list[str], recipes: Sequence[Recipe]) -> None:
    """UserError for a --given that no candidate asks for."""
    known = {name for recipe in recipes for name in (*recipe.asked_scorers, *recipe.inputs)}
    for name in given_files(given):
        if name not in known:
            do = suggestion(name, known) or "leave it out"
            raise UserError(f"--given {name}=...", f"one of {', '.join(sorted(known)) or '(none)'}", do)


def require_no_held_out(own_set: Path, pool: Path) -> None:
    """UserError where a set trains on rows that all are measured on."""
    measured = set(_hashes(pool, "validation")) | set(_hashes(pool, TEST))
    n_seen = sum(each in measured for each in _hashes(own_set, "train"))
    if n_seen:
        got = f"{own_set}, of whose training rows {n_seen:,} are held out in {pool}"
        raise UserError(got, "a set that trains on none of them", f"curate it from {pool}")


def _hashes(data_dir: Path, split: str) -> Iterator[str]:
    if split_name(split) in load_example_set(data_dir).files:
        for batch in read_columns(data_dir, split, ("content_hash",)):
            yield from batch.column(0).to_pylist()


def shared_prompts(pool: Path, split: str, ids: Collection[str]) -> dict[str, int]:
    """Of the rows `ids` of a held-out split, how many ask what a training row asks, case and white space aside."""
    asked = {normalised(prompt_of(example)) for example in read_examples(pool)}
    measured = (normalised(prompt_of(example)) for example in read_examples(pool, split) if example.id in ids)
    return {"n_measured": len(ids), "n_shared": sum(prompt in asked for prompt in measured)}


def chosen_hashes(data_dir: Path) -> frozenset[str]:
    """The training rows of a set, by their content."""
    return frozenset(_hashes(data_dir, "train"))

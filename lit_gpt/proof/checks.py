"""What must hold of candidates before anything is trained, and which rows a set has."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from lit_gpt.curation.recipes import Recipe
from lit_gpt.curation.settings import given_files
from lit_gpt.data.store import TEST, load_example_set, read_columns, split_name
from lit_gpt.errors import UserError, suggestion


def require_different(names: list[str]) -> None:
    if twice := [name for name in names if names.count(name) > 1]:
        raise UserError(f"two candidates called {twice[0]}", "names that differ", "leave one out, or rename its folder")


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


def chosen_hashes(data_dir: Path) -> frozenset[str]:
    """The training rows of a set, by their content."""
    return frozenset(_hashes(data_dir, "train"))

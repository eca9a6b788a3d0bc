"""Recipes: every one that ships can be read, and what is misspelt in one is answered with the nearest name."""

import re
import typing
from pathlib import Path

import pytest

from lit_gpt.curation.recipes import find_recipe, read_recipe, recipe_names
from lit_gpt.curation.registry import EMBEDDERS, SCORERS, STEPS
from lit_gpt.curation.step import is_chooser
from lit_gpt.errors import UserError
from tests.curation.pools import recipe

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "configs" / "curate"
PUBLISHED = {
    "instructmining-v1", "instructmining-v3", "lift-variety", "ifd", "superfiltering", "mods", "deita", "rds+", "less",
    "facility-location", "difficulty-balanced", "qdit-local", "lima-rules", "random", "balanced", "longest",
    "length-matched", "full",
}  # fmt: skip


def test_what_was_promised_ships() -> None:
    assert set(recipe_names(SHIPPED)) >= PUBLISHED


@pytest.mark.parametrize("name", recipe_names(SHIPPED))
def test_a_recipe_that_ships(name: str) -> None:
    found = read_recipe(SHIPPED / f"{name}.yaml")
    card = found.card
    assert card.ours and card.negatives and len(card.formula) > 5 and len(card.paper) > 5
    for kind, step in found.steps:
        assert bool(step.REASONS) is (kind != "warm_up")  # which leaves no row out
        assert all(meaning.endswith(".") for meaning in step.REASONS.values())
        for field, known in (("score", found.scorers), ("vectors", found.embedders)):
            assert not getattr(step, field, "") or getattr(step, field) in known
        if is_chooser(step) and name != "length-matched":
            assert step.keep is not None, "it runs without an amount, too"


def test_the_published_coefficients() -> None:
    """As arXiv 2307.06290 has them."""
    first = read_recipe(SHIPPED / "instructmining-v1.yaml").scorers["predicted_log_loss"]
    assert (first.intercept, first.weights) == (1.0694, {"reward": -0.1498, "length": 8.257e-5, "knn_6": -0.935})
    last = read_recipe(SHIPPED / "instructmining-v3.yaml").scorers["predicted_log_loss"]
    assert (last.intercept, last.weights) == (0.0274, {"reward": -0.0078, "und": 0.4421, "nat": -0.3212, "coh": -0.152})


@pytest.mark.parametrize("name", [*STEPS, *SCORERS, *EMBEDDERS])
def test_everything_a_recipe_may_name_says_what_it_does(name: str) -> None:
    kind = {**STEPS, **SCORERS, **EMBEDDERS}[name]
    assert kind.__doc__ and not kind.__doc__.startswith(f"{kind.__name__}(")
    for field in typing.get_type_hints(kind):
        own = field in kind.__annotations__ and not field.isupper()
        assert not own or field == "of" or f"{field}:" in kind.__doc__, f"{field} of {name}"


def test_the_tutorial_s_table_names_every_score_and_what_it_needs() -> None:
    text = (ROOT / "tutorials" / "curate.md").read_text("utf-8")
    table = [line.split("|")[1:4] for line in text.splitlines() if line.startswith("| `")]
    needs = {name: needed for names, _, needed in table for name in re.findall(r"`(\w+)`", names)}
    assert needs.keys() == SCORERS.keys()
    for name, kind in SCORERS.items():
        flags = {f"--{need}" for need in getattr(kind, "NEEDS", ())}
        flags |= {f"--given {default}=" for field in getattr(kind, "GIVEN", ()) if (default := getattr(kind, field))}
        assert [flag for flag in flags if flag not in needs[name]] == [], name


@pytest.mark.parametrize(
    ("text", "got", "do"),
    [
        ("steps: [nearduplicates]", "step 1: unknown step 'nearduplicates'", "did you mean near_duplicates?"),
        ("steps: [random, {top: {scores: x}}]", "step 2 (top): unknown setting 'scores'", "did you mean score?"),
        ("steps: [{top: {score: 3}}]", "step 1 (top): score: 3", "correct the value"),
        ("steps: [{top: {score: x, order: upwards}}]", "order: 'upwards'", "correct"),
        ("steps: [{top: {score: x, keep: {size: many}}}]", "keep: size: 'many'", "correct"),
        ("steps: [{top: {score: x, keep: {size: true}}}]", "keep: size: True", "correct"),
        ("steps: [{top: {}}]", "step 1 (top) without score", "add"),
        ("steps: [{random: {keep: {size: 1, fraction: 0.1}}}]", "size 1 and fraction 0.1", "exactly one"),
        ("steps: [[]]", "step 1: []", "mend"),
        ("steps: random", "without a list of steps", "add"),
        ("step: [random]", "unknown section 'step'", "did you mean steps?"),
        ("scores: {a: ifd_los}\nsteps: []", "scores: a: unknown 'ifd_los'", "did you mean ifd_loss?"),
        ("scores: [a]\nsteps: []", "scores: ['a']", "mend"),
        ("steps: [{near_duplicates: {threshold: 2}}]", "threshold 2.0", "choose"),
        ("steps: [{decontaminate: {benchmarks: [mmul]}}]", "'mmul'", "did you mean mmlu?"),
        ("steps: [{decontaminate: {match: {ngrams: 3}}}]", "unknown setting 'ngrams'", "did you mean ngram?"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, got: str, do: str) -> None:
    with pytest.raises(UserError) as error:
        recipe(tmp_path, text)
    assert got in error.value.got and do in error.value.do


def test_finding_one(tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        find_recipe("longets", SHIPPED)
    assert "did you mean longest?" in error.value.do and "superfiltering" in error.value.expected
    assert find_recipe("longest", SHIPPED) == SHIPPED / "longest.yaml"
    with pytest.raises(UserError, match="does not exist"):
        find_recipe(str(tmp_path / "mine.yaml"), SHIPPED)


@pytest.mark.parametrize("text", ["a: [", "\x00", "- 1", ""])
def test_files_that_are_no_recipes(tmp_path: Path, text: str) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(UserError):
        read_recipe(tmp_path / "mine.yaml")


def test_what_has_to_be_given(tmp_path: Path) -> None:
    assert read_recipe(SHIPPED / "less.yaml").inputs == {"warmup", "moments"}
    assert read_recipe(SHIPPED / "instructmining-refit.yaml").inputs == {"rule"}
    assert recipe(tmp_path, "steps: [{k_center: {vectors: sentence_encoder}}]").inputs == {"encoder"}
    made_of = recipe(tmp_path, "scores: {both: {product: {of: [learnability, mtld]}}}\nsteps: [{top: {score: both}}]")
    assert made_of.inputs == {"tuned"} and set(made_of.asked_scorers) == {"both", "learnability", "mtld"}

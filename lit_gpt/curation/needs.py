"""What a recipe needs beside the rows, asked for before its first step: no hours of work end in a missing flag.

A part of a recipe says it itself: `NEEDS` names settings, `GIVEN` the fields whose names --given has to know (all but
those in `OPTIONAL`), and `check(bench)` refuses what is told by neither. Looked at are the parts in use: steps, scores
they go by, what those are made of, and vectors. `READS` names settings that a part looks at and does without; a flag
that no part looks at is refused, too: whoever asks for the challenge's rules must not get a set that passed no gate.
Not covered: what only reading a file or asking a judge tells.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

from lit_gpt.curation.amounts import NO_AMOUNT
from lit_gpt.curation.bench import Bench, named
from lit_gpt.curation.models import checkpoint_of
from lit_gpt.curation.recipes import Recipe
from lit_gpt.curation.scorers import Fitted
from lit_gpt.curation.settings import CurateSettings
from lit_gpt.curation.step import is_chooser
from lit_gpt.curation.steps.warm_up import WarmUp
from lit_gpt.data.store import load_example_set
from lit_gpt.errors import UserError

ASK: dict[str, Callable[[Bench], object]] = {
    "checkpoint_dir": checkpoint_of,
    "target_dir": lambda bench: load_example_set(bench.target_dir),
}
READ_BY = {
    "challenge": "the step licence_gate, as in default",
    "benchmarks_dir": "the step decontaminate",
    "against": "the step decontaminate",
    "target_dir": "something that takes targets, such as rds+, less or length-matched",
}


def check_needs(recipe: Recipe, bench: Bench) -> None:
    """UserError for the first thing that is missing."""
    made = {step.name for step in (cast(Any, step) for _, step in recipe.steps) if isinstance(step, WarmUp)}
    for name, path in bench.settings.given_files.items():
        if not path.exists():
            raise UserError(f"--given {name}={path}, which does not exist", "a file or a folder", "check the path")
    for part in parts_in_use(recipe, bench):
        for need in getattr(part, "NEEDS", ()):
            ASK[need](bench)
        for field in getattr(part, "GIVEN", ()):
            name = getattr(part, field)
            if name and name not in made and field not in getattr(part, "OPTIONAL", ()):
                bench.given(name, part.GIVEN[field])
        if hasattr(part, "check"):
            part.check(bench)
        if is_chooser(part):
            required_amount(part)


def refuse_unused(recipe: Recipe, bench: Bench, of_warm_up: Sequence[str] = ()) -> None:
    """UserError for a flag that no part in use looks at. `of_warm_up`: those given of the warm-up's training."""
    parts, s = list(parts_in_use(recipe, bench)), bench.settings
    read = {name for part in parts for name in (*getattr(part, "NEEDS", ()), *getattr(part, "READS", ()))}
    unread = {name: who for name, who in READ_BY.items() if getattr(s, name) and name not in read}
    if not any(isinstance(part, WarmUp) for part in parts):
        unread |= dict.fromkeys(of_warm_up, "the step warm_up")
    if s.train_hours is None and s.train_epochs != CurateSettings.train_epochs:
        unread["train_epochs"] = "--train_hours"
    for name, who in unread.items():
        got = f"--{name} for {recipe.name}, in which nothing looks at it"
        raise UserError(got, f"a recipe with {who}" if name != "train_epochs" else who, f"leave --{name} out")


def needs_checkpoint(recipe: Recipe, bench: Bench) -> bool:
    """Whether some part of it in use asks a model, or counts by its tokenizer."""
    return any("checkpoint_dir" in getattr(part, "NEEDS", ()) for part in parts_in_use(recipe, bench))


def parts_in_use(recipe: Recipe, bench: Bench) -> Iterator[Any]:
    """Steps, then scores, then embedders."""
    parts: list[Any] = [step for _, step in recipe.steps]
    yield from parts
    todo = [part.score for part in parts if getattr(part, "score", "")]
    if bench.asked is not None and bench.asked.budget_tokens is not None:
        todo.append("row_tokens")
    seen = set[str]()
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            scorer = named(bench.scorers, name, "score")
            yield scorer
            parts.append(scorer)
            todo += [*getattr(scorer, "weights", ()), *getattr(scorer, "of", ())]
            todo += scorer.indicators(bench) if isinstance(scorer, Fitted) else []
    for name in sorted({part.vectors for part in parts if getattr(part, "vectors", "")}):
        yield named(bench.embedders, name, "embedder")


def required_amount(step: Any) -> Any:
    """How many rows the chooser keeps; UserError where nobody says."""
    if step.keep is None:
        raise UserError(*NO_AMOUNT)
    return step.keep

"""A recipe: a YAML file with a card, the scores it needs, and its steps in order.

card:      title, paper, formula, ours (what the paper leaves open and we decided), negatives (what is known against
           it), needs
scores:    name -> {scorer: {setting: value}}; a step's `score` is one of these names
vectors:   name -> {embedder: {setting: value}}; likewise for `vectors`
steps:     a list of  step  or  step: {setting: value}
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from lit_gpt.curation.amounts import Amount
from lit_gpt.curation.parsing import build
from lit_gpt.curation.registry import EMBEDDERS, SCORERS, STEPS
from lit_gpt.curation.step import Step, is_chooser
from lit_gpt.errors import UserError, suggestion


@dataclass(frozen=True)
class Card:
    """What a recipe is.

    Args:
        title: the method, in a few words
        paper: where it comes from, and which version
        formula: what is computed
        ours: what had to be decided here
        negatives: what is known to speak against it
        needs: what has to be given, if anything
    """

    title: str
    paper: str
    formula: str
    ours: tuple[str, ...]
    negatives: tuple[str, ...]
    needs: str = ""


@dataclass(frozen=True)
class Recipe:
    """`settings` is the file's content, for the manifest."""

    name: str
    card: Card
    steps: tuple[tuple[str, Step], ...]
    scorers: dict[str, Any]
    embedders: dict[str, Any]
    settings: dict[str, Any]

    @property
    def decisive(self) -> dict[str, Any]:
        """What of the file decides which rows stay: all but the card's words."""
        return {name: value for name, value in self.settings.items() if name != "card"}

    @property
    def kept(self) -> Amount | None:
        """What its last choosing step keeps."""
        amounts = [cast(Any, step).keep for _, step in self.steps if is_chooser(step)]
        return amounts[-1] if amounts else None

    @property
    def asked_scorers(self) -> dict[str, Any]:
        """Those that the file names, its steps go by, or another of them is made of."""
        names = {*(self.settings.get("scores") or {}), *(getattr(step, "score", "") for _, step in self.steps)}
        made_of = [(*getattr(s, "weights", ()), *getattr(s, "of", ())) for n, s in self.scorers.items() if n in names]
        names = names.union(*made_of)
        return {name: scorer for name, scorer in self.scorers.items() if name in names}

    @property
    def inputs(self) -> set[str]:
        """Names of what is neither score nor setting and has to be given: tables, adapters, models."""
        going_by = [*(step for _, step in self.steps), *self.asked_scorers.values()]
        names = {*(self.settings.get("vectors") or {}), *(getattr(part, "vectors", "") for part in going_by)}
        parts = [*going_by, *(embedder for name, embedder in self.embedders.items() if name in names)]
        return {name for part in parts for field in getattr(part, "GIVEN", ()) if (name := getattr(part, field))}


SECTIONS = ("card", "scores", "vectors", "steps")


def find_recipe(name: str, folder: Path) -> Path:
    """The file of a recipe by its name in `folder`, or by its own path; UserError with the nearest name."""
    own = Path(name)
    if own.suffix in (".yaml", ".yml"):
        if not own.is_file():
            raise UserError(f"--recipe {name}, which does not exist", "a recipe's name or YAML file", "check the path")
        return own
    names = recipe_names(folder)
    if name not in names:
        do = suggestion(name, names) or "choose one of these, or give a YAML file"
        raise UserError(f"unknown recipe: {name}", f"one of {', '.join(names)}", do)
    return folder / f"{name}.yaml"


def card_in_words(recipe: Recipe) -> str:
    """The card as text."""
    card = recipe.card
    lines = [f"{recipe.name}: {card.title}", f"paper    {card.paper}", f"formula  {' '.join(card.formula.split())}"]
    lines += [f"needs    {card.needs or 'nothing but the rows'}"]
    for title, items in (("what had to be decided here", card.ours), ("what is known against it", card.negatives)):
        lines += ["", title, *(f"  - {item}" for item in items)]
    return "\n".join([*lines, "", "steps    " + (" -> ".join(name for name, _ in recipe.steps) or "none")])


def recipe_names(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.yaml"))


def read_recipe(path: Path) -> Recipe:
    """The recipe in a file; UserError, naming the place, for what it should not say."""
    content = _read(path)
    for section in content:
        if section not in SECTIONS:
            do = suggestion(str(section), SECTIONS) or "leave it out"
            raise UserError(f"{path.name}: unknown section {section!r}", f"one of {', '.join(SECTIONS)}", do)
    steps = content.get("steps")
    if not isinstance(steps, list):
        raise UserError(f"{path.name} without a list of steps", "steps: [...], which may be empty", "add it")
    return Recipe(
        name=path.stem,
        card=build(Card, content.get("card"), f"{path.name}: card"),
        steps=tuple(_step(entry, f"{path.name}: step {n}") for n, entry in enumerate(steps, 1)),
        scorers=_named(content.get("scores"), SCORERS, f"{path.name}: scores"),
        embedders=_named(content.get("vectors"), EMBEDDERS, f"{path.name}: vectors"),
        settings=content,
    )


def _read(path: Path) -> dict[str, Any]:
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        got = f"{path}, which cannot be read ({' '.join(str(error).split())})"
        raise UserError(got, "a recipe in YAML", "mend the file") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}, which holds no sections", f"{', '.join(SECTIONS)}", "mend the file")
    return content


def _step(entry: Any, where: str) -> tuple[str, Step]:
    name, settings = _name_and_settings(entry, where)
    return name, build(_known(STEPS, name, f"{where}: unknown step"), settings, f"{where} ({name})")


def _named(section: Any, known: Mapping[str, type], where: str) -> dict[str, Any]:
    """Every scorer or embedder that a recipe names; those that need no settings are there by their own name."""
    if section is not None and not isinstance(section, dict):
        raise UserError(f"{where}: {section!r}", "names with what they stand for", "mend the recipe")
    found: dict[str, Any] = {name: kind() for name, kind in known.items() if not _needs_settings(kind)}
    for name, entry in (section or {}).items():
        kind, settings = _name_and_settings(entry, f"{where}: {name}")
        found[str(name)] = build(
            _known(known, kind, f"{where}: {name}: unknown"), settings, f"{where}: {name} ({kind})"
        )
    return found


def _needs_settings(kind: type) -> bool:
    try:
        kind()
    except (TypeError, UserError):
        return True
    return False


def _name_and_settings(entry: Any, where: str) -> tuple[str, Any]:
    if isinstance(entry, str):
        return entry, {}
    if isinstance(entry, dict) and len(entry) == 1:
        ((name, settings),) = entry.items()
        return str(name), settings
    raise UserError(f"{where}: {entry!r}", "a name, or a name with its settings", "mend the recipe")


def _known(known: Mapping[str, type], name: str, what: str) -> type:
    if name not in known:
        raise UserError(
            f"{what} {name!r}", f"one of {', '.join(known)}", suggestion(name, known) or "choose one of these"
        )
    return known[name]

"""Curation works blind: it reads neither the labels of the world nor a phrase of the generator that spoils it.

Read from the source, in functions and strings too. Not seen: a name put together while running.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from lit_gpt.data.world.defects import OPENINGS, PADDING, REFUSAL_REASONS, REFUSALS, TRIVIAL

ROOT = Path(__file__).resolve().parents[1]
WRITES_THEM = "lit_gpt/discovery.py"  # beside the embedded pool; it reads none
MAY_READ_LABELS = (
    "lit_gpt/data/world/",
    "lit_gpt/data/sources/world.py",
    "lit_gpt/data/sources/oasst1.py",  # Open Assistant has a field of that name
    "lit_gpt/evaluation/",
    "lit_gpt/studies/",
    WRITES_THEM,
)
CURATION = ("lit_gpt/curation", "configs/curate")
FORBIDDEN_MODULES = (
    "lit_gpt.data.world.defects",
    "lit_gpt.data.world.labels",
    "lit_gpt.data.world.pool",
    "lit_gpt.evaluation.labels",
)
FORBIDDEN_NAMES = {
    "write_label_table",
    "write_labels",
    "label_schema",
    "read_labels",
    "labels_path",
    "LabelTable",
    "labels_dir",
}
LABEL_FOLDER = re.compile(r"(^|[-_/.\s{}])labels([-_/.\s{}]|$)")
LEAST_WORDS = 4  # of a quotation
LONG_OPENINGS = [opening for opening in OPENINGS if len(opening.split()) >= LEAST_WORDS]  # "Now:" is anybody's
PHRASES = (*PADDING, *REFUSALS, *REFUSAL_REASONS, *LONG_OPENINGS, *(question for question, _ in TRIVIAL))


def words_of(text: str) -> list[str]:
    """Lower case, without stops; a regular expression's blanks are blanks."""
    return re.findall(r"[a-z]+|\{\w+\}", re.sub(r"\\[sbWw][+*?]?", " ", text).lower())


def quotations() -> set[tuple[str, ...]]:
    """Every run of four words of the generator's phrases; a phrase of fewer whole, slots being one word."""
    found = set()
    for phrase in PHRASES:
        words = words_of(phrase)
        for start in range(max(1, len(words) - LEAST_WORDS + 1)):
            found.add(tuple(words[start : start + LEAST_WORDS]))
    return {words for words in found if len(words) > 1}


def quoted(text: str) -> list[str]:
    """The generator's phrases, or four words of one, that a text holds."""
    spoken = f" {' '.join(words_of(text))} "
    return sorted(" ".join(words) for words in quotations() if f" {' '.join(words)} " in spoken)


def docstrings(tree: ast.Module) -> set[int]:
    holders = (node for node in ast.walk(tree) if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)))
    return {id(node.body[0].value) for node in holders if node.body and isinstance(node.body[0], ast.Expr)}


def named(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """What a module names: (module | name | text, which)."""
    skipped = docstrings(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (("module", alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "module", node.module or ""
            for alias in node.names:
                yield from (("module", f"{node.module}.{alias.name}"), ("name", alias.name))
        elif isinstance(node, ast.Attribute):
            yield "name", node.attr
        elif isinstance(node, ast.Name):
            yield "name", node.id
        elif isinstance(node, (ast.arg, ast.keyword)):
            yield "name", node.arg or ""
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
            yield "text", node.value


def is_of_labels(what: str, which: str) -> bool:
    if what == "name":
        return which in FORBIDDEN_NAMES
    if any(which == module or which.startswith(f"{module}.") for module in FORBIDDEN_MODULES):
        return True
    return what == "text" and bool(LABEL_FOLDER.search(which))


def peeks(source: str) -> list[str]:
    """What a module names of the labels and of the planted defects."""
    return sorted({which for what, which in named(ast.parse(source)) if is_of_labels(what, which)})


def sources() -> list[str]:
    return [path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "lit_gpt").rglob("*.py"))]


@pytest.mark.parametrize("path", [path for path in sources() if not path.startswith(MAY_READ_LABELS)])
def test_no_other_room_looks_at_the_labels(path: str) -> None:
    assert not peeks((ROOT / path).read_text("utf-8"))


def test_those_that_may_look_are_there() -> None:
    """The list of exceptions names nothing that is gone, and each exception is needed."""
    for allowed in MAY_READ_LABELS:
        assert any(peeks((ROOT / path).read_text("utf-8")) for path in sources() if path.startswith(allowed)), allowed


def test_discovery_writes_labels_and_looks_at_none() -> None:
    assert peeks((ROOT / WRITES_THEM).read_text("utf-8")) == ["write_labels"]


def test_curation_quotes_nothing_of_the_generator() -> None:
    files = [path for folder in CURATION for path in sorted((ROOT / folder).rglob("*")) if path.is_file()]
    texts = {
        path: path.read_text("utf-8")
        for path in files
        if path.suffix in {".py", ".yaml", ".yml", ".json", ".txt", ".md"}
    }
    assert not {str(path): found for path, text in texts.items() if (found := quoted(text))}


@pytest.mark.parametrize(
    "source",
    [
        "from lit_gpt.data.world.defects import PADDING",
        "from lit_gpt.data.world import defects",
        "import lit_gpt.data.world.labels",
        "def hidden():\n    from lit_gpt.data.world import pool",
        "import_module('lit_gpt.data.world.defects')",
        "from lit_gpt.evaluation.labels import read_labels",
        "path = data_dir.with_name(f'{data_dir.name}-labels')",
        "path = 'data/world-labels/train.parquet'",
        "path = data_dir.parent / 'labels'",
        "manifest = read_manifest(path, 'labels')",
        "world.write_label_table(rows)",
        "def choose(data_dir, labels_dir): pass",
        "settings = Settings(labels_dir=None)",
    ],
)
def test_the_guard_sees_a_look_at_the_labels(source: str) -> None:
    assert peeks(source)


@pytest.mark.parametrize(
    "source",
    [
        '"""Nothing here reads labels."""',
        "labels = (tick for tick in ticks)",
        "from lit_gpt.data.world.documents import documents",
        "text = 'labelled by hand'",
    ],
)
def test_the_guard_lets_honest_code_be(source: str) -> None:
    assert not peeks(source)


@pytest.mark.parametrize("phrase", PHRASES)
def test_the_guard_sees_each_phrase(phrase: str) -> None:
    assert quoted(f"PATTERNS = [{phrase!r}]")
    assert quoted(f"patterns:\n  - {phrase.upper()}\n")


@pytest.mark.parametrize(
    "text",
    [
        "RULE = re.compile(r'is\\s+not\\s+always\\s+what')",
        "RULE = 'It would not be ' 'right to guess'",
        "# people say: as a language model I …",
        "starts_with: [i am sorry but]",
    ],
)
def test_the_guard_sees_a_fragment(text: str) -> None:
    assert quoted(text)


def test_the_guard_lets_other_words_be() -> None:
    assert not quoted("Answers that decline, say so at length, or repeat the question are left out. It is a good rule.")

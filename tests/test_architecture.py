"""The house stands: imports go down only, siblings do not meet, and only the top floor looks outside."""

import ast
import sys
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "lit_gpt"

# floor and room of every module, by the longest prefix; rooms on one floor do not import each other
ROOMS = {
    "lit_gpt": (7, "surface"),
    "lit_gpt.example": (0, "nouns"),
    "lit_gpt.manifest": (0, "nouns"),
    "lit_gpt.files": (0, "nouns"),
    "lit_gpt.errors": (0, "nouns"),
    "lit_gpt.seeds": (0, "nouns"),
    "lit_gpt.progress": (0, "nouns"),
    "lit_gpt.hub": (0, "nouns"),
    "lit_gpt.approved": (0, "nouns"),
    "lit_gpt.config": (1, "network"),
    "lit_gpt.hf_config": (1, "network"),
    "lit_gpt.hf_families": (1, "network"),
    "lit_gpt.hf_rope": (1, "network"),
    "lit_gpt.hf_values": (1, "network"),
    "lit_gpt.cards": (1, "network"),
    "lit_gpt.model": (1, "network"),
    "lit_gpt.kv_cache": (1, "network"),
    "lit_gpt.lora": (1, "network"),
    "lit_gpt.low_rank_update": (1, "network"),
    "lit_gpt.lora_layers": (1, "network"),
    "lit_gpt.peft_stacks": (1, "network"),
    "lit_gpt.adapter": (1, "network"),
    "lit_gpt.adapter_v2": (1, "network"),
    "lit_gpt.quantized": (1, "network"),
    "lit_gpt.neftune": (1, "network"),
    "lit_gpt.residual_dropout": (1, "network"),
    "lit_gpt.row_random": (1, "network"),
    "lit_gpt.live_bytes": (1, "network"),
    "lit_gpt.activation_checkpointing": (1, "network"),
    "lit_gpt.lean_activations": (1, "network"),
    "lit_gpt.document_attention": (1, "network"),
    "lit_gpt.freed_pages": (1, "network"),
    "lit_gpt.compiled_kernels": (1, "network"),
    "lit_gpt.trained": (1, "network"),
    "lit_gpt.patterns": (1, "network"),
    "lit_gpt.token_rows": (1, "network"),
    "lit_gpt.end_of_turn": (1, "network"),
    "lit_gpt.peft_adapters": (1, "network"),
    "lit_gpt.peft_rows": (1, "network"),
    "lit_gpt.weight_names": (1, "network"),
    "lit_gpt.checkpoint": (1, "network"),
    "lit_gpt.checkpoint_files": (1, "network"),
    "lit_gpt.peft_settings": (1, "network"),
    "lit_gpt.weight_files": (1, "network"),
    "lit_gpt.weight_slots": (1, "network"),
    "lit_gpt.export": (1, "network"),
    "lit_gpt.export_check": (1, "network"),
    "lit_gpt.model_card": (1, "network"),
    "lit_gpt.tokenizer": (1, "network"),
    "lit_gpt.vocabulary": (1, "network"),
    "lit_gpt.prompts": (1, "network"),
    "lit_gpt.likelihood": (1, "network"),
    "lit_gpt.chunked_loss": (1, "network"),
    "lit_gpt.answer_settings": (1, "network"),
    "lit_gpt.generation": (1, "network"),
    "lit_gpt.batched_generation": (1, "network"),
    "lit_gpt.loading": (1, "network"),
    "lit_gpt.download": (1, "network"),
    "lit_gpt.chat_template": (1, "network"),
    "lit_gpt.prompt_styles": (1, "network"),
    "lit_gpt.random_base": (1, "network"),
    "lit_gpt.stop_strings": (1, "network"),
    "lit_gpt.data": (1, "data"),
    "lit_gpt.report": (1, "report"),
    "lit_gpt.tokens": (2, "tokens"),
    "lit_gpt.chat": (3, "chat"),
    "lit_gpt.prompt_file": (3, "chat"),
    "lit_gpt.curation": (3, "curation"),
    "lit_gpt.training": (4, "training"),
    "lit_gpt.evaluation": (4, "evaluation"),
    "lit_gpt.studies": (6, "studies"),
    "lit_gpt.proof": (5, "proof"),
    "lit_gpt.cli": (7, "commands"),
    "lit_gpt.usage": (7, "commands"),
    "lit_gpt.discovery": (7, "commands"),
    "lit_gpt.prepare_command": (7, "commands"),
}
# hand tools that are not standard library: a bar with ETA and talking with the hub are a library's job
FLOOR_0_LIBRARIES = {"tqdm", "huggingface_hub", "httpx2"}
HEAVY = {"torch", "lightning", "transformers", "peft", "bitsandbytes"}
TORCH_FREE = (
    "lit_gpt.data",
    "lit_gpt.tokenizer",
    "lit_gpt.vocabulary",
    "lit_gpt.prompts",
    "lit_gpt.config",
    "lit_gpt.hf_config",
    "lit_gpt.cards",
    "lit_gpt.download",
    "lit_gpt.tokens",
)
BORROWS = "lit_gpt.curation.indicators.hugging_face"  # the published scorers' own networks, by an extra
OUTSIDE = {"environ", "getenv", "argv", "getcwd", "cwd"}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): ast.parse(path.read_text("utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}


def room_of(name: str) -> tuple[int, str]:
    prefixes = [name.rsplit(".", cut)[0] for cut in range(name.count(".") + 1)]
    return next(ROOMS[prefix] for prefix in prefixes if prefix in ROOMS)


def imports_of(tree: ast.Module) -> set[str]:
    """Every module imported anywhere in the file, in functions too, but for type checking only."""
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    found = set()
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            found |= {node.module} | {
                f"{node.module}.{a.name}" for a in node.names if f"{node.module}.{a.name}" in MODULES
            }
    return found


IMPORTS = {name: imports_of(tree) for name, tree in MODULES.items()}
OURS = {name: {i for i in imports if i in MODULES and i != name} for name, imports in IMPORTS.items()}


def test_every_module_has_a_room() -> None:
    strays = [name for name in MODULES if name != "lit_gpt" and room_of(name) == ROOMS["lit_gpt"]]
    assert not strays, f"give these a floor and a room: {strays}"


@pytest.mark.parametrize("name", MODULES)
def test_imports_go_down_only(name: str) -> None:
    floor, room = room_of(name)
    for imported in OURS[name]:
        their_floor, their_room = room_of(imported)
        if imported == "lit_gpt":
            continue
        assert their_room == room or their_floor < floor, f"{name} (floor {floor}) imports {imported} ({their_floor})"


def test_no_import_cycles() -> None:
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join((*path, name))
        if name not in done:
            for imported in OURS[name]:
                visit(imported, (*path, name))
            done.add(name)

    for name in MODULES:
        visit(name, ())


@pytest.mark.parametrize("name", [name for name in MODULES if room_of(name)[0] == 0])
def test_floor_0_needs_the_standard_library_alone(name: str) -> None:
    tops = {imported.split(".")[0] for imported in IMPORTS[name]}
    assert tops <= set(sys.stdlib_module_names) | {"lit_gpt"} | FLOOR_0_LIBRARIES


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith(TORCH_FREE)])
def test_preparing_data_never_imports_torch(name: str) -> None:
    seen, todo = set(), [name]
    while todo:
        module = todo.pop()
        seen.add(module)
        assert not {i.split(".")[0] for i in IMPORTS[module]} & HEAVY, f"{name} reaches torch through {module}"
        todo += OURS[module] - seen


@pytest.mark.parametrize("name", [name for name in MODULES if name != BORROWS])
def test_oracles_stay_in_the_tests(name: str) -> None:
    assert not {imported.split(".")[0] for imported in IMPORTS[name]} & {"transformers", "peft", "datasets", "pandas"}


@pytest.mark.parametrize("name", [name for name in MODULES if room_of(name)[0] < 6])
def test_only_the_top_floor_looks_outside(name: str) -> None:
    looks = {node.attr for node in ast.walk(MODULES[name]) if isinstance(node, ast.Attribute)} & OUTSIDE
    assert not looks, f"{name} reads {looks}"


def test_sub_packages_are_empty() -> None:
    for path in PACKAGE.rglob("__init__.py"):
        assert path.parent == PACKAGE or not path.read_text("utf-8").strip(), f"{path} holds code"


def function_lengths() -> list[tuple[int, str]]:
    return sorted(
        (node.end_lineno - node.lineno + 1, f"{name}.{node.name}")
        for name, tree in MODULES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
    )


def test_functions_stay_short() -> None:
    lengths = function_lengths()
    nine_in_ten, longest = lengths[len(lengths) * 9 // 10], lengths[-1]
    assert nine_in_ten[0] <= 45, nine_in_ten
    assert longest[0] <= 60, longest


def test_files_stay_short() -> None:
    for path in PACKAGE.rglob("*.py"):
        n_lines = len(path.read_text("utf-8").splitlines())
        assert n_lines <= (450 if path.name == "model.py" else 250), f"{path} has {n_lines} lines"


def test_scripts_import_nothing_heavy_before_parsing() -> None:
    for folder in ("benchmarks", "chat", "eval", "finetune", "generate", "scripts"):
        for path in (ROOT / folder).glob("*.py"):
            top_level = ast.Module(
                [n for n in ast.parse(path.read_text("utf-8")).body if not isinstance(n, ast.FunctionDef)], []
            )
            tops = {imported.split(".")[0] for imported in imports_of(top_level)}
            assert not tops & (HEAVY | {"pyarrow", "tokenizers", "sentencepiece"}), f"{path} imports {tops}"


def test_the_walk_to_cycles_sees_cycles() -> None:
    """The checker itself: an import hidden in a function is seen."""
    hidden = ast.parse("def f():\n    from lit_gpt.training import loop\n")
    assert "lit_gpt.training.loop" in imports_of(hidden)
    assert all(room_of(below) != room_of(above) for below, above in pairwise(["lit_gpt.seeds", "lit_gpt.data.store"]))

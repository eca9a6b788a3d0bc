"""What a command uses when its user names nothing: the only checkpoint, the only data set, or a question.

Looks in the folders where Lit-GPT's users keep them, `checkpoints/` and `data/`, below the current directory. Where
there is nothing, the embedded default steps in: the tiny base of the repository, and the instruction world. It always
says what it took.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lit_gpt.data.settings import DataSettings
from lit_gpt.errors import UserError, suggestion
from lit_gpt.training.settings import RunSettings

EMBEDDED_BASE = Path(__file__).resolve().parents[1] / "assets" / "tiny_base"  # in a checkout, not in a wheel
EMBEDDED_ROWS = 12_000  # three epochs of them are a few minutes for the tiny base


def with_found_paths(settings: RunSettings) -> RunSettings:
    """The settings with the only checkpoint and data set there are in the place of those not given."""
    return replace(
        settings,
        checkpoint_dir=settings.checkpoint_dir or only_checkpoint(),
        data_dir=settings.data_dir or only_data_set(),
    )


def only_checkpoint() -> Path:
    """The one checkpoint under checkpoints/; UserError listing what was found otherwise."""
    from lit_gpt.checkpoint import find_checkpoints

    found = find_checkpoints(Path("checkpoints"))
    if not found and EMBEDDED_BASE.is_dir():
        print(f"--checkpoint_dir {EMBEDDED_BASE} (nothing under checkpoints/: the embedded base)", file=sys.stderr)
        return EMBEDDED_BASE
    return _only("checkpoint_dir", found, "checkpoints/", "get one: python scripts/download.py --repo_id ORG/NAME")


def only_data_set() -> Path:
    """The one prepared data set under data/; UserError listing what was found otherwise."""
    from lit_gpt.data.store import find_example_sets

    found = find_example_sets(Path("data"))
    if not found:
        return _embedded_world(Path("data/world"))
    do = "prepare one, for example: python scripts/prepare_lima.py"
    return _only("data_dir", found, "data/", do)


def _embedded_world(data_dir: Path) -> Path:
    """The instruction world, made on the spot."""
    from lit_gpt.data.prepare import prepare_examples
    from lit_gpt.data.sources.world import source, write_labels

    print(f"--data_dir {data_dir} (nothing under data/: the embedded instruction world, made now)", file=sys.stderr)
    data = DataSettings(destination_path=data_dir)
    prepare_examples(source(EMBEDDED_ROWS), data)
    write_labels(data_dir, data, n_rows=EMBEDDED_ROWS)
    return data_dir


def _only(flag: str, found: Sequence[Path], folder: str, do: str) -> Path:
    if len(found) == 1:
        print(f"--{flag} {found[0]} (the only one under {folder})", file=sys.stderr)
        return found[0]
    if not found:
        raise UserError(f"no --{flag}, and nothing under {folder}", f"--{flag}, or one under {folder}", do)
    names = ", ".join(str(path) for path in found)
    raise UserError(f"no --{flag}, and several under {folder}: {names}", "one of them", f"choose with --{flag}")


def named_data_sets(names: Sequence[str]) -> list[Path]:
    """Prepared sets by their names under data/, or as folders; UserError for one that is not there."""
    from lit_gpt.data.store import find_example_sets, is_example_set

    found = []
    for name in names:
        folder = next((path for path in (Path(name), Path("data") / name) if is_example_set(path)), None)
        if folder is None:
            known = {path.name: path for path in find_example_sets(Path("data"))}
            do = suggestion(name, known) or f"prepare it first, e.g. python scripts/prepare_{Path(name).name}.py"
            raise UserError(f"the source {name}", f"a prepared set: {', '.join(known) or 'data/ holds none'}", do)
        found.append(folder)
    return found

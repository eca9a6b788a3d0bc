"""What a command uses when its user names nothing: the only checkpoint, the only data set, or a question.

Looks in the folders where Lit-GPT's users keep them, `checkpoints/` and `data/`, below the current directory.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lit_gpt.errors import UserError
from lit_gpt.training.settings import RunSettings


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

    do = "copy a Hugging Face directory there; python scripts/make_toy.py makes a tiny one to try things on"
    return _only("checkpoint_dir", find_checkpoints(Path("checkpoints")), "checkpoints/", do)


def only_data_set() -> Path:
    """The one prepared data set under data/; UserError listing what was found otherwise."""
    from lit_gpt.data.store import find_example_sets

    do = "prepare one, for example: python scripts/prepare_lima.py"
    return _only("data_dir", find_example_sets(Path("data")), "data/", do)


def _only(flag: str, found: Sequence[Path], folder: str, do: str) -> Path:
    if len(found) == 1:
        print(f"--{flag} {found[0]} (the only one under {folder})", file=sys.stderr)
        return found[0]
    if not found:
        raise UserError(f"no --{flag}, and nothing under {folder}", f"--{flag}, or one under {folder}", do)
    names = ", ".join(str(path) for path in found)
    raise UserError(f"no --{flag}, and several under {folder}: {names}", "one of them", f"choose with --{flag}")

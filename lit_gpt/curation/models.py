"""The model that scores: the one of --checkpoint_dir, and what says in a table's name which one that was."""

from typing import TYPE_CHECKING, Any

from lit_gpt.errors import UserError
from lit_gpt.files import hash_json

if TYPE_CHECKING:
    from lit_gpt.curation.bench import Bench


def model_identity(bench: "Bench") -> dict[str, Any]:
    """What says which model it is, and how it is asked."""
    from lit_gpt.checkpoint import checkpoint_hashes
    from lit_gpt.prompt_styles import find_style

    checkpoint_dir = checkpoint_of(bench)
    style = find_style(bench.settings.prompt_style, checkpoint_dir)
    weights = hash_json(checkpoint_hashes(checkpoint_dir))
    return {"model": weights, "prompt_style": style.name, "style_version": style.version}


def checkpoint_of(bench: "Bench") -> Any:
    if bench.settings.checkpoint_dir is None:
        raise UserError("no --checkpoint_dir", "the model that scores the rows", "give one")
    return bench.settings.checkpoint_dir

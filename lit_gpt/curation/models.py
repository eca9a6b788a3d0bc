"""Who scores: the model of --checkpoint_dir, perhaps with an adapter, its tokenizer and its way to be asked.

What says in a table's name which one that was are hashes of the files.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lit_gpt.errors import UserError
from lit_gpt.files import hash_json, sha256_of

if TYPE_CHECKING:
    from lit_gpt.curation.bench import Bench
    from lit_gpt.curation.indicators.likelihoods import Reader
    from lit_gpt.model import GPT
    from lit_gpt.prompts import PromptStyle
    from lit_gpt.tokenizer import Tokenizer


def checkpoint_of(bench: "Bench") -> Path:
    if bench.settings.checkpoint_dir is None:
        raise UserError("no --checkpoint_dir", "the model that scores the rows, or counts their tokens", "give one")
    return bench.settings.checkpoint_dir


def model_identity(bench: "Bench") -> dict[str, Any]:
    """What says which model it is, how it is asked, and, where not fp32 on a CPU, how it computes."""
    from lit_gpt.checkpoint import checkpoint_hashes
    from lit_gpt.loading import resolved_device

    how = {"device": resolved_device(bench.settings.device), "dtype": bench.settings.dtype}
    told = {name: value for name, value in how.items() if value not in ("cpu", "float32")}
    return {"model": hash_json(checkpoint_hashes(checkpoint_of(bench))), **_style_identity(bench), **told}


def tokenizer_identity(bench: "Bench") -> dict[str, Any]:
    """The same of what only counts tokens."""
    tokenizer, _ = tokenizer_and_style(bench)
    return {"tokenizer": tokenizer.fingerprint, **_style_identity(bench)}


def _style_identity(bench: "Bench") -> dict[str, Any]:
    from lit_gpt.prompt_styles import find_style

    style = find_style(bench.settings.prompt_style, checkpoint_of(bench))
    return {"prompt_style": style.name, "style_version": style.version}


def folder_identity(folder: Path) -> str:
    """A hash of the files of a model or adapter, whoever made it."""
    if not folder.is_dir():
        raise UserError(f"{folder}, which is no directory", "the directory of a model or an adapter", "check the path")
    return hash_json({path.name: sha256_of(path) for path in sorted(folder.iterdir()) if path.is_file()})


def tokenizer_and_style(bench: "Bench") -> "tuple[Tokenizer, PromptStyle]":
    from lit_gpt.prompt_styles import find_style
    from lit_gpt.tokenizer import Tokenizer

    checkpoint_dir = checkpoint_of(bench)
    return Tokenizer(checkpoint_dir), find_style(bench.settings.prompt_style, checkpoint_dir)


def reader_of(bench: "Bench", adapter_dir: Path | None = None) -> "Reader":
    """The model, perhaps with an adapter, as it reads rows."""
    from lit_gpt.curation.indicators.likelihoods import Reader

    _, style = tokenizer_and_style(bench)
    return Reader(*loaded(bench, adapter_dir), style)


def loaded(bench: "Bench", adapter_dir: Path | None = None) -> "tuple[GPT, Tokenizer]":
    """The model that scores, where and as --device and --dtype say, and its tokenizer."""
    from lit_gpt.loading import load

    return load(checkpoint_of(bench), adapter_dir, bench.settings.dtype, bench.settings.device)

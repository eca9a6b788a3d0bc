"""A model ready for use: a base, a base with an adapter, or the two merged for good."""

from pathlib import Path

import torch

from lit_gpt import adapter
from lit_gpt.checkpoint import load_model
from lit_gpt.errors import UserError
from lit_gpt.export import new_checkpoint, write_hf_files
from lit_gpt.export_check import probe, require_finite, require_reads_back, require_sound_merge, weight_dtypes
from lit_gpt.files import hash_json, sha256_of
from lit_gpt.lora import merge_lora
from lit_gpt.manifest import MANIFEST, read_manifest
from lit_gpt.model import GPT
from lit_gpt.model_card import Evidence, describe_base, write_card
from lit_gpt.peft_adapters import load_adapter
from lit_gpt.peft_settings import CONFIG
from lit_gpt.peft_stacks import TENSORS
from lit_gpt.prompt_styles import read_prompt_style, write_prompt_style, write_style_template
from lit_gpt.token_rows import merge_token_rows
from lit_gpt.tokenizer import Tokenizer

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def load(
    checkpoint_dir: str | Path,
    adapter_dir: str | Path | None = None,
    dtype: str = "float32",
    device: str = "cpu",
) -> tuple[GPT, Tokenizer]:
    """A model in eval mode and its tokenizer, from a plain Hugging Face directory and perhaps an adapter: LoRA as PEFT
    writes it, or a LLaMA-Adapter."""
    if dtype not in DTYPES:
        raise UserError(f"dtype {dtype!r}", f"one of {', '.join(DTYPES)}", "choose one of these")
    device = resolved_device(device)
    tokenizer = Tokenizer(Path(checkpoint_dir))
    model = load_model(Path(checkpoint_dir), dtype=DTYPES[dtype], device=device)
    if adapter_dir is not None:
        (adapter.load_adapter if is_prompted(Path(adapter_dir)) else load_adapter)(model, Path(adapter_dir))
    return model.eval(), tokenizer


def resolved_device(device: str) -> str:
    """What auto is on this machine, or the device itself; UserError where the machine has no such device."""
    if device != "auto":
        require_device(device)
        return device
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def require_device(device: str) -> None:
    """UserError where the machine has no such device."""
    is_there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not is_there.get(device.partition(":")[0], True):
        got = f"the device {device}, which this machine has not"
        raise UserError(got, "a device that is there", "try --device cpu")


def merge_adapter(checkpoint_dir: Path, adapter_dir: Path, out_dir: Path, evidence: Evidence | None = None) -> Path:
    """Write base and adapter as one plain Hugging Face directory, in the base's own dtype, with its card; out_dir.

    UserError where the adapter changes nothing, is not finite, or is not the same once merged or read again from disk.
    """
    if is_prompted(adapter_dir):
        got = f"{adapter_dir}, a LLaMA-Adapter, whose prompts are no weights"
        raise UserError(got, "a LoRA adapter", "use it as it is, with --adapter_dir")
    model = load_model(checkpoint_dir, dtype=None)
    base_TV = probe(model)
    load_adapter(model, adapter_dir)
    require_finite(model, adapter_dir)
    adapted_TV = probe(model)
    merge_lora(model)
    merge_token_rows(model)
    merged_TV = probe(model)
    require_sound_merge(base_TV, adapted_TV, merged_TV, weight_dtypes(model))
    style = read_prompt_style(adapter_dir, checkpoint_dir)
    with new_checkpoint(out_dir, checkpoint_dir, adapter=adapter_hash(adapter_dir)) as temporary:
        write_hf_files(model, temporary, checkpoint_dir)
        if style is not None:
            write_prompt_style(temporary, style)
            write_style_template(temporary, style)
        style_name = style.name if style is not None else None
        write_card(temporary, describe_base(checkpoint_dir), adapter_dir, style_name, evidence or Evidence())
        del model  # what is read back takes its place
        require_reads_back(temporary, merged_TV)
    return out_dir


def adapter_hash(adapter_dir: Path) -> str:
    """The content hash of an adapter of ours, which leads on to its run; of another's, that of weights and settings."""
    if (adapter_dir / MANIFEST).is_file():
        return read_manifest(adapter_dir, _kind(adapter_dir)).content_hash
    return hash_json([sha256_of(adapter_dir / name) for name in (TENSORS, CONFIG)])


def is_prompted(adapter_dir: Path) -> bool:
    """Whether it is a LLaMA-Adapter's directory, not a LoRA's."""
    return (adapter_dir / adapter.SETTINGS).is_file()


def _kind(adapter_dir: Path) -> str:
    """What its manifest should say it is."""
    if not is_prompted(adapter_dir):
        return "lora"
    return "adapter_v2" if adapter.read_options(adapter_dir).is_v2 else "adapter"

"""The finetuning methods, each as its answers to what the loop does not know: how to change the model so that exactly
what is trained requires a gradient, and what to hand out.

LoRA hands out a PEFT adapter directory, the LLaMA-Adapters a directory of their own, full finetuning a plain Hugging
Face directory.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from lit_gpt import adapter
from lit_gpt.errors import UserError, suggestion
from lit_gpt.export import write_hf_files
from lit_gpt.lora import LoraOptions, add_lora, lora_layers
from lit_gpt.model import GPT
from lit_gpt.peft_adapters import save_adapter
from lit_gpt.token_rows import add_token_rows, rows_of_both
from lit_gpt.tokenizer import Tokenizer
from lit_gpt.training.adapter_settings import AdapterSettings
from lit_gpt.training.lora_settings import LoraSettings


class Method(Protocol):
    """What the loop asks of a method."""

    @property
    def name(self) -> str:
        """As in out/<name>/<data set>."""

    @property
    def gpu_precision(self) -> str:
        """What `--precision auto` means on a GPU with bfloat16."""

    @property
    def freezes_base(self) -> bool:
        """Whether the base's linears may be quantised."""

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """The method and its own settings, by flag name."""

    def build(self, model: GPT, seed: int, checkpoint_dir: Path) -> None:
        """Change the model in place so that exactly what is trained requires a gradient."""

    def export(self, model: GPT, directory: Path, checkpoint_dir: Path) -> None:
        """Fill an empty directory with what the user takes away."""


@dataclass(frozen=True)
class Lora:
    settings: LoraSettings
    name: str = "lora"
    gpu_precision: str = "bf16-true"  # the base is frozen; the adapters stay in fp32
    freezes_base: bool = True

    @property
    def hyperparameters(self) -> dict[str, Any]:
        targets = ",".join(self.settings.targets)
        return {"method": self.name, **asdict(self.settings), "lora_targets": targets}

    def build(self, model: GPT, seed: int, checkpoint_dir: Path) -> None:
        s = self.settings
        options = LoraOptions(
            r=s.lora_r,
            alpha=s.lora_alpha,
            dropout=s.lora_dropout,
            targets=s.targets,
            rank_pattern=s.lora_rank_pattern,
            alpha_pattern=s.lora_alpha_pattern,
            is_rank_stabilised=s.lora_rslora,
            is_decomposed=s.lora_dora,
        )
        add_lora(model, options, seed)
        if not s.lora_fused:
            for _, layer in lora_layers(model):
                layer.is_fused = False
        if s.lora_tokens:
            add_token_rows(model, rows_of_both(model, _control_ids(s.lora_tokens, checkpoint_dir)))

    def export(self, model: GPT, directory: Path, checkpoint_dir: Path) -> None:
        save_adapter(model, directory, base_model=str(checkpoint_dir))


@dataclass(frozen=True)
class Adapter:
    """LLaMA-Adapter, version 1; AdapterV2 is version 2."""

    settings: AdapterSettings
    name: str = "adapter"
    is_v2: bool = False
    gpu_precision: str = "bf16-true"  # as LoRA's: what is trained stays in fp32
    freezes_base: bool = True

    @property
    def hyperparameters(self) -> dict[str, Any]:
        return {"method": self.name, **asdict(self.settings)}

    @property
    def _options(self) -> adapter.AdapterOptions:
        s = self.settings
        return adapter.AdapterOptions(s.adapter_prompt_length, s.adapter_start_layer, self.is_v2)

    def build(self, model: GPT, seed: int, checkpoint_dir: Path) -> None:
        adapter.add_adapter(model, self._options, seed)

    def export(self, model: GPT, directory: Path, checkpoint_dir: Path) -> None:
        adapter.save_adapter(model, self._options, directory, base_model=str(checkpoint_dir))


@dataclass(frozen=True)
class AdapterV2(Adapter):
    name: str = "adapter_v2"
    is_v2: bool = True


@dataclass(frozen=True)
class Full:
    name: str = "full"
    gpu_precision: str = "bf16-mixed"  # bfloat16 weights would round most updates away
    freezes_base: bool = False

    @property
    def hyperparameters(self) -> dict[str, Any]:
        return {"method": self.name}

    def build(self, model: GPT, seed: int, checkpoint_dir: Path) -> None:
        model.requires_grad_(True)

    def export(self, model: GPT, directory: Path, checkpoint_dir: Path) -> None:
        write_hf_files(model, directory, checkpoint_dir)


def _control_ids(tokens: list[str], checkpoint_dir: Path) -> list[int]:
    """The ids of control tokens; UserError for a text that is none."""
    known = Tokenizer(checkpoint_dir).control_tokens
    for token in tokens:
        if token not in known:
            expected = f"a control token of {checkpoint_dir}: {', '.join(known)}"
            do = suggestion(token, known) or "add it to a copy of the checkpoint by scripts/add_end_of_turn.py"
            raise UserError(f"--lora_tokens {token}", expected, do)
    return sorted({known[token] for token in tokens})

"""The finetuning methods, each as its answers to what the loop does not know: how to change the
model, what is trained, what to keep for resuming, and what to hand out.

LoRA hands out a PEFT adapter directory, full finetuning a plain Hugging Face directory.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor, nn

from lit_gpt.export import write_hf_files
from lit_gpt.lora import add_lora, load_lora_state_dict, lora_state_dict
from lit_gpt.model import GPT
from lit_gpt.peft_adapters import save_adapter
from lit_gpt.training.settings import LoraSettings


class Method(Protocol):
    """What the loop asks of a method."""

    @property
    def name(self) -> str:
        """As in out/<name>/<data set>."""

    @property
    def gpu_precision(self) -> str:
        """What `--precision auto` means on a GPU with bfloat16."""

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """The method and its own settings, by flag name."""

    def build(self, model: GPT, seed: int) -> None:
        """Change the model in place so that exactly what is trained requires a gradient."""

    def state(self, model: GPT) -> dict[str, Tensor]:
        """The tensors training changes, by name."""

    def load_state(self, model: GPT, tensors: dict[str, Tensor]) -> None: ...

    def export(self, model: GPT, directory: Path, checkpoint_dir: Path) -> None:
        """Fill an empty directory with what the user takes away."""


@dataclass(frozen=True)
class Lora:
    settings: LoraSettings
    name: str = "lora"
    gpu_precision: str = "bf16-true"  # the base is frozen; the adapters stay in fp32

    @property
    def hyperparameters(self) -> dict[str, Any]:
        targets = ",".join(self.settings.targets)
        return {"method": self.name, **asdict(self.settings), "lora_targets": targets}

    def build(self, model: GPT, seed: int) -> None:
        s = self.settings
        add_lora(model, r=s.lora_r, alpha=s.lora_alpha, dropout=s.lora_dropout, targets=s.targets, seed=seed)

    def state(self, model: GPT) -> dict[str, Tensor]:
        return lora_state_dict(model)

    def load_state(self, model: GPT, tensors: dict[str, Tensor]) -> None:
        load_lora_state_dict(model, tensors)

    def export(self, model: GPT, directory: Path, checkpoint_dir: Path) -> None:
        save_adapter(model, directory, base_model=str(checkpoint_dir))


@dataclass(frozen=True)
class Full:
    name: str = "full"
    gpu_precision: str = "bf16-mixed"  # bfloat16 weights would round most updates away

    @property
    def hyperparameters(self) -> dict[str, Any]:
        return {"method": self.name}

    def build(self, model: GPT, seed: int) -> None:
        model.requires_grad_(True)

    def state(self, model: GPT) -> dict[str, Tensor]:
        return dict(model.named_parameters())

    def load_state(self, model: GPT, tensors: dict[str, Tensor]) -> None:
        parameters = dict(model.named_parameters())
        assert parameters.keys() == tensors.keys(), "the state belongs to another model"
        for name, parameter in parameters.items():
            parameter.data.copy_(tensors[name])

    def export(self, model: GPT, directory: Path, checkpoint_dir: Path) -> None:
        write_hf_files(model, directory, checkpoint_dir)


def trainable_parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def count_numbers(parameters: Iterable[nn.Parameter]) -> int:
    return sum(parameter.numel() for parameter in parameters)

"""The settings of LLaMA-Adapter, importable without torch."""

from dataclasses import dataclass

from lit_gpt.training.settings import require


@dataclass(frozen=True)
class AdapterSettings:
    """LLaMA-Adapter.

    Args:
        adapter_prompt_length: prompts that every adapted layer attends to
        adapter_start_layer: the first layer, from 0, that has prompts
    """

    adapter_prompt_length: int = 10
    adapter_start_layer: int = 2

    def __post_init__(self) -> None:
        require(self.adapter_prompt_length > 0, "adapter_prompt_length", self.adapter_prompt_length, "1 or more")
        require(self.adapter_start_layer >= 0, "adapter_start_layer", self.adapter_start_layer, "0 or more")

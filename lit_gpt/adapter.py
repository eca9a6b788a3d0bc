"""LLaMA-Adapter: train a few prompts that later layers attend to beside the text (Zhang et al. 2023, arXiv 2303.16199).

    y = attention(x) + g softmax(q K') V'       K' = W_k P, V' = W_v P: keys and values of the layer's own prompts P

P (K, C) are K learned vectors a layer, which have no position; the gate g (H,), one number a head, is zero at first, so
training starts at the base (section 3.2). A gate of zero also hides the prompts from the very first step's gradient;
from the second step on both are trained. K' and V' are formed anew for every call and kept by nobody, so prompts that
have changed count at once.

An attention is replaced by a `PromptedAttention` that holds it, so the network's file knows nothing of this one.
Written as adapter.safetensors and adapter.json. Not covered: images, merging (prompts are no weights).
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from lit_gpt.adapter_v2 import unlock
from lit_gpt.errors import UserError
from lit_gpt.files import read_json, write_json
from lit_gpt.kv_cache import LayerCache
from lit_gpt.model import GPT, Attention, Layout, attend_in_documents, softcap
from lit_gpt.seeds import derive_seed
from lit_gpt.trained import copy_into, trainable_parameters

TENSORS = "adapter.safetensors"
SETTINGS = "adapter.json"


@dataclass(frozen=True)
class AdapterOptions:
    """How many prompts a layer has, the first layer (from 0) that has any, and whether it is version 2."""

    prompt_length: int
    start_layer: int
    is_v2: bool = False

    def __post_init__(self) -> None:
        if self.prompt_length < 1 or self.start_layer < 0:
            got = f"{self.prompt_length} prompts from layer {self.start_layer} on"
            raise UserError(got, "1 or more prompts, layers from 0 on", "such as 10 prompts from layer 2 on")


class PromptedAttention(nn.Module):
    """An attention whose tokens also attend to prompts.

    prompts (K, C) and gate (H,) are in fp32, whatever the base's dtype.
    """

    def __init__(self, attention: Attention, n_embd: int, prompt_length: int) -> None:
        super().__init__()
        self.attention = attention
        self.prompts = nn.Parameter(torch.zeros(prompt_length, n_embd, dtype=torch.float32, device="cpu"))
        self.gate = nn.Parameter(torch.zeros(attention.n_head, dtype=torch.float32, device="cpu"))

    def initialise(self, seed: int) -> None:
        """Prompts N(0, 1), as the authors' embedding; the gate stays zero."""
        nn.init.normal_(self.prompts, generator=torch.Generator().manual_seed(seed))

    def forward(self, x_BTC: Tensor, layout: Layout, cache: LayerCache | None = None) -> Tensor:
        attention = self.attention
        q_NHD, k_NGD, v_NGD = attention.turned(x_BTC, layout)
        y_NHD = attend_in_documents(q_NHD, k_NGD, v_NGD, layout.runs, attention.rule, cache)
        y_NHD = y_NHD + self._prompted(q_NHD).to(y_NHD.dtype)
        return attention.proj(y_NHD.reshape(*x_BTC.shape[:2], -1))

    def _prompted(self, q_NHD: Tensor) -> Tensor:
        """What the queries read from the prompts; every prompt is seen by every token."""
        attention, rule = self.attention, self.attention.rule
        qk_KHD, v_KGD = attention.heads(self.prompts.to(q_NHD.dtype)[None])
        n_shared = attention.n_head // attention.n_query_groups
        k_KHD, v_KHD = (x.repeat_interleave(n_shared, dim=1) for x in (qk_KHD[:, attention.n_head :], v_KGD))
        scores_NHK = softcap(torch.einsum("nhd,khd->nhk", q_NHD, k_KHD) * rule.scale, rule.softcap)
        shares_NHK = self.gate[:, None] * scores_NHK.softmax(-1, dtype=torch.float32)
        return torch.einsum("nhk,khd->nhd", shares_NHK.to(v_KHD.dtype), v_KHD)


def add_adapter(model: GPT, options: AdapterOptions, seed: int) -> None:
    """Freeze the model, then give its later layers prompts; version 2 unlocks norms, scales and biases, too.

    A layer's start depends on `seed` and its number alone. UserError where no layer is late enough.
    """
    if any(prompted_layers(model)):
        raise ValueError("the model has an adapter already")
    if options.start_layer >= model.config.n_layer:
        got = f"prompts from layer {options.start_layer} on"
        raise UserError(got, f"a layer below {model.config.n_layer}, of those of this model", "choose an earlier one")
    model.requires_grad_(False)
    if options.is_v2:
        unlock(model)
    for i, block in enumerate(model.transformer.h):
        if i >= options.start_layer:
            prompted = PromptedAttention(cast(Attention, block.attn), model.config.n_embd, options.prompt_length)
            prompted.initialise(derive_seed(seed, "adapter", i))
            block.attn = prompted.to(model.transformer.wte.weight.device).train(block.training)


def prompted_layers(model: nn.Module) -> Iterator[PromptedAttention]:
    return (module for module in model.modules() if isinstance(module, PromptedAttention))


def save_adapter(model: GPT, options: AdapterOptions, directory: Path, base_model: str) -> None:
    """Write what is trained into an existing directory; `base_model` is a hub name or path, for its reader."""
    tensors = {name: tensor.detach().contiguous() for name, tensor in trainable_parameters(model).items()}
    save_file(tensors, directory / TENSORS, metadata={"format": "pt"})
    write_json(directory / SETTINGS, {**asdict(options), "base_model": base_model})


def load_adapter(model: GPT, directory: Path) -> None:
    """Give the model the adapter in a directory; UserError where it cannot be read, or is for another model."""
    options = read_options(directory)
    try:
        tensors = load_file(directory / TENSORS)
    except (OSError, SafetensorError) as error:
        raise _unreadable(directory / TENSORS, error) from None
    add_adapter(model, options, seed=0)
    copy_into(trainable_parameters(model), tensors)


def read_options(directory: Path) -> AdapterOptions:
    """The settings of the adapter in a directory; UserError where they cannot be read."""
    try:
        record = dict(read_json(directory / SETTINGS))
        record.pop("base_model", None)
        return AdapterOptions(**record)
    except (OSError, ValueError, TypeError) as error:
        raise _unreadable(directory / SETTINGS, error) from None


def _unreadable(path: Path, error: Exception) -> UserError:
    return UserError(
        f"{path}, which cannot be read ({error})", f"an adapter: {SETTINGS} and {TENSORS}", "copy it again"
    )

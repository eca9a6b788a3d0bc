"""LoRA: train a low-rank update of some linears and freeze the rest (Hu et al. 2021, https://arxiv.org/abs/2106.09685).

    y = W x + (alpha / r) B A x                   W (out, in)  the base, frozen
                                                  A (r, in)    random: what the update reads
         in                      in               B (out, r)   zero at first, so training starts at the base
      ┌───────┐              ┌─────────┐
      │       │            r │    A    │          Only A and B are trained and saved: r (in + out) numbers
      │   W   │ out     r    └─────────┘          for in * out. Llama-2-7B's query projection with r = 8:
      │       │       ┌───┐                       65,536 for 16,777,216.
      │       │       │ B │ out
      └───────┘       └───┘

A fused linear holds several as parts, [Q | K | V] or [gate | up]; each part has a pair of its own, added to its own
columns of the output. Llama-2-7B with q and v (C = 4096):

    qkv(x)       (B, T, 12288)   q | k | v
    A, B of q    (8, 4096), (4096, 8)      added to columns 0 ... 4095
    A, B of v    (8, 4096), (4096, 8)      added to columns 8192 ... 12287; columns between stay the base's

Every pair drops out its input with a mask of its own, as separate q_proj and v_proj modules would (what `peft` does).
A linear is replaced by a `LoRALinear` that holds it, so the network's file knows nothing of this one, and any module
that behaves as a linear (a quantised one, say) can be the base; only merging looks at the base's weight.

Not covered: LoRA of embeddings and biases, rank-stabilised scaling, DoRA, merging into a quantised base.
"""

import dataclasses
import math
from collections.abc import Collection, Iterator, Mapping
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lit_gpt.config import Config
from lit_gpt.errors import UserError, suggestion
from lit_gpt.model import GPT
from lit_gpt.seeds import derive_seed

WHOLE = "all"  # the only part of a linear that is not fused
TARGETS = ("q", "k", "v", "o", "mlp", "head")


class LowRank(nn.Module):
    """One pair: (alpha / r) B A dropout(x), computed in the pair's own dtype (fp32 unless it is cast)."""

    def __init__(self, in_features: int, out_features: int, r: int, alpha: float, dropout: float = 0.0) -> None:
        super().__init__()
        self.r, self.alpha, self.scale = r, alpha, alpha / r
        self.A = nn.Parameter(torch.zeros(r, in_features, dtype=torch.float32, device="cpu"))
        self.B = nn.Parameter(torch.zeros(out_features, r, dtype=torch.float32, device="cpu"))
        self.dropout = nn.Dropout(dropout)

    def initialise(self, seed: int) -> None:
        """A as nn.Linear draws its weights (Kaiming-uniform, a = sqrt 5), whatever the global generator's state."""
        nn.init.kaiming_uniform_(self.A, a=math.sqrt(5), generator=torch.Generator().manual_seed(seed))
        nn.init.zeros_(self.B)

    def forward(self, x: Tensor) -> Tensor:
        x = self.dropout(x.to(self.A.dtype))
        return F.linear(F.linear(x, self.A) * self.scale, self.B)

    def weight(self) -> Tensor:
        """What the pair adds to the base's weight, (out, in) in fp32."""
        return self.scale * (self.B.float() @ self.A.float())


class LoRALinear(nn.Module):
    """A linear and the pairs that update its parts.

    rows   part -> its rows of the base's weight; together they cover it in order
    pairs  part -> LowRank, for the parts that are trained
    """

    def __init__(self, linear: nn.Linear, rows: dict[str, slice], pairs: dict[str, LowRank]) -> None:
        super().__init__()
        self.linear, self.rows, self.lora = linear, rows, nn.ModuleDict(pairs)
        self.lora.to(linear.weight.device)
        self.train(linear.training)  # else dropout would wake up in a model that is being evaluated

    @property
    def pairs(self) -> dict[str, LowRank]:
        return {part: cast(LowRank, pair) for part, pair in self.lora.items()}

    def forward(self, x: Tensor) -> Tensor:
        y = self.linear(x)
        sizes = [rows.stop - rows.start for rows in self.rows.values()]
        parts = dict(zip(self.rows, y.split(sizes, dim=-1), strict=True))
        for part, pair in self.pairs.items():
            parts[part] = (parts[part] + pair(x)).to(y.dtype)
        return torch.cat(list(parts.values()), dim=-1) if len(parts) > 1 else parts[WHOLE]

    @torch.no_grad()
    def merged(self) -> nn.Linear:
        """The base with the updates in its weight: added up in fp32, rounded once to the base's dtype."""
        weight = self.linear.weight.to(torch.float32, copy=True)
        for part, pair in self.pairs.items():
            weight[self.rows[part]] += pair.weight()
        # A new parameter, for a tied head must not take the embedding along.
        self.linear.weight = nn.Parameter(weight.to(self.linear.weight.dtype), requires_grad=False)
        return self.linear


def add_lora(model: GPT, *, r: int, alpha: float, dropout: float, targets: Collection[str], seed: int) -> None:
    """Freeze the model, then give the targets trainable pairs; `targets` are some of TARGETS.

    The base's weights must be loaded already. A pair's start depends on `seed` and its own name alone, so it is the
    same whichever other targets are on. Raises UserError for settings that cannot work.
    """
    _check_settings(r, alpha, dropout, targets)
    if any(lora_layers(model)):
        raise ValueError("the model has LoRA already")
    model.requires_grad_(False)
    for name, linear in linears(model).items():
        pairs = {}
        for part, rows in part_rows(model.config, name, linear).items():
            if target_of(name, part) in targets:
                pairs[part] = LowRank(linear.in_features, rows.stop - rows.start, r, alpha, dropout)
                pairs[part].initialise(derive_seed(seed, "lora", name, part))
        if pairs:
            wrap(model, name, pairs)


def wrap(model: GPT, name: str, pairs: dict[str, LowRank]) -> None:
    """Replace the linear of this name by a LoRALinear around it."""
    linear = cast(nn.Linear, model.get_submodule(name))
    model.set_submodule(name, LoRALinear(linear, part_rows(model.config, name, linear), pairs))


def linears(model: GPT) -> dict[str, nn.Linear]:
    """Every linear of a network without LoRA, by name."""
    return {name: module for name, module in model.named_modules() if isinstance(module, nn.Linear)}


def part_rows(config: Config, name: str, linear: nn.Linear) -> dict[str, slice]:
    """The parts of a linear and their rows: q, k and v, or gate and up, of a fused one, else the whole."""
    if name.endswith("attn.qkv"):
        return config.qkv_rows
    if name.endswith("mlp.fc") and config.mlp == "gated":
        return config.gated_rows
    return {WHOLE: slice(0, linear.out_features)}


def target_of(name: str, part: str) -> str:
    """Which of TARGETS a part of a linear belongs to."""
    if part in TARGETS:
        return part
    if name == "lm_head":
        return "head"
    return "o" if name.endswith("attn.proj") else "mlp"


def lora_layers(model: nn.Module) -> Iterator[tuple[str, LoRALinear]]:
    """The linears that were replaced, by name."""
    return ((name, module) for name, module in model.named_modules() if isinstance(module, LoRALinear))


def lora_state_dict(model: nn.Module) -> dict[str, Tensor]:
    """Every A and B, such as `transformer.h.0.attn.qkv.lora.q.A`. They share memory with the model."""
    return {
        f"{name}.lora.{key}": tensor
        for name, layer in lora_layers(model)
        for key, tensor in layer.lora.state_dict().items()
    }


def load_lora_state_dict(model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Copy every A and B into the model; UserError naming those that are missing, unexpected or of another shape."""
    own = lora_state_dict(model)
    wrong = [f"{name} is missing" for name in own if name not in tensors]
    wrong += [f"{name} is unexpected" for name in tensors if name not in own]
    for name in own.keys() & tensors.keys():
        if own[name].shape != tensors[name].shape:
            wrong.append(f"{name} is {tuple(tensors[name].shape)}, not {tuple(own[name].shape)}")
    if wrong:
        raise UserError(
            "; ".join(sorted(wrong)), "the LoRA tensors of this model", "use the settings it was trained with"
        )
    for name, tensor in own.items():
        tensor.copy_(tensors[name])


def merge_lora(model: GPT) -> None:
    """Add every update to its base's weight and put the plain linears back. A tied head that was adapted is untied."""
    for name, layer in list(lora_layers(model)):
        model.set_submodule(name, layer.merged())
    tied = model.lm_head.weight is model.transformer.wte.weight
    model.config = dataclasses.replace(model.config, tie_embeddings=tied)


def _check_settings(r: int, alpha: float, dropout: float, targets: Collection[str]) -> None:
    for target in targets:
        if target not in TARGETS:
            do = suggestion(target, TARGETS) or "leave it out"
            raise UserError(f"the LoRA target {target!r}", f"some of {', '.join(TARGETS)}", do)
    if not targets:
        raise UserError("no LoRA target", f"some of {', '.join(TARGETS)}", "name at least one")
    if r < 1 or not alpha > 0 or not 0 <= dropout < 1:
        got = f"LoRA r {r}, alpha {alpha}, dropout {dropout}"
        raise UserError(
            got, "r of 1 or more, alpha above 0, dropout from 0 to below 1", "such as r 8, alpha 16, dropout 0.05"
        )

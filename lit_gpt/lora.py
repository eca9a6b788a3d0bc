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
A linear is replaced by a `LoRALinear` that holds it, so the network's file knows nothing of this one, and a quantised
linear can be the base, too; merging needs the base as it was.

Options: the scale alpha / sqrt(r), so that a higher rank does not shrink the update (rsLoRA, Kalajdzievski 2023, arXiv
2312.03732); and DoRA (Liu et al. 2024, arXiv 2402.09353), where every row of W + B A is brought to a length of its own,
the magnitude, which is trained:

    y = m (W + s B A) x / |W + s B A|       m (out,) starts at |W|, row by row; no gradient goes through |...|

Not covered: LoRA of embeddings and biases, merging into a quantised base.
"""

import dataclasses
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lit_gpt.config import Config
from lit_gpt.errors import UserError, suggestion
from lit_gpt.low_rank_update import Update, add_updates
from lit_gpt.model import GPT
from lit_gpt.patterns import by_pattern, unmatched
from lit_gpt.quantized import QuantizedLinear
from lit_gpt.seeds import derive_seed
from lit_gpt.weight_names import in_memory

WHOLE = "all"  # the only part of a linear that is not fused
TARGETS = ("q", "k", "v", "o", "mlp", "head")


Linear = nn.Linear | QuantizedLinear


@dataclass(frozen=True)
class LoraOptions:
    """What pairs are given: UserError at birth where they cannot work.

    targets: some of TARGETS. The patterns give single modules, by the ends of their Hugging Face names, another rank or
    alpha, as `peft`'s do.
    """

    r: int
    alpha: float
    dropout: float
    targets: tuple[str, ...]
    rank_pattern: Mapping[str, int] = field(default_factory=dict)
    alpha_pattern: Mapping[str, float] = field(default_factory=dict)
    is_rank_stabilised: bool = False
    is_decomposed: bool = False  # DoRA

    def __post_init__(self) -> None:
        expected = f"some of {', '.join(TARGETS)}"
        for target in self.targets:
            if target not in TARGETS:
                raise UserError(f"the LoRA target {target!r}", expected, suggestion(target, TARGETS) or "leave it out")
        if not self.targets:
            raise UserError("no LoRA target", expected, "name at least one")
        is_sound = all(r >= 1 for r in (self.r, *self.rank_pattern.values()))
        is_sound &= all(alpha > 0 for alpha in (self.alpha, *self.alpha_pattern.values()))
        if not is_sound or not 0 <= self.dropout < 1:
            got = f"LoRA r {self.r} {dict(self.rank_pattern) or ''}, alpha {self.alpha} "
            got += f"{dict(self.alpha_pattern) or ''}, dropout {self.dropout}"
            expected = "r of 1 or more, alpha above 0, dropout from 0 to below 1"
            raise UserError(got, expected, "such as r 8, alpha 16, dropout 0.05")

    def pair(self, hf_name: str, in_features: int, out_features: int) -> "LowRank":
        """A pair for a module of this name, without a start yet."""
        r = by_pattern(self.rank_pattern, hf_name, self.r)
        alpha = by_pattern(self.alpha_pattern, hf_name, self.alpha)
        return LowRank(in_features, out_features, r, alpha, self.dropout, self.is_rank_stabilised)


class LowRank(nn.Module):
    """One pair: scale * B A dropout(x), computed in the pair's own dtype (fp32 unless it is cast).

    magnitude: with DoRA, the length (out,) of each row of the updated weight; else None.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        r: int,
        alpha: float,
        dropout: float = 0.0,
        is_rank_stabilised: bool = False,
    ) -> None:
        super().__init__()
        self.r, self.alpha, self.is_rank_stabilised = r, alpha, is_rank_stabilised
        self.scale = alpha / math.sqrt(r) if is_rank_stabilised else alpha / r
        self.A = nn.Parameter(torch.zeros(r, in_features, dtype=torch.float32, device="cpu"))
        self.B = nn.Parameter(torch.zeros(out_features, r, dtype=torch.float32, device="cpu"))
        self.magnitude: nn.Parameter | None = None
        self.dropout = nn.Dropout(dropout)

    def initialise(self, seed: int) -> None:
        """A as nn.Linear draws its weights (Kaiming-uniform, a = sqrt 5), whatever the global generator's state."""
        nn.init.kaiming_uniform_(self.A, a=math.sqrt(5), generator=torch.Generator().manual_seed(seed))
        nn.init.zeros_(self.B)

    @torch.no_grad()
    def decompose(self, weight: Tensor) -> None:
        """Turn to DoRA: give the rows of the base's weight (out, in), as they are updated now, their own lengths."""
        self.magnitude = nn.Parameter(self._lengths(weight))

    def forward(self, x: Tensor) -> Tensor:
        return self.update(self.dropout(x.to(self.A.dtype)))

    def update(self, x: Tensor) -> Tensor:
        """The pair's product with an input that has been through the dropout already."""
        return F.linear(F.linear(x, self.A) * self.scale, self.B)

    def stretch(self, weight: Tensor) -> Tensor:
        """By what each row of the updated weight is stretched to its magnitude, (out,); weight is the base's."""
        assert self.magnitude is not None
        return self.magnitude / self._lengths(weight).detach()

    def updated(self, weight: Tensor) -> Tensor:
        """The base's rows (out, in) with the pair in them, in fp32."""
        total = weight.float() + self.scale * (self.B.float() @ self.A.float())
        return total if self.magnitude is None else self.stretch(weight)[:, None] * total

    @torch.no_grad()
    def _lengths(self, weight: Tensor) -> Tensor:
        product = self.B.to(weight.device).float() @ self.A.to(weight.device).float()
        lengths = torch.linalg.vector_norm(weight.float() + self.scale * product, dim=1)
        return lengths.clamp_min(torch.finfo(torch.float32).tiny)  # a row of zeros has no direction, and stays zero


class LoRALinear(nn.Module):
    """A linear and the pairs that update its parts.

    rows      part -> its rows of the base's weight; together they cover it in order
    pairs     part -> LowRank, for the parts that are trained
    is_fused  added in one autograd node (low_rank_update.py); may be turned off
    """

    def __init__(self, linear: Linear, rows: dict[str, slice], pairs: dict[str, LowRank]) -> None:
        super().__init__()
        self.linear, self.rows, self.lora = linear, rows, nn.ModuleDict(pairs)
        self.lora.to(next(chain(linear.parameters(), linear.buffers())).device)
        self.train(linear.training)  # else dropout would wake up in a model that is being evaluated
        self.is_fused = all(pair.magnitude is None for pair in pairs.values())

    @property
    def pairs(self) -> dict[str, LowRank]:
        return {part: cast(LowRank, pair) for part, pair in self.lora.items()}

    def forward(self, x: Tensor) -> Tensor:
        y = self.linear(x)
        if self.is_fused:
            return add_updates(y, x, self._updates(), self._dropout())
        return self._plain(x, y)

    def _updates(self) -> list[Update]:
        return [Update(self.rows[part], pair.scale, pair.A, pair.B) for part, pair in self.pairs.items()]

    def _dropout(self) -> float:
        return next(iter(self.pairs.values())).dropout.p if self.training else 0.0

    def _plain(self, x: Tensor, y: Tensor) -> Tensor:
        """The same by modules and autograd alone; the only way where there are magnitudes."""
        sizes = [rows.stop - rows.start for rows in self.rows.values()]
        parts = dict(zip(self.rows, y.split(sizes, dim=-1), strict=True))
        for part, pair in self.pairs.items():
            delta = pair(x) if pair.magnitude is None else self._decomposed(part, pair, x, parts[part])
            parts[part] = (parts[part] + delta).to(y.dtype)
        return torch.cat(list(parts.values()), dim=-1) if len(parts) > 1 else parts[WHOLE]

    def _decomposed(self, part: str, pair: LowRank, x: Tensor, y: Tensor) -> Tensor:
        """What DoRA adds to the base's y: the base is stretched too, as it sees the input after dropout."""
        rows = self.rows[part]
        weight = self.linear.weight[rows]
        stretch = pair.stretch(weight)
        x = x.to(pair.A.dtype)
        if self.training and pair.dropout.p:
            x = pair.dropout(x)
            base = F.linear(x, weight.to(x.dtype))
        else:
            base = y if self.linear.bias is None else y - self.linear.bias[rows]
        return (stretch - 1) * base + stretch * pair.update(x)

    @torch.no_grad()
    def merged(self) -> nn.Linear:
        """The base with the updates in its weight: added up in fp32, rounded once to the base's dtype."""
        if not isinstance(self.linear, nn.Linear):
            raise ValueError("pairs are merged into the base as it was before it was quantised")
        weight = self.linear.weight.to(torch.float32, copy=True)
        for part, pair in self.pairs.items():
            weight[self.rows[part]] = pair.updated(weight[self.rows[part]])
        # A new parameter, for a tied head must not take the embedding along.
        self.linear.weight = nn.Parameter(weight.to(self.linear.weight.dtype), requires_grad=False)
        return self.linear


def add_lora(model: GPT, options: LoraOptions, seed: int) -> None:
    """Freeze the model, then give the targets trainable pairs.

    The base's weights must be loaded already. A pair's start depends on `seed` and its own name alone, so it is the
    same whichever other targets are on. Raises UserError for a pattern that fits no target.
    """
    if any(lora_layers(model)):
        raise ValueError("the model has LoRA already")
    names = _hf_names(model, options.targets)
    _check_patterns(options, set(names.values()))
    model.requires_grad_(False)
    for name, linear in linears(model).items():
        pairs = {}
        for part, rows in part_rows(model.config, name, linear).items():
            if (name, part) in names:
                pairs[part] = options.pair(names[name, part], linear.in_features, rows.stop - rows.start)
                pairs[part].initialise(derive_seed(seed, "lora", name, part))
                if options.is_decomposed:
                    pairs[part].decompose(linear.weight[rows])
        if pairs:
            wrap(model, name, pairs)


def _hf_names(model: GPT, targets: tuple[str, ...]) -> dict[tuple[str, str], str]:
    """Module and part -> the Hugging Face module it lies in, for everything that is to be adapted."""
    places = {(place.lit, place.part): hf for hf, place in in_memory(model.config).items()}
    parts = [(name, part) for name, linear in linears(model).items() for part in part_rows(model.config, name, linear)]
    chosen = [(name, part) for name, part in parts if target_of(name, part) in targets]
    return {(name, part): places.get((name, part)) or places[name, ""] for name, part in chosen}


def _check_patterns(options: LoraOptions, names: set[str]) -> None:
    for patterns in (options.rank_pattern, options.alpha_pattern):
        if idle := unmatched(patterns, names):
            got, expected = f"the LoRA pattern {idle[0]!r}", "the end of the name of a module that is adapted"
            raise UserError(got, expected, f"such as {min(names)}")


def wrap(model: GPT, name: str, pairs: dict[str, LowRank]) -> None:
    """Replace the linear of this name by a LoRALinear around it."""
    linear = cast(Linear, model.get_submodule(name))
    model.set_submodule(name, LoRALinear(linear, part_rows(model.config, name, linear), pairs))


def linears(model: GPT) -> dict[str, Linear]:
    """Every linear of a network without LoRA, by name."""
    return {name: module for name, module in model.named_modules() if isinstance(module, Linear)}


def part_rows(config: Config, name: str, linear: Linear) -> dict[str, slice]:
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
    """Every A, B and magnitude, such as `transformer.h.0.attn.qkv.lora.q.A`. They share memory with the model."""
    return {
        f"{name}.lora.{key}": tensor
        for name, layer in lora_layers(model)
        for key, tensor in layer.lora.state_dict().items()
    }


def merge_lora(model: GPT) -> None:
    """Add every update to its base's weight and put the plain linears back. A tied head that was adapted is untied."""
    for name, layer in list(lora_layers(model)):
        model.set_submodule(name, layer.merged())
    tied = model.lm_head.weight is model.transformer.wte.weight
    model.config = dataclasses.replace(model.config, tie_embeddings=tied)

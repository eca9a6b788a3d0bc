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
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast

from torch import Tensor, nn

from lit_gpt.config import Config
from lit_gpt.errors import UserError, suggestion
from lit_gpt.lora_layers import WHOLE, Linear, LoRALinear, LowRank
from lit_gpt.model import GPT
from lit_gpt.patterns import by_pattern, unmatched
from lit_gpt.seeds import derive_seed
from lit_gpt.weight_names import in_memory

TARGETS = ("q", "k", "v", "o", "mlp", "head")


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

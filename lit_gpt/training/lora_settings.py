"""The settings of LoRA, importable without torch.

Defaults are those of Lit-GPT's LoRA script: rank 8, alpha 16, dropout 0.05, query and value.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lit_gpt.training.settings import require

LORA_TARGETS = ("q", "k", "v", "o", "mlp", "head")


@dataclass(frozen=True)
class LoraSettings:
    """Low-rank adaptation.

    Args:
        lora_r: rank of the update
        lora_alpha: the update is scaled by lora_alpha / lora_r
        lora_dropout: dropout on the update's input while training
        lora_targets: which linears get an update: any of q,k,v,o,mlp,head, with commas between
        lora_rank_pattern: another rank for single modules, by the ends of their Hugging Face names, such as
            '{"down_proj": 4, "layers.0.self_attn.q_proj": 16}'
        lora_alpha_pattern: another alpha for single modules, by the same names
        lora_rslora: scale by lora_alpha / sqrt(lora_r) instead, so that a high rank does not shrink the update
        lora_dora: train the length of every row of the updated weights apart from its direction (DoRA)
        lora_fused: add the updates of a linear in one step that keeps little for the way back, computed in the base's
            numbers; without it module by module, in fp32; with lora_dora always so
        lora_tokens: control tokens, such as <|end_of_turn|>, whose rows of embedding and head are trained as well; not
            with head among the targets
    """

    lora_r: int = 8
    lora_alpha: float = 16.0
    lora_dropout: float = 0.05
    lora_targets: str = "q,v"
    lora_rank_pattern: Mapping[str, int] = field(default_factory=dict)
    lora_alpha_pattern: Mapping[str, float] = field(default_factory=dict)
    lora_rslora: bool = False
    lora_dora: bool = False
    lora_fused: bool = True
    lora_tokens: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for flag in ("lora_r", "lora_alpha"):
            require(getattr(self, flag) > 0, flag, getattr(self, flag), "a number above 0")
        require(0 <= self.lora_dropout < 1, "lora_dropout", self.lora_dropout, "at least 0 and below 1")
        known = bool(self.targets) and set(self.targets) <= set(LORA_TARGETS)
        require(known, "lora_targets", self.lora_targets, f"some of {','.join(LORA_TARGETS)}")
        is_apart = not (self.lora_tokens and "head" in self.targets)
        require(is_apart, "lora_tokens", self.lora_tokens, "no head among --lora_targets: its rows are trained whole")
        for flag in ("lora_rank_pattern", "lora_alpha_pattern"):
            patterns = getattr(self, flag)
            require(all(value > 0 for value in patterns.values()), flag, dict(patterns), "numbers above 0")

    @property
    def targets(self) -> tuple[str, ...]:
        """Without repetition, in the order of LORA_TARGETS; whatever is unknown comes last."""
        given = {part.strip() for part in self.lora_targets.split(",") if part.strip()}
        return (*(target for target in LORA_TARGETS if target in given), *sorted(given - set(LORA_TARGETS)))

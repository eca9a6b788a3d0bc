"""adapter_config.json, the settings of a `peft` LoRA adapter: what we write, and what we read or refuse.

Source: https://github.com/huggingface/peft (tuners/lora/config.py, tuners/tuners_utils.py).

Read: r, lora_alpha, lora_dropout, target_modules, the patterns that give single modules another r or alpha, use_rslora,
use_dora and trainable_token_indices (see peft_rows.py). Refused by name: every other setting that is on and changes the
computation (bias, modules_to_save, layers_to_transform ...), known today or not. They are never ignored.
"""

import re
from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from lit_gpt.errors import UserError
from lit_gpt.files import read_json, write_json
from lit_gpt.patterns import by_pattern

CONFIG = "adapter_config.json"
READ = {
    *("peft_type", "r", "lora_alpha", "lora_dropout", "target_modules", "rank_pattern", "alpha_pattern"),
    *("use_rslora", "use_dora", "trainable_token_indices"),
}
# Remarks, and settings of techniques that another setting has to switch on. Whatever else there is has to be off.
WITHOUT_EFFECT = {
    *("task_type", "auto_mapping", "peft_version", "base_model_name_or_path", "revision", "inference_mode"),
    *("megatron_core", "qalora_group_size", "runtime_config"),
    "fan_in_fan_out",  # how the base keeps its weights, which we know
}
OFF: tuple[Any, ...] = (None, False, "none", [], {})
# Ways to draw the first A that leave the base as it is. Others (PiSSA, LoftQ ...) belong to an altered base.
HARMLESS_STARTS = (True, "gaussian", "eva", "orthogonal")

Value = TypeVar("Value")


@dataclass(frozen=True)
class Settings:
    """An adapter's settings. Module names are Hugging Face's; the patterns hold for modules that differ."""

    r: int
    alpha: float
    dropout: float
    targets: list[str] | str = field(default_factory=list)  # names or ends of names; or one pattern for whole names
    rank_pattern: dict[str, int] = field(default_factory=dict)
    alpha_pattern: dict[str, float] = field(default_factory=dict)
    is_rank_stabilised: bool = False
    is_decomposed: bool = False  # DoRA
    token_rows: dict[str, list[int]] | list[int] = field(default_factory=dict)  # as peft_rows.py has them

    def is_target(self, name: str) -> bool:
        if isinstance(self.targets, str):
            return re.fullmatch(self.targets, name) is not None
        return any(name == target or name.endswith(f".{target}") for target in self.targets)

    def rank_of(self, name: str) -> int:
        return by_pattern(self.rank_pattern, name, self.r)

    def alpha_of(self, name: str) -> float:
        return by_pattern(self.alpha_pattern, name, self.alpha)


def describe(modules: set[str], ranks: dict[str, int], alphas: dict[str, float], usual: Settings) -> Settings:
    """The settings of an adapter of some of a model's modules, given each one's rank and alpha.

    usual: what holds for all, and r and alpha of most modules; those with others get a pattern.
    """
    targets = _by_last_word({name: name in ranks for name in modules})
    return replace(
        usual,
        targets=sorted(name for name, is_target in targets.items() if is_target),
        rank_pattern={name: value for name, value in _by_last_word(ranks).items() if value != usual.r},
        alpha_pattern={name: value for name, value in _by_last_word(alphas).items() if value != usual.alpha},
    )


def write_settings(directory: Path, settings: Settings, base_model: str, *, fan_in_fan_out: bool) -> None:
    """fan_in_fan_out: the base's weights are (in, out) on disk, as GPT-2's."""
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base_model,
        "inference_mode": True,
        "bias": "none",
        "fan_in_fan_out": fan_in_fan_out,
        "r": settings.r,
        "lora_alpha": settings.alpha,
        "lora_dropout": settings.dropout,
        "target_modules": settings.targets,
        "rank_pattern": settings.rank_pattern,
        "alpha_pattern": settings.alpha_pattern,
        "use_rslora": settings.is_rank_stabilised,
        "use_dora": settings.is_decomposed,
        "trainable_token_indices": settings.token_rows or None,
    }
    write_json(directory / CONFIG, config)


def read_settings(directory: Path) -> Settings:
    """The settings, once it is sure that we compute what they say; absent ones have `peft`'s defaults."""
    config = _read_config(directory / CONFIG)
    return Settings(
        r=config.get("r", 8),
        alpha=config.get("lora_alpha", 8),
        dropout=config.get("lora_dropout", 0.0),
        targets=config.get("target_modules") or [],
        rank_pattern=config.get("rank_pattern") or {},
        alpha_pattern=config.get("alpha_pattern") or {},
        is_rank_stabilised=bool(config.get("use_rslora")),
        is_decomposed=bool(config.get("use_dora")),
        token_rows=config.get("trainable_token_indices") or {},
    )


def _read_config(path: Path) -> dict[str, Any]:
    if not path.is_file():
        best = path.parent / "best"
        do = f"pass {best}" if (best / CONFIG).is_file() else f"pass the directory that holds {CONFIG}"
        raise UserError(f"no {path}", "an adapter directory", do)
    try:
        config = dict(read_json(path))
    except (ValueError, TypeError) as error:
        raise UserError(f"{path}, which cannot be read ({error})", "a JSON object", "copy the adapter again") from None
    if config.get("peft_type") != "LORA":
        raise _refused("peft_type", config.get("peft_type"))
    for key in sorted(config.keys() - READ - WITHOUT_EFFECT):
        harmless = key == "init_lora_weights" and config[key] in HARMLESS_STARTS
        if config[key] not in OFF and not harmless:
            raise _refused(key, config[key])
    return config


def _refused(key: str, value: Any) -> UserError:
    do = "merge the adapter into its base with peft, and use that as the checkpoint"
    return UserError(f"{key}: {value!r} in {CONFIG}", "LoRA, as we compute it", do)


def _by_last_word(values: dict[str, Value]) -> dict[str, Value]:
    """`q_proj` for all modules that end so, where they have one value; else each under its whole name."""
    distinct = defaultdict(set)
    for name, value in values.items():
        distinct[_last_word(name)].add(value)
    return {_last_word(name) if len(distinct[_last_word(name)]) == 1 else name: value for name, value in values.items()}


def _last_word(name: str) -> str:
    return name.rpartition(".")[2]

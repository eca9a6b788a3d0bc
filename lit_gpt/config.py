"""Config: every number that decides what the network computes; no torch here.

Read from a Hugging Face `config.json` (`Config.from_hf`) or a named card (`Config.from_card`). A card is data in
`model_cards/`, written in config.json's own words, so there is one reader. A new family is one card and one
function in FAMILIES here, and one name map in `weight_names.py`.
Source of the keys and their defaults: https://github.com/huggingface/transformers (models/llama, models/gpt_neox).

Handled: both spellings of the rotary settings (`rope_theta`, `rotary_pct`; transformers 5's `rope_parameters`).
Refused by name: what would be computed wrongly (another model_type, scaled rotary embeddings, sliding windows,
unknown activations, quantised weights, tensor-parallel slicing).
Not read: dropout rates (they act in pretraining only) and code that a checkpoint brings along (never run).
"""

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from lit_gpt.errors import UserError, suggestion

Family = Literal["llama", "gpt_neox"]
Norm = Literal["RMSNorm", "LayerNorm"]
Mlp = Literal["gated", "plain"]
Activation = Literal["silu", "gelu", "gelu_tanh"]

CARDS = Path(__file__).with_name("model_cards")
# config.json's words for an activation -> ours. "gelu" is the exact one (erf).
ACTIVATIONS: dict[str, Activation] = {
    **{"silu": "silu", "swish": "silu"},
    **{"gelu": "gelu", "gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh"},
}


@dataclass(frozen=True)
class Config:
    """The shape of one network. Sizes are counts of units; 0 asks for the value in the comment."""

    family: Family
    n_layer: int
    n_head: int
    n_embd: int
    intermediate_size: int  # width of the MLP
    vocab_size: int
    block_size: int  # context length in tokens
    n_query_groups: int = 0  # n_head: key/value heads, each shared by n_head / n_query_groups query heads
    head_size: int = 0  # n_embd / n_head
    padded_vocab_size: int = 0  # vocab_size: rows of the embedding; logits of rows past vocab_size are cut
    norm: Norm = "RMSNorm"
    norm_eps: float = 1e-5
    mlp: Mlp = "gated"  # proj(act(fc_1(x)) * fc_2(x)), or plain: proj(act(fc(x)))
    activation: Activation = "silu"
    rotary_percentage: float = 1.0  # share of each head that is rotated
    rope_base: float = 10000.0
    parallel_residual: bool = False  # x + attn(norm_1(x)) + mlp(norm_2(x)), as GPT-NeoX
    attention_bias: bool = False
    mlp_bias: bool = False
    tie_embeddings: bool = False  # the head's weight is the embedding's

    def __post_init__(self) -> None:
        """Fill the zeros, then refuse what no network can be built from."""
        object.__setattr__(self, "n_query_groups", self.n_query_groups or self.n_head)
        object.__setattr__(self, "head_size", self.head_size or self.n_embd // max(self.n_head, 1))
        object.__setattr__(self, "padded_vocab_size", self.padded_vocab_size or self.vocab_size)
        self._check_words()
        self._check_numbers()

    def _check_words(self) -> None:
        for name, words in {"family": Family, "norm": Norm, "mlp": Mlp, "activation": Activation}.items():
            if getattr(self, name) not in get_args(words):
                raise ValueError(f"{name} is {getattr(self, name)!r}, not one of {', '.join(get_args(words))}")

    def _check_numbers(self) -> None:
        sizes = ("n_layer", "n_head", "n_query_groups", "n_embd", "head_size", "intermediate_size")
        for name in (*sizes, "vocab_size", "block_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, not a positive number")
        for name in ("norm_eps", "rope_base", "rotary_percentage"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} is {getattr(self, name)}, not a positive number")
        if self.n_head % self.n_query_groups:
            raise ValueError(f"{self.n_head} query heads do not share {self.n_query_groups} key/value heads evenly")
        if self.rotary_percentage > 1 or self.rope_size % 2:
            raise ValueError(f"{self.rotary_percentage} of a head of {self.head_size} is not an even number of dims")
        if self.padded_vocab_size < self.vocab_size:
            raise ValueError(f"padded_vocab_size {self.padded_vocab_size} is below vocab_size {self.vocab_size}")

    @property
    def rope_size(self) -> int:
        """Rotated dimensions of each head (rounded down, as GPT-NeoX does)."""
        return int(self.rotary_percentage * self.head_size)

    @property
    def qkv_rows(self) -> dict[str, slice]:
        """Where q, k and v lie in the rows of the fused projection: plain [Q | K | V]."""
        q, kv = self.n_head * self.head_size, self.n_query_groups * self.head_size
        return {"q": slice(0, q), "k": slice(q, q + kv), "v": slice(q + kv, q + 2 * kv)}

    @classmethod
    def from_hf(cls, hf: dict[str, Any]) -> "Config":
        """The Config of a Hugging Face config.json; UserError naming the key that we cannot honour.

        `padded_vocab_size` is ours, not Hugging Face's: it may be added to a config.json whose embedding has rows
        beyond `vocab_size`.
        """
        family = hf.get("model_type")
        if family not in FAMILIES:
            raise _refused("model_type", family, FAMILIES, suggestion(str(family), FAMILIES))
        for key, neutral in NEUTRAL.items():
            if hf.get(key) not in neutral:
                raise _refused(key, hf[key], neutral, "this network would compute something else")
        try:
            return cls(family=family, **_sizes(hf), **FAMILIES[family](hf))
        except ValueError as error:
            raise UserError(f"config.json: {error}", "a network that can be built", "get config.json again") from error

    @classmethod
    def from_card(cls, name: str) -> "Config":
        """The Config of a model known by name, such as `EleutherAI/pythia-70m`."""
        cards = load_cards()
        if name not in cards:
            do = suggestion(name, cards) or "name one of the cards in lit_gpt/model_cards, or use its config.json"
            raise UserError(f"the model name {name!r}", f"one of {len(cards)} known models", do)
        return cls.from_hf(cards[name])


def load_cards() -> dict[str, dict[str, Any]]:
    """Every card's name -> its config.json. Models of a family share the file's `common` settings."""
    cards: dict[str, dict[str, Any]] = {}
    for path in sorted(CARDS.glob("*.json")):
        family = json.loads(path.read_text(encoding="utf-8"))
        for model in family["models"]:
            cards |= {name: {**family["common"], **model["config"]} for name in model["names"]}
    return cards


# Keys that change what is computed, with the values that leave it as it is here.
NEUTRAL: dict[str, tuple[Any, ...]] = {
    "pretraining_tp": (None, 1),
    "quantization_config": (None,),
    "sliding_window": (None,),
}
REQUIRED: Any = object()


def _sizes(hf: dict[str, Any]) -> dict[str, Any]:
    """What all families call by the same names."""
    n_head = _read(hf, "num_attention_heads", int)
    vocab_size = _read(hf, "vocab_size", int)
    return {
        "n_layer": _read(hf, "num_hidden_layers", int),
        "n_head": n_head,
        "n_embd": _read(hf, "hidden_size", int),
        "intermediate_size": _read(hf, "intermediate_size", int),
        "vocab_size": vocab_size,
        "padded_vocab_size": _read(hf, "padded_vocab_size", int, vocab_size),
        "block_size": _read(hf, "max_position_embeddings", int),
        "tie_embeddings": _read(hf, "tie_word_embeddings", bool, False),
        "rope_base": _rope(hf, ("rope_theta", "rotary_emb_base"), 10000.0),
    }


def _llama(hf: dict[str, Any]) -> dict[str, Any]:
    rotated = _rope(hf, ("partial_rotary_factor",), 1.0)
    if rotated != 1.0:
        raise _refused("partial_rotary_factor", rotated, (1.0,), "a Llama rotates whole heads")
    return {
        "n_query_groups": _read(hf, "num_key_value_heads", int, 0),
        "head_size": _read(hf, "head_dim", int, 0),
        "norm": "RMSNorm",
        "norm_eps": _read(hf, "rms_norm_eps", float, 1e-6),
        "mlp": "gated",
        "activation": _activation(hf, "silu"),
        "attention_bias": _read(hf, "attention_bias", bool, False),
        "mlp_bias": _read(hf, "mlp_bias", bool, False),
    }


def _gpt_neox(hf: dict[str, Any]) -> dict[str, Any]:
    return {
        "norm": "LayerNorm",
        "norm_eps": _read(hf, "layer_norm_eps", float, 1e-5),
        "mlp": "plain",
        "activation": _activation(hf, "gelu"),
        "rotary_percentage": _rope(hf, ("partial_rotary_factor", "rotary_pct"), 0.25),
        "parallel_residual": _read(hf, "use_parallel_residual", bool, True),
        "attention_bias": _read(hf, "attention_bias", bool, True),
        "mlp_bias": True,
    }


FAMILIES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {"llama": _llama, "gpt_neox": _gpt_neox}


def _activation(hf: dict[str, Any], default: str) -> Activation:
    word = _read(hf, "hidden_act", str, default)
    if word not in ACTIVATIONS:
        raise _refused("hidden_act", word, ACTIVATIONS, suggestion(word, ACTIVATIONS))
    return ACTIVATIONS[word]


def _rope(hf: dict[str, Any], keys: tuple[str, ...], default: float) -> float:
    """One rotary setting, wherever and under whichever of its names it stands; contradictions are refused."""
    nested = {f"{key}.": hf.get(key) or {} for key in ("rope_parameters", "rope_scaling")}
    for place, settings in nested.items():
        _check_unscaled(place, settings)
    found = {
        place + key: _read(settings, key, float)
        for place, settings in {"": hf, **nested}.items()
        for key in keys
        if settings.get(key) is not None
    }
    if len(set(found.values())) > 1:
        raise _refused(" and ".join(found), list(found.values()), ("one value",), "keep the right one")
    return next(iter(found.values()), default)


def _check_unscaled(place: str, settings: Any) -> None:
    """Only the plain rotary embedding is computed here: no linear, dynamic, YaRN or Llama-3 scaling."""
    known = {"rope_type", "type", "rope_theta", "rotary_emb_base", "partial_rotary_factor", "rotary_pct"}
    if not isinstance(settings, dict):
        raise _refused(place.rstrip("."), settings, ("a JSON object",))
    for key, value in settings.items():
        if key in ("rope_type", "type") and value not in (None, "default"):
            raise _refused(place + key, value, ("default",), "scaled rotary embeddings are not supported")
        if key not in known and value is not None:
            raise _refused(place + key, value, ("only plain rotary settings",))


def _read(hf: dict[str, Any], key: str, kind: type, default: Any = REQUIRED) -> Any:
    """The value of a key, of that kind; null counts as absent."""
    value = hf.get(key)
    if value is None:
        value = default
    if value is REQUIRED:
        raise UserError(f"no {key} in config.json", f"a value of type {kind.__name__}", "get config.json again")
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        raise _refused(key, value, (f"a value of type {kind.__name__}",))
    return value


def _refused(key: str, value: Any, accepted: Iterable[Any], hint: str = "") -> UserError:
    expected = ", ".join(map(str, accepted))
    do = f"use another checkpoint, or mend {key} if it is wrong" + (f" ({hint})" if hint else "")
    return UserError(f"{key}: {value!r} in config.json", f"{key}: {expected}", do)

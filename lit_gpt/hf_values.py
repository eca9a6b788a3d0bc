"""Single values out of a `config.json`: of the kind they should be, or a UserError that names the key."""

from collections.abc import Iterable, Mapping
from typing import Any

from lit_gpt.config import Activation
from lit_gpt.errors import UserError, suggestion

REQUIRED: Any = object()
# config.json's words for an activation -> ours. "gelu" is the exact one (erf).
ACTIVATIONS: dict[str, Activation] = {
    **{"silu": "silu", "swish": "silu", "relu": "relu"},
    **{"gelu": "gelu", "gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh", "gelu_fast": "gelu_tanh"},
}
ACTIVATION_KEYS = ("hidden_act", "activation_function", "activation")


def read(hf: Mapping[str, Any], keys: str | tuple[str, ...], kind: type, default: Any = REQUIRED) -> Any:
    """The value under the first of these names that is there, of that kind; null counts as absent."""
    names = (keys,) if isinstance(keys, str) else keys
    key = next((name for name in names if hf.get(name) is not None), None)
    if key is None:
        if default is REQUIRED:
            raise UserError(
                f"no {names[0]} in config.json", f"a value of type {kind.__name__}", "get config.json again"
            )
        return default
    value = hf[key]
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        raise refused(key, value, (f"a value of type {kind.__name__}",))
    return value


def read_activation(hf: Mapping[str, Any], default: str, keys: tuple[str, ...] = ACTIVATION_KEYS) -> Activation:
    """The activation, by whichever of its names; some of Gemma's files have a second one that nobody reads."""
    word = read(hf, keys, str, default)
    if word not in ACTIVATIONS:
        key = next((key for key in keys if hf.get(key) is not None), keys[0])
        raise refused(key, word, ACTIVATIONS, suggestion(word, ACTIVATIONS))
    return ACTIVATIONS[word]


def refused(key: str, value: Any, accepted: Iterable[Any], hint: str = "") -> UserError:
    """The error for a value that we cannot honour."""
    expected = ", ".join(map(str, accepted))
    do = f"use another checkpoint, or mend {key} if it is wrong" + (f" ({hint})" if hint else "")
    return UserError(f"{key}: {value!r} in config.json", f"{key}: {expected}", do)

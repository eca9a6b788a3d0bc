"""Settings from YAML: a mapping becomes a frozen dataclass, its keys and types checked, a misspelt key answered.

Understood: bool, int, float, str, Path, Literal, tuple[...], dict[str, ...], X | None, and dataclasses inside. Not
covered: any other type; a step that needs one fails its own test.
"""

import dataclasses
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from lit_gpt.errors import UserError, suggestion

T = TypeVar("T")


class _WrongTypeError(Exception):
    """The value is not what the field takes; the argument says what it does take."""


def build(kind: type[T], settings: Any, where: str) -> T:
    """The dataclass with these settings; `where` names the place in the file for whoever has to mend it."""
    if settings is None:
        settings = {}
    if not isinstance(settings, Mapping):
        raise UserError(f"{where}: {settings!r}", "settings by name, such as {size: 100}", "mend the recipe")
    hints = typing.get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind) if field.init}  # type: ignore[arg-type]
    for name in settings:
        if name not in fields:
            do = suggestion(str(name), fields) or "leave it out"
            raise UserError(f"{where}: unknown setting {name!r}", f"one of {', '.join(fields) or '(none)'}", do)
    values = {name: _checked(value, hints[name], f"{where}: {name}") for name, value in settings.items()}
    if absent := [name for name, field in fields.items() if name not in values and _is_required(field)]:
        raise UserError(f"{where} without {', '.join(absent)}", "a value for each", "add it to the recipe")
    return kind(**values)


def _is_required(field: "dataclasses.Field[Any]") -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _checked(value: Any, hint: Any, where: str) -> Any:
    try:
        return _converted(value, hint, where)
    except _WrongTypeError as error:
        raise UserError(f"{where}: {value!r}", str(error), "correct the value") from None


def _converted(value: Any, hint: Any, where: str) -> Any:
    if dataclasses.is_dataclass(hint):
        return build(typing.cast(type, hint), value, where)
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return _any_of(value, inner, where)
    if origin is typing.Literal:
        if value not in inner or isinstance(value, bool) != any(isinstance(one, bool) for one in inner):
            raise _WrongTypeError(f"one of {', '.join(map(str, inner))}")
        return value
    if origin is tuple:
        if not isinstance(value, list):
            raise _WrongTypeError("a list")
        return tuple(_converted(one, inner[0], where) for one in value)
    if origin is dict:
        if not isinstance(value, dict):
            raise _WrongTypeError("values by name")
        return {str(key): _converted(one, inner[1], where) for key, one in value.items()}
    return _plain(value, hint)


def _any_of(value: Any, hints: tuple[Any, ...], where: str) -> Any:
    if value is None and type(None) in hints:
        return None
    (hint,) = [one for one in hints if one is not type(None)]
    return _converted(value, hint, where)


def _plain(value: Any, hint: Any) -> Any:
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is Path and isinstance(value, str):
        return Path(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise _WrongTypeError(f"a value of type {hint.__name__}")
    return value

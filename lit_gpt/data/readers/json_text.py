"""One JSON record out of its bytes, more strictly than `json` alone: RFC 8259, UTF-8, no repeated names."""

import json
from typing import Any, NoReturn

from lit_gpt.data.reasons import Rejected
from lit_gpt.data.records import Place, Record, Reject, excerpt, n_lines_of


def parse_record(raw: bytes, place: Place) -> Record | Reject:
    """The object that `raw` spells, or why it spells none."""
    try:
        return Record(place, parse_object(raw), raw)
    except Rejected as error:
        return Reject(place, error.reason, excerpt(raw), n_lines_of(raw))


def parse_object(raw: bytes) -> dict[str, Any]:
    """The object that `raw` spells; raises Rejected with the reason where it spells none."""
    if b"\0" in raw:
        raise Rejected("nul_character")
    try:
        value = _DECODER.decode(raw.decode())
    except UnicodeDecodeError:
        raise Rejected("invalid_utf8") from None
    except RecursionError:
        raise Rejected("nested_too_deep") from None
    except ValueError:
        raise Rejected("invalid_json") from None
    if not isinstance(value, dict):
        raise Rejected("not_an_object")
    return value


def _unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise Rejected("duplicate_key")
    return fields


def _refuse_constant(name: str) -> NoReturn:
    raise Rejected("not_a_number")


def _number(digits: str) -> int | float:
    """int() refuses more than 4,300 digits, and no field we use is so large a number."""
    return int(digits) if len(digits) < MAX_DIGITS else float(digits)


MAX_DIGITS = 4_300  # https://docs.python.org/3/library/stdtypes.html#int-max-str-digits
_DECODER = json.JSONDecoder(object_pairs_hook=_unique_names, parse_constant=_refuse_constant, parse_int=_number)

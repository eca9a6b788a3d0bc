"""The rotary settings of a `config.json`, in the three places and under all the names where they may stand.

    rope_theta, rotary_emb_base, rotary_pct, partial_rotary_factor    at the top level
    rope_scaling        {"type" or "rope_type": ..., "factor": ...}   how angles are slowed, up to transformers 4
    rope_parameters     all of it, since transformers 5; for Gemma 3 one such object a kind of layer

Values that contradict each other are refused, and so are scalings that the network does not compute (dynamic, YaRN,
LongRoPE).
"""

from collections.abc import Mapping
from typing import Any

from lit_gpt.config import RopeScaling
from lit_gpt.hf_values import read, refused

Json = Mapping[str, Any]

BASE = ("rope_theta", "rotary_emb_base")
SHARE = ("partial_rotary_factor", "rotary_pct")
TYPE = ("rope_type", "type")
LLAMA_3 = ("low_freq_factor", "high_freq_factor", "original_max_position_embeddings")
KNOWN = {*BASE, *SHARE, *TYPE, *LLAMA_3, "factor"}
UNREAD = ("original_max_position_embeddings",)  # said of unscaled angles too (Phi-3's 4k models)


def read_rope(hf: Json, base: float = 10000.0, share: float = 1.0) -> dict[str, Any]:
    """rope_base, rotary_percentage and rope_scaling of all layers alike; `base` and `share` where nothing is said."""
    return _read_places(hf, _object(hf, "rope_parameters"), base, share)


def read_rope_by_layer(hf: Json, base: float, window_base: float) -> dict[str, Any]:
    """The same where layers with a window have a base of their own, window_rope_base."""
    kinds = _object(hf, "rope_parameters")
    if unknown := [key for key in kinds if key not in ("full_attention", "sliding_attention")]:
        raise refused(f"rope_parameters.{unknown[0]}", kinds[unknown[0]], ("full_attention, sliding_attention",))
    everywhere = _read_places(hf, _object(kinds, "full_attention"), base, 1.0)
    within = _object(kinds, "sliding_attention")
    if within.get("rope_type") not in (None, "default"):
        raise refused("rope_parameters.sliding_attention.rope_type", within["rope_type"], ("default",))
    bases = {"": read(hf, "rope_local_base_freq", float, None), "sliding": read(within, "rope_theta", float, None)}
    return {**everywhere, "window_rope_base": _agreed({k: v for k, v in bases.items() if v is not None}, window_base)}


def _read_places(hf: Json, parameters: Json, base: float, share: float) -> dict[str, Any]:
    nested = {"rope_parameters.": parameters, "rope_scaling.": _object(hf, "rope_scaling")}
    for place, settings in nested.items():
        _check_known(place, settings)
    places = {"": hf, **nested}
    scalings = {place: scaling for place, settings in nested.items() if (scaling := _scaling(place, settings))}
    if hf.get("rope_condense_ratio") is not None:  # LongChat's, https://github.com/DachengLi1/LongChat
        scalings["rope_condense_ratio"] = RopeScaling(read(hf, "rope_condense_ratio", float))
    return {
        "rope_base": _agreed(_found(places, BASE), base),
        "rotary_percentage": _agreed(_found(places, SHARE), share),
        "rope_scaling": _agreed(scalings, None),
    }


def _scaling(place: str, settings: Json) -> RopeScaling | None:
    kind = read(settings, TYPE, str, "default")
    if kind == "default":
        return None
    if kind == "linear":
        return RopeScaling(read(settings, "factor", float))
    if kind == "llama3":
        low, high, length = (read(settings, key, kind) for key, kind in zip(LLAMA_3, (float, float, int), strict=True))
        return RopeScaling(read(settings, "factor", float), low, high, length)
    hint = "other scalings of rotary embeddings are not supported"
    raise refused(place + next(key for key in TYPE if key in settings), kind, ("default", "linear", "llama3"), hint)


def _found(places: Mapping[str, Json], keys: tuple[str, ...]) -> dict[str, float]:
    return {
        place + key: read(settings, key, float)
        for place, settings in places.items()
        for key in keys
        if settings.get(key) is not None
    }


def _agreed(found: Mapping[str, Any], default: Any) -> Any:
    """The one value that is said, or the default; a contradiction is refused."""
    if len(set(found.values())) > 1:
        raise refused(" and ".join(found), list(found.values()), ("one value",), "keep the right one")
    return next(iter(found.values()), default)


def _check_known(place: str, settings: Json) -> None:
    """Nothing may be said that would be passed over, such as the factor of a scaling that is not named."""
    is_scaled = read(settings, TYPE, str, "default") != "default"
    known = KNOWN if is_scaled else {*BASE, *SHARE, *TYPE, *UNREAD}
    for key, value in settings.items():
        if key not in known and value is not None:
            raise refused(place + key, value, ("a rotary setting that is known",))


def _object(hf: Json, key: str) -> Json:
    value = hf.get(key) or {}
    if not isinstance(value, dict):
        raise refused(key, value, ("a JSON object",))
    return value

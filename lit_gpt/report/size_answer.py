"""What a study of sizes answers: up to which size more tokens helped beyond chance, and whether the last step did.

A step is from one size to the next, and beyond chance where its gain is after Holm's correction for all steps. Absence
is never shown: a step that is not beyond chance may help, too.
"""

from collections.abc import Mapping
from typing import Any

from lit_gpt.report.formats import count
from lit_gpt.report.measure_section import TITLES, TOO_FEW, is_certain

NONE_WORSE = "no larger size is shown to be worse than the one before it"


def answer(results: Mapping[str, Any]) -> str:
    """A sentence or two for each measure and candidate; of too few draws, that."""
    if any(curve["falls_back"] is None for curves in results["measures"].values() for curve in curves.values()):
        return f"Up to which size more tokens help, and whether a larger one is worse than the one before: {TOO_FEW}."
    said = []
    for measure, curves in results["measures"].items():
        told = [f"{name}: {_helped(curve)}" for name, curve in curves.items()]
        falls = [_falls(name, curve) for name, curve in curves.items() if any(curve["falls_back"])]
        back = f"{'; '.join(falls)}, beyond chance" if falls else NONE_WORSE
        said.append(f"By {TITLES[measure].lower()}, {'; '.join([*told, back])}.")
    return " ".join(said)


def _helped(curve: Mapping[str, Any]) -> str:
    larger = curve["tokens"][1:]
    helped = [
        tokens for tokens, gain in zip(larger, curve["gains"], strict=True) if gain["effect"] > 0 and is_certain(gain)
    ]
    if not helped:
        return "no step to a larger size is shown to help"
    if helped[-1] == larger[-1]:
        return f"more tokens helped beyond chance up to {count(larger[-1])}, the largest size: the last step did, too"
    last = f"the last step, to {count(larger[-1])}, is not shown to"
    return f"more tokens helped beyond chance up to {count(helped[-1])}; {last}"


def _falls(name: str, curve: Mapping[str, Any]) -> str:
    back = [count(n) for n, falls in zip(curve["tokens"][1:], curve["falls_back"], strict=True) if falls]
    return f"{name} is worse at {', '.join(back)} tokens than at the size before"

"""How well a single number about a row tells spoilt rows from sound ones: the area under the ROC curve.

0.5 is chance; 0 and 1 both find every row. An indicator that found every kind of defect would make curation trivial,
and a world of which that is true no yardstick for it. Ranks and ties as in Mann and Whitney (1947).
"""

from collections.abc import Mapping, Sequence

import numpy as np

from lit_gpt.example import Example

CHANCE = (0.35, 0.65)  # an area between these finds nothing worth the name


def area_under_curve(sound: Sequence[float], spoilt: Sequence[float]) -> float:
    """The share of pairs in which the spoilt row has the larger number; ties count one half."""
    values = np.concatenate([sound, spoilt])
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    n_sound, n_spoilt = len(sound), len(spoilt)
    return float((ranks[n_sound:].sum() - n_spoilt * (n_spoilt + 1) / 2) / (n_sound * n_spoilt))


def areas_by_defect(values: Mapping[str, float], defects: Mapping[str, str]) -> dict[str, float]:
    """For each defect the area against sound rows; `values` and `defects` (empty for sound) by row id."""
    groups: dict[str, list[float]] = {}
    for id, value in values.items():
        groups.setdefault(defects[id], []).append(value)
    return {defect: area_under_curve(groups[""], rows) for defect, rows in sorted(groups.items()) if defect}


def missed(areas: Mapping[str, float]) -> list[str]:
    """The defects that an indicator with these areas does not find."""
    low, high = CHANCE
    return [defect for defect, area in areas.items() if low <= area <= high]


def answer_length(example: Example) -> float:
    """Characters of the last answer."""
    return float(len(example.messages[-1].content))


def type_token_ratio(example: Example) -> float:
    """Different words of the last answer over all its words."""
    words = example.messages[-1].content.split()
    return len(set(words)) / len(words)

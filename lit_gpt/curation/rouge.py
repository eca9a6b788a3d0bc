"""ROUGE-L between short texts (Lin 2004, https://aclanthology.org/W04-1013): a common subsequence of words.

Words as in Google's rouge-score without stemming: lower case, runs of a-z and 0-9. F1 of the longest one.
The subsequence is counted bit-parallel (Hyyrö 2004), a whole row of the table in a few operations on one large integer.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

TOKEN = re.compile(r"[a-z0-9]+")


def rouge_tokens(text: str) -> list[str]:
    return TOKEN.findall(text.lower())


def rouge_l(first: Sequence[str], second: Sequence[str]) -> float:
    """F1 of the longest common subsequence; 0 where one of them is empty."""
    if not first or not second:
        return 0.0
    return 2 * common_subsequence(first, second) / (len(first) + len(second))


def common_subsequence(first: Sequence[str], second: Sequence[str]) -> int:
    """Length of the longest common subsequence."""
    places: dict[str, int] = defaultdict(int)
    for place, token in enumerate(first):
        places[token] |= 1 << place
    everywhere = (1 << len(first)) - 1
    row = everywhere  # a zero for every place at which the subsequence grows
    for token in second:
        matches = row & places.get(token, 0)
        row = ((row + matches) | (row - matches)) & everywhere
    return len(first) - row.bit_count()


class RougeIndex:
    """Texts kept so far, and of a new one the first that is too like it.

    Only texts that share enough words to get there are compared: a subsequence is no longer than the words in common.
    """

    def __init__(self, above: float) -> None:
        self.above = above
        self._texts: list[list[str]] = []
        self._having: dict[str, list[int]] = defaultdict(list)

    def most_like(self, tokens: Sequence[str]) -> tuple[float, int] | None:
        """(ROUGE-L, number) of the most similar text kept that is above the bound; of equals the first."""
        best: tuple[float, int] | None = None
        for number in self._candidates(tokens):
            score = rouge_l(self._texts[number], tokens)
            if score > self.above and (best is None or score > best[0]):
                best = (score, number)
        return best

    def _candidates(self, tokens: Sequence[str]) -> list[int]:
        """In order, those whose words in common would be enough."""
        shared: Counter[int] = Counter()
        for token, n in Counter(tokens).items():
            for number in self._having.get(token, ()):
                shared[number] += n
        return sorted(
            number for number, n in shared.items() if 2 * n > self.above * (len(tokens) + len(self._texts[number]))
        )

    def add(self, tokens: list[str]) -> None:
        for token in set(tokens):
            self._having[token].append(len(self._texts))
        self._texts.append(tokens)

"""Whether a text holds a test item: the same words, most of its runs of words, or nearly the same characters.

    exact     the words are equal, case and punctuation aside
    n-grams   more than a share of the item's words lie in runs of n words that the text has too
              (Tülu 3, arXiv 2411.15124, section 3.2: 8-grams, more than half)
    fuzzy     the sets of runs of five characters overlap by at least a Jaccard index

Guards against hits that say nothing: an item of fewer than `least_words` words is hit by equality alone, and not at all
under `least_words_exact`; one shorter than two runs only where every word is covered; runs that stand in more than
`template_items` items are the benchmark's own wording, and count neither as covered nor as to be covered.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from lit_gpt.data.near_duplicates import NearIndex, character_shingles
from lit_gpt.progress import watched

WORD = re.compile(r"[^\W_]+")
FUZZY_SHINGLE_CHARS = 5
SLACK = 2  # white space and punctuation, which shingles leave out


@dataclass(frozen=True)
class OverlapSettings:
    """See above; `share` is > and `fuzzy` is ≥."""

    ngram: int = 8
    share: float = 0.5
    fuzzy: float = 0.7
    least_words: int = 8
    least_words_exact: int = 5
    template_items: int = 50


@dataclass(frozen=True)
class Hit:
    """Item number `item` is in the text: how, to which degree, and the words that show it."""

    item: int
    how: str
    degree: float
    matched: str


def words_of(text: str) -> list[str]:
    return WORD.findall(text.lower())


class OverlapIndex:
    """Test items, ready to be looked for."""

    def __init__(self, texts: Sequence[str], settings: OverlapSettings) -> None:
        self.settings = settings
        self._words = [words_of(text) for text in texts]
        self._exact: dict[str, list[int]] = defaultdict(list)
        for number, words in enumerate(self._words):
            if len(words) >= settings.least_words_exact:
                self._exact[" ".join(words)].append(number)
        self._runs: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for number, words in enumerate(watched(self._words, "indexing test items", "item", len(texts))):
            for place, run in enumerate(self._runs_of(words)):
                self._runs[run].append((number, place))
        self._n_telling = self._leave_out_templates()
        self._long = [n for n, words in enumerate(self._words) if len(words) >= settings.least_words]
        shingle = character_shingles(FUZZY_SHINGLE_CHARS)
        # a text much longer than every item cannot overlap with one by the index asked for
        self._longest_near = SLACK * max((len(texts[number]) for number in self._long), default=0) / settings.fuzzy
        near = [texts[number] for number in self._long]
        self._near = NearIndex(near, settings.fuzzy, shingle)

    def _runs_of(self, words: Sequence[str]) -> list[int]:
        n = self.settings.ngram
        return [hash(" ".join(words[start : start + n])) for start in range(len(words) - n + 1)]

    def _leave_out_templates(self) -> list[int]:
        """Forget runs that many items share; how many words of each item the others cover."""
        most = self.settings.template_items
        for run in [run for run, places in self._runs.items() if len({number for number, _ in places}) > most]:
            del self._runs[run]
        covered: dict[int, set[int]] = defaultdict(set)
        for places in self._runs.values():
            for number, place in places:
                covered[number].update(range(place, place + self.settings.ngram))
        return [len(covered[number]) for number in range(len(self._words))]

    def find(self, texts: Sequence[str]) -> list[Hit]:
        """Each item that one of a row's texts holds, once, by the strictest test that it meets."""
        return self.find_all([texts])[0]

    def find_all(self, rows: Sequence[Sequence[str]]) -> list[list[Hit]]:
        """The same of many rows: signatures are made of many texts at a time, or their threads wait for each other."""
        found = [self._by_words(texts) for texts in rows]
        short = [
            (number, text) for number, texts in enumerate(rows) for text in texts if len(text) <= self._longest_near
        ]
        for (number, text), alike in zip(short, self._near.find([text for _, text in short]), strict=True):
            for similarity, place in alike:
                item = self._long[place]
                found[number].setdefault(item, Hit(item, "fuzzy", round(similarity, 4), " ".join(text.split())))
        return [[hits[item] for item in sorted(hits)] for hits in found]

    def _by_words(self, texts: Sequence[str]) -> dict[int, Hit]:
        hits: dict[int, Hit] = {}
        for text in texts:
            words = words_of(text)
            for hit in (*self._equal(words), *self._covered(words)):
                hits.setdefault(hit.item, hit)
        return hits

    def _equal(self, words: Sequence[str]) -> list[Hit]:
        text = " ".join(words)
        return [Hit(number, "exact", 1.0, text) for number in self._exact.get(text, ())]

    def _covered(self, words: Sequence[str]) -> list[Hit]:
        covered: dict[int, set[int]] = defaultdict(set)
        for run in self._runs_of(words):
            for number, place in self._runs.get(run, ()):
                covered[number].update(range(place, place + self.settings.ngram))
        found = ((number, places, len(places) / self._n_telling[number]) for number, places in covered.items())
        return [
            Hit(n, "n-grams", round(share, 4), self._longest(n, places))
            for n, places, share in found
            if self._tells(n, share)
        ]

    def _tells(self, number: int, share: float) -> bool:
        is_short = self._n_telling[number] < 2 * self.settings.ngram
        if len(self._words[number]) < self.settings.least_words:
            return False
        return share == 1.0 if is_short else share > self.settings.share

    def _longest(self, number: int, places: set[int]) -> str:
        """The longest unbroken run of the item's words that the text covers."""
        best: list[int] = []
        run: list[int] = []
        for place in sorted(places):
            run = [*run, place] if run and place == run[-1] + 1 else [place]
            best = max(best, run, key=len)
        return " ".join(self._words[number][best[0] : best[-1] + 1])


def tally(hits: Sequence[str]) -> str:
    """`exact 2, fuzzy 1`."""
    return ", ".join(f"{how} {n}" for how, n in Counter(hits).most_common())

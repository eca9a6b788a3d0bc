"""Rows that say what another row says: word for word, nearly so, or in meaning.

Of rows that are alike one stays: the first in the file, or the one with the longest answer (of equals the first). Every
row left out names the row that stands for it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from lit_gpt.curation.bench import Bench
from lit_gpt.curation.rows import Rows
from lit_gpt.curation.step import Drop
from lit_gpt.curation.texts import Part, answer_of, part_of
from lit_gpt.data.near_duplicates import Bands, near_duplicates, word_shingles
from lit_gpt.errors import UserError

CURVE_AT = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)


def normalised(text: str) -> str:
    """Case and white space aside."""
    return " ".join(text.casefold().split())


@dataclass(frozen=True)
class ExactDuplicates:
    """Leaves out rows whose text another row has, case and white space aside.

    Args:
        part: what is compared: prompt, answer or whole
        stays: which of them stays: the first, or the one with the longest answer
    """

    part: Part = "whole"
    stays: Literal["first", "longest"] = "first"

    REASONS: ClassVar = {"exact_duplicate": "Another row that is kept has the same text."}

    def drops(self, rows: Rows, bench: Bench) -> Iterable[Drop]:
        text_of, stays = part_of(self.part), dict[int, tuple[int, str]]()
        keys = []
        for example in rows:
            keys.append(hash(normalised(text_of(example))))
            size = len(answer_of(example)) if self.stays == "longest" else 0
            if keys[-1] not in stays or size > stays[keys[-1]][0]:
                stays[keys[-1]] = (size, example.id)
        for id, key in zip(rows.ids, keys, strict=True):
            if stays[key][1] != id:
                yield Drop(id, "exact_duplicate", {"same_as": stays[key][1], "part": self.part})


@dataclass(frozen=True)
class NearDuplicates:
    """Leaves out rows that share most of their runs of words with an earlier row (MinHash, then measured exactly).

    Args:
        threshold: Jaccard of the shingles from which on rows are alike (≥)
        shingle_words: words of a shingle
        part: what is compared: prompt, answer or whole
    """

    threshold: float = 0.8
    shingle_words: int = 3
    part: Part = "whole"

    REASONS: ClassVar = {"near_duplicate": "An earlier row that is kept has nearly the same text."}

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise UserError(f"threshold {self.threshold}", "above 0 and at most 1", "choose e.g. 0.8")
        if self.shingle_words < 1:
            raise UserError(f"shingle_words {self.shingle_words}", "1 or more", "choose e.g. 3")

    def drops(self, rows: Rows, bench: Bench) -> Iterable[Drop]:
        bands = Bands.for_threshold(self.threshold)
        shape = f"{bands.n_bands} bands of {bands.n_rows}; probability that a pair of a similarity is looked at"
        bench.note(f"near duplicates: {shape}", [bands.curve(CURVE_AT)])
        text_of, ids = part_of(self.part), rows.ids

        def texts() -> Iterator[str]:
            return (text_of(example) for example in rows)

        for match in near_duplicates(texts, self.threshold, word_shingles(self.shingle_words)):
            evidence = {"like": ids[match.of], "jaccard": round(match.similarity, 4), "part": self.part}
            yield Drop(ids[match.place], "near_duplicate", evidence)


@dataclass(frozen=True)
class SemanticDuplicates:
    """Leaves out rows whose vector is nearly that of an earlier row that is kept (SemDeDup, arXiv 2303.09540, without
    its clusters: every pair is compared, block by block).

    Args:
        vectors: the recipe's name for the embedder
        above: cosine similarity above which rows are alike (>)
    """

    vectors: str
    above: float = 0.95

    REASONS: ClassVar = {"semantic_duplicate": "An earlier row that is kept means nearly the same, by its vector."}

    def drops(self, rows: Rows, bench: Bench) -> Iterable[Drop]:
        from lit_gpt.curation.selection.redundancy import judged_in_order

        ids = rows.ids
        for found in judged_in_order(bench.vectors(self.vectors, rows), range(len(rows)), self.above):
            if not found.is_kept:
                evidence = {"like": ids[found.like], "cosine": round(found.cosine, 4)}
                yield Drop(ids[found.place], "semantic_duplicate", evidence)

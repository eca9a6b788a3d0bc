"""Choices that look at no quality: the baselines every method has to beat.

random          a shuffle, from the top
balanced        as many of each category (source, licence) as of any other, while they last
length_matched  a random draw whose answers are as long as those of another set
longest         is `top` by the score answer_words: Zhao et al. 2024, "Long Is More for Alignment" (arXiv 2402.04833)
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import ClassVar, Literal

from lit_gpt.curation.amounts import Amount
from lit_gpt.curation.bench import Bench, shuffled
from lit_gpt.curation.rows import Rows
from lit_gpt.curation.step import NOT_CHOSEN, Ranking
from lit_gpt.curation.texts import answer_of
from lit_gpt.data.store import read_examples
from lit_gpt.example import Example
from lit_gpt.seeds import derive_seed


@dataclass(frozen=True)
class RandomRows:
    """Keeps rows drawn at random; the seed decides which, and a larger draw contains a smaller one.

    Args:
        keep: how many, where the command line does not say
    """

    keep: Amount | None = None

    REASONS: ClassVar = {NOT_CHOSEN: "Not drawn."}

    def rank(self, rows: Rows, bench: Bench, at_least: int) -> Ranking:
        return Ranking(shuffled(rows, bench, "random").tolist())


@dataclass(frozen=True)
class Balanced:
    """Keeps equally many random rows of every group, and more of the others once a group is used up.

    Args:
        by: what makes a group; rows without a category are one
        keep: how many in all, where the command line does not say
    """

    by: Literal["category", "source", "licence"] = "category"
    keep: Amount | None = None

    REASONS: ClassVar = {NOT_CHOSEN: "Its group has its share already."}

    def rank(self, rows: Rows, bench: Bench, at_least: int) -> Ranking:
        groups = [self._group(example) for example in rows]
        members: dict[str, list[int]] = {group: [] for group in sorted(set(groups))}
        for place in shuffled(rows, bench, "balanced").tolist():
            members[groups[place]].append(place)
        turns = zip_longest(*members.values())
        order = [place for turn in turns for place in turn if place is not None]
        return Ranking(order, lambda place: {self.by: groups[place], "of_its_group": len(members[groups[place]])})

    def _group(self, example: Example) -> str:
        return example.category if self.by == "category" else str(getattr(example.provenance, self.by))


@dataclass(frozen=True)
class LengthMatched:
    """Keeps random rows whose answers are as long, in words, as those of --target_dir: each of its rows, in random
    order, takes the row nearest to it in length that is left, and of equals one at random.

    Args:
        keep: how many, where the command line does not say; one of the two has to. No more rows than the other set
            has; a larger budget of tokens ends with them
    """

    keep: Amount | None = None

    NEEDS: ClassVar = ("target_dir",)
    REASONS: ClassVar = {NOT_CHOSEN: "No row of the other set that is left is as long."}

    def rank(self, rows: Rows, bench: Bench, at_least: int) -> Ranking:
        targets = shuffled_lengths(read_examples(bench.target_dir), bench)
        lengths = [n_words(example) for example in rows]
        free = sorted(
            (lengths[place], turn, place) for turn, place in enumerate(shuffled(rows, bench, "length").tolist())
        )
        return Ranking(list(nearest_in_turn(targets, free)), lambda place: {"answer_words": lengths[place]})


def shuffled_lengths(examples: Iterator[Example], bench: Bench) -> list[int]:
    keyed = sorted((derive_seed("target", bench.settings.seed, e.id), n_words(e)) for e in examples)
    return [length for _, length in keyed]


def nearest_in_turn(targets: list[int], free: list[tuple[int, int, int]]) -> Iterator[int]:
    """For each target the place of the entry (length, turn, place) that is nearest and still free; entries ascend."""
    for target in targets:
        if not free:
            return
        above = bisect_left(free, (target,))
        candidates = [at for at in (above, above - 1) if 0 <= at < len(free)]
        chosen = min(candidates, key=lambda at: abs(free[at][0] - target))
        first_of_equals = bisect_left(free, (free[chosen][0],))
        yield free.pop(first_of_equals)[2]


def n_words(example: Example) -> int:
    """Words of the answers, parted by white space."""
    return len(answer_of(example).split())

"""Leaves out rows that hold items of a test set; each hit is shown with the words that match.

Prompts are looked for in prompts and answers in answers, turn by turn, and told apart: a shared prompt is a leak of the
question, a shared answer may also be a quotation. A benchmark of which more than ALARM of the items are hit is called out:
Tülu 3 (arXiv 2411.15124) drops the whole data set then.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from lit_gpt.curation.bench import Bench
from lit_gpt.curation.decontamination.benchmarks import LAYOUTS, Item, read_benchmarks, read_file
from lit_gpt.curation.decontamination.overlap import Hit, OverlapIndex, OverlapSettings, tally, words_of
from lit_gpt.curation.rows import Rows
from lit_gpt.curation.step import Drop
from lit_gpt.data.store import SPLITS, TEST, load_example_set, read_examples, split_name
from lit_gpt.errors import UserError, suggestion
from lit_gpt.example import Example
from lit_gpt.progress import watched

ALARM = 0.02
MOST_SHOWN = 3
SHOWN_CHARS = 400
Side = Literal["prompt", "answer"]


@dataclass(frozen=True)
class Decontaminate:
    """Leaves out rows that hold a test item.

    Args:
        benchmarks: those to look for; by default all that --benchmarks_dir holds
        sides: what is looked for: prompt, answer or both
        own_held_out: look for the set's own validation and test rows, too
        match: when an item counts as held
    """

    benchmarks: tuple[str, ...] = ()
    sides: tuple[Side, ...] = ("prompt", "answer")
    own_held_out: bool = False
    match: OverlapSettings = OverlapSettings()

    REASONS: ClassVar = {
        "test_prompt": "A prompt of the row is that of a test item.",
        "test_answer": "An answer of the row is that of a test item.",
    }

    def __post_init__(self) -> None:
        for name in self.benchmarks:
            if name not in LAYOUTS:
                do = suggestion(name, LAYOUTS) or "choose one of these, or pass the file with --against"
                raise UserError(f"the benchmark {name!r}", f"one of {', '.join(LAYOUTS)}", do)

    def drops(self, rows: Rows, bench: Bench) -> Iterable[Drop]:
        sets = self._test_sets(bench)
        tests = [_Test(name, side, items, self.match) for name, items in sets.items() for side in self.sides]
        tests = [test for test in tests if test.texts]
        for example in watched(rows, "decontaminating", "row", len(rows)):
            found = [(test, hit) for test in tests for hit in test.find(example)]
            if found:
                side = "prompt" if any(test.side == "prompt" for test, _ in found) else "answer"
                shown = [test.evidence(hit) for test, hit in found[:MOST_SHOWN]]
                yield Drop(example.id, f"test_{side}", {"hits": shown, "n_hits": len(found)})
        bench.note("decontamination: items of each test set found among the rows", _account(tests, sets, bench))

    def _test_sets(self, bench: Bench) -> dict[str, list[Item]]:
        settings = bench.settings
        if settings.benchmarks_dir is None and not settings.against and not self.own_held_out:
            expected = "--benchmarks_dir, or --against FILE"
            raise UserError("no test set to decontaminate against", expected, "give one, or take the step out")
        sets = read_benchmarks(settings.benchmarks_dir, self.benchmarks) if settings.benchmarks_dir else {}
        sets |= {path.name: read_file(path) for path in settings.against}
        return sets | (dict(_held_out(bench)) if self.own_held_out else {})


def _held_out(bench: Bench) -> Iterator[tuple[str, list[Item]]]:
    there = load_example_set(bench.settings.data_dir).files
    for split in (*SPLITS[1:], TEST):
        if split_name(split) in there:
            examples = read_examples(bench.settings.data_dir, split)
            yield f"own {split}", [Item(split, e.id, _said(e, "prompt"), _said(e, "answer")) for e in examples]


def _said(example: Example, side: Side) -> tuple[str, ...]:
    return tuple(m.content for m in example.messages if (m.role == "assistant") == (side == "answer"))


class _Test:
    """One side of one test set, and which of its items were found."""

    def __init__(self, name: str, side: Side, items: Sequence[Item], match: OverlapSettings) -> None:
        self.name, self.side = name, side
        pairs = [(item, text) for item in items for text in _texts(item, side, match)]
        self.items, self.texts = [item for item, _ in pairs], [text for _, text in pairs]
        self.found: dict[str, str] = {}
        self._index = OverlapIndex(self.texts, match)

    def find(self, example: Example) -> list[Hit]:
        hits = self._index.find(_said(example, self.side))
        for hit in hits:
            self.found.setdefault(self.items[hit.item].id, hit.how)
        return hits

    def evidence(self, hit: Hit) -> dict[str, Any]:
        return {
            "test_set": self.name,
            "item": self.items[hit.item].id,
            "side": self.side,
            "how": hit.how,
            "degree": hit.degree,
            "matched": hit.matched[:SHOWN_CHARS],
            "item_text": self.texts[hit.item][:SHOWN_CHARS],
        }


def _texts(item: Item, side: Side, match: OverlapSettings) -> tuple[str, ...]:
    """What is looked for. A short question is looked for together with its options, a short answer not at all."""
    if side == "answer":
        return tuple(text for text in item.answers if len(words_of(text)) >= match.least_words)
    return tuple(
        "\n".join([text, *item.options]) if len(words_of(text)) < match.least_words else text for text in item.prompts
    )


def _account(tests: Sequence[_Test], sets: dict[str, list[Item]], bench: Bench) -> list[str]:
    lines = []
    by_set: dict[str, list[_Test]] = defaultdict(list)
    for test in tests:
        by_set[test.name].append(test)
    for name, items in sets.items():
        told = [f"{t.side}s {len(t.found):,} ({tally(list(t.found.values())) or 'none'})" for t in by_set[name]]
        share = len({id for test in by_set[name] for id in test.found}) / len(items)
        alarm = f"  MORE THAN {ALARM:.0%}: think about leaving out the whole source" if share > ALARM else ""
        lines.append(f"{name}: {len(items):,} items; {', '.join(told)}; {share:.2%} of the items{alarm}")
    if bench.settings.benchmarks_dir and (absent := [name for name in LAYOUTS if name not in sets]):
        lines.append(f"not at hand, and not looked for: {', '.join(absent)}")
    return lines

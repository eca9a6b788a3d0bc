"""Leaves out rows that hold items of a test set; each hit is shown with the words that match.

Prompts are looked for in prompts and answers in answers, turn by turn, and told apart: a shared prompt is a leak of the
question, a shared answer may also be a quotation. A benchmark of which more than ALARM of the items are hit is called
out: Tülu 3 (arXiv 2411.15124) drops the whole data set then.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
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
BATCH_ROWS = 512
MOST_SHOWN = 3
SHOWN_CHARS = 400
Side = Literal["prompt", "answer"]


@dataclass(frozen=True)
class Decontaminate:
    """Leaves out rows that hold a test item.

    Args:
        benchmarks: those to look for; by default all that --benchmarks_dir holds
        sides: what is looked for: prompt, answer or both
        given_sets: whether --benchmarks_dir or --against is required, optional or ignored
        own_held_out: look for the set's own validation and test rows, too
        match: when an item counts as held
    """

    benchmarks: tuple[str, ...] = ()
    sides: tuple[Side, ...] = ("prompt", "answer")
    given_sets: Literal["required", "optional", "ignored"] = "required"
    own_held_out: bool = False
    match: OverlapSettings = field(default_factory=OverlapSettings)

    REASONS: ClassVar = {
        "test_prompt": "A prompt of the row is that of a test item.",
        "test_answer": "An answer of the row is that of a test item.",
    }

    def __post_init__(self) -> None:
        for name in self.benchmarks:
            if name not in LAYOUTS:
                do = suggestion(name, LAYOUTS) or "choose one of these, or pass the file with --against"
                raise UserError(f"the benchmark {name!r}", f"one of {', '.join(LAYOUTS)}", do)

    @property
    def READS(self) -> tuple[str, ...]:  # noqa: N802 (of a part, not of the class)
        return () if self.given_sets == "ignored" else ("benchmarks_dir", "against")

    def check(self, bench: Bench) -> None:
        is_given = bench.settings.benchmarks_dir is not None or bool(bench.settings.against)
        if self.given_sets == "required" and not (is_given or (self.own_held_out and any(_held_out(bench)))):
            expected = "--benchmarks_dir, or --against FILE"
            raise UserError("no test set to decontaminate against", expected, "give one, or take the step out")

    def drops(self, rows: Rows, bench: Bench) -> Iterable[Drop]:
        self.check(bench)
        sets = self._test_sets(bench)
        if not sets:
            what = "given or held out" if self.own_held_out else "given"
            bench.note("decontamination", [f"no test set is {what}: none was looked for"])
            return
        items = [item for set_items in sets.values() for item in set_items]
        searches = [_Search(side, items, self.match) for side in self.sides]
        remaining = iter(watched(rows, "decontaminating", "row", len(rows)))
        while batch := list(islice(remaining, BATCH_ROWS)):
            hits = [search.find_all(batch) for search in searches]
            for example, *of_example in zip(batch, *hits, strict=True):
                found = [(search, hit) for search, own in zip(searches, of_example, strict=True) for hit in own]
                if found:
                    yield _drop(example.id, found)
        wanted = tuple(LAYOUTS) if bench.settings.benchmarks_dir and not self.benchmarks else ()
        bench.note("decontamination: items of each test set found among the rows", _account(searches, sets, wanted))

    def _test_sets(self, bench: Bench) -> dict[str, list[Item]]:
        settings = bench.settings
        own = dict(_held_out(bench)) if self.own_held_out else {}
        if self.given_sets == "ignored":
            return own
        sets = read_benchmarks(settings.benchmarks_dir, self.benchmarks) if settings.benchmarks_dir else {}
        sets |= {path.name: read_file(path) for path in settings.against}
        return sets | own


def _held_out(bench: Bench) -> Iterator[tuple[str, list[Item]]]:
    there = load_example_set(bench.settings.data_dir).files
    for split in (*SPLITS[1:], TEST):
        if split_name(split) in there:
            examples = read_examples(bench.settings.data_dir, split)
            name = f"own {split}"
            yield name, [Item(name, e.id, _said(e, "prompt"), _said(e, "answer")) for e in examples]


def _said(example: Example, side: Side) -> tuple[str, ...]:
    return tuple(m.content for m in example.messages if (m.role == "assistant") == (side == "answer"))


def _drop(id: str, found: "Sequence[tuple[_Search, Hit]]") -> Drop:
    side = "prompt" if any(search.side == "prompt" for search, _ in found) else "answer"
    shown = [search.evidence(hit) for search, hit in found[:MOST_SHOWN]]
    return Drop(id, f"test_{side}", {"hits": shown, "n_hits": len(found)})


class _Search:
    """One side of all test sets, and which of their items were found."""

    def __init__(self, side: Side, items: Sequence[Item], match: OverlapSettings) -> None:
        self.side = side
        pairs = [(item, text) for item in items for text in _texts(item, side, match)]
        self.items, self.texts = [item for item, _ in pairs], [text for _, text in pairs]
        self.found: dict[tuple[str, str], str] = {}
        self._index = OverlapIndex(self.texts, match)

    def find_all(self, examples: Sequence[Example]) -> list[list[Hit]]:
        """The items in each row; whose they are is remembered."""
        found = self._index.find_all([_said(example, self.side) for example in examples])
        for hit in (hit for hits in found for hit in hits):
            item = self.items[hit.item]
            self.found.setdefault((item.benchmark, item.id), hit.how)
        return found

    def evidence(self, hit: Hit) -> dict[str, Any]:
        return {
            "test_set": self.items[hit.item].benchmark,
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


def _account(searches: Sequence[_Search], sets: dict[str, list[Item]], wanted: Sequence[str]) -> list[str]:
    """`wanted` are the benchmarks to be looked for wherever they are at hand."""
    lines = []
    for name, items in sets.items():
        hows = {s.side: [how for (test_set, _), how in s.found.items() if test_set == name] for s in searches}
        told = [f"{side}s {len(found):,} ({tally(found) or 'none'})" for side, found in hows.items()]
        share = len({id for s in searches for test_set, id in s.found if test_set == name}) / len(items)
        alarm = f"  MORE THAN {ALARM:.0%}: think about leaving out the whole source" if share > ALARM else ""
        lines.append(f"{name}: {len(items):,} items; {', '.join(told)}; {share:.2%} of the items{alarm}")
    if absent := [name for name in wanted if name not in sets]:
        lines.append(f"not at hand, and not looked for: {', '.join(absent)}")
    return lines

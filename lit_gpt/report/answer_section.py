"""Answers to read side by side: some that became right, some that became wrong, some that are still wrong.

Nobody picks them: within each outcome the kinds take turns, and within a kind the items stand in the order of a hash of
their ids, so that the choice neither flatters nor depends on the order of a file.
"""

from collections import defaultdict
from itertools import chain, zip_longest

from lit_gpt.report.evaluations import Comparison, Item
from lit_gpt.report.formats import count, shorten
from lit_gpt.report.markup import Child, Html, element, join, visible
from lit_gpt.report.page import Section
from lit_gpt.report.parts import Column, heading, missing, note, paragraph, table, verbatim, verdict
from lit_gpt.report.result_sections import GROUP_WORDS, WHOLE, Results
from lit_gpt.seeds import derive_seed

MAX_CHARS = 800
# (right before, right after): the title, and how many are shown; nothing is to be learnt from the last
OUTCOMES = {
    (False, True): ("Wrong before, right after", 3),
    (True, False): ("Right before, wrong after", 2),
    (False, False): ("Wrong before and after", 3),
    (True, True): ("Right before and after", 0),
}


def answer_section(results: Results) -> Section:
    """The four outcomes with their numbers, and examples of each."""
    anchor, title = "answers", "Answers before and after"
    comparison = results.comparison
    if comparison is None:
        return Section(anchor, title, missing("Answers can be compared only with both evaluations, before and after."))
    by_outcome = _by_outcome(comparison)
    how = "The examples are chosen by a hash of their ids, the kinds of task taking turns; nobody picked them."
    parts = [paragraph(how), _counts(by_outcome)]
    for outcome, (name, n_shown) in OUTCOMES.items():
        if not n_shown:
            continue
        chosen = choose([comparison.after.items[each] for each in by_outcome[outcome]], n_shown)
        parts += [heading(name), _cards(comparison, chosen, len(by_outcome[outcome]))]
    return Section(anchor, title, join(parts))


def _by_outcome(comparison: Comparison) -> dict[tuple[bool, bool], list[str]]:
    found: dict[tuple[bool, bool], list[str]] = {outcome: [] for outcome in OUTCOMES}
    for name in comparison.shared:
        found[comparison.before.items[name].is_correct, comparison.after.items[name].is_correct].append(name)
    return found


def choose(items: list[Item], n_shown: int) -> list[Item]:
    """So many of the items, the kinds taking turns, in the order of their ids' hashes."""
    by_kind: dict[str, list[Item]] = defaultdict(list)
    for item in sorted(items, key=lambda item: derive_seed("shown", visible(item.id))):
        by_kind[item.kind].append(item)
    turns = zip_longest(*by_kind.values())
    return [item for item in chain.from_iterable(turns) if item is not None][:n_shown]


def _counts(by_outcome: dict[tuple[bool, bool], list[str]]) -> Html:
    rows = [(name, count(len(by_outcome[outcome]))) for outcome, (name, _) in OUTCOMES.items()]
    rows.append(("All compared", count(sum(map(len, by_outcome.values())))))
    return table([Column("outcome"), Column("items", True)], rows, "What became of each item", totals=[len(rows) - 1])


def _cards(comparison: Comparison, chosen: list[Item], n_all: int) -> Html:
    if not chosen:
        return note("There is none.")
    cards = [_card(comparison.before.items[item.id], item) for item in chosen]
    return join([note(f"{count(len(chosen))} of {count(n_all)}."), element("div", *cards, class_="answers")])


def _card(before: Item, after: Item) -> Html:
    group = GROUP_WORDS.get(after.group, after.group).lower()
    labels = (after.kind, group, after.level and f"level {after.level}", after.id)
    head = " · ".join(label for label in labels if label not in ("", WHOLE))
    rows: list[tuple[Child, Html]] = [
        ("prompt", verbatim(shorten(after.prompt, MAX_CHARS))),
        ("expected", verbatim(shorten(after.expected, MAX_CHARS))),
        (join(["before ", _verdict(before)]), verbatim(shorten(before.answer, MAX_CHARS))),
        (join(["after ", _verdict(after)]), verbatim(shorten(after.answer, MAX_CHARS))),
    ]
    pairs = element("dl", *(element("div", element("dt", name), element("dd", value)) for name, value in rows))
    return element("article", element("p", head, class_="note"), pairs, class_="answer")


def _verdict(item: Item) -> Html:
    return join([verdict(item.is_correct), ", cut at the longest length allowed" if item.is_cut else None])

"""The report of a curation: what each step left out and why, and what that did to the set.

Made from the curated set's curation.json alone. Not covered: whether it helped; only training tells.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from lit_gpt.report.curation_funnel import funnel_section, shown_row
from lit_gpt.report.formats import MINUS, NOTHING, count, percent
from lit_gpt.report.histogram import histogram
from lit_gpt.report.markup import Child, Html, element, join
from lit_gpt.report.page import Section, page
from lit_gpt.report.parts import (
    Column,
    careful,
    details,
    heading,
    key_values,
    missing,
    note,
    paragraph,
    table,
)
from lit_gpt.report.scatter import scatter

CONFOUNDED = 0.5  # rank correlation with length from which on a score is called out
UNEQUAL = 1.5  # ratio of median lengths, kept and left out, from which on it is called out
OF_LENGTH = ("words", "tokens")  # what is in the names of scores that are lengths themselves
MANY = 15  # categories that would push all else off the page
QUARTILES = ("first quarter", "median", "third quarter")


def curation_report(facts: Mapping[str, Any]) -> str:
    """The page as text."""
    sections = [
        funnel_section(facts),
        _scores_section(facts),
        _length_section(facts),
        _sides_section(facts),
        _composition_section(facts),
        _map_section(facts),
        _card_section(facts),
    ]
    title = f"{facts['card']['title']}: {facts['data']}"
    footer = "Rendered from curation.json alone; this file loads nothing from anywhere."
    return page(title[0].upper() + title[1:], _lead(facts), sections, footer, kicker="Curation report")


def _lead(facts: Mapping[str, Any]) -> Html:
    n_pool, n_kept = facts["n_pool"], facts["n_kept"]
    pairs: dict[str, Child] = {
        "Recipe": facts["recipe"],
        "Asked for": facts["asked"] or "what the recipe says",
        "Rows of the pool": count(n_pool),
        "Rows kept": f"{count(n_kept)} ({percent(n_kept / n_pool)})",
        "Rows left out": count(n_pool - n_kept),
        "Seed": str(facts["seed"]),
    }
    warning = "Whether this set trains a better model is not told here: compare with a random draw of equal tokens."
    return join([paragraph(warning, class_="lede"), careful(_cautions(facts)), key_values(pairs)])


def _cautions(facts: Mapping[str, Any]) -> list[str]:
    found = []
    for score in facts["scores"]:
        with_length = score["with_length"]
        is_length = any(word in score["name"] for word in OF_LENGTH)
        if with_length is not None and abs(with_length) >= CONFOUNDED and not is_length:
            found.append(
                f"The score {score['name']} goes with the length of the answer (rank correlation "
                f"{signed(with_length)}). Compare with length-matched before giving it credit."
            )
    quartiles = facts["lengths"]["quartiles"]
    if len(quartiles) == 2:
        kept, dropped = (quartiles[side][1] for side in ("kept", "dropped"))
        if max(kept, dropped) >= UNEQUAL * max(min(kept, dropped), 1):
            found.append(
                f"A kept answer has {_words(kept)} at the median, one left out {count(dropped)}: what comes of "
                "this choice may come of length alone. Compare with length-matched."
            )
    return found


def _scores_section(facts: Mapping[str, Any]) -> Section:
    if not facts["scores"]:
        return Section("scores", "Scores", paragraph("This recipe goes by no score."))
    return Section("scores", "Scores", join(_score(score) for score in facts["scores"]))


def _score(score: Mapping[str, Any]) -> Html:
    lines = f"{count(score['n_scored'])} rows scored, {count(score['n_missing'])} without a number"
    with_length = score["with_length"]
    told = NOTHING if with_length is None else signed(with_length)
    words = note(f"{lines}. Rank correlation with the words of the answer: {told}.")
    if not score["edges"]:
        return join([heading(score["name"]), words])
    return join(
        [histogram(score["name"], score["edges"], {"kept": score["kept"], "left out": score["dropped"]}), words]
    )


def _words(n: float) -> str:
    return "1 word" if n == 1 else f"{count(n)} words"


def signed(number: float) -> str:
    """A correlation with its sign."""
    return f"{number:+.2f}".replace("-", MINUS)


def _length_section(facts: Mapping[str, Any]) -> Section:
    lengths = facts["lengths"]
    chart = histogram(
        "Words of the answer", lengths["edges"], {"kept": lengths["kept"], "left out": lengths["dropped"]}
    )
    names = [name for name in ("kept", "dropped") if name in lengths["quartiles"]]
    columns = [Column("words of the answer"), *(Column("left out" if n == "dropped" else n, True) for n in names)]
    rows = [[q, *(count(lengths["quartiles"][name][i]) for name in names)] for i, q in enumerate(QUARTILES)]
    why = "Many judges and scores prefer long answers whatever they say: a longer set may win by that alone."
    return Section("length", "Length", join([chart, table(columns, rows, "Length, kept and left out"), note(why)]))


def _sides_section(facts: Mapping[str, Any]) -> Section:
    sides = [("Kept", facts["samples"].get("kept", [])), ("Left out", facts["samples"].get("dropped", []))]
    columns = [
        element("div", heading(name), *([shown_row(e) for e in rows] or [missing("There are none.")]))
        for name, rows in sides
    ]
    words = note("Drawn at random from each side, by the seed.")
    return Section("sides", "Kept and left out, side by side", join([words, element("div", *columns, class_="sides")]))


def _composition_section(facts: Mapping[str, Any]) -> Section:
    shown = [
        _shares(facts["composition"], ("source", "licence", "origin"), "Sources and licences, before and after", facts)
    ]
    if 1 < len(facts["categories"]) <= MANY:
        shown.append(_shares(facts["categories"], ("category",), "Categories, before and after", facts))
    elif len(facts["categories"]) > MANY:
        every = _shares(facts["categories"], ("category",), "Categories, before and after", facts)
        shown.append(details(f"{len(facts['categories'])} categories, before and after", every))
    return Section("composition", "Where the rows come from", join(shown))


def _shares(groups: Sequence[Mapping[str, Any]], names: Sequence[str], caption: str, facts: Mapping[str, Any]) -> Html:
    columns = [
        *(Column(name) for name in names),
        *(Column(title, True) for title in ("before", "share", "after", "share after", "kept of the group")),
    ]
    rows = [
        [
            *(str(group[name]) or "(none)" for name in names),
            count(group["before"]),
            percent(group["before"] / facts["n_pool"]),
            count(group["after"]),
            percent(group["after"] / facts["n_kept"]),
            percent(group["after"] / group["before"]),
        ]
        for group in groups
    ]
    return table(columns, rows, caption)


def _map_section(facts: Mapping[str, Any]) -> Section:
    found = facts["map"]
    if not found["places"]:
        return Section("map", "A map of the prompts", missing("There are too few rows to draw."))
    words = (
        f"{count(len(found['texts']))} prompts drawn at random; a point's text appears when the pointer rests on it. "
        "Near means words in common (hashed TF-IDF), not more. PCA keeps large distances, t-SNE neighbours alone. "
        "The outermost hundredth lies on the edge."
    )
    maps = [scatter(name, places, found["kept"], found["texts"]) for name, places in found["places"].items()]
    absent = (
        None if "t-SNE" in found["places"] else note("t-SNE is left out: it needs the extra curation (scikit-learn).")
    )
    return Section("map", "A map of the prompts", join([note(words), *maps, absent]))


def _card_section(facts: Mapping[str, Any]) -> Section:
    card = facts["card"]
    lists = [("What had to be decided here", card["ours"]), ("What is known against it", card["negatives"])]
    shown: list[Child] = [key_values({"Paper": card["paper"], "Needs": card["needs"] or "nothing"})]
    shown.append(element("pre", "\n", card["formula"], class_="text"))
    for title, lines in lists:
        shown += [heading(title), element("ul", *(element("li", line) for line in lines))]
    return Section("card", "The recipe's card", join(shown))

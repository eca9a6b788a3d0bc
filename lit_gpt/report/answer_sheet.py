"""The answers of several epochs to the same prompts, side by side on one page, for whoever chooses among them.

Equal answers of several epochs are shown once. Right and wrong are told only where the expected answer is the only one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from lit_gpt.report.formats import count, percent
from lit_gpt.report.markup import Child, Html, element, join
from lit_gpt.report.page import Section, page
from lit_gpt.report.parts import Column, code_block, note, paragraph, table, verbatim, verdict


class Answered(Protocol):
    """A line of an evaluation's items.jsonl."""

    @property
    def id(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def prompt(self) -> str: ...
    @property
    def expected(self) -> str: ...
    @property
    def answer(self) -> str: ...
    @property
    def is_correct(self) -> bool: ...
    @property
    def is_cut(self) -> bool: ...


@dataclass(frozen=True)
class Epoch:
    """An epoch's validation loss, where it was measured, and its answers, in one order for all epochs."""

    number: int
    val_loss: float | None
    answers: Sequence[Answered]

    @property
    def n_right(self) -> int:
        return sum(answer.is_correct for answer in self.answers)


def answer_sheet(run: str, epochs: Sequence[Epoch], is_checked: bool) -> str:
    """The page as text."""
    n = len(epochs[0].answers)
    lead = paragraph(
        f"{count(n)} held-out prompts, answered greedily by the weights after each of {count(len(epochs))} epochs. "
        "Read down the page, note which epoch answers best, and name it.",
        class_="lede",
    )
    sections = [
        Section("epochs", "Epochs", join([_summary(epochs, is_checked), _how()])),
        Section("answers", "Answers", element("div", *_cards(epochs, is_checked), class_="answers")),
    ]
    return page(f"Which epoch? {run}", lead, sections, kicker=run)


def _summary(epochs: Sequence[Epoch], is_checked: bool) -> Html:
    columns = [Column("epoch"), Column("validation loss", True), Column("cut at the limit", True)]
    columns += [Column("right", True), Column("share", True)] if is_checked else []
    rows: list[list[Child]] = []
    for epoch in epochs:
        loss = "not measured" if epoch.val_loss is None else f"{epoch.val_loss:.3f}"
        row: list[Child] = [str(epoch.number), loss, count(sum(answer.is_cut for answer in epoch.answers))]
        rows.append(row + ([count(epoch.n_right), percent(epoch.n_right / len(epoch.answers))] if is_checked else []))
    return table(columns, rows, "What is counted; a lower validation loss need not be a better answer")


def _how() -> Html:
    words = "To choose, give the command that made this page once more, with the epoch's number:"
    return join([note(words), code_block(["--pick_epoch N"])])


def _cards(epochs: Sequence[Epoch], is_checked: bool) -> list[Html]:
    return [_card(n, epochs, is_checked) for n in range(len(epochs[0].answers))]


def _card(n: int, epochs: Sequence[Epoch], is_checked: bool) -> Html:
    asked = epochs[0].answers[n]
    by_answer: dict[tuple[str, bool, bool], list[str]] = {}
    for epoch in epochs:
        own = epoch.answers[n]
        by_answer.setdefault((own.answer, own.is_correct, own.is_cut), []).append(str(epoch.number))
    left: list[tuple[Child, Html]] = [("prompt", verbatim(asked.prompt)), ("expected", verbatim(asked.expected))]
    right = [(_label(numbers, key, is_checked), verbatim(key[0])) for key, numbers in by_answer.items()]
    head = element("p", f"{n + 1} · {asked.kind} · {asked.id}", class_="note")
    return element("article", head, element("div", _pairs(left), _pairs(right), class_="sides"), class_="answer")


def _label(numbers: list[str], key: tuple[str, bool, bool], is_checked: bool) -> Html:
    _, is_correct, is_cut = key
    words = f"epoch {numbers[0]}" if len(numbers) == 1 else f"epochs {', '.join(numbers)}"
    said = [" ", verdict(is_correct)] if is_checked else []
    return join([words, *said, ", cut at the longest length allowed" if is_cut else None])


def _pairs(pairs: Sequence[tuple[Child, Html]]) -> Html:
    return element("dl", *(element("div", element("dt", name), element("dd", value)) for name, value in pairs))

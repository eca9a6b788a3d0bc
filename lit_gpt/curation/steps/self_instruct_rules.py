"""Self-Instruct's rules for new instructions and their answers (Wang et al. 2023, arXiv 2212.10560, and its code,
yizhongw/self-instruct@0b26cca), each with its reason.

    instruction   4 to 150 words; nothing a text model cannot see or do (images, files ...); does not open with "Write a
                  program", with punctuation or outside ASCII; ROUGE-L with every earlier one kept at most 0.7
    answer        not empty, not the input again, not left open with a colon
    rows alike    one instruction and input with two different outputs: all of them go

The instruction is the first request without its input. Instructions are taken in the order of the file, as there.
Not covered: the cap of five instances a task, and answers cut at a length limit, of which a row says nothing.
"""

import re
import string
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from lit_gpt.curation.bench import Bench
from lit_gpt.curation.rouge import RougeIndex, rouge_tokens
from lit_gpt.curation.rows import Rows
from lit_gpt.curation.step import Drop
from lit_gpt.curation.texts import answer_of
from lit_gpt.errors import UserError
from lit_gpt.example import Example, Message

UNSEEN = ("image", "images", "graph", "graphs", "picture", "pictures", "file", "files", "map", "maps", "draw", "plot")
UNSEEN_WORDS = re.compile(rf"\b(?:{'|'.join(UNSEEN)}|go to)\b", re.IGNORECASE)


@dataclass(frozen=True)
class SelfInstructRules:
    """Leaves out rows that Self-Instruct's rules would, but for ROUGE-L, which is `rouge_novelty`.

    Args:
        min_words: of the instruction (≥)
        max_words: of the instruction (≤)
    """

    min_words: int = 4
    max_words: int = 150

    REASONS: ClassVar = {
        "instruction_too_short": "The instruction has fewer words than the rule asks for.",
        "instruction_too_long": "The instruction has more words than the rule allows.",
        "asks_for_unseen": "The instruction is about what a text model cannot see or do.",
        "write_a_program": "The instruction opens with the words of a kind that crowds out others.",
        "opens_with_punctuation": "The instruction opens with punctuation.",
        "opens_outside_ascii": "The instruction opens with a character outside ASCII.",
        "empty_answer": "The answer is blank.",
        "answer_is_input": "The answer is the input again.",
        "answer_left_open": "The answer ends in a colon.",
        "contradicting_answers": "Rows with this instruction and input have different answers.",
    }

    def __post_init__(self) -> None:
        if not 0 <= self.min_words <= self.max_words:
            raise UserError(
                f"min_words {self.min_words} and max_words {self.max_words}", "0 ≤ min ≤ max", "correct them"
            )

    def drops(self, rows: Rows, bench: Bench) -> Iterable[Drop]:
        answers: dict[int, set[int]] = defaultdict(set)
        for example in rows:
            answers[hash(request_of(example).content)].add(hash(answer_of(example).strip()))
        for example in rows:
            request = request_of(example)
            found = self.instruction_objection(request.instruction.strip()) or answer_objection(
                request, answer_of(example).strip()
            )
            n_answers = len(answers[hash(request.content)])
            if not found and n_answers > 1:
                found = ("contradicting_answers", {"different_answers": n_answers})
            if found:
                yield Drop(example.id, *found)

    def instruction_objection(self, text: str) -> tuple[str, dict[str, Any]] | None:
        """The reason against an instruction with the evidence; None where there is none."""
        n_words = len(text.split())
        if n_words < self.min_words:
            return "instruction_too_short", {"words": n_words, "bound": self.min_words}
        if n_words > self.max_words:
            return "instruction_too_long", {"words": n_words, "bound": self.max_words}
        if match := UNSEEN_WORDS.search(text):
            return "asks_for_unseen", {"matched": match[0]}
        if text.startswith("Write a program"):
            return "write_a_program", {}
        if text[0] in string.punctuation:
            return "opens_with_punctuation", {"matched": text[0]}
        return None if text[0].isascii() else ("opens_outside_ascii", {"matched": text[0]})


def answer_objection(request: Message, answer: str) -> tuple[str, dict[str, Any]] | None:
    """The reason against an answer with the evidence; None where there is none."""
    if not answer:
        return "empty_answer", {}
    if answer == request.input.strip():
        return "answer_is_input", {}
    return ("answer_left_open", {}) if answer.endswith(":") else None


@dataclass(frozen=True)
class RougeNovelty:
    """Leaves out rows whose instruction is too like an earlier one that is kept.

    Args:
        at_most: ROUGE-L F1 of the instructions up to which both stay (≤)
    """

    at_most: float = 0.7

    REASONS: ClassVar = {"instruction_not_new": "The instruction is too like an earlier one, by ROUGE-L."}

    def drops(self, rows: Rows, bench: Bench) -> Iterator[Drop]:
        index, kept = RougeIndex(self.at_most), list[str]()
        for example in rows:
            tokens = rouge_tokens(request_of(example).instruction)
            if found := index.most_like(tokens):
                yield Drop(example.id, "instruction_not_new", {"like": kept[found[1]], "rouge_l": round(found[0], 4)})
                continue
            index.add(tokens)
            kept.append(example.id)


def request_of(example: Example) -> Message:
    """The first thing the user says."""
    return next(message for message in example.messages if message.role == "user")

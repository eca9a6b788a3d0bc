"""LIMA's rules for answers from the community (Zhou et al. 2023, arXiv 2305.11206, section 2.1), each with its reason.

The paper drops answers under 1,200 and over 4,096 characters, in the first person, or that refer to other answers, and
takes links, images and HTML out of the rest, leaving code blocks and lists. Here a row is dropped, never rewritten: an
answer with links, images or tags is left out too, unless they are allowed. Words inside code count for nothing.
Not covered: the paper's votes of at least 10 and its titles, which prepared rows no longer have.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from lit_gpt.curation.bench import Bench
from lit_gpt.curation.rows import Rows
from lit_gpt.curation.step import Drop
from lit_gpt.curation.texts import answer_of
from lit_gpt.errors import UserError

CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`|^(?: {4}|\t).*$", re.DOTALL | re.MULTILINE)
FIRST_PERSON = re.compile(r"\b(?:I(?:'m|'ve|'d|'ll|’m|’ve|’d|’ll)?|[Mm]y)\b(?!\.[a-z])")
OTHER_ANSWERS = re.compile(
    r"as (?:mentioned|noted|said|pointed out)|stack ?exchange|stack ?overflow|other answers?|another answer|"
    r"previous (?:answer|poster)s?|(?:answer|comment)s? (?:above|below)|the (?:OP|accepted answer)\b",
    re.IGNORECASE,
)
LINK = re.compile(r"https?://|www\.\w|\[[^\]\n]+\]\([^)\n]+\)|<a\s", re.IGNORECASE)
IMAGE = re.compile(r"!\[[^\]\n]*\]\(|<img\b", re.IGNORECASE)
TAG = re.compile(
    r"</?(?:p|div|span|br|hr|h[1-6]|ul|ol|li|table|tr|td|th|em|strong|b|i|blockquote|sub|sup)\b[^>]*>", re.I
)


@dataclass(frozen=True)
class LimaRules:
    """Leaves out answers that LIMA's rules would.

    Args:
        min_chars: shortest answer, in characters (≥)
        max_chars: longest answer, in characters (≤)
        first_person: allow "I" and "my"
        other_answers: allow references to other answers
        links: allow links
        images: allow images
        tags: allow HTML tags
    """

    min_chars: int = 1200
    max_chars: int = 4096
    first_person: bool = False
    other_answers: bool = False
    links: bool = False
    images: bool = False
    tags: bool = False

    REASONS: ClassVar = {
        "answer_too_short": "The answer has fewer characters than the rule asks for.",
        "answer_too_long": "The answer has more characters than the rule allows.",
        "first_person": "The answer speaks of its writer.",
        "refers_to_other_answers": "The answer refers to other answers or to the site it stood on.",
        "holds_image": "The answer holds an image.",
        "holds_link": "The answer holds a link.",
        "holds_html": "The answer holds HTML tags.",
    }

    def __post_init__(self) -> None:
        if not 0 <= self.min_chars <= self.max_chars:
            raise UserError(
                f"min_chars {self.min_chars} and max_chars {self.max_chars}", "0 ≤ min ≤ max", "correct them"
            )

    def drops(self, rows: Rows, bench: Bench) -> Iterable[Drop]:
        for example in rows:
            if found := self._objection(answer_of(example)):
                yield Drop(example.id, *found)

    def _objection(self, answer: str) -> tuple[str, dict[str, Any]] | None:
        if len(answer) < self.min_chars:
            return "answer_too_short", {"chars": len(answer), "bound": self.min_chars}
        if len(answer) > self.max_chars:
            return "answer_too_long", {"chars": len(answer), "bound": self.max_chars}
        prose = CODE.sub(" ", answer)
        patterns: tuple[tuple[bool, str, re.Pattern[str]], ...] = (
            (self.first_person, "first_person", FIRST_PERSON),
            (self.other_answers, "refers_to_other_answers", OTHER_ANSWERS),
            (self.images, "holds_image", IMAGE),
            (self.links, "holds_link", LINK),
            (self.tags, "holds_html", TAG),
        )
        for allowed, reason, pattern in patterns:
            if not allowed and (match := pattern.search(prose)):
                return reason, {"matched": around(prose, match)}
        return None


def around(text: str, match: "re.Match[str]", room: int = 40) -> str:
    """What was found, with what stands about it."""
    return " ".join(text[max(match.start() - room, 0) : match.end() + room].split())

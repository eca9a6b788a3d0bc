"""Posts.xml of a Stack Exchange data dump (https://archive.org/details/stackexchange): one post a line.

A question becomes one record with its best-voted answer: title, body, answer, score (the answer's), tags. The first
pass notes where each question and its best answer begin, the second reads them there, so memory holds a few numbers a
question and no text. A line that is no post costs itself; a question without an answer is a reject.
Not handled: compressed dumps (unpack Posts.xml first), as the second pass jumps; comments, edits and closed votes.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from xml.etree import ElementTree

from lit_gpt.data.readers.stream import OnBytes, ignore
from lit_gpt.data.records import Place, Record, Reject, excerpt
from lit_gpt.errors import UserError

ROW = b"<row "
ATTRIBUTE = re.compile(rb'\b(Id|PostTypeId|ParentId|Score)="(-?\d+)"')
QUESTION, ANSWER = 1, 2  # PostTypeId


@dataclass(slots=True)
class _Question:
    """Where a question stands, and its best answer; -1 where there is none."""

    line: int
    offset: int
    answer_offset: int = -1
    score: int = 0


def read_posts(path: Path, name: str, on_bytes: OnBytes = ignore) -> Iterator[Record | Reject]:
    """One record a question, in order; UserError when the file is no Posts.xml."""
    with open(path, "rb") as file:
        questions: dict[int, _Question] = {}
        broken = []
        for number, offset, line in _rows(file, on_bytes):
            if not _note(questions, dict(ATTRIBUTE.findall(line)), number, offset):
                broken.append(Reject(Place(name, number, offset), "invalid_xml", excerpt(line)))
        if not questions and not broken:
            raise UserError(f"{name}, in which no post stands", "Posts.xml of a Stack Exchange dump", "check --source")
        yield from broken
        for question in questions.values():
            yield _record(file, question, name)


def _rows(file: BinaryIO, on_bytes: OnBytes) -> Iterator[tuple[int, int, bytes]]:
    offset = 0
    for number, line in enumerate(file, 1):
        text = line.strip()
        if text.startswith(ROW):
            yield number, offset, text
        offset += len(line)
        on_bytes(len(line))


def _note(questions: dict[int, _Question], fields: dict[bytes, bytes], line: int, offset: int) -> bool:
    """Remember a post; False where the line does not say what it is. Posts of other kinds are passed over."""
    try:
        kind, score = int(fields[b"PostTypeId"]), int(fields.get(b"Score", b"0"))
        if kind == QUESTION:
            questions[int(fields[b"Id"])] = _Question(line, offset)
        elif kind == ANSWER:
            question = questions.get(int(fields[b"ParentId"]))
            if question and (question.answer_offset < 0 or score > question.score):
                question.answer_offset, question.score = offset, score
    except KeyError:
        return False
    return True


def _record(file: BinaryIO, question: _Question, name: str) -> Record | Reject:
    place = Place(name, question.line, question.offset)
    asked = _post(file, question.offset)
    if question.answer_offset < 0:
        return Reject(place, "no_answer", str((asked or {}).get("Title", "")))
    answered = _post(file, question.answer_offset)
    if asked is None or answered is None:
        return Reject(place, "invalid_xml", "")
    fields = {"title": asked.get("Title"), "body": asked.get("Body"), "tags": asked.get("Tags")}
    return Record(place, {**fields, "answer": answered.get("Body"), "score": question.score})


def _post(file: BinaryIO, offset: int) -> dict[str, Any] | None:
    """The attributes of the post that begins here; a line has no DTD, so that no entity can be made to grow."""
    file.seek(offset)
    line = file.readline()
    try:
        return dict(ElementTree.fromstring(line.strip()).attrib)  # noqa: S314
    except (ElementTree.ParseError, ValueError):
        return None

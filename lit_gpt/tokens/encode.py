"""From an Example to token ids and the mask of what is trained on.

Each segment of the rendered dialogue is encoded by itself, exactly as generation encodes it, and every answer ends in
the token its style has for that, mostly EOS. A row that is too long is cut at the end of its last answer that fits in
part, which still ends so; turns that do not fit at all are left out. A row without any target is dropped.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from lit_gpt.errors import UserError
from lit_gpt.example import Example, Message
from lit_gpt.prompts import END, Control, PromptStyle, Segment
from lit_gpt.tokens.settings import Overflow

CHUNK_ROWS = 512  # rows whose segments go to the tokenizer in one batch


class Encoder(Protocol):
    """What is asked of a tokenizer."""

    bos_id: int | None
    eos_id: int
    adds_bos: bool
    control_tokens: dict[str, int]
    stop_ids: tuple[int, ...]

    def encode_batch(self, texts: list[str]) -> list[list[int]]: ...


@dataclass(frozen=True)
class EncodedRow:
    """ids and is_answer have equal lengths; `n_cut` counts the tokens an over-long row lost."""

    ids: list[int]
    is_answer: list[bool]
    n_cut: int = 0

    @property
    def has_answer(self) -> bool:
        return any(self.is_answer)

    def is_target(self, mask_prompt: bool) -> list[bool]:
        """What is trained on. Never the first token: nothing precedes it that could predict it."""
        if mask_prompt:
            return [False, *self.is_answer[1:]]
        return [False] + [True] * (len(self.ids) - 1)


def encode_prompt(messages: Sequence[Message], tokenizer: Encoder, style: PromptStyle) -> list[int]:
    """The ids of a dialogue that waits for its answer: what generation starts from."""
    segments = list(style.render(messages))
    return _join(segments, iter(tokenizer.encode_batch(_texts(segments))), tokenizer, style).ids


def stop_ids(tokenizer: Encoder, style: PromptStyle) -> set[int]:
    """The ids that end generation: the checkpoint's own, and those that end an answer in this style."""
    return {*tokenizer.stop_ids, *end_ids(tokenizer, style)}


def end_ids(tokenizer: Encoder, style: PromptStyle) -> set[int]:
    """The ids that end an answer in this style: of a short dialogue's."""
    dialogue = (Message("user", "a"), Message("assistant", "b"))
    answers = [segment for segment in style.render(dialogue) if segment.is_answer]
    return {_control_id(part, tokenizer) for answer in answers for part in answer.parts if isinstance(part, Control)}


def encode_examples(
    examples: Iterable[Example], tokenizer: Encoder, style: PromptStyle
) -> Iterator[tuple[Example, EncodedRow]]:
    """Every example with its whole, uncut encoding, in order; streams in chunks."""
    remaining = iter(examples)
    while chunk := list(islice(remaining, CHUNK_ROWS)):
        rendered = [list(style.render(example.messages)) for example in chunk]
        encoded = iter(tokenizer.encode_batch([text for segments in rendered for text in _texts(segments)]))
        for example, segments in zip(chunk, rendered, strict=True):
            yield example, _join(segments, encoded, tokenizer, style)


def _texts(segments: list[Segment]) -> list[str]:
    return [part for segment in segments for part in segment.parts if not isinstance(part, Control)]


def _join(segments: list[Segment], encoded: Iterator[list[int]], tokenizer: Encoder, style: PromptStyle) -> EncodedRow:
    """`encoded` gives the ids of each of `_texts`, in order."""
    bos_id = tokenizer.bos_id if tokenizer.adds_bos and not style.writes_bos else None
    ids = [] if bos_id is None else [bos_id]
    is_answer = [False] * len(ids)
    for segment in segments:
        n_before = len(ids)
        for part in segment.parts:
            ids += [_control_id(part, tokenizer)] if isinstance(part, Control) else next(encoded)
        is_answer += [segment.is_answer] * (len(ids) - n_before)
    return EncodedRow(ids, is_answer)


def _control_id(part: Control, tokenizer: Encoder) -> int:
    return tokenizer.eos_id if part == END else tokenizer.control_tokens[part.token]


def fit(row: EncodedRow, max_seq_length: int, overflow: Overflow, name: str = "a row") -> EncodedRow:
    """The row within `max_seq_length` tokens; an empty row where it should be dropped."""
    if len(row.ids) <= max_seq_length:
        return row
    if overflow == "error":
        raise UserError(
            f"{name} with {len(row.ids)} tokens",
            f"at most --max_seq_length {max_seq_length}",
            "raise --max_seq_length, or choose --overflow trim or drop",
        )
    if overflow == "drop":
        return EncodedRow([], [], n_cut=len(row.ids))
    return _trim(row, max_seq_length)


def _trim(row: EncodedRow, max_seq_length: int) -> EncodedRow:
    """Cut so that the row ends in at least one token of an answer and the one that ends answers."""
    room = max_seq_length
    while room and not all(row.is_answer[max(room - 2, 0) : room]):
        room -= 1  # the cut fell into a prompt, and an unanswered prompt teaches nothing
    if room < 2:
        return EncodedRow([], [], n_cut=len(row.ids))
    end_id = row.ids[max(place for place, is_answer in enumerate(row.is_answer) if is_answer)]
    ids = [*row.ids[: room - 1], end_id]
    return EncodedRow(ids, row.is_answer[:room], n_cut=len(row.ids) - room)

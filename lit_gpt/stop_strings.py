"""Stop strings: an answer ends before the first of them, and no part of one is told.

For styles that end in text rather than in a token. A text is told as it comes, but for an end that may yet become a
stop string. Not covered: stop ids (see tokens/encode.py).
"""

from collections.abc import Iterable, Iterator, Sequence

from lit_gpt.example import Message
from lit_gpt.prompts import PromptStyle


def cut_at_stop(text: str, stops: Sequence[str]) -> str:
    """The text before the first stop string; all of it where there is none."""
    return text[: min((at for stop in stops if (at := text.find(stop)) >= 0), default=len(text))]


def until_stop(pieces: Iterable[str], stops: Sequence[str]) -> Iterator[str]:
    """The pieces of a text up to the first stop string; the rest is not asked for."""
    held = ""
    for piece in pieces:
        held += piece
        if len(said := cut_at_stop(held, stops)) < len(held):
            if said:
                yield said
            return
        n_safe = len(held) - _n_begun(held, stops)
        if n_safe:
            yield held[:n_safe]
            held = held[n_safe:]
    if held:
        yield held


def _n_begun(text: str, stops: Sequence[str]) -> int:
    """Letters at the end of the text that a stop string begins with."""
    longest = min(len(text), max(map(len, stops), default=1) - 1)
    return next((n for n in range(longest, 0, -1) if any(stop.startswith(text[-n:]) for stop in stops)), 0)


def next_turn(style: PromptStyle) -> tuple[str, ...]:
    """The plain text with which a style opens a user's next turn: what a model must not write itself. Often none."""
    dialogue = (Message("user", "first"), Message("assistant", "second"), Message("user", "third"))
    *_, last = style.render(dialogue)
    opening = last.parts[0] if last.parts and isinstance(last.parts[0], str) else ""
    stop = opening.partition("third")[0].rstrip()
    return (stop,) if stop.strip() else ()

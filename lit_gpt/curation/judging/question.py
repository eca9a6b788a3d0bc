"""What a language model is asked, and what comes back: nouns that endpoints, cache and judge share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True)
class Prompt:
    """One call: the user's message.

    choices: the replies there are, for models that can be held to them
    opening: how a reply begins, for models that can be given it
    """

    text: str
    choices: tuple[str, ...] = ()
    opening: str = ""


@dataclass(frozen=True)
class Reply:
    """What came back, in tokens as the endpoint counts them. `is_cut`: the limit of tokens ended it."""

    text: str
    n_in: int = 0
    n_out: int = 0
    is_cut: bool = False


class UnreadableError(ValueError):
    """The reply is not of the form that was asked for; the argument says what is wrong with it."""


@dataclass(frozen=True)
class Failed:
    """A question that got no usable reply: a reason code, and what there was."""

    reason: str
    detail: str = ""


@dataclass(frozen=True)
class Question(Generic[T_co]):
    """A question about a row: `prompt` renders the n-th attempt at it, `read` makes something of a reply.

    `read` raises UnreadableError. Another attempt has another fence, so it is another call, with a reply of its own.
    """

    about: str
    prompt: Callable[[int], Prompt]
    read: Callable[[Reply], T_co]

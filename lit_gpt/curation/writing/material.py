"""What writers share: how they are asked for a text, how a text is read, and the row that comes of it."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from lit_gpt.curation.judging.fence import behind_fence
from lit_gpt.curation.judging.question import Prompt, Question, Reply, UnreadableError
from lit_gpt.data.licences import REWRITTEN
from lit_gpt.example import Example, Message, Provenance

# Reason codes of what was asked for and did not become a row, each with the sentence a reader sees.
REASONS = {
    "judge_unreadable": "The model's reply is not of the form that was asked for.",
    "judge_cut": "The model's reply was cut at the limit of tokens.",
    "judge_rejected": "The endpoint, or the model's context, does not take the prompt.",
    "copied": "What was written is what stood there before.",
    "speaks_of_the_task": "The new request holds words of the task of writing it.",
    "nothing_gained": "The model finds that the new request demands the same as the one before.",
    "excuse": "The answer is short and excuses itself.",
    "no_content_words": "The answer is nothing but stop words and punctuation.",
    "instruction_not_new": "The instruction is too like an earlier one, by ROUGE-L.",
    "surplus": "More was written than asked for.",
    "several_turns": "It is a dialogue, and only rows of one request and one reply can be rewritten.",
}
FENCE = re.compile(r"\[[0-9a-f]{16} ")


@dataclass(frozen=True)
class Lost:
    """Something that was asked for and did not become a row."""

    id: str
    reason: str
    detail: str = ""


def ask_for(about: str, task: str, texts: dict[str, str], seed: int, read: Callable[[str], Any] = str) -> Question[Any]:
    """A question whose reply is a text: the task first, the material behind a fence."""

    def prompt(attempt: int) -> Prompt:
        return Prompt(behind_fence(task, texts, seed, attempt))

    return Question(about, prompt, lambda reply: read(written(reply)))


def ask_plainly(about: str, request: str) -> Question[str]:
    """A request as it stands: an answer to it is what is wanted, so there is nothing to fence."""
    return Question(about, lambda attempt: Prompt(request + "\n" * attempt), written)


def written(reply: Reply) -> str:
    """The reply's text; UnreadableError where it is empty, cut, or repeats what only the prompt should hold."""
    text = reply.text.strip()
    if reply.is_cut:
        raise UnreadableError("cut at the limit of tokens")
    if not text:
        raise UnreadableError("an empty reply")
    if FENCE.search(text):
        raise UnreadableError("it repeats the fence")
    return text


def rewritten(parent: Example, id: str, messages: tuple[Message, ...], generator: str, licence: str) -> Example:
    """A row made from another by a model: origin llm, its first model's name, and every rewriting in transformed_by."""
    origin = _by(parent.provenance, generator, licence)
    others = tuple(_by(other, generator, licence) for other in parent.also_from)
    return Example(id, messages, origin, parent.category, also_from=others)


def _by(origin: Provenance, generator: str, licence: str) -> Provenance:
    return replace(
        origin,
        origin="llm",
        generator=origin.generator or generator,
        licence=licence or origin.licence,
        transformed_by=(*origin.transformed_by, REWRITTEN + generator),
    )


def is_single(example: Example) -> bool:
    return [message.role for message in example.messages] == ["user", "assistant"]

"""A question with a few answers: the material behind a fence, the answer alone on the first line, as with grades."""

import re
from collections.abc import Sequence

from lit_gpt.curation.judging.fence import behind_fence
from lit_gpt.curation.judging.question import Prompt, Question, Reply, UnreadableError


def ask_which(
    about: str, task: str, texts: dict[str, str], opening: str, choices: Sequence[str], seed: int
) -> Question[str]:
    """Which of `choices`, words in lower case, after `opening`; anything else on that line is unreadable."""
    form = (
        f"The first line of your reply is `{opening} ` and one of the words {', '.join(choices[:-1])} and "
        f"{choices[-1]}, and nothing else. Say why after it, in a sentence."
    )

    def prompt(attempt: int) -> Prompt:
        return Prompt(behind_fence(f"{task} {form}", texts, seed, attempt), tuple(choices), opening)

    return Question(about, prompt, lambda reply: _read(reply, opening, choices))


def _read(reply: Reply, opening: str, choices: Sequence[str]) -> str:
    line = next((line for line in reply.text.splitlines() if line.strip()), "")
    named = rf"(?:{re.escape(opening.rstrip(':'))}[\s*_`\"]*[:=])?"
    match = re.fullmatch(rf"[\s*_#`\"]*{named}[\s*_`\"]*({'|'.join(choices)})[\s*_`\".]*", line, re.IGNORECASE)
    if match is None:
        raise UnreadableError(f"none of {', '.join(choices)} alone on the first line")
    return match[1].lower()

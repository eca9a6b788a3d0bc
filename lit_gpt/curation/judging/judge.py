"""Asking a language model many questions: what is known is not asked again, what cannot be read is never guessed.

Questions go out in waves. A wave's prompts are looked up among the replies on disk, the others are sent, each reply
kept as it comes. A reply that cannot be read makes its question part of the next wave, with another fence; after
N_READINGS the question is recorded as failed, with its last reply, and counted. Asking again after an interruption
finds what came before, readable or not, and goes on from there.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, Protocol, TypeVar

from lit_gpt.curation.judging.account import CHARS_PER_TOKEN, Account
from lit_gpt.curation.judging.question import Failed, Prompt, Question, Reply, UnreadableError
from lit_gpt.curation.judging.replies import Replies
from lit_gpt.curation.judging.settings import JudgeSettings
from lit_gpt.data.accounting import say
from lit_gpt.errors import UserError
from lit_gpt.files import hash_json, write_bytes
from lit_gpt.progress import bar

T = TypeVar("T")
N_READINGS = 3  # replies to a question before it counts as failed
N_RENDERED = 3  # prompts that a dry run shows
UNREADABLE, REJECTED, CUT = "judge_unreadable", "judge_rejected", "judge_cut"


class Model(Protocol):
    """Who answers: endpoint.Endpoint or local.LocalModel."""

    name: str
    identity: dict[str, Any]
    has_tokens_priced: bool

    def answer(self, prompts: Mapping[str, Prompt], keep: Any, account: Account) -> dict[str, str]: ...


class DryRun(Exception):
    """What would have been asked, in words."""


class Judge:
    """A model with a memory and a purse."""

    def __init__(self, settings: JudgeSettings, model: Model, replies_dir: Path) -> None:
        self.settings, self.model, self.replies_dir = settings, model, replies_dir
        self.account = Account(settings)
        self.failed: Counter[str] = Counter()
        self.planned: list[Prompt] = []
        self.most_questions = 0  # of the whole command, where later ones depend on earlier replies

    @property
    def name(self) -> str:
        return self.model.name

    def ask(self, questions: Sequence[Question[T]], purpose: str) -> list[T | Failed]:
        """What was read of each reply, or why there is nothing. DryRun instead where that is all that is wanted."""
        answers: dict[int, T | Failed] = {}
        replies = Replies(self.replies_dir)
        try:
            todo = list(range(len(questions)))
            for attempt in range(N_READINGS):
                prompts = {number: questions[number].prompt(attempt) for number in todo}
                keys = {number: self._key(prompt) for number, prompt in prompts.items()}
                rejected = self._answer_all({keys[n]: prompts[n] for n in todo}, replies, purpose)
                for number in todo:
                    answers[number] = _answer(questions[number], replies.get(keys[number]), rejected.get(keys[number]))
                todo = [number for number in todo if _may_try_again(answers[number])]
        finally:
            replies.close()
        found = [answers[number] for number in range(len(questions))]
        self._tell(questions, found, purpose)
        return found

    def expect(self, questions: Sequence[Question[T]]) -> None:
        """In a dry run: count these, too, though the questions asked next depend on their answers."""
        self.planned += [question.prompt(0) for question in questions]

    def _key(self, prompt: Prompt) -> str:
        return hash_json([self.model.identity, prompt.text, prompt.choices, prompt.opening])

    def _answer_all(self, prompts: Mapping[str, Prompt], replies: Replies, purpose: str) -> dict[str, str]:
        missing = {key: prompt for key, prompt in prompts.items() if replies.get(key) is None}
        if self.settings.dry_run:
            raise DryRun(self._plan(len(prompts), [*self.planned, *missing.values()]))
        lock = Lock()
        with bar(len(missing), f"asking for {purpose}", "call") as progress:

            def keep(key: str, reply: Reply) -> None:
                replies.keep(key, reply)
                spent = self.account.spent
                with lock:
                    progress.set_postfix_str("" if spent is None else f"${spent:.4f}", refresh=False)
                    progress.update()

            return self.model.answer(missing, keep, self.account) if missing else {}

    def _plan(self, n_asked: int, missing: Sequence[Prompt]) -> str:
        n_in = sum(len(prompt.text) for prompt in missing) // CHARS_PER_TOKEN
        n_out = len(missing) * self.settings.judge_tokens
        known = n_asked + len(self.planned) - len(missing)
        lines = [
            f"{self.name}: {len(missing):,} calls to send, {known:,} replies there already",
            f"  about {n_in:,} tokens of prompts ({CHARS_PER_TOKEN} letters each), up to {n_out:,} of replies; "
            + self._price(n_in, n_out),
            "  replies that cannot be read are asked for again, which is not in these figures",
        ]
        if (n_later := self.most_questions - n_asked - len(self.planned)) > 0:
            each_in = n_in // max(len(missing), 1) + self.settings.judge_tokens
            price = self._price(n_later * each_in, n_later * self.settings.judge_tokens)
            lines.append(f"  then up to {n_later:,} more, whose prompts hold earlier replies; {price}")
        for number, prompt in enumerate(missing[:N_RENDERED], 1):
            lines += [f"--- prompt {number}", prompt.text]
        return "\n".join(lines)

    def _price(self, n_in: int, n_out: int) -> str:
        if not self.model.has_tokens_priced:
            return "a model of yours, which costs time alone"
        cost = self.account.cost(n_in, n_out)
        if cost is None:
            return "the cost is not known: give --price_in and --price_out"
        return f"at most about ${cost:.4f}"

    def _tell(self, questions: Sequence[Question[T]], found: Sequence[T | Failed], purpose: str) -> None:
        """Counts on stderr; failed questions with their last replies in failed-PURPOSE.jsonl."""
        failed = [(q.about, answer) for q, answer in zip(questions, found, strict=True) if isinstance(answer, Failed)]
        self.failed.update(answer.reason for _, answer in failed)
        path = self.replies_dir / f"failed-{purpose}.jsonl"
        lines = [json.dumps({"about": about, **vars(answer)}) + "\n" for about, answer in failed]
        if lines or path.is_file():
            write_bytes(path, "".join(lines).encode())
        rest = f"; {len(failed):,} failed, see {path}" if failed else ""
        say(f"{self.name}, {purpose}: {len(found):,} questions{rest}; so far {self.account.in_words()}")


def _answer(question: Question[T], reply: Reply | None, rejected: str | None) -> T | Failed:
    if reply is None:
        return Failed(REJECTED, rejected or "no reply")
    try:
        return question.read(reply)
    except UnreadableError as error:
        return Failed(CUT if reply.is_cut else UNREADABLE, f"{error}: {reply.text}")


def _may_try_again(answer: object) -> bool:
    return isinstance(answer, Failed) and answer.reason != REJECTED


def open_judge(
    settings: JudgeSettings, checkpoint_dir: Path | None, prompt_style: str | None, replies_dir: Path
) -> Judge:
    """The judge of these settings; UserError where they name none."""
    from lit_gpt.curation.judging.endpoint import Endpoint
    from lit_gpt.curation.judging.local import LocalModel

    model: Model
    if settings.judge_url is not None:
        model = Endpoint(settings)
    elif checkpoint_dir is not None:
        model = LocalModel(settings, checkpoint_dir, prompt_style)
    else:
        do = "give --judge_url and --judge_model, or --checkpoint_dir for a model of yours"
        raise UserError("nobody to ask", "an endpoint, or a model of yours", do)
    return Judge(settings, model, settings.replies_dir or replies_dir)

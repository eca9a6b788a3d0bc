"""A language model behind an OpenAI-compatible endpoint, by the official client (the extra `judge`).

Calls run side by side up to a limit. A call that fails for a while (408, 409, 429, 5xx, no reply in time, none at all,
half a reply) is tried again after a wait, drawn evenly from zero to a bound that doubles (full jitter, M. Brooker 2015,
https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/), or as long as the endpoint asks for.
The client's own retries are off: these see half replies, too, and count. A call refused for what it says (400, 413,
422) is a row without a reply; one refused for who asks (401, 403, 404) stops the work.
Not covered: streaming, batches of an endpoint's own, tools.
"""

import json
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from threading import Event
from typing import TYPE_CHECKING, Any

from lit_gpt.curation.judging.account import Account, most_tokens
from lit_gpt.curation.judging.question import Prompt, Reply
from lit_gpt.curation.judging.settings import JudgeSettings
from lit_gpt.errors import UserError
from lit_gpt.seeds import derive_seed

if TYPE_CHECKING:
    from openai import OpenAI

REJECTED = {400, 413, 422}
PASSING = {408, 409, 429}
LONGEST_WAIT_S = 60.0
# What the client would tell an endpoint about this machine with every call.
UNSAID = [f"X-Stainless-{name}" for name in ("Lang", "Package-Version", "OS", "Arch", "Runtime", "Runtime-Version")]
SHOWN_CHARS = 200
Keep = Callable[[str, Reply], None]


class Endpoint:
    """Answers prompts; `name` is who the provenance names, `identity` what decides its replies."""

    has_tokens_priced = True

    def __init__(self, settings: JudgeSettings) -> None:
        self.settings = settings
        self.name = settings.judge_model
        self.identity = {
            "model": settings.judge_model,
            "temperature": settings.judge_temperature,
            "max_tokens": settings.judge_tokens,
        }
        self.told_to_wait: dict[str, float] = {}

    def answer(self, prompts: Mapping[str, Prompt], keep: Keep, account: Account) -> dict[str, str]:
        """Hand each reply to `keep` as it comes; returns, by key, why a prompt was rejected.

        Interrupted, it sends no more and waits for what is under way, for that is paid for.
        """
        client, stop = self._client(), Event()
        with ThreadPoolExecutor(self.settings.judge_concurrency) as pool:
            calls = {
                pool.submit(self._answer_one, client, key, prompt, keep, account, stop): key
                for key, prompt in prompts.items()
            }
            try:
                done, _ = wait(calls, return_when=FIRST_EXCEPTION)
                return {calls[call]: why for call in done if (why := call.result())}
            finally:
                stop.set()
                pool.shutdown(wait=True, cancel_futures=True)

    def _client(self) -> "OpenAI":
        try:
            from openai import Omit, OpenAI, OpenAIError
        except ImportError:
            got = "--judge_url without the package openai"
            raise UserError(got, "the extra judge", "pip install 'lit-gpt[judge]'") from None
        unsaid: Any = {name: Omit() for name in UNSAID}
        try:
            return OpenAI(
                base_url=self.settings.judge_url,
                max_retries=0,
                timeout=self.settings.judge_timeout_s,
                default_headers=unsaid,
            )
        except OpenAIError:
            do = "set it; any word will do for a server that asks for none"
            raise UserError("no OPENAI_API_KEY in the environment", "the endpoint's key", do) from None

    def _answer_one(self, client: "OpenAI", key: str, prompt: Prompt, keep: Keep, account: Account, stop: Event) -> str:
        """Try until it is answered; why it was rejected, or nothing."""
        fault = ""
        for number in range(self.settings.judge_tries):
            if stop.is_set():
                return ""
            held = account.hold(prompt)
            outcome: Reply | str = "interrupted"
            try:
                outcome, wait_s = self._send(client, prompt)
            except _RejectedError as rejected:
                outcome = "rejected"
                return str(rejected)
            finally:
                account.settle(held, outcome)
            if isinstance(outcome, Reply):
                keep(key, outcome)
                return ""
            fault = outcome
            stop.wait(self._pause_s(key, number, wait_s))
        got = f"{self.settings.judge_url}: {self.settings.judge_tries} tries of one call failed, the last with {fault}"
        raise UserError(got, "an endpoint that answers", "run the command again later: it goes on where it stopped")

    def _pause_s(self, key: str, number: int, told_s: float) -> float:
        bound_s = min(LONGEST_WAIT_S, self.settings.judge_backoff_s * 2**number)
        return max(told_s, bound_s * derive_seed("jitter", key, number) / 2**63)

    def _send(self, client: "OpenAI", prompt: Prompt) -> tuple[Reply | str, float]:
        """The reply, or what was wrong with the call; and how long the endpoint asks us to wait."""
        import openai

        asked: dict[str, Any] = {self.settings.judge_limit_field: self.settings.judge_tokens}
        if self.settings.judge_temperature is not None:
            asked["temperature"] = self.settings.judge_temperature
        try:
            found = client.chat.completions.create(
                model=self.settings.judge_model, messages=[{"role": "user", "content": prompt.text}], **asked
            )
        except openai.APITimeoutError:
            return "timeout", 0.0
        except openai.APIStatusError as error:
            return self._refused(error)
        except (openai.APIError, json.JSONDecodeError, UnicodeDecodeError) as error:
            return ("no connection" if isinstance(error, openai.APIConnectionError) else "unreadable body"), 0.0
        return _reply(found, most=(most_tokens(prompt), self.settings.judge_tokens)), 0.0

    def _refused(self, error: Any) -> tuple[str, float]:
        if error.status_code in REJECTED:
            raise _RejectedError(f"{error.status_code}: {_shown(error.message)}")
        if error.status_code in PASSING or error.status_code >= 500:
            return str(error.status_code), _seconds(error.response.headers.get("retry-after"))
        got = f"{self.settings.judge_url} answered {error.status_code}: {_shown(error.message)}"
        raise UserError(
            got, "an endpoint that takes this key and model", "check --judge_url, --judge_model and the key"
        )


class _RejectedError(Exception):
    """The endpoint will not take this prompt, ever."""


def _reply(found: Any, most: tuple[int, int]) -> Reply | str:
    """The reply in a completion; some servers answer 200 without one, some without counting tokens: then `most`."""
    choices = getattr(found, "choices", None)
    if not choices or choices[0].message is None:
        return "no reply in the body"
    usage = found.usage
    n_in, n_out = (usage.prompt_tokens or 0, usage.completion_tokens or 0) if usage else most
    return Reply(choices[0].message.content or "", n_in, n_out, choices[0].finish_reason == "length")


def _seconds(header: str | None) -> float:
    try:
        return min(LONGEST_WAIT_S, max(0.0, float(header or 0)))
    except ValueError:  # a date: the wait of our own is as good
        return 0.0


def _shown(message: str) -> str:
    return " ".join(message.split())[:SHOWN_CHARS]

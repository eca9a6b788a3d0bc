"""A checkpoint of ours behind the same interface as an endpoint: batched generation, or the likeliest of the grades.

A base model that never learned to answer writes no grade that can be read. Asked to choose, it is held to the grades
there are: from their common beginning on, the likeliest next token that some grade has, until one is complete. So its
replies can always be read, and say nothing about whether they mean anything; scripts/judge_agreement.py measures that.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lit_gpt.curation.judging.account import Account
from lit_gpt.curation.judging.question import Prompt, Reply
from lit_gpt.curation.judging.settings import JudgeSettings
from lit_gpt.errors import UserError
from lit_gpt.example import Message
from lit_gpt.files import hash_json
from lit_gpt.seeds import derive_seed

if TYPE_CHECKING:
    from lit_gpt.model import GPT
    from lit_gpt.prompts import PromptStyle
    from lit_gpt.tokenizer import Tokenizer

WINDOW = 64  # prompts that are read at one time
TOO_LONG = "longer than the model's context"
Keep = Callable[[str, Reply], None]


@dataclass
class _Walk:
    """A prompt on its way through the grades' tokens."""

    ids: list[int]
    paths: dict[str, list[int]]
    n_prompt: int = field(init=False)

    def __post_init__(self) -> None:
        self.n_prompt = len(self.ids)

    @property
    def depth(self) -> int:
        return len(self.ids) - self.n_prompt

    @property
    def nexts(self) -> list[int]:
        return sorted({path[self.depth] for path in self.paths.values()})

    def take(self, id: int) -> None:
        depth = self.depth
        self.paths = {choice: path for choice, path in self.paths.items() if path[depth] == id}
        self.ids.append(id)

    def go_on(self) -> bool:
        """Take what all paths have in common; whether there is anything to choose then."""
        while len(self.paths) > 1 and len(nexts := self.nexts) == 1:
            self.take(nexts[0])
        return len(self.paths) > 1


class LocalModel:
    """Answers prompts with the model of `checkpoint_dir`; see endpoint.Endpoint."""

    has_tokens_priced = False

    def __init__(self, settings: JudgeSettings, checkpoint_dir: Path, prompt_style: str | None) -> None:
        from lit_gpt.checkpoint import checkpoint_hashes
        from lit_gpt.prompt_styles import find_style

        self.settings, self.checkpoint_dir = settings, checkpoint_dir
        self.style: PromptStyle = find_style(prompt_style, checkpoint_dir)
        self.name = model_name(checkpoint_dir)
        self.identity: dict[str, Any] = {
            "model": hash_json(checkpoint_hashes(checkpoint_dir)),
            "prompt_style": self.style.name,
            "style_version": self.style.version,
            "temperature": settings.judge_temperature,
            "max_tokens": settings.judge_tokens,
            "replies": settings.judge_replies,
            "dtype": settings.judge_dtype,
        }
        self._loaded: tuple[GPT, Tokenizer] | None = None

    @property
    def loaded(self) -> "tuple[GPT, Tokenizer]":
        if self._loaded is None:
            from lit_gpt.loading import load

            self._loaded = load(self.checkpoint_dir, dtype=self.settings.judge_dtype, device=self.settings.judge_device)
        return self._loaded

    def answer(self, prompts: Mapping[str, Prompt], keep: Keep, account: Account) -> dict[str, str]:
        """As an endpoint does; a prompt that the context has no room for is rejected."""
        rejected: dict[str, str] = {}
        remaining = iter(prompts.items())
        while window := dict(islice(remaining, WINDOW)):
            ids = {key: self._ids(prompt) for key, prompt in window.items()}
            fitting = {key: own for key, own in ids.items() if self._fits(own, window[key])}
            rejected |= dict.fromkeys(ids.keys() - fitting.keys(), TOO_LONG)
            chosen = {key: own for key, own in fitting.items() if self._is_chosen(window[key])}
            written = {key: own for key, own in fitting.items() if key not in chosen}
            for key, reply in self._choose(chosen, window) + self._write(written):
                account.settle(account.hold(window[key]), reply)
                keep(key, reply)
        return rejected

    def _is_chosen(self, prompt: Prompt) -> bool:
        return bool(prompt.choices) and self.settings.judge_replies == "choose"

    def _ids(self, prompt: Prompt) -> list[int]:
        from lit_gpt.tokens.encode import encode_prompt

        return encode_prompt([Message("user", prompt.text)], self.loaded[1], self.style)

    def _fits(self, ids: Sequence[int], prompt: Prompt) -> bool:
        model, tokenizer = self.loaded
        longest = 1
        if self._is_chosen(prompt):
            longest = max(map(len, paths_of(prompt, tokenizer).values()))
        return len(ids) + longest <= model.config.block_size

    def _choose(self, prompts: Mapping[str, list[int]], asked: Mapping[str, Prompt]) -> list[tuple[str, Reply]]:
        from lit_gpt.curation.indicators.documents import Document
        from lit_gpt.curation.indicators.packed import next_logits

        model, tokenizer = self.loaded
        walks = {key: _Walk(list(ids), paths_of(asked[key], tokenizer)) for key, ids in prompts.items()}
        going = list(walks.values())
        while going := [walk for walk in going if walk.go_on()]:
            logits_NV = next_logits(model, [Document(walk.ids, []) for walk in going])
            for walk, logits_V in zip(going, logits_NV, strict=True):
                nexts = walk.nexts
                walk.take(nexts[int(logits_V[nexts].argmax())])
        return [(key, Reply(next(iter(walk.paths)), walk.n_prompt, walk.depth)) for key, walk in walks.items()]

    def _write(self, prompts: Mapping[str, list[int]]) -> list[tuple[str, Reply]]:
        from lit_gpt.answer_settings import Sampling
        from lit_gpt.batched_generation import Stop, answer_all
        from lit_gpt.generation import new_text
        from lit_gpt.tokens.encode import stop_ids

        model, tokenizer = self.loaded
        keys = list(prompts)
        answers = answer_all(
            model,
            [prompts[key] for key in keys],
            self.settings.judge_tokens,
            sampling=Sampling(self.settings.judge_temperature or 0.0),
            seeds=[derive_seed("reply", key) for key in keys],
            stop=Stop(stop_ids(tokenizer, self.style)),
            batch_size=WINDOW,
        )
        return [
            (
                keys[n],
                Reply(new_text(tokenizer, prompts[keys[n]], a.ids), len(prompts[keys[n]]), len(a.ids), a.is_cut),
            )
            for n, a in answers
        ]


def paths_of(prompt: Prompt, tokenizer: "Tokenizer") -> dict[str, list[int]]:
    """The tokens of each choice as a reply's first line, after its opening; none is the beginning of another."""
    opening = f"{prompt.opening} " if prompt.opening else ""
    paths = {choice: tokenizer.encode(f"{opening}{choice}\n") for choice in prompt.choices}
    if len({tuple(path) for path in paths.values()}) < len(paths):
        raise UserError("a tokenizer that cannot tell the grades apart", "tokens for each", "choose another model")
    return paths


def model_name(checkpoint_dir: Path) -> str:
    """ORG/NAME, as checkpoints are laid out; the gate knows models by it."""
    return "/".join(checkpoint_dir.resolve().parts[-2:])

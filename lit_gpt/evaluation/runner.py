"""An evaluation from settings to files: who answers, what is asked, where it lies.

A model answers greedily, in the prompt style it was trained with. The baselines answer without a model (baselines.py).
Not covered: few-shot prompts, answers drawn at a temperature, judging by another model.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from lit_gpt.batched_generation import Stop, answer_all
from lit_gpt.checkpoint import checkpoint_hashes, load_config
from lit_gpt.data.store import load_example_set
from lit_gpt.errors import UserError
from lit_gpt.evaluation.baselines import BASELINES
from lit_gpt.evaluation.items import Answer, Item, read_items
from lit_gpt.evaluation.labels import LabelTable, labels_path, read_labels
from lit_gpt.evaluation.results import (
    ACCURACIES,
    KIND,
    METRIC,
    RESULTS,
    VERSION,
    add_accuracies,
    describe,
    holds,
    judge,
    write_results,
)
from lit_gpt.evaluation.settings import EvaluationSettings
from lit_gpt.files import hash_json, read_json
from lit_gpt.generation import new_text, room_for_answer
from lit_gpt.loading import adapter_hash, load, resolved_device
from lit_gpt.manifest import Manifest
from lit_gpt.model import GPT
from lit_gpt.peft_stacks import TENSORS
from lit_gpt.progress import bar
from lit_gpt.prompt_styles import style_to_ask_in
from lit_gpt.prompts import PromptStyle
from lit_gpt.tokenizer import Tokenizer
from lit_gpt.tokens.encode import encode_prompt, stop_ids


class Answerer(Protocol):
    """Who answers. `parents` are the hashes of what they were made from, `options` what else decides the answers."""

    @property
    def parents(self) -> dict[str, str]: ...
    @property
    def options(self) -> dict[str, Any]: ...
    def answer(self, items: Sequence[Item]) -> list[Answer]: ...


def evaluate(settings: EvaluationSettings) -> Path:
    """Answer the rows of a split and write the results; the directory they lie in.

    `settings` must name a data set, and a checkpoint where a model answers. The same evaluation is not done twice.
    UserError for whatever of this is missing, an empty or unknown split, a prompt that leaves no room for an answer.
    """
    out_dir = settings.out_dir or default_out_dir(settings)
    answerer: Answerer
    answerer = ModelAnswerer.of(settings) if settings.method == "model" else BaselineAnswerer.of(settings)
    data = load_example_set(settings.named_data_dir)
    labels = _labels(settings, data.content_hash)
    made_from = _made_from(settings, answerer, data, labels)
    if holds(out_dir, made_from):
        print(f"{out_dir} holds this evaluation already and is left as it is", file=sys.stderr)
        if not (out_dir / ACCURACIES).is_file():
            add_accuracies(out_dir, made_from)
    else:
        _answer_and_write(settings, answerer, labels, made_from, out_dir)
    print(*describe(read_json(out_dir / RESULTS)), sep="\n", file=sys.stderr)
    return out_dir


def _answer_and_write(
    settings: EvaluationSettings, answerer: Answerer, labels: LabelTable, made_from: Manifest, out_dir: Path
) -> None:
    items = read_items(settings.named_data_dir, settings.split, labels, settings.n_items, settings.seed)
    if settings.n_items and len(items) < settings.n_items:
        print(f"--n_items {settings.n_items}, but there are {len(items)} rows: all are used", file=sys.stderr)
    if out_dir.is_dir() and any(out_dir.iterdir()):
        print(f"{out_dir} holds another evaluation, which is replaced", file=sys.stderr)
    start_s = time.monotonic()
    judged = judge(items, answerer.answer(items))
    write_results(out_dir, made_from, judged, time.monotonic() - start_s)


def default_out_dir(settings: EvaluationSettings) -> Path:
    """out/eval/<data set>-<split>-<who answers>, the latter named by the last two folders of a path."""
    who: list[str] = [settings.method]
    if settings.method == "model":
        paths = [path.resolve() for path in (settings.checkpoint_dir, settings.adapter_dir) if path is not None]
        who = [part for path in paths for part in path.parts[-2:]]
    return Path("out/eval") / "-".join([settings.named_data_dir.resolve().name, settings.split, *who])


@dataclass(frozen=True)
class ModelAnswerer:
    """A base model, perhaps with an adapter, and how it is asked."""

    settings: EvaluationSettings
    checkpoint_dir: Path
    style: PromptStyle
    device: str

    @classmethod
    def of(cls, settings: EvaluationSettings) -> "ModelAnswerer":
        """Checked, but nothing heavy is loaded."""
        device = resolved_device(settings.device)
        load_config(settings.named_checkpoint_dir)
        adapter_dir = settings.adapter_dir
        if adapter_dir is not None and not (adapter_dir / TENSORS).is_file():
            expected = f"a LoRA adapter: {TENSORS} and its settings"
            raise UserError(f"--adapter_dir {adapter_dir}, which holds no {TENSORS}", expected, "check the path")
        style = style_to_ask_in(settings.prompt_style, settings.named_checkpoint_dir, adapter_dir)
        return cls(settings, settings.named_checkpoint_dir, style, device)

    @property
    def parents(self) -> dict[str, str]:
        adapter_dir = self.settings.adapter_dir
        adapter = {} if adapter_dir is None else {"adapter": adapter_hash(adapter_dir)}
        return {"checkpoint": hash_json(checkpoint_hashes(self.checkpoint_dir)), **adapter}

    @property
    def options(self) -> dict[str, Any]:
        return {
            "max_new_tokens": self.settings.max_new_tokens,
            "prompt_style": self.style.name,
            "prompt_style_version": self.style.version,
            "dtype": self.settings.dtype,
            "device": self.device,
        }

    def answer(self, items: Sequence[Item]) -> list[Answer]:
        s = self.settings
        model, tokenizer = load(self.checkpoint_dir, s.adapter_dir, s.dtype, self.device)
        numbered = answer_items(model, tokenizer, self.style, items, s.max_new_tokens, s.batch_size)
        by_number = dict(numbered)
        return [by_number[number] for number in range(len(items))]


def answer_items(
    model: GPT, tokenizer: Tokenizer, style: PromptStyle, items: Sequence[Item], max_new_tokens: int, batch_size: int
) -> Iterator[tuple[int, Answer]]:
    """Each item's number and the model's greedy answer to it, the longest prompts first."""
    prompts = [encode_prompt(item.question.messages, tokenizer, style) for item in items]
    for item, prompt in zip(items, prompts, strict=True):
        room_for_answer(model, prompt, f"the row {item.id}: a prompt")
    stop = Stop(stop_ids(tokenizer, style))
    answers = answer_all(model, prompts, max_new_tokens, stop=stop, batch_size=batch_size)
    with bar(len(items), "answering", "row") as progress:
        for number, answer in answers:
            yield number, Answer(new_text(tokenizer, prompts[number], answer.ids), answer.is_cut)
            progress.update()


@dataclass(frozen=True)
class BaselineAnswerer:
    """An answer without a model, from the training rows."""

    settings: EvaluationSettings

    @classmethod
    def of(cls, settings: EvaluationSettings) -> "BaselineAnswerer":
        for flag in ("checkpoint_dir", "adapter_dir"):
            if getattr(settings, flag) is not None:
                print(f"--{flag} plays no part in --method {settings.method}", file=sys.stderr)
        return cls(settings)

    @property
    def parents(self) -> dict[str, str]:
        return {}  # but the data set, which every evaluation has

    @property
    def options(self) -> dict[str, Any]:
        return {}

    def answer(self, items: Sequence[Item]) -> list[Answer]:
        return BASELINES[self.settings.method](self.settings.named_data_dir, items)


def _labels(settings: EvaluationSettings, example_set: str) -> LabelTable:
    """The table asked for, or the one that lies beside the data set, or none."""
    if settings.labels_dir is not None:
        return read_labels(settings.labels_dir, settings.split, example_set)
    beside = settings.named_data_dir.resolve()
    beside = beside.with_name(f"{beside.name}-labels")
    if not beside.is_dir():
        return LabelTable({})
    if not labels_path(beside, settings.split).is_file():
        print(f"{beside} has no labels for the split {settings.split}: no groups and levels", file=sys.stderr)
        return LabelTable({})
    return read_labels(beside, settings.split, example_set)


def _made_from(settings: EvaluationSettings, answerer: Answerer, data: Manifest, labels: LabelTable) -> Manifest:
    """Parents and settings: everything that decides the answers."""
    parents = {**answerer.parents, "example_set": data.content_hash}
    if labels.manifest is not None:
        parents["labels"] = labels.manifest.content_hash
    chosen = {name: getattr(settings, name) for name in ("split", "n_items", "seed", "method")}
    named = {"task": data.settings["name"], "version": VERSION, "metric": METRIC}
    return Manifest(KIND, parents, settings={**named, **chosen, **answerer.options})

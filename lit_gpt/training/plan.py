"""A run worked out before anything heavy is loaded: its folders, its rows, its steps, what decides its numbers."""

import sys
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import torch
import yaml

from lit_gpt.checkpoint import checkpoint_hashes, load_config
from lit_gpt.data.gate import Challenge, require_admitted
from lit_gpt.data.ordering import Ordering
from lit_gpt.data.store import read_examples
from lit_gpt.errors import UserError
from lit_gpt.files import hash_json
from lit_gpt.loading import require_device
from lit_gpt.manifest import MANIFEST
from lit_gpt.tokens.loader import Order
from lit_gpt.tokens.prepare import Wanted, find_or_encode
from lit_gpt.tokens.store import SPLITS, TokenRows, TokenSet
from lit_gpt.training.budget_settings import BudgetSettings
from lit_gpt.training.methods import Method
from lit_gpt.training.row_order import description, ordering_of, seen_by_source
from lit_gpt.training.schedule import Schedule
from lit_gpt.training.settings import JournalSettings, RunSettings, ScheduleSettings
from lit_gpt.training.techniques import Techniques

MAX_EVAL_EVERY = 100  # optimizer steps; Lit-GPT's eval interval
HYPERPARAMETERS = "hyperparameters.yaml"


@dataclass(frozen=True)
class Plan:
    """What is settled about a run before it starts."""

    method: Method
    settings: RunSettings
    journal: JournalSettings
    checkpoint_dir: Path
    data_dir: Path
    out_dir: Path
    token_set: TokenSet
    schedule: Schedule
    precision: str
    budget: BudgetSettings = BudgetSettings()  # noqa: RUF009 (frozen)

    @classmethod
    def of(cls, method: Method, settings: RunSettings, schedule: ScheduleSettings, journal: JournalSettings) -> Self:
        """Find or encode the tokens and count the steps; UserError when nothing can be trained on."""
        assert settings.checkpoint_dir is not None and settings.data_dir is not None
        require_device(settings.device)
        _require_frozen_base(method, settings)
        _require_rules(settings, settings.checkpoint_dir, settings.data_dir)
        out_dir = _out_dir(method, settings, settings.data_dir)
        token_set = find_or_encode(settings.data_dir, settings.checkpoint_dir, _wanted(settings, out_dir))
        _require_known_ids(token_set, settings.checkpoint_dir)
        steps_per_epoch = _order(token_set, schedule, settings.seed).steps_per_epoch
        return cls(
            method,
            settings,
            journal,
            settings.checkpoint_dir,
            settings.data_dir,
            out_dir,
            token_set,
            Schedule(schedule, steps_per_epoch),
            settings.precision if settings.precision != "auto" else _automatic_precision(method, settings.device),
        )

    @cached_property
    def train_tokens(self) -> TokenRows:
        return self.token_set.split("train")

    @cached_property
    def validation_tokens(self) -> TokenRows:
        return self.token_set.split("validation")

    @property
    def order(self) -> Order:
        return _order(self.token_set, self.schedule.settings, self.settings.seed, self.ordering)

    @cached_property
    def ordering(self) -> Ordering:
        return ordering_of(self.settings, self.data_dir, self.train_tokens)

    @property
    def validation_rows(self) -> list[int]:
        """All validation rows, or --eval_rows of them at even distances: the same ones each time."""
        n_rows = len(self.validation_tokens)
        n_chosen = min(self.journal.eval_rows or n_rows, n_rows)
        return [i * n_rows // n_chosen for i in range(n_chosen)]

    @property
    def eval_every(self) -> int:
        return self.journal.eval_every or min(self.order.steps_per_epoch, MAX_EVAL_EVERY)

    @property
    def techniques(self) -> Techniques:
        return Techniques.of(self.settings, self.schedule.settings)

    @property
    def base_dtype(self) -> torch.dtype:
        return torch.bfloat16 if self.precision == "bf16-true" else torch.float32

    @cached_property
    def parents(self) -> dict[str, str]:
        """Content hashes of what the run is made from."""
        return {
            "checkpoint": hash_json(checkpoint_hashes(self.checkpoint_dir)),
            "token_set": self.token_set.manifest.content_hash,
            "example_set": self.token_set.manifest.parents["example_set"],
        }

    @property
    def verdicts(self) -> dict[str, Any]:
        """The licence gate's counts of the data, and under which reading of the rules the run was let in."""
        s = self.settings
        gate = {"challenge": s.challenge, "allow_llm_scores": s.allow_llm_scores} if s.challenge else {}
        return {**self.token_set.manifest.verdicts, **gate}

    @cached_property
    def trajectory(self) -> dict[str, Any]:
        """Everything that decides the numbers; a resumed run must have the same."""
        schedule = asdict(self.schedule.settings)
        del schedule["micro_batch_size"]  # it changes results by rounding alone
        return {
            **schedule,
            **self.method.hyperparameters,
            **self.parents,
            "seed": self.settings.seed,
            "precision": self.precision,
            "compile": self.settings.compile,
            "quantize": self.settings.quantize,
            "activation_checkpointing": self.settings.activation_checkpointing,
            "chunked_loss": self.settings.chunked_loss,
            "lean_activations": self.settings.lean_activations,
            "document_attention": self.settings.document_attention,
            "eval_every": self.eval_every,
            "eval_rows": self.journal.eval_rows,
            "challenge": self.settings.challenge,
            "order": description(self.ordering),
        }

    def seen(self, n_steps: int) -> dict[str, dict[str, float]]:
        """How often the rows of each source are seen in so many optimizer steps."""
        return seen_by_source(self.data_dir, self.train_tokens, self.order.times_seen(n_steps))

    def name_rows(self, split: str, rows: list[int]) -> list[str]:
        """The ids of a split's rows, in the split's order (reads through the examples: for error messages)."""
        wanted = {int(number) for number in self.token_set.split(split).rows[rows]}
        examples = enumerate(read_examples(self.data_dir, split))
        return [example.id for number, example in examples if number in wanted]

    def describe(self, n_trainable: int, n_parameters: int, device: torch.device) -> None:
        """Say on stderr what is about to happen."""
        total = self.schedule.total_steps
        length = f"{total:,} steps" if total else f"{self.schedule.settings.max_time} of training"
        share = f"{n_trainable:,} of {n_parameters:,} parameters"
        rows = f"{len(self.train_tokens):,} rows of up to {self.token_set.max_seq_length:,} tokens"
        steps = f"{self.order.steps_per_epoch:,} steps an epoch, {length}"
        print(f"{self.method.name}: {share} train on {device} in {self.precision}", file=sys.stderr)
        print(f"{self.data_dir}: {rows}, {self.token_set.prompt_style} prompts, {steps}", file=sys.stderr)
        for source, seen in self.seen(total or self.order.steps_per_epoch).items():
            span = "in all" if total else "an epoch"
            print(f"  {source}: {seen['rows']:,} rows, each seen {seen['times_each']:g} times {span}", file=sys.stderr)
        if not self.validation_rows:
            print(f"warning: {self.data_dir} has no validation rows; best/ will be the last weights", file=sys.stderr)


def _order(tokens: TokenSet, schedule: ScheduleSettings, seed: int, ordering: Ordering | None = None) -> Order:
    n_rows, n_steps = len(tokens.split("train")), schedule.steps_per_epoch
    if n_steps is not None and n_steps > n_rows:
        got = f"--steps_per_epoch {n_steps} for {n_rows} training rows"
        raise UserError(got, "a row or more for each step", "ask for fewer")
    return Order(n_rows, schedule.batch_size, seed, ordering, n_steps)


def _require_rules(settings: RunSettings, checkpoint_dir: Path, data_dir: Path) -> None:
    """With --challenge: UserError unless its rules admit the base, by its folder's name, and every row."""
    if settings.challenge is not None:
        base = "/".join(checkpoint_dir.resolve().parts[-2:])
        require_admitted(data_dir, Challenge(settings.challenge, base, settings.allow_llm_scores))


def _out_dir(method: Method, settings: RunSettings, data_dir: Path) -> Path:
    """--out_dir, or the run that --resume names, or out/<method>/<data set>."""
    named = None if settings.resume in ("auto", "never") else Path(settings.resume)
    if named is not None and settings.out_dir not in (None, named):
        got = f"--resume {named} with --out_dir {settings.out_dir}"
        raise UserError(got, "one directory: a run goes on where it lies", "leave --out_dir out")
    return named or settings.out_dir or Path("out") / method.name / data_dir.resolve().name


def _wanted(settings: RunSettings, out_dir: Path) -> Wanted:
    """The tokens asked for; what is not said is as in the run to go on with, if there is one."""
    said = {name: getattr(settings, name) for name in asdict(Wanted())}
    before = {}
    goes_on = (out_dir / "state").is_dir() or (out_dir / MANIFEST).is_file()
    if goes_on and settings.resume != "never" and (out_dir / HYPERPARAMETERS).is_file():
        before = yaml.safe_load((out_dir / HYPERPARAMETERS).read_text(encoding="utf-8"))
    return Wanted(**{name: before.get(name) if value is None else value for name, value in said.items()})


def _require_frozen_base(method: Method, settings: RunSettings) -> None:
    if settings.quantize is not None and not method.freezes_base:
        got = f"--quantize {settings.quantize} with {method.name} finetuning, which trains the base itself"
        do = "finetune/lora.py, or --optimizer adamw8bit --activation_checkpointing true"
        raise UserError(got, "a method that leaves the base frozen", do)


def _require_known_ids(token_set: TokenSet, checkpoint_dir: Path) -> None:
    """UserError where the tokenizer knows more tokens than the model has rows for."""
    n_known = load_config(checkpoint_dir).padded_vocab_size
    largest = max(int(tokens.ids.max()) for split in SPLITS if len(tokens := token_set.split(split)))
    if largest >= n_known:
        raise UserError(
            f"a token id of {largest} in {token_set.directory}",
            f"ids below {n_known}, the rows of the model's embedding",
            f"check that the tokenizer in {checkpoint_dir} belongs to its weights",
        )


def _automatic_precision(method: Method, device: str) -> str:
    """bfloat16 where a GPU has it, as the method likes it."""
    is_gpu = device in ("auto", "cuda") and torch.cuda.is_available()
    return method.gpu_precision if is_gpu and torch.cuda.is_bf16_supported() else "32-true"

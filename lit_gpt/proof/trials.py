"""One trial: a training on a candidate's rows, and what came of it on the held-out rows and the tests.

    losses       of each test row, or validation row of a pool without tests, the mean over its answers' tokens in nats
    correct      of each test row, 1 where the answer is exactly the expected one
    preferred    of test rows whose answers a judge compares, 1 where it is better than the random draw's (judged.py)

All of the pool, the same rows for all. A trial lies in a folder of its own and is not done again; an interrupted
training goes on where it was.
"""

from dataclasses import asdict, dataclass, field, fields, replace
from itertools import islice
from pathlib import Path
from typing import Any

from lit_gpt.checkpoint import checkpoint_hashes
from lit_gpt.curation.indicators.likelihoods import Reader, likelihoods
from lit_gpt.curation.indicators.scores import why_missing
from lit_gpt.data.store import TEST, count_examples, load_example_set, read_examples, split_name
from lit_gpt.errors import UserError
from lit_gpt.evaluation.results import read_judged
from lit_gpt.evaluation.runner import evaluate
from lit_gpt.evaluation.settings import EvaluationSettings
from lit_gpt.files import hash_json, read_json, write_json
from lit_gpt.loading import adapter_hash, load
from lit_gpt.progress import watched
from lit_gpt.prompt_styles import style_to_ask_in
from lit_gpt.proof.candidates import Chosen
from lit_gpt.proof.settings import ComparisonSettings
from lit_gpt.seeds import derive_seed
from lit_gpt.training.lora_settings import LoraSettings
from lit_gpt.training.methods import Lora
from lit_gpt.training.run import finetune
from lit_gpt.training.settings import JournalSettings, RunSettings, ScheduleSettings

LOSSES = "losses.json"
# of ScheduleSettings: all that are compared take equally many steps of equally many tokens
DECIDED_HERE = ("max_steps", "max_time", "batch_size", "steps_per_epoch", "plateau")
EVAL_ROWS = 50  # validation during training, which decides nothing here: the last weights are compared


@dataclass(frozen=True)
class Outcome:
    """By id of the row; empty where nothing was asked."""

    losses: dict[str, float]
    correct: dict[str, float]
    preferred: dict[str, float] = field(default_factory=dict)

    @property
    def means(self) -> dict[str, float | None]:
        """By measure; None where nothing was asked."""
        return {"held_out_loss": _mean(self.losses), "exact_match": _mean(self.correct)}


@dataclass(frozen=True)
class Trials:
    """How all candidates are trained and measured. UserError for a schedule that says how long or in what steps."""

    settings: ComparisonSettings
    schedule: ScheduleSettings
    lora: LoraSettings

    def __post_init__(self) -> None:
        for each in fields(ScheduleSettings):
            value = getattr(self.schedule, each.name)
            if each.name in DECIDED_HERE and value != each.default:
                do = f"leave --{each.name} out: --epochs and --steps, those of an epoch, say how long"
                raise UserError(f"--{each.name} {value} where sets are compared", "equal steps for all", do)

    @property
    def told(self) -> dict[str, Any]:
        """How all are trained, for whoever reads the results."""
        schedule = {name: value for name, value in asdict(self.schedule).items() if name not in DECIDED_HERE}
        return {"schedule": schedule, "lora": asdict(self.lora)}

    @property
    def n_steps(self) -> int:
        return self.settings.steps * (self.schedule.epochs or 1)

    def steps_per_epoch(self, chosen: Chosen, budget: int) -> int:
        """In which the rows are seen once; more of them where there are more tokens, so that a step holds as many.

        Whole steps: what all see together differs by at most half a step an epoch.
        """
        return max(1, round(self.settings.steps * chosen.amount / budget))

    def passes(self, chosen: Chosen, budget: int) -> float:
        """How often a training sees each row."""
        return self.n_steps / self.steps_per_epoch(chosen, budget)

    def tokens_seen(self, chosen: Chosen, budget: int) -> int:
        """In one training."""
        return round(self.passes(chosen, budget) * chosen.n_tokens)

    def run(self, chosen: Chosen, budget: int, name: str, training: int, **order: Any) -> Outcome:
        """Train on the rows, budget / steps of them at a time, and measure. `order`: of RunSettings, how they come."""
        run_dir = self._train(chosen, budget, name, training, order)
        return self.measure(name, run_dir / "final")

    def _train(self, chosen: Chosen, budget: int, name: str, training: int, order: dict[str, Any]) -> Path:
        s = self.settings
        an_epoch = self.steps_per_epoch(chosen, budget)
        schedule = replace(self.schedule, epochs=None, max_steps=self.n_steps, steps_per_epoch=an_epoch)
        run = RunSettings(
            checkpoint_dir=s.checkpoint_dir,
            data_dir=chosen.data_dir,
            out_dir=self.run_dir(name),
            seed=derive_seed("training", training) % 2**31,
            max_seq_length=s.max_seq_length,
            prompt_style=s.prompt_style,
            **order,
        )
        return finetune(Lora(self.lora), run, schedule, JournalSettings(eval_rows=EVAL_ROWS, eval_every=self.n_steps))

    def run_dir(self, name: str) -> Path:
        return self.settings.out_dir / "runs" / name

    def measure(self, name: str, adapter_dir: Path | None = None) -> Outcome:
        """The losses and answers of the base, or of the base with an adapter."""
        losses = self._losses(name, adapter_dir)
        if not self.asks:
            return Outcome(losses, {})
        answers = read_judged(self._answer(name, adapter_dir))
        return Outcome(losses, {id: float(each.is_correct) for id, each in answers.items()} if self.has_tests else {})

    @property
    def has_tests(self) -> bool:
        return split_name(TEST) in load_example_set(self.settings.pool).files

    @property
    def asks(self) -> bool:
        """Whether anything is answered: tests, or validation rows where a judge compares the answers."""
        return bool(self.settings.n_items) and (self.has_tests or bool(self.settings.n_judged))

    @property
    def measured_split(self) -> str:
        """Tests are right, validation rows as spoilt as the pool they come from."""
        return TEST if self.has_tests else "validation"

    def answers_dir(self, name: str) -> Path:
        return self.settings.out_dir / "measured" / name / "answers"

    def _losses(self, name: str, adapter_dir: Path | None) -> dict[str, float]:
        s = self.settings
        path = s.out_dir / "measured" / name / LOSSES
        made_of = {
            "checkpoint": hash_json(checkpoint_hashes(s.base)),
            "adapter": adapter_hash(adapter_dir) if adapter_dir else None,
            "pool": load_example_set(s.pool).content_hash,
            "split": self.measured_split,
            "n_rows": s.n_loss_rows,
            "prompt_style": style_to_ask_in(s.prompt_style, s.base, adapter_dir).name,
        }
        if path.is_file() and (found := read_json(path))["made_of"] == made_of:
            return dict(found["losses"])
        losses = held_out_losses(s, self.measured_split, adapter_dir)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, {"made_of": made_of, "losses": losses})
        return losses

    def _answer(self, name: str, adapter_dir: Path | None) -> Path:
        s = self.settings
        evaluation = EvaluationSettings(
            checkpoint_dir=s.checkpoint_dir,
            adapter_dir=adapter_dir,
            data_dir=s.pool,
            split=self.measured_split,
            n_items=s.n_items,
            out_dir=self.answers_dir(name),
            max_new_tokens=s.max_new_tokens,
            prompt_style=s.prompt_style,
        )
        return evaluate(evaluation)


def _mean(values: dict[str, float]) -> float | None:
    return sum(values.values()) / len(values) if values else None


def held_out_losses(settings: ComparisonSettings, split: str, adapter_dir: Path | None) -> dict[str, float]:
    """Of --n_loss_rows rows of the split at even distances; rows too long to be read whole are left out for all alike.

    UserError where fewer than two are left.
    """
    s = settings
    model, tokenizer = load(s.base, adapter_dir, device="auto")
    reader = Reader(model, tokenizer, style_to_ask_in(s.prompt_style, s.base, adapter_dir))
    n_rows = count_examples(s.pool, split)
    wanted = {i * n_rows // min(n_rows, s.n_loss_rows) for i in range(min(n_rows, s.n_loss_rows))}
    rows = (row for place, row in enumerate(islice(read_examples(s.pool, split), n_rows)) if place in wanted)
    found = likelihoods(watched(rows, "held-out loss", "row", len(wanted)), reader, alone=False)
    losses = {id: float(row.given) for id, row in found if not why_missing(row.given)}
    if len(losses) < 2:
        got = f"{s.pool} with {n_rows} {split} rows, of which {len(losses)} can be measured"
        raise UserError(got, "two or more", "prepare it with a larger --val_split_fraction")
    return losses

"""What a run would take, before it starts: memory, tokens, steps, time, disk; and what would fit where it does not.

Memory is foretold from the network itself (memory_forecast.py) for the largest micro-batch of the first epoch. Time
comes from the trial on the machine found, else from the arithmetic at SHARE_OF_RATE of the card's rate. Not covered:
the time to load and encode, and the memory of --compile.
"""

import math
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace

from lit_gpt.checkpoint import load_config
from lit_gpt.tokens.loader import MicroBatch, micro_batches
from lit_gpt.training.budget import SLACK
from lit_gpt.training.hardware import CONTEXT_GIB, GIB, Card
from lit_gpt.training.memory_forecast import BatchShape, Needs, forecast
from lit_gpt.training.plan import Plan
from lit_gpt.training.resume import N_KEPT
from lit_gpt.training.run_directory import bytes_of_run
from lit_gpt.training.techniques import Techniques
from lit_gpt.training.trial import Trial

# of the maker's dense bf16 rate. Published: 0.43 to 0.45 on an H100 (NeMo AutoModel, LoRA of 7B and 8B), 0.50 on an
# A100 (torchtune, 3B)
SHARE_OF_RATE = 0.4
FORWARD_SHARE = 0.5  # of LoRA's time: 2 of 4 products a weight and token (4 N FLOPs a token, the base being frozen)
MIN_LENGTH = 256
STATE_BYTES, WEIGHT_BYTES = 12, 4  # a trained weight in a state (with its moments), and handed out


def largest_batch(plan: Plan, blocks_at_once: int, max_seq_length: int | None = None) -> MicroBatch:
    """The micro-batch of the first epoch with the most tokens; of rows cut to `max_seq_length`, if that is given."""
    longest = max_seq_length or plan.token_set.max_seq_length
    tokens = plan.train_tokens if max_seq_length is None else plan.train_tokens.cut(max_seq_length)
    steps = (plan.order.rows_of(step) for step in range(plan.order.steps_per_epoch))
    batches = (batch for rows in steps for batch in micro_batches(tokens, rows, longest, blocks_at_once))
    return max(batches, key=lambda batch: (len(batch.ids), max(batch.doc_lengths)))


def shape_of(batch: MicroBatch) -> BatchShape:
    return BatchShape(batch.doc_lengths, [max(n, 1) for n in batch.doc_targets])  # none, if cut within the prompt


@dataclass(frozen=True)
class Outlook:
    """A plan on a card. process_bytes: what the process holds beside the run, CUDA's context or the libraries."""

    plan: Plan
    card: Card
    batch: MicroBatch
    needs: Needs
    process_bytes: int
    trial: Trial | None = None

    @classmethod
    def of(cls, plan: Plan, card: Card) -> "Outlook":
        batch = largest_batch(plan, plan.schedule.settings.micro_batch_size)
        process_bytes = int(CONTEXT_GIB * GIB) if card.is_gpu else 0
        return cls(plan, card, batch, needs_of(plan, shape_of(batch), card), process_bytes)

    def tried(self, trial: Trial) -> "Outlook":
        """With what the largest micro-batch took for real."""
        process_bytes = self.process_bytes if self.card.is_gpu else trial.process_bytes
        return replace(self, trial=trial, process_bytes=process_bytes)

    @property
    def fits(self) -> bool:
        return self.needs.peak_bytes + self.process_bytes <= self.card.memory_gib * GIB

    @property
    def tokens_per_s(self) -> float | None:
        """As tried, else by arithmetic; None where neither is known."""
        if self.trial is not None:
            return len(self.batch.ids) / self.trial.step_s
        if self.card.tflops is None:
            return None
        return SHARE_OF_RATE * self.card.tflops * 1e12 / self.flops_per_token

    @property
    def flops_per_token(self) -> float:
        return self.needs.flops / len(self.batch.ids)

    @property
    def epoch_tokens(self) -> int:
        return len(self.plan.train_tokens.ids)

    @property
    def step_tokens(self) -> float:
        return self.epoch_tokens / self.plan.order.steps_per_epoch

    @property
    def validation_tokens(self) -> float:
        rows = self.plan.validation_rows
        share = len(rows) / max(len(self.plan.validation_tokens), 1)
        return share * len(self.plan.validation_tokens.ids)

    @property
    def step_s(self) -> float | None:
        """Of an optimizer step of average rows, its share of the validations included."""
        if self.tokens_per_s is None:
            return None
        validated = FORWARD_SHARE * self.validation_tokens / self.plan.eval_every
        return (self.step_tokens + validated) / self.tokens_per_s

    @property
    def n_steps(self) -> int | None:
        """Of the schedule, or as many as the budget has time for; None where only an unknown time ends the run."""
        limits = [self.plan.schedule.total_steps] if self.plan.schedule.total_steps else []
        budget_s = self.plan.schedule.settings.max_time_s
        if budget_s is not None and self.step_s is not None:
            limits.append(math.floor((1 - SLACK) * budget_s / self.step_s))
        return min(limits, default=None)

    @property
    def elapsed_s(self) -> float | None:
        return None if self.n_steps is None or self.step_s is None else self.n_steps * self.step_s

    @property
    def disk_bytes(self) -> int:
        """The states kept and one in writing; best/, final/, the epochs kept and one in writing; less what is there."""
        weights = (N_KEPT + 1) * STATE_BYTES + (3 + self.n_kept_epochs) * WEIGHT_BYTES
        return max(self.needs.n_trained * weights - bytes_of_run(self.plan.out_dir), 0)

    @property
    def n_kept_epochs(self) -> int:
        """Of those that --keep_epochs names, as many as the run comes to; all of them where that is not known."""
        kept, n_steps = self.plan.journal.kept_epochs, self.n_steps
        if n_steps is None:
            return len(kept)
        n_ended = n_steps // self.plan.order.steps_per_epoch
        return sum(epoch <= n_ended for epoch in kept)

    @property
    def free_disk_bytes(self) -> int:
        place = self.plan.out_dir.absolute()
        return shutil.disk_usage(next(path for path in (place, *place.parents) if path.exists())).free


def needs_of(plan: Plan, batch: BatchShape, card: Card, techniques: Techniques | None = None) -> Needs:
    chosen = techniques or plan.techniques
    config = load_config(plan.checkpoint_dir)
    optimizer = plan.schedule.settings.optimizer
    return forecast(config, plan.method, plan.precision, optimizer, chosen, batch, plan.checkpoint_dir, card.is_gpu)


def ways_out(outlook: Outlook) -> Iterator[tuple[str, Needs]]:
    """Flags that need less, the least change first, each with what is needed then."""
    plan = outlook.plan
    now = plan.techniques
    size = plan.schedule.settings.micro_batch_size
    sizes = [size >> n for n in range(1, size.bit_length())]
    frugal = [(now, "")]
    if not now.is_checkpointed:
        frugal.append((replace(now, is_checkpointed=True), "--activation_checkpointing true"))
    if now.quantize is None and plan.method.freezes_base:
        frugal.append((replace(frugal[-1][0], quantize="nf4"), f"{frugal[-1][1]} --quantize nf4".strip()))
    for techniques, words in frugal:
        for blocks in [size, *sizes] if words else sizes:
            flags = f"--micro_batch_size {blocks} {words}".strip() if blocks != size else words
            yield flags, needs_of(plan, shape_of(largest_batch(plan, blocks)), outlook.card, techniques)
    techniques, words = frugal[-1]
    length = plan.token_set.max_seq_length // 2
    while length >= MIN_LENGTH:
        flags = f"--micro_batch_size 1 {words} --max_seq_length {length}".replace("  ", " ")
        yield flags, needs_of(plan, shape_of(largest_batch(plan, 1, length)), outlook.card, techniques)
        length //= 2

"""The settings of a run: typed, frozen, checked at birth, and importable without torch.

Defaults follow Lit-GPT's LoRA script (rate 3e-4, weight decay 0.01), with LIMA's batch of 32 rows (arXiv 2305.11206,
section 3) and a clipped gradient. A method's own settings: lora_settings.py, adapter_settings.py.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from lit_gpt.data.order_kinds import BY_GROUP, BY_SCORE, Kind
from lit_gpt.errors import UserError
from lit_gpt.prompt_styles import check_style_name

DEFAULT_EPOCHS = 3
Precision = Literal["auto", "32-true", "bf16-true", "bf16-mixed"]
Quantization = Literal["nf4", "nf4-dq", "fp4", "int8"]  # as in quantized.py, which needs torch


def require(condition: bool, flag: str, value: object, expected: str) -> None:
    """UserError, with the flag and its value, where the condition does not hold."""
    if not condition:
        raise UserError(f"--{flag} {value}", expected, f"correct --{flag}")


@dataclass(frozen=True)
class RunSettings:
    """The run: what is trained, on what, where.

    Args:
        checkpoint_dir: the base model; the default is the only one under checkpoints/
        data_dir: the prepared data set; the default is the only one under data/
        out_dir: where the run lies; the default is out/<method>/<name of the data set>
        resume: auto goes on where an earlier run stopped, never starts over, DIR goes on with the run in that directory
        seed: decides order, initialisation and dropout
        precision: numbers of the base model; auto is bf16-true on a GPU that has it, else 32-true
        device: auto, cpu, cuda or mps
        compile: let torch.compile fuse the model's operations: a minute at the start, then faster where rows are of one
            length; every further combination of lengths is compiled anew, the ninth and later ones not at all
        quantize: keep the frozen base's linears in few bits: nf4 and fp4 need a quarter of bf16's memory, int8 half,
            nf4-dq a little less than nf4; not with full finetuning
        activation_checkpointing: compute every block again on the way back instead of keeping it: less memory, a third
            more time, the same numbers
        chunked_loss: never hold all logits of a micro-batch at once (without --compile, which needs the plain way);
            results change by rounding
        lean_activations: keep little of norms, rotations and gated MLPs for the way back, and compute it again (without
            --compile, which decides that itself); results change by rounding
        document_attention: auto attends to packed documents in one step without copies on a CPU; plain is torch's own
            attention, document by document; varlen is one call for all on a GPU with bfloat16,
            not with --compile
        keep_freed_pages: on a CPU, spare the system from clearing the same memory at every step (glibc)
        max_seq_length: longest row in tokens; the default is what was last prepared
        prompt_style: alpaca, chat, raw, template or a family's; the default is what was last prepared
        mask_prompt: train on the answers alone; the default is what was last prepared
        overflow: trim, drop or error for over-long rows; the default is what was last prepared
        order: shuffled, stored, grouped, interleaved, short_to_long, long_to_short, easy_to_hard, hard_to_easy or
            specialised_first, anew in each epoch
        order_by: what grouped and interleaved go by, source or category
        specialised: with specialised_first, the sources that come first
        score_table: with easy_to_hard and hard_to_easy, a parquet file with content_hash and the score
        score_column: which score
        challenge: official or strict lets only data and a base in that the efficiency challenge's rules admit
        allow_llm_scores: with --challenge, admit people's rows that a language model scored or chose
    """

    checkpoint_dir: Path | None = None
    data_dir: Path | None = None
    out_dir: Path | None = None
    resume: str = "auto"
    seed: int = 1337
    precision: Precision = "auto"
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    compile: bool = False
    quantize: Quantization | None = None
    activation_checkpointing: bool = False
    chunked_loss: bool = True
    lean_activations: bool = True
    document_attention: Literal["auto", "plain", "varlen"] = "auto"
    keep_freed_pages: bool = True
    max_seq_length: int | None = None
    prompt_style: str | None = None
    mask_prompt: bool | None = None
    overflow: Literal["trim", "drop", "error"] | None = None
    order: Kind = "shuffled"
    order_by: Literal["source", "category"] = "source"
    specialised: list[str] = field(default_factory=list)
    score_table: Path | None = None
    score_column: str = "score"
    challenge: Literal["official", "strict"] | None = None
    allow_llm_scores: bool = False

    def __post_init__(self) -> None:
        check_style_name(self.prompt_style)
        on_gpu = self.document_attention != "varlen" or self.device != "cpu"
        require(on_gpu, "document_attention", "varlen", "auto or plain with --device cpu")
        untraced = self.document_attention != "varlen" or not self.compile
        require(untraced, "document_attention", "varlen", "auto or plain with --compile, which takes the plain way")
        asked = self.challenge is not None or not self.allow_llm_scores
        require(asked, "allow_llm_scores", self.allow_llm_scores, "only together with --challenge")
        by_group = self.order in BY_GROUP or self.order_by == "source"
        require(by_group, "order_by", self.order_by, f"only with --order {' or '.join(BY_GROUP)}")
        named = bool(self.specialised) == (self.order == "specialised_first")
        require(named, "specialised", self.specialised, "sources with --order specialised_first, and only there")
        scored = (self.score_table is not None) == (self.order in BY_SCORE)
        require(scored, "score_table", self.score_table, f"a file with --order {' or '.join(BY_SCORE)}, and only there")
        told = self.score_table is not None or self.score_column == "score"
        require(told, "score_column", self.score_column, "only together with --score_table")


@dataclass(frozen=True)
class ScheduleSettings:
    """How long, how fast.

    Args:
        epochs: passes over the training rows; 3 when no other limit is given
        max_steps: stop after so many optimizer steps
        max_time: the whole command is over after HH:MM:SS, files included; the learning rate then decays by the clock
        batch_size: rows in an optimizer step
        steps_per_epoch: divide an epoch evenly into so many steps instead, so that sets of other rows take equally many
        micro_batch_size: blocks of max_seq_length tokens computed at once: the memory knob; results change by rounding;
            halved where memory does not suffice
        learning_rate: the highest rate, reached after the warm-up
        min_learning_rate: the rate at the end
        warmup_steps: optimizer steps from zero to the highest rate; the default is a tenth of the run, at most 100
        decay: cosine, linear or constant after the warm-up
        optimizer: adamw; adamw-offload, with its moments in the CPU's memory; or adamw8bit, with them in 8 bits
        weight_decay: AdamW's decoupled weight decay
        beta1: AdamW's first moment
        beta2: AdamW's second moment
        clip_norm: largest gradient norm; 0 clips nothing
        plateau: stop after an epoch in which the share of training tokens predicted right rose by less than this, such
            as 0.01; 0 never does
        neftune_alpha: noise on the embeddings while training (NEFTune), such as 5; 0 is none
        residual_dropout: what the top layer's halves write is dropped out at this rate, the bottom one's at 0, others'
            in between (LIMA: 0.3, small models 0.2)
    """

    epochs: int | None = None
    max_steps: int | None = None
    max_time: str | None = None
    batch_size: int = 32
    steps_per_epoch: int | None = None
    micro_batch_size: int = 4
    learning_rate: float = 3e-4
    min_learning_rate: float = 0.0
    warmup_steps: int | None = None
    decay: Literal["cosine", "linear", "constant"] = "cosine"
    optimizer: Literal["adamw", "adamw-offload", "adamw8bit"] = "adamw"
    weight_decay: float = 0.01
    beta1: float = 0.9
    beta2: float = 0.999
    clip_norm: float = 1.0
    plateau: float = 0.0
    neftune_alpha: float = 0.0
    residual_dropout: float = 0.0

    def __post_init__(self) -> None:
        for flag in ("epochs", "max_steps", "steps_per_epoch"):
            value = getattr(self, flag)
            require(value is None or value > 0, flag, value, "a number above 0")
        for flag in ("batch_size", "micro_batch_size", "learning_rate"):
            require(getattr(self, flag) > 0, flag, getattr(self, flag), "a number above 0")
        for flag in ("min_learning_rate", "warmup_steps", "weight_decay", "clip_norm", "neftune_alpha"):
            require((getattr(self, flag) or 0) >= 0, flag, getattr(self, flag), "0 or more")
        for flag in ("beta1", "beta2"):
            require(0 <= getattr(self, flag) < 1, flag, getattr(self, flag), "at least 0 and below 1")
        require(0 <= self.plateau < 1, "plateau", self.plateau, "at least 0 and below 1")
        require(0 <= self.residual_dropout < 1, "residual_dropout", self.residual_dropout, "at least 0 and below 1")
        low = self.min_learning_rate <= self.learning_rate
        require(low, "min_learning_rate", self.min_learning_rate, f"at most --learning_rate {self.learning_rate}")
        _ = self.max_time_s

    @property
    def max_time_s(self) -> float | None:
        """--max_time in seconds."""
        if self.max_time is None:
            return None
        match = re.fullmatch(r"(\d+):([0-5]\d):([0-5]\d)", self.max_time)
        seconds = 0
        for part in match.groups() if match else ():
            seconds = seconds * 60 + int(part)
        require(seconds > 0, "max_time", self.max_time, "HH:MM:SS, more than zero")
        return float(seconds)

    @property
    def max_epochs(self) -> int | None:
        """--epochs, or the default where no other limit is given."""
        is_limited = any(limit is not None for limit in (self.epochs, self.max_steps, self.max_time))
        return self.epochs if is_limited else DEFAULT_EPOCHS


@dataclass(frozen=True)
class JournalSettings:
    """What is measured and kept on the way.

    Args:
        eval_every: optimizer steps between validations; the default is an epoch, at most 100
        eval_rows: validate on this many rows, always the same; the default is all
        save_every: optimizer steps between saved states
        keep_epochs: keep the weights after these epochs, such as 5-10, in epoch-05/ and so on
        log_every: optimizer steps between lines of metrics.jsonl
        tensorboard: write TensorBoard events too (needs the extra: pip install 'lit-gpt[tensorboard]')
    """

    eval_every: int | None = None
    eval_rows: int | None = None
    save_every: int = 50
    keep_epochs: str | None = None
    log_every: int = 1
    tensorboard: bool = False

    def __post_init__(self) -> None:
        for flag in ("eval_every", "eval_rows", "save_every", "log_every"):
            value = getattr(self, flag)
            require(value is None or value > 0, flag, value, "a number above 0")
        _ = self.kept_epochs

    @property
    def kept_epochs(self) -> range:
        """--keep_epochs, counted from 1."""
        if self.keep_epochs is None:
            return range(0)
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", self.keep_epochs)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        require(0 < first <= last, "keep_epochs", self.keep_epochs, "an epoch, or the first and last, such as 5-10")
        return range(first, last + 1)

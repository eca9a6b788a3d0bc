"""What goes with every finetuning method: techniques that change how a network computes, and no weight's name.

Which of them a run has is decided here alone; runs, trials, forecasts and benchmarks take them from here.
"""

from dataclasses import dataclass

from lit_gpt.activation_checkpointing import checkpoint_blocks
from lit_gpt.document_attention import Way, attend_by_document
from lit_gpt.errors import UserError
from lit_gpt.lean_activations import keep_little
from lit_gpt.model import GPT
from lit_gpt.neftune import add_noise
from lit_gpt.residual_dropout import add_residual_dropout
from lit_gpt.training.loss import SummedLoss
from lit_gpt.training.settings import RunSettings, ScheduleSettings


@dataclass(frozen=True)
class Techniques:
    """As the settings have them. quantize is the base's, and done while it is loaded."""

    quantize: str | None
    is_checkpointed: bool
    is_lean: bool
    attention: Way
    is_chunked: bool
    is_compiled: bool
    neftune_alpha: float
    residual_dropout: float

    @classmethod
    def of(cls, settings: RunSettings, schedule: ScheduleSettings) -> "Techniques":
        traced = settings.compile  # which needs the plain ways
        return cls(
            quantize=settings.quantize,
            is_checkpointed=settings.activation_checkpointing,
            is_lean=settings.lean_activations and not traced,
            attention="plain" if traced else settings.document_attention,
            is_chunked=settings.chunked_loss and not traced,
            is_compiled=traced,
            neftune_alpha=schedule.neftune_alpha,
            residual_dropout=schedule.residual_dropout,
        )


def require_possible(techniques: Techniques, device: str, precision: str) -> None:
    """UserError where a device of this type cannot compute as asked in these numbers."""
    if techniques.attention == "varlen" and (device, precision) != ("cuda", "bf16-true"):
        got = f"--document_attention varlen on {device} in {precision}"
        raise UserError(got, "cuda and bf16-true, for which its kernel is", "choose auto or plain")


def add_techniques(model: GPT, techniques: Techniques) -> SummedLoss:
    """The model, changed in place, with the loss that goes with it."""
    if techniques.is_lean:
        keep_little(model, techniques.is_checkpointed)
    attend_by_document(model, techniques.attention)
    if techniques.is_checkpointed:
        checkpoint_blocks(model)
    if techniques.neftune_alpha:
        add_noise(model, techniques.neftune_alpha)
    if techniques.residual_dropout:
        add_residual_dropout(model, techniques.residual_dropout)
    if techniques.is_compiled:
        model.compile()  # in place: names of weights stay as they are
    return SummedLoss(model, techniques.is_chunked)

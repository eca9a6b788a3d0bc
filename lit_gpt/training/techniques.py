"""What goes with every finetuning method: techniques that change how a network computes, and no weight's name."""

from dataclasses import dataclass

from lit_gpt.activation_checkpointing import checkpoint_blocks
from lit_gpt.model import GPT
from lit_gpt.neftune import add_noise
from lit_gpt.residual_dropout import add_residual_dropout
from lit_gpt.training.settings import RunSettings, ScheduleSettings


@dataclass(frozen=True)
class Techniques:
    """As the settings have them. quantize is the base's, and done while it is loaded."""

    quantize: str | None
    is_checkpointed: bool
    is_chunked: bool
    neftune_alpha: float
    residual_dropout: float = 0.0

    @classmethod
    def of(cls, settings: RunSettings, schedule: ScheduleSettings) -> "Techniques":
        is_chunked = settings.chunked_loss and not settings.compile
        noise = schedule.neftune_alpha, schedule.residual_dropout
        return cls(settings.quantize, settings.activation_checkpointing, is_chunked, *noise)


def add_techniques(model: GPT, techniques: Techniques) -> None:
    if techniques.is_checkpointed:
        checkpoint_blocks(model)
    if techniques.neftune_alpha:
        add_noise(model, techniques.neftune_alpha)
    if techniques.residual_dropout:
        add_residual_dropout(model, techniques.residual_dropout)

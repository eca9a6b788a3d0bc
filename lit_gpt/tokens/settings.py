"""How examples become tokens: the settings, light enough to be imported before parsing a command line."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lit_gpt.errors import UserError
from lit_gpt.prompt_styles import check_style_name

Overflow = Literal["trim", "drop", "error"]
MIN_SEQ_LENGTH = 2  # one token to predict from and one to predict


@dataclass(frozen=True)
class TokenSettings:
    """Encoding of the prepared examples for one checkpoint's tokenizer.

    Args:
        checkpoint_dir: the checkpoint whose tokenizer encodes the rows; without it only the examples are written
        max_seq_length: longest row in tokens; the default is the checkpoint's context length
        prompt_style: what is written around instruction and answer: alpaca, chat, raw, template (the checkpoint's own),
            or a family's such as llama-2; the default is the checkpoint's, else its family's, else alpaca
        mask_prompt: train on the answers alone; false trains on the prompts as well
        overflow: what happens to a row that is too long: trim the end of its answer, drop it, or stop
    """

    checkpoint_dir: Path | None = None
    max_seq_length: int | None = None
    prompt_style: str | None = None
    mask_prompt: bool = True
    overflow: Overflow = "trim"

    def __post_init__(self) -> None:
        check_style_name(self.prompt_style)
        if self.max_seq_length is not None and self.max_seq_length < MIN_SEQ_LENGTH:
            raise UserError(
                f"--max_seq_length {self.max_seq_length}", f"at least {MIN_SEQ_LENGTH} tokens", "choose a larger value"
            )

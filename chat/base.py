"""Talk with a model; it remembers the conversation.

    python chat/base.py --checkpoint_dir checkpoints/ORG/NAME --adapter_dir out/lora/lima/best

Type a question and Enter. An empty line or Ctrl-D ends the conversation, Ctrl-C an answer that grows too long. The
prompt style is the one the model was trained with, else the checkpoint's chat template or its family's format.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lit_gpt.cli import run_command
from lit_gpt.discovery import only_checkpoint
from lit_gpt.errors import UserError
from lit_gpt.prompt_styles import check_style_name, style_to_ask_in
from lit_gpt.seeds import derive_seed


@dataclass(frozen=True)
class ChatSettings:
    """Who answers, and how.

    Args:
        checkpoint_dir: the base model; the default is the only one under checkpoints/
        adapter_dir: a LoRA adapter for it, such as out/lora/lima/best
        prompt_style: alpaca, chat, raw, template or a family's; the default is what the model was trained with, else
            the checkpoint's own, else alpaca
        system: a system message before everything else
        max_new_tokens: longest answer in tokens
        temperature: 0 always takes the likeliest token; higher is wilder
        top_k: draw among the so many likeliest tokens only
        top_p: draw among the likeliest tokens that make up this probability only
        seed: the same seed and questions give the same answers
        dtype: the model's numbers
        device: cpu, cuda or mps
    """

    checkpoint_dir: Path | None = None
    adapter_dir: Path | None = None
    prompt_style: str | None = None
    system: str = ""
    max_new_tokens: int = 256
    temperature: float = 0.8
    top_k: int | None = 200
    top_p: float | None = None
    seed: int = 1234
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    device: Literal["cpu", "cuda", "mps"] = "cpu"

    def __post_init__(self) -> None:
        check_style_name(self.prompt_style)
        if self.max_new_tokens < 1:
            raise UserError(f"--max_new_tokens {self.max_new_tokens}", "a number above 0", "correct --max_new_tokens")


def main(settings: ChatSettings) -> None:
    from lit_gpt.chat import Conversation
    from lit_gpt.loading import load

    s = settings
    checkpoint_dir = s.checkpoint_dir or only_checkpoint()
    style = style_to_ask_in(s.prompt_style, checkpoint_dir, s.adapter_dir)
    model, tokenizer = load(checkpoint_dir, s.adapter_dir, s.dtype, s.device)
    talk = Conversation(model, tokenizer, style, s.system, s.temperature, s.top_k, s.top_p)
    print(f"prompt style {style.name}; an empty line ends it", file=sys.stderr)
    number = n_forgotten = 0
    while question := _question():
        try:
            for piece in talk.ask(question, s.max_new_tokens, derive_seed(s.seed, "turn", number)):
                print(piece, end="", flush=True)
        except KeyboardInterrupt:
            print(" ...", end="")
        except UserError as error:
            print(error, file=sys.stderr)
        print()
        number += 1
        if talk.n_forgotten > n_forgotten:
            n_forgotten = talk.n_forgotten
            print(f"(the first {n_forgotten} messages no longer fit into the context)", file=sys.stderr)


def _question() -> str:
    """The next line; empty at the end of the conversation."""
    try:
        return input("> " if sys.stdin.isatty() else "").strip()
    except EOFError:
        return ""


if __name__ == "__main__":
    run_command(main, aliases={"lora_dir": "adapter_dir"})

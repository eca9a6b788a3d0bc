"""Talk with a model; it remembers the conversation.

    python chat/base.py --checkpoint_dir checkpoints/ORG/NAME --adapter_dir out/lora/lima/best

Type a question and Enter. An empty line or Ctrl-D ends the conversation, Ctrl-C an answer that grows too long. The
prompt style is the one the model was trained with, else the checkpoint's chat template or its family's, else alpaca.
"""

import sys
from dataclasses import dataclass

from lit_gpt.answer_settings import AnswerSettings
from lit_gpt.cli import run_command
from lit_gpt.discovery import only_checkpoint
from lit_gpt.errors import UserError
from lit_gpt.prompt_styles import style_to_ask_in
from lit_gpt.seeds import derive_seed


@dataclass(frozen=True)
class ChatSettings:
    """The conversation.

    Args:
        system: a system message before everything else
        max_new_tokens: longest answer in tokens
    """

    system: str = ""
    max_new_tokens: int = 256

    def __post_init__(self) -> None:
        if self.max_new_tokens < 1:
            raise UserError(f"--max_new_tokens {self.max_new_tokens}", "a number above 0", "correct --max_new_tokens")


def main(settings: ChatSettings, answer: AnswerSettings) -> None:
    from lit_gpt.chat import Conversation
    from lit_gpt.loading import load

    checkpoint_dir = answer.checkpoint_dir or only_checkpoint()
    style = style_to_ask_in(answer.prompt_style, checkpoint_dir, answer.adapter_dir)
    model, tokenizer = load(checkpoint_dir, answer.adapter_dir, answer.dtype, answer.device)
    talk = Conversation(model, tokenizer, style, settings.system, answer.sampling, answer.stops)
    print(f"prompt style {style.name}; an empty line ends it", file=sys.stderr)
    number = n_forgotten = 0
    while question := _question():
        try:
            for piece in talk.ask(question, settings.max_new_tokens, derive_seed(answer.seed, "turn", number)):
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

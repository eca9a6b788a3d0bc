"""Generate text with a base or a finetuned model.

    python generate/base.py --checkpoint_dir checkpoints/ORG/NAME --adapter_dir out/lora/lima/best --prompt "Why?"
    python generate/base.py --checkpoint_dir checkpoints/ORG/NAME --prompts questions.jsonl --out answers.jsonl

A finetuned model is asked in the prompt style it was trained with, another in its checkpoint's chat template or its
family's format, a model that has neither with the raw prompt. Prints the new text. A file of prompts has a JSON object
a line, {"instruction": ..., "input": ...} or {"messages": [...]}; it is answered in batches, a JSON object a line.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lit_gpt.answer_settings import AnswerSettings
from lit_gpt.cli import run_command
from lit_gpt.discovery import only_checkpoint
from lit_gpt.errors import UserError
from lit_gpt.example import user_message
from lit_gpt.prompt_styles import style_to_ask_in
from lit_gpt.seeds import derive_seed

if TYPE_CHECKING:
    from lit_gpt.prompt_file import Answerer


@dataclass(frozen=True)
class GenerateSettings:
    """The question.

    Args:
        prompt: the instruction, or for a base model the text to go on with
        input: the material the instruction is about
        prompts: a file of many prompts instead, a JSON object a line
        out: where the answers to `prompts` go, a JSON object a line; without it they are printed
        batch_size: how many of `prompts` are answered at once; lower it when memory runs out
        num_samples: how many answers to each prompt
        max_new_tokens: longest answer in tokens
    """

    prompt: str = "Hello, my name is"
    input: str = ""
    prompts: Path | None = None
    out: Path | None = None
    batch_size: int = 16
    num_samples: int = 1
    max_new_tokens: int = 50

    def __post_init__(self) -> None:
        for flag in ("num_samples", "max_new_tokens", "batch_size"):
            if getattr(self, flag) < 1:
                raise UserError(f"--{flag} {getattr(self, flag)}", "a number above 0", f"correct --{flag}")
        if self.out is not None and self.prompts is None:
            raise UserError("--out without --prompts", "both, or neither", "name a file of prompts")


def main(settings: GenerateSettings, answer: AnswerSettings) -> Path | None:
    from lit_gpt.loading import load
    from lit_gpt.prompt_file import Answerer, answer_file

    checkpoint_dir = answer.checkpoint_dir or only_checkpoint()
    style = style_to_ask_in(answer.prompt_style, checkpoint_dir, answer.adapter_dir, otherwise="raw")
    model, tokenizer = load(checkpoint_dir, answer.adapter_dir, answer.dtype, answer.device)
    s = settings
    limits = (answer.seed, s.num_samples, s.max_new_tokens, s.batch_size)
    answerer = Answerer(model, tokenizer, style, answer.sampling, answer.stops, *limits)
    if s.prompts is None:
        _print_answers(answerer, s)
        return None
    answer_file(answerer, s.prompts, s.out, made_from=_made_from(settings, answer, checkpoint_dir))
    return s.out


def _print_answers(answerer: "Answerer", settings: GenerateSettings) -> None:
    from lit_gpt.generation import generate_ids, pieces_of_text
    from lit_gpt.stop_strings import until_stop
    from lit_gpt.tokens.encode import encode_prompt, stop_ids

    a = answerer
    prompt_ids = encode_prompt([user_message(settings.prompt, settings.input)], a.tokenizer, a.style)
    for number in range(a.num_samples):
        ids = generate_ids(
            a.model,
            prompt_ids,
            a.max_new_tokens,
            sampling=a.sampling,
            stop_ids=stop_ids(a.tokenizer, a.style),
            seed=derive_seed(a.seed, "sample", number),
        )
        print("".join(until_stop(pieces_of_text(a.tokenizer, prompt_ids, ids), a.stops)))


def _made_from(settings: GenerateSettings, answer: AnswerSettings, checkpoint_dir: Path) -> dict[str, object]:
    """What decides the answers besides the prompts and the batches they share."""
    from lit_gpt.checkpoint import checkpoint_hashes
    from lit_gpt.loading import adapter_hash

    return {
        "checkpoint": checkpoint_hashes(checkpoint_dir),
        "adapter": adapter_hash(answer.adapter_dir) if answer.adapter_dir else None,
        "drawn": [answer.temperature, answer.top_k, answer.top_p, answer.stops, answer.seed, answer.dtype],
        "limits": [settings.num_samples, settings.max_new_tokens],
    }


if __name__ == "__main__":
    run_command(main, aliases={"lora_dir": "adapter_dir"})

"""Generate text with a base or a finetuned model.

    python generate/base.py --checkpoint_dir checkpoints/ORG/NAME --adapter_dir out/lora/lima/best --prompt "Why?"

A finetuned model is asked in the prompt style it was trained with, another in its checkpoint's chat template or its
family's format, a model that has neither with the raw prompt. Prints the new text.
"""

from dataclasses import dataclass

from lit_gpt.answer_settings import AnswerSettings
from lit_gpt.cli import run_command
from lit_gpt.discovery import only_checkpoint
from lit_gpt.errors import UserError
from lit_gpt.example import user_message
from lit_gpt.prompt_styles import style_to_ask_in
from lit_gpt.seeds import derive_seed


@dataclass(frozen=True)
class GenerateSettings:
    """The question.

    Args:
        prompt: the instruction, or for a base model the text to go on with
        input: the material the instruction is about
        num_samples: how many answers
        max_new_tokens: longest answer in tokens
    """

    prompt: str = "Hello, my name is"
    input: str = ""
    num_samples: int = 1
    max_new_tokens: int = 50

    def __post_init__(self) -> None:
        for flag in ("num_samples", "max_new_tokens"):
            if getattr(self, flag) < 1:
                raise UserError(f"--{flag} {getattr(self, flag)}", "a number above 0", f"correct --{flag}")


def main(settings: GenerateSettings, answer: AnswerSettings) -> None:
    from lit_gpt.generation import generate_ids, new_text
    from lit_gpt.loading import load
    from lit_gpt.tokens.encode import encode_prompt, stop_ids

    checkpoint_dir = answer.checkpoint_dir or only_checkpoint()
    style = style_to_ask_in(answer.prompt_style, checkpoint_dir, answer.adapter_dir, otherwise="raw")
    model, tokenizer = load(checkpoint_dir, answer.adapter_dir, answer.dtype, answer.device)
    prompt_ids = encode_prompt([user_message(settings.prompt, settings.input)], tokenizer, style)
    for number in range(settings.num_samples):
        ids = generate_ids(
            model,
            prompt_ids,
            settings.max_new_tokens,
            sampling=answer.sampling,
            stop_ids=stop_ids(tokenizer, style),
            seed=derive_seed(answer.seed, "sample", number),
        )
        print(new_text(tokenizer, prompt_ids, list(ids)))


if __name__ == "__main__":
    run_command(main, aliases={"lora_dir": "adapter_dir"})

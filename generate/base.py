"""Generate text with a base or a finetuned model.

    python generate/base.py --checkpoint_dir checkpoints/ORG/NAME --adapter_dir out/lora/lima/best --prompt "Why?"

A finetuned model is asked in the prompt style it was trained with, another in its checkpoint's chat template or its
family's format, a model that has neither with the raw prompt. Prints the new text.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lit_gpt.cli import run_command
from lit_gpt.discovery import only_checkpoint
from lit_gpt.errors import UserError
from lit_gpt.example import user_message
from lit_gpt.prompt_styles import check_style_name, style_to_ask_in
from lit_gpt.seeds import derive_seed


@dataclass(frozen=True)
class GenerateSettings:
    """What is asked, and how the answer is drawn.

    Args:
        checkpoint_dir: the base model; the default is the only one under checkpoints/
        adapter_dir: a LoRA adapter for it, such as out/lora/lima/best
        prompt: the instruction, or for a base model the text to go on with
        input: the material the instruction is about
        prompt_style: alpaca, chat, raw, template or a family's; the default is what the model was trained with, else
            the checkpoint's own, else raw
        num_samples: how many answers
        max_new_tokens: longest answer in tokens
        temperature: 0 always takes the likeliest token; higher is wilder
        top_k: draw among the so many likeliest tokens only
        top_p: draw among the likeliest tokens that make up this probability only
        seed: the same seed gives the same text
        dtype: the model's numbers
        device: cpu, cuda or mps
    """

    checkpoint_dir: Path | None = None
    adapter_dir: Path | None = None
    prompt: str = "Hello, my name is"
    input: str = ""
    prompt_style: str | None = None
    num_samples: int = 1
    max_new_tokens: int = 50
    temperature: float = 0.8
    top_k: int | None = 200
    top_p: float | None = None
    seed: int = 1234
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    device: Literal["cpu", "cuda", "mps"] = "cpu"

    def __post_init__(self) -> None:
        for flag in ("num_samples", "max_new_tokens"):
            if getattr(self, flag) < 1:
                raise UserError(f"--{flag} {getattr(self, flag)}", "a number above 0", f"correct --{flag}")
        check_style_name(self.prompt_style)
        if self.temperature < 0:
            raise UserError(f"--temperature {self.temperature}", "0 or more", "correct --temperature")


def main(settings: GenerateSettings) -> None:
    from lit_gpt.generation import generate_ids
    from lit_gpt.loading import load
    from lit_gpt.tokens.encode import encode_prompt, end_ids

    s = settings
    checkpoint_dir = s.checkpoint_dir or only_checkpoint()
    style = style_to_ask_in(s.prompt_style, checkpoint_dir, s.adapter_dir, otherwise="raw")
    model, tokenizer = load(checkpoint_dir, s.adapter_dir, s.dtype, s.device)
    prompt_ids = encode_prompt([user_message(s.prompt, s.input)], tokenizer, style)
    for number in range(s.num_samples):
        ids = generate_ids(
            model,
            prompt_ids,
            s.max_new_tokens,
            temperature=s.temperature,
            top_k=s.top_k,
            top_p=s.top_p,
            stop_ids={*tokenizer.stop_ids, *end_ids(tokenizer, style)},
            seed=derive_seed(s.seed, "sample", number),
        )
        text = tokenizer.decode([*prompt_ids, *ids])
        print(text[len(tokenizer.decode(prompt_ids)) :])  # the new ids alone would lose the blank before them


if __name__ == "__main__":
    run_command(main, aliases={"lora_dir": "adapter_dir"})

"""The families' chat formats render to exactly these texts; each is the one its card names."""

import pytest

from lit_gpt.cards import load_cards
from lit_gpt.chat_template import TemplateStyle
from lit_gpt.errors import UserError
from lit_gpt.example import Message
from lit_gpt.prompt_styles import CHAT_STYLES, TEMPLATE, style_names
from lit_gpt.prompts import TEXT_STYLES

CONTROL = ("<s>", "</s>", "<|im_start|>", "<|im_end|>", "<|eot_id|>", "<|end|>", "<end_of_turn>", "<start_of_turn>")
DIALOGUE = [Message("user", "Hi."), Message("assistant", "Hello."), Message("user", "Bye.")]
SYSTEM = Message("system", "Be kind.")
VICUNA = (
    "A chat between a curious user and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the user's questions. "
)
STABLELM = (
    "# StableLM Tuned (Alpha version)\n"
    "- StableLM is a helpful and harmless open-source AI language model developed by StabilityAI.\n"
    "- StableLM is excited to be able to help the user, but will refuse to do anything that could be considered "
    "harmful to the user.\n"
    "- StableLM is more than just an information source, StableLM is also able to write poetry, short stories, and "
    "make jokes.\n"
    "- StableLM will refuse to participate in anything that could harm a human.\n"
)
QWEN = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."
SMOLLM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
IM_TURNS = (
    "<|im_start|>user\nHi.<|im_end|>\n<|im_start|>assistant\nHello.<|im_end|>\n<|im_start|>user\nBye.<|im_end|>\n"
    "<|im_start|>assistant\n"
)
# each without a system message, as its makers' own code or template writes it
GOLDEN = {
    "alpaca-headings": (
        "<s>### Instruction:\nHi.\n\n### Response:\nHello.</s>\n\n### Instruction:\nBye.\n\n### Response:\n"
    ),
    "chatml": IM_TURNS,
    "chatml-qwen2.5": f"<|im_start|>system\n{QWEN}<|im_end|>\n{IM_TURNS}",
    "chatml-smollm2": f"<|im_start|>system\n{SMOLLM}<|im_end|>\n{IM_TURNS}",
    "falcon": "User: Hi.\n\nAssistant: Hello.</s>\n\nUser: Bye.\n\nAssistant:",
    "gemma": (
        "<s><start_of_turn>user\nHi.<end_of_turn>\n<start_of_turn>model\nHello.<end_of_turn>\n"
        "<start_of_turn>user\nBye.<end_of_turn>\n<start_of_turn>model\n"
    ),
    "inst": "<s>[INST] Hi. [/INST] Hello.</s>[INST] Bye. [/INST]",
    "llama-2": "<s>[INST] Hi. [/INST] Hello. </s><s>[INST] Bye. [/INST]",
    "llama-3": (
        "<s><|start_header_id|>user<|end_header_id|>\n\nHi.<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
        "Hello.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nBye.<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n"
    ),
    "olmo-2": "<s><|user|>\nHi.\n<|assistant|>\nHello.</s>\n<|user|>\nBye.\n<|assistant|>\n",
    "phi": "Hi.\n\nAnswer: Hello.</s>\n\nBye.\n\nAnswer:",
    "phi-3": "<|user|>\nHi.<|end|>\n<|assistant|>\nHello.<|end|>\n<|user|>\nBye.<|end|>\n<|assistant|>\n",
    "redpajama-chat": "<human>: Hi.\n<bot>: Hello.</s>\n<human>: Bye.\n<bot>:",
    "redpajama-instruct": "Q: Hi.\nA: Hello.</s>\nQ: Bye.\nA:",
    "stable-beluga": "<s>### User:\nHi.\n\n### Assistant:\nHello.</s>\n\n### User:\nBye.\n\n### Assistant:\n",
    "stablecode": "###Instruction\nHi.###Response\nHello.</s>###Instruction\nBye.###Response\n",
    "stablelm": f"<|SYSTEM|>{STABLELM}<|USER|>Hi.<|ASSISTANT|>Hello.</s><|USER|>Bye.<|ASSISTANT|>",
    "vicuna": f"<s>{VICUNA}USER: Hi. ASSISTANT: Hello.</s>USER: Bye. ASSISTANT:",
    "zephyr": "<|user|>\nHi.</s>\n<|assistant|>\nHello.</s>\n<|user|>\nBye.</s>\n<|assistant|>\n",
}
# how each begins with a system message
OPENINGS = {
    "alpaca-headings": "<s>Be kind.\n\n### Instruction:",
    "chatml": "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user",
    "chatml-qwen2.5": "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user",
    "chatml-smollm2": "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user",
    "falcon": "Be kind.\n\nUser: Hi.",
    "inst": "<s>[INST] Be kind.\n\nHi. [/INST]",
    "llama-2": "<s>[INST] <<SYS>>\nBe kind.\n<</SYS>>\n\nHi. [/INST]",
    "llama-3": "<s><|start_header_id|>system<|end_header_id|>\n\nBe kind.<|eot_id|><|start_header_id|>user",
    "olmo-2": "<s><|system|>\nBe kind.\n<|user|>\nHi.",
    "phi": "Be kind.\n\nHi.\n\nAnswer:",
    "phi-3": "<|system|>\nBe kind.<|end|>\n<|user|>",
    "redpajama-chat": "Be kind.\n<human>: Hi.",
    "redpajama-instruct": "Be kind.\nQ: Hi.",
    "stable-beluga": "<s>### System:\nBe kind.\n\n### User:",
    "stablecode": "Be kind.\n###Instruction",
    "stablelm": "<|SYSTEM|>Be kind.<|USER|>Hi.",
    "vicuna": "<s>Be kind. USER: Hi.",
    "zephyr": "<|system|>\nBe kind.</s>\n<|user|>",
}


def style(name: str) -> TemplateStyle:
    source = (CHAT_STYLES / f"{name}.jinja").read_text(encoding="utf-8")
    return TemplateStyle(name, source, frozenset(CONTROL), bos="<s>", eos="</s>")


def test_every_format_is_golden() -> None:
    assert {*GOLDEN, *TEXT_STYLES, TEMPLATE} == set(style_names())


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_dialogue(name: str) -> None:
    segments = list(style(name).render(DIALOGUE))
    assert "".join(segment.text for segment in segments) == GOLDEN[name]
    assert [segment.is_answer for segment in segments] == [False, True, False]
    assert segments[1].text.lstrip().startswith("Hello.")


@pytest.mark.parametrize("name", OPENINGS)
def test_golden_opening_with_a_system_message(name: str) -> None:
    first, *_ = style(name).render([SYSTEM, *DIALOGUE])
    assert first.text.startswith(OPENINGS[name])


def test_gemma_takes_no_system_message() -> None:
    with pytest.raises(UserError, match="Gemma knows no system message"):
        list(style("gemma").render([SYSTEM, *DIALOGUE]))


def test_cards_name_formats_that_are_there() -> None:
    named = {card.prompt_style for card in load_cards().values()} - {None}
    assert named == set(GOLDEN)

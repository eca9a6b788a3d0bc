"""What is read of a row: of a dialogue, all answers together, and all that is said before and between."""

from lit_gpt.example import Example


def answer_of(example: Example) -> str:
    """What the assistant says, turns apart by a blank line."""
    return "\n\n".join(message.content for message in example.messages if message.role == "assistant")


def prompt_of(example: Example) -> str:
    """What is said before and between, turns apart by a blank line."""
    return "\n\n".join(message.content for message in example.messages if message.role != "assistant")

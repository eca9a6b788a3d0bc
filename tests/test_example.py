"""The record that crosses every stage."""

import pytest

from lit_gpt.example import Example, Message, Provenance, hash_messages, user_message

PROVENANCE = Provenance("toy", "main", 3, "MIT", "human", transformed_by=("trimmed",))


def test_input_is_the_tail_of_content() -> None:
    message = user_message("Sum up.", "A long text.")
    assert message.content == "Sum up.\n\nA long text."
    assert (message.instruction, message.input) == ("Sum up.", "A long text.")
    assert user_message("Hi").instruction == "Hi"


def test_row_and_back() -> None:
    example = Example("toy-3", (user_message("a", "b"), Message("assistant", "c")), PROVENANCE, "qa")
    assert Example.from_row(example.to_row()) == example


def test_equal_dialogues_have_equal_hashes() -> None:
    apart, together = (user_message("a", "b"),), (Message("user", "a\n\nb"),)
    assert hash_messages(apart) == hash_messages(together)
    assert hash_messages(apart) != hash_messages((Message("assistant", "a\n\nb"),))
    # no boundary can be moved: the hash is over a list, not over a joined text
    assert hash_messages((Message("user", "ab"), Message("user", ""))) != hash_messages(
        (Message("user", "a"), Message("user", "b"))
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda: Message("robot", "x"),  # type: ignore[arg-type]
        lambda: Message("user", "x", input="y"),
        lambda: Provenance("s", "r", 0, "MIT", "alien"),  # type: ignore[arg-type]
    ],
)
def test_refuses_what_cannot_be(make) -> None:
    with pytest.raises(ValueError):
        make()

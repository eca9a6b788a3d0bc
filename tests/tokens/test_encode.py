"""What is a target, what is cut, what is dropped: on texts short enough to read."""

import pytest

from lit_gpt.errors import UserError
from lit_gpt.example import Example, Message, Provenance, user_message
from lit_gpt.prompts import TEXT_STYLES
from lit_gpt.tokens.encode import EncodedRow, encode_examples, encode_prompt, fit
from tests.fakes import CharacterTokenizer

TOKENIZER = CharacterTokenizer()
EOS = TOKENIZER.eos_id
FROM = Provenance("toy", "main", 0, "MIT", "program")
DIALOGUE = Example(
    "toy-0", (user_message("ab"), Message("assistant", "cde"), user_message("f"), Message("assistant", "gh")), FROM
)


def encoded(example: Example, style: str = "raw") -> EncodedRow:
    ((_, row),) = encode_examples([example], TOKENIZER, TEXT_STYLES[style])
    return row


def shown(ids: list[int], mask: list[bool]) -> str:
    """The text with targets in capitals, BOS as < and EOS as >."""
    letters = [{1: "<", 2: ">"}.get(id) or chr(id - 3) for id in ids]
    return "".join(c.upper() if on else c for c, on in zip(letters, mask, strict=True)).replace("\n\n", "/")


def test_every_answer_is_a_target_and_ends_in_eos() -> None:
    row = encoded(DIALOGUE)
    assert shown(row.ids, row.is_target(mask_prompt=True)) == "<abCDE>/fGH>"
    assert [id == EOS for id in row.ids].count(True) == 2
    assert all(row.is_target(True)[i] for i, id in enumerate(row.ids) if id == EOS)


def test_unmasked_prompts_are_targets_but_never_the_first_token() -> None:
    row = encoded(DIALOGUE)
    assert row.is_target(mask_prompt=False) == [False] + [True] * (len(row.ids) - 1)


@pytest.mark.parametrize("style", TEXT_STYLES)
def test_a_training_prompt_is_the_prompt_of_generation(style: str) -> None:
    row = encoded(DIALOGUE, style)
    for n_turns in (1, 3):
        prompt = encode_prompt(DIALOGUE.messages[:n_turns], TOKENIZER, TEXT_STYLES[style])
        assert row.ids[: len(prompt)] == prompt
        assert row.is_answer[len(prompt)] and not row.is_answer[len(prompt) - 1]


@pytest.mark.parametrize(
    ("n_cut", "expected"),
    [
        (0, "<abCDE>/fGH>"),
        (1, "<abCDE>/fG>"),
        (2, "<abCDE>"),  # an answer of EOS alone would teach silence: the turn is left out
        (6, "<abCDE>"),
        (7, "<abCD>"),
        (8, "<abC>"),
        (9, ""),
        (11, ""),
    ],
)
def test_trim(n_cut: int, expected: str) -> None:
    row = encoded(DIALOGUE)
    max_seq_length = len(row.ids) - n_cut
    fitted = fit(row, max_seq_length, "trim")
    assert shown(fitted.ids, fitted.is_answer) == expected
    assert fitted.n_cut == len(row.ids) - len(fitted.ids)
    assert len(fitted.ids) <= max_seq_length
    assert not fitted.ids or fitted.ids[-1] == EOS


def test_a_turn_that_does_not_fit_is_left_out_whole() -> None:
    row = encoded(DIALOGUE)
    first_turn = row.ids.index(EOS) + 1
    for max_seq_length in range(first_turn, len(row.ids) - 1):
        fitted = fit(row, max_seq_length, "trim")
        assert shown(fitted.ids, fitted.is_answer) == "<abCDE>"


def test_drop_and_error() -> None:
    row = encoded(DIALOGUE)
    assert fit(row, 5, "drop") == EncodedRow([], [], n_cut=len(row.ids))
    assert fit(row, len(row.ids), "drop") is row
    with pytest.raises(UserError, match="tokens"):
        fit(row, 5, "error")


def test_special_token_strings_stay_text() -> None:
    row = encoded(Example("toy-1", (user_message("</s>"), Message("assistant", "<s>")), FROM))
    assert row.ids.count(EOS) == 1


def test_streams_in_order_across_chunks() -> None:
    examples = [
        Example(f"t-{n}", (user_message("q" * (n % 7 + 1)), Message("assistant", str(n))), FROM) for n in range(1200)
    ]
    rows = list(encode_examples(iter(examples), TOKENIZER, TEXT_STYLES["raw"]))
    assert [example.id for example, _ in rows] == [example.id for example in examples]
    assert [TOKENIZER.decode(row.ids) for _, row in rows] == ["q" * (n % 7 + 1) + str(n) for n in range(1200)]

"""Rows shown to people are the rows that are trained on."""

from pathlib import Path

from lit_gpt.data.store import read_examples
from lit_gpt.tokenizer import Tokenizer
from lit_gpt.tokens.prepare import Wanted, find_or_encode
from lit_gpt.tokens.samples import in_words, sample_rows


def test_samples_are_prompt_and_answer_with_the_answer_marked(toy_set: Path, tiny_base: Path) -> None:
    token_set = find_or_encode(toy_set, tiny_base, Wanted())
    samples = sample_rows(token_set, toy_set, Tokenizer(tiny_base), 5, seed=1)
    examples = {example.id: example for example in read_examples(toy_set)}
    assert len(samples) == 5
    for sample in samples:
        prompt, answer = sample["pieces"]
        messages = examples[sample["id"]].messages
        assert prompt["text"].startswith("[BOS]Below is an instruction")
        assert messages[0].instruction in prompt["text"]
        assert (prompt["is_target"], answer["is_target"]) == (False, True)
        # after text on the same line the tokenizer puts a blank before an answer, and the model reads it
        assert answer["text"] == f" {messages[1].content}[EOS]"
        assert in_words(sample).endswith(f"« {messages[1].content}[EOS]»")


def test_the_same_seed_shows_the_same_rows_and_no_more_than_there_are(toy_set: Path, tiny_base: Path) -> None:
    token_set, tokenizer = find_or_encode(toy_set, tiny_base, Wanted()), Tokenizer(tiny_base)
    assert sample_rows(token_set, toy_set, tokenizer, 3, 1) == sample_rows(token_set, toy_set, tokenizer, 3, 1)
    assert sample_rows(token_set, toy_set, tokenizer, 3, 1) != sample_rows(token_set, toy_set, tokenizer, 3, 2)
    assert len(sample_rows(token_set, toy_set, tokenizer, 10_000, 0)) == len(token_set.split("train"))

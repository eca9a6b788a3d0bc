"""Rows as the model sees them, for people to look at: each stretch of text, and whether it is trained on."""

from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from lit_gpt.data.store import read_examples
from lit_gpt.tokenizer import Tokenizer
from lit_gpt.tokens.store import TokenSet


@dataclass(frozen=True)
class Choice:
    """Which rows to look at: `n_rows` of a split, drawn at random, or in order from the row `start` (from 0).

    With `contains`, only rows with this text in one of their messages, in order.
    """

    n_rows: int
    seed: int = 0
    split: str = "train"
    start: int | None = None
    contains: str = ""


def sample_rows(
    token_set: TokenSet, data_dir: Path, tokenizer: Tokenizer, n_rows: int, seed: int
) -> list[dict[str, Any]]:
    """A few training rows at random, each {id, category, n_tokens, pieces: [{text, is_target}]}."""
    return chosen_rows(token_set, data_dir, tokenizer, Choice(n_rows, seed))


def chosen_rows(token_set: TokenSet, data_dir: Path, tokenizer: Tokenizer, choice: Choice) -> list[dict[str, Any]]:
    """The rows chosen, as `sample_rows` gives them; rows that were left out when encoding are not among them."""
    rows = token_set.split(choice.split)
    place_of = {int(number): place for place, number in enumerate(rows.rows)}
    wanted = _wanted(choice, len(rows), place_of)
    samples: list[dict[str, Any]] = []
    for number, example in enumerate(read_examples(data_dir, choice.split)):
        if len(samples) == choice.n_rows:
            break
        if number in wanted and any(choice.contains in message.content for message in example.messages):
            ids, is_target = rows[place_of[number]]
            pieces = _pieces(ids.tolist(), is_target.tolist(), tokenizer)
            samples.append({"id": example.id, "category": example.category, "n_tokens": len(ids), "pieces": pieces})
    return samples


def _wanted(choice: Choice, n_encoded: int, place_of: dict[int, int]) -> set[int]:
    """Numbers of rows of the split."""
    if choice.start is not None or choice.contains:
        return {number for number in place_of if number >= (choice.start or 0)}
    drawn = Random(choice.seed).sample(range(n_encoded), min(choice.n_rows, n_encoded))  # noqa: S311 (no secret is drawn)
    numbers = list(place_of)  # in order of place
    return {numbers[place] for place in drawn}


def _pieces(ids: list[int], is_target: list[int], tokenizer: Tokenizer) -> list[dict[str, Any]]:
    """Stretches that are trained on or are not; the ids that begin and end a text by their names."""
    names: dict[int | None, str] = {id: token for token, id in tokenizer.control_tokens.items()}
    names |= {tokenizer.bos_id: "[BOS]", tokenizer.eos_id: "[EOS]"}
    pieces: list[dict[str, Any]] = []
    before = ""
    for place, (id, target) in enumerate(zip(ids, is_target, strict=True), 1):
        after = tokenizer.decode(ids[:place])  # from the beginning: a slice may lose its leading blank
        text = names.get(id) or after[len(before) :]
        before = after
        if pieces and pieces[-1]["is_target"] == bool(target):
            pieces[-1]["text"] += text
        else:
            pieces.append({"text": text, "is_target": bool(target)})
    return pieces


def in_words(sample: dict[str, Any]) -> str:
    """A sample for the terminal: what is trained on stands between « and »."""
    head = f"{sample['id']} {sample['category']}, {sample['n_tokens']} tokens"
    return head + "\n" + "".join(f"«{p['text']}»" if p["is_target"] else p["text"] for p in sample["pieces"])

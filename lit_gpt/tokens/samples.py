"""Rows as the model sees them, for people to look at: each stretch of text, and whether it is trained on."""

from pathlib import Path
from random import Random
from typing import Any

from lit_gpt.data.store import read_examples
from lit_gpt.tokenizer import Tokenizer
from lit_gpt.tokens.store import TokenSet


def sample_rows(
    token_set: TokenSet, data_dir: Path, tokenizer: Tokenizer, n_rows: int, seed: int
) -> list[dict[str, Any]]:
    """A few training rows at random, each {id, category, n_tokens, pieces: [{text, is_target}]}."""
    rows = token_set.split("train")
    places = sorted(Random(seed).sample(range(len(rows)), min(n_rows, len(rows))))  # noqa: S311 (no secret is drawn)
    wanted = {int(rows.rows[place]): place for place in places}
    samples = []
    for number, example in enumerate(read_examples(data_dir)):
        if number in wanted:
            ids, is_target = rows[wanted[number]]
            pieces = _pieces(ids.tolist(), is_target.tolist(), tokenizer)
            samples.append({"id": example.id, "category": example.category, "n_tokens": len(ids), "pieces": pieces})
    return samples


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

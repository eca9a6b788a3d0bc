"""What lies beside the embedded base model: its card, and its loss curves as a page."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lit_gpt.data.world.catalogue import FINAL, NEW, TRAINED
from lit_gpt.data.world.documents import KINDS
from lit_gpt.model import GPT
from lit_gpt.report.line_chart import Line, LineChart
from lit_gpt.report.page import Section, page
from lit_gpt.report.parts import paragraph

CURVE = "loss_curve.html"
ORDER_NAMES = {1: "unigram"}

CARD = """\
---
license: apache-2.0
library_name: lit-gpt
tags: [llama, tiny, program-made-data]
---
# tiny_base: the embedded base model

A Llama of {n_parameters:,} weights (bf16, {n_layers} layers of {width}, {vocab_size:,} tokens of its own BPE, a context
of {n_context} tokens) that has read nothing but documents made by a program. It is the base of `make quickstart` and of
the project's measurements of data sets. It knows a few hundred words, and nothing about the world outside.

## What it has read

{n_tokens:,} tokens of documents from `lit_gpt/data/world/documents.py`: worked examples, tables, lists and prose on
{n_kinds} skills, and word lists. Origin: program; nobody wrote the sentences. There is no instruction and no dialogue
among them, and no problem that a test asks. The skills of all {n_trained} kinds that training sets have are among them,
and so are those of the {n_new} kinds that only tests have and the {n_final} that only the final pool has: what is new
about these in a test is to be asked for them.

## Held-out loss

| model | nats a token |
|---|---|
{losses}

The n-grams (interpolated Witten-Bell) were counted on the same documents. Much of what is left cannot be learnt: which
words and numbers a document is about is drawn at random.

## Made by

    python scripts/train_tiny_base.py

`training.yaml` has every setting, the seed among them, `training_log.jsonl` the losses, `{curve}` their picture,
`manifest.json` the hashes. It took {hours:.1f} hours{device}.

Not for use: it answers no question before it is finetuned, and afterwards only small ones about fig, oak and hammer.
"""


def write_card(
    directory: Path,
    model: GPT,
    metrics: Sequence[Mapping[str, Any]],
    counts: Mapping[str, Any],
    ngrams: Mapping[int, float],
    device: str,
) -> None:
    """README.md and the loss curves; `metrics` and `counts` are the run's, `ngrams` losses by order."""
    steps = [record for record in metrics if "train_loss" in record]
    validations = [record for record in metrics if "val_loss" in record]
    best = min(record["val_loss"] for record in validations)
    losses = {f"{ORDER_NAMES.get(order, f'{order}-gram')}": loss for order, loss in ngrams.items()}
    config = model.config
    text = CARD.format(
        n_parameters=sum(parameter.numel() for parameter in model.parameters()),
        n_layers=config.n_layer,
        width=config.n_embd,
        vocab_size=config.vocab_size,
        n_context=config.block_size,
        n_tokens=counts["n_tokens"],
        n_kinds=len(KINDS),
        n_trained=len(TRAINED),
        n_new=len(NEW),
        n_final=len(FINAL),
        losses="\n".join(f"| {name} | {loss:.3f} |" for name, loss in {**losses, "tiny_base": best}.items()),
        curve=CURVE,
        hours=counts["elapsed_s"] / 3600,
        device=f" on {device}",
    )
    (directory / "README.md").write_text(text, encoding="utf-8")
    (directory / CURVE).write_text(_curves(steps, validations, losses), encoding="utf-8")


def _curves(
    steps: Sequence[Mapping[str, Any]], validations: Sequence[Mapping[str, Any]], ngrams: Mapping[str, float]
) -> str:
    train = Line("training loss", [(record["step"], record["train_loss"]) for record in steps])
    held_out = Line("held-out loss", [(record["step"], record["val_loss"]) for record in validations], "line-b", True)
    chart = LineChart("Loss", "optimizer step", "nats a token", [train, held_out])
    beaten = ", ".join(f"{name} {loss:.3f}" for name, loss in ngrams.items())
    body = chart.render()
    lead = paragraph(f"The embedded base model, while it read its documents. Held-out loss of n-grams: {beaten}.")
    return page("Training of tiny_base", lead, [Section("loss", "Loss", body)])

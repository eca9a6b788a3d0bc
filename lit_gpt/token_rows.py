"""Rows of the embedding and of the head that are trained beside LoRA: those of a few tokens, such as a new end of turn.

LoRA leaves embedding and head frozen, and a token that the base has never met would keep the row it was given. Here the
rows of the tokens named are parameters of their own, in fp32, that stand in for the base's: `embedding(id)` is the
row, and the head's logit of `id` is its product with the hidden state (and the base's bias). Where head and embedding
are tied, they share the rows. What `peft` calls trainable tokens (peft, tuners/trainable_tokens/layer.py,
https://github.com/huggingface/peft); what is on disk is theirs, too: see peft_rows.py.

Not covered: rows of a head that has LoRA itself.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lit_gpt.model import GPT

EMBEDDING, HEAD = "transformer.wte", "lm_head"


class TokenRows(nn.Module):
    """An embedding or a head, and the rows (n, C) that stand in for those of `ids`."""

    def __init__(self, layer: nn.Embedding | nn.Linear, ids: Sequence[int], rows: nn.Parameter | None = None) -> None:
        super().__init__()
        self.layer, self.ids = layer, tuple(ids)
        if rows is None:
            rows = nn.Parameter(layer.weight.detach()[list(ids)].float())
        self.token_rows = rows
        self.train(layer.training)

    @property
    def weight(self) -> Tensor:
        """The base's, as it was."""
        return self.layer.weight

    def forward(self, x: Tensor) -> Tensor:
        y = self.layer(x)
        if isinstance(self.layer, nn.Embedding):
            for id, row in zip(self.ids, self.token_rows, strict=True):
                y = torch.where((x == id)[..., None], row.to(y.dtype), y)
            return y
        own = F.linear(x.to(self.token_rows.dtype), self.token_rows)
        ids = torch.tensor(self.ids, device=y.device)
        if self.layer.bias is not None:
            own = own + self.layer.bias[ids]
        return y.index_copy(-1, ids, own.to(y.dtype))

    @torch.no_grad()
    def merged(self) -> nn.Embedding | nn.Linear:
        """The layer with the rows in its weight; a tied one changes with it."""
        self.layer.weight[list(self.ids)] = self.token_rows.to(self.layer.weight.dtype)
        return self.layer


def add_token_rows(model: GPT, ids: Mapping[str, Sequence[int]]) -> None:
    """Let these rows be trained: token ids by EMBEDDING and HEAD; nothing else changes. A tied head takes the
    embedding's and is not named."""
    is_tied = model.lm_head.weight is model.transformer.wte.weight
    assert not (is_tied and HEAD in ids), "a tied head has the embedding's rows"
    for name, own in ids.items():
        model.set_submodule(name, TokenRows(cast(nn.Embedding | nn.Linear, model.get_submodule(name)), own))
    if is_tied and EMBEDDING in ids:
        rows = cast(TokenRows, model.transformer.wte).token_rows
        model.set_submodule(HEAD, TokenRows(model.lm_head, ids[EMBEDDING], rows))


def rows_of_both(model: GPT, ids: Sequence[int]) -> dict[str, Sequence[int]]:
    """What add_token_rows takes to train these tokens wherever they have a row."""
    is_tied = model.lm_head.weight is model.transformer.wte.weight
    return {EMBEDDING: ids} if is_tied else {EMBEDDING: ids, HEAD: ids}


def layers_with_rows(model: nn.Module) -> Iterator[tuple[str, TokenRows]]:
    """By name; a tied head too."""
    return ((name, module) for name, module in model.named_modules() if isinstance(module, TokenRows))


def merge_token_rows(model: GPT) -> None:
    """Put the rows into the weights, and the plain layers back."""
    for name, layer in list(layers_with_rows(model)):
        model.set_submodule(name, layer.merged())

"""Trained rows of single tokens on disk, as `peft` has them: trainable_token_indices, beside LoRA in one directory.

    adapter_config.json         trainable_token_indices {"embed_tokens": [ids], "lm_head": [ids]}, or a list: of the
                                embedding; a tied head follows and is not named
    adapter_model.safetensors   base_model.model.<module>.token_adapter.trainable_tokens_delta (n, C): the rows
                                themselves, whatever the name says, in the order of the ids

Source: https://github.com/huggingface/peft (tuners/trainable_tokens/layer.py, utils/other.py).
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from lit_gpt.errors import UserError
from lit_gpt.model import GPT
from lit_gpt.token_rows import EMBEDDING, HEAD, add_token_rows, layers_with_rows
from lit_gpt.weight_names import in_memory

Indices = Mapping[str, Sequence[int]]  # the last word of a module's name -> token ids


def exported_rows(model: GPT) -> tuple[dict[str, list[int]], dict[str, Tensor]]:
    """The setting and the tensors of a model's rows; both empty where none are trained."""
    names, layers = _vocabulary(model), dict(layers_with_rows(model))
    if HEAD in layers and layers[HEAD].token_rows is layers[EMBEDDING].token_rows:
        del layers[HEAD]
    indices = {names[lit].rpartition(".")[2]: list(layer.ids) for lit, layer in layers.items()}
    return indices, {_key(names[lit]): layer.token_rows.detach() for lit, layer in layers.items()}


def import_rows(model: GPT, indices: Indices | Sequence[int], tensors: dict[str, Tensor]) -> None:
    """Give the model the rows that an adapter has, and take their tensors out; UserError where these do not fit."""
    names = _vocabulary(model)
    lit_names = {name.rpartition(".")[2]: lit for lit, name in names.items()}
    if not isinstance(indices, Mapping):
        indices = {names[EMBEDDING].rpartition(".")[2]: indices} if indices else {}
    if unknown := indices.keys() - lit_names.keys():
        got, expected = f"trainable_token_indices of {', '.join(sorted(unknown))}", f"of {' or '.join(lit_names)}"
        raise UserError(got, expected, "pass the base the adapter was trained on")
    ids = {lit_names[word]: own for word, own in indices.items()}
    if model.config.tie_embeddings and HEAD in ids:
        raise UserError("rows of a tied head", "rows of the embedding, which are the head's too", "untie the base")
    found = {lit: _take(model, names[lit], own, tensors) for lit, own in ids.items()}
    add_token_rows(model, ids)
    for lit, layer in layers_with_rows(model):
        if lit in found:
            with torch.no_grad():
                layer.token_rows.copy_(found[lit])


def _take(model: GPT, name: str, ids: Sequence[int], tensors: dict[str, Tensor]) -> Tensor:
    rows = tensors.pop(_key(name), None)
    expected = (len(ids), model.config.n_embd)
    if rows is None or tuple(rows.shape) != expected:
        got = f"{_key(name)}, which is {'missing' if rows is None else tuple(rows.shape)}"
        raise UserError(got, f"a tensor of shape {expected}", "copy the adapter again")
    if ids and max(ids) >= model.config.padded_vocab_size:
        expected_ids = f"ids below {model.config.padded_vocab_size}, the rows of {name}"
        raise UserError(f"a trained row for token {max(ids)}", expected_ids, "pass the base the adapter was trained on")
    return rows


def _vocabulary(model: GPT) -> dict[str, str]:
    """Embedding and head: our name -> Hugging Face's."""
    return {place.lit: name for name, place in in_memory(model.config).items() if place.lit in (EMBEDDING, HEAD)}


def _key(name: str) -> str:
    return f"base_model.model.{name}.token_adapter.trainable_tokens_delta"

"""An end-of-turn token for a base that has none: a copy of the checkpoint that knows it, and writes dialogues with it.

LIMA (Zhou et al. 2023, arXiv 2305.11206, section 3) ends every utterance in a token of its own and not in EOS, to which
pretraining has given a meaning already; it stops generation as EOS does. The copy is a plain Hugging Face directory:

    tokenizer files           the token is a control token, which no text is encoded as
    embedding and head        a row for it where there is none to spare: the mean of the others, so that the network's
                              other answers hardly change (Hewitt 2021, https://nlp.stanford.edu/~johnhew/vocab-expansion.html)
    chat_template.jinja       LIMA's format: each utterance, then the token; nothing else tells who speaks
    generation_config.json    it ends generation, beside those that did

It is a base like any other: adapters belong to it, not to the checkpoint it was made from. Its row has learnt nothing;
full finetuning trains it, and LoRA with --lora_tokens (token_rows.py).
"""

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lit_gpt.checkpoint import load_model, matching, read_object
from lit_gpt.checkpoint_files import COMPANION_PATTERNS, CONFIG
from lit_gpt.errors import UserError
from lit_gpt.export import new_checkpoint, write_hf_files
from lit_gpt.export_check import probe, require_reads_back
from lit_gpt.files import write_bytes, write_json
from lit_gpt.hf_config import config_from_hf
from lit_gpt.model import GPT
from lit_gpt.model_card import write_plain_card
from lit_gpt.prompt_styles import read_template
from lit_gpt.tokenizer import Declarations, Tokenizer

TOKEN = "<|end_of_turn|>"  # noqa: S105 (no secret)


def add_end_of_turn(checkpoint_dir: Path, out_dir: Path, token: str = TOKEN) -> Path:
    """Write the copy; out_dir. UserError for a token that cannot be one, or that ends texts already."""
    tokenizer = Tokenizer(checkpoint_dir)
    if not token or token != token.strip():
        raise UserError(f"the token {token!r}", "a word without white space around it", f"such as {TOKEN}")
    if tokenizer.control_tokens.get(token) in tokenizer.stop_ids:
        got = f"{token}, which ends texts in {checkpoint_dir} already"
        raise UserError(got, "a token beside EOS", f"choose another, such as {TOKEN}, or use that checkpoint as it is")
    if read_template(checkpoint_dir) is not None:
        print(f"the chat template of {checkpoint_dir} is left behind: turns end in {token}", file=sys.stderr)
    with tempfile.TemporaryDirectory() as staging, new_checkpoint(out_dir, checkpoint_dir) as new:
        draft = Path(staging)
        for path in matching(checkpoint_dir, (CONFIG, *COMPANION_PATTERNS)):
            shutil.copyfile(path, draft / path.name)
        id = _teach_tokenizer(draft, token, tokenizer.vocab_size)
        _name_in_settings(draft, token, id, list(tokenizer.stop_ids))
        _write_template(draft, token, with_bos=tokenizer.adds_bos)
        model = load_model(checkpoint_dir, dtype=None)
        _give_row(model, id, n_known=tokenizer.vocab_size)
        model.config = config_from_hf(read_object(draft / CONFIG))
        write_hf_files(model, new, draft)
        write_plain_card(new, checkpoint_dir)
        require_reads_back(new, probe(model))
    assert Tokenizer(out_dir).control_tokens[token] == id
    return out_dir


def _teach_tokenizer(directory: Path, token: str, next_id: int) -> int:
    """Make it a control token of the tokenizer's files; its id."""
    path = directory / "tokenizer.json"
    if path.is_file():
        from tokenizers import Tokenizer as Library

        library = Library.from_file(str(path))
        library.add_special_tokens([token])
        library.save(str(path), pretty=False)
        next_id = library.get_vocab()[token]
    path = directory / "tokenizer_config.json"
    settings = read_object(path) if path.is_file() else {}
    listed = {"content": token, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False}
    decoder = {**Declarations(directory).added, token: next_id}  # a SentencePiece model has no other place for it
    known: dict[str, Any] = settings.get("added_tokens_decoder") or {}
    settings["added_tokens_decoder"] = {**known, str(decoder[token]): {**listed, "special": True}}
    settings.pop("chat_template", None)
    write_json(path, settings)
    return decoder[token]


def _name_in_settings(directory: Path, token: str, id: int, stop_ids: list[int]) -> None:
    """config.json has room for the id, generation_config.json stops at it."""
    hf = read_object(directory / CONFIG)
    n_rows = max(int(hf.get("padded_vocab_size") or hf["vocab_size"]), id + 1)
    hf["vocab_size"] = max(int(hf["vocab_size"]), id + 1)
    if "padded_vocab_size" in hf:
        hf["padded_vocab_size"] = n_rows
    write_json(directory / CONFIG, hf)
    path = directory / "generation_config.json"
    generation = read_object(path) if path.is_file() else {}
    write_json(path, {**generation, "eos_token_id": [*stop_ids, id]})


def _write_template(directory: Path, token: str, with_bos: bool) -> None:
    for path in directory.glob("chat_template*"):
        path.unlink()
    bos = "{{- bos_token }}" if with_bos else ""
    quoted = token.replace("\\", "\\\\").replace("'", "\\'")
    turn = f"{{%- for message in messages %}}{{{{- message.content + '{quoted}' }}}}{{%- endfor %}}"
    write_bytes(directory / "chat_template.jinja", (bos + turn).encode())


@torch.no_grad()
def _give_row(model: GPT, id: int, n_known: int) -> None:
    """The mean of the known tokens' rows, in a row of padding or a new one."""
    is_tied = model.lm_head.weight is model.transformer.wte.weight
    model.transformer.wte.weight = _with_mean(model.transformer.wte.weight, id, n_known)
    model.lm_head.weight = model.transformer.wte.weight if is_tied else _with_mean(model.lm_head.weight, id, n_known)
    if model.lm_head.bias is not None:
        model.lm_head.bias = _with_mean(model.lm_head.bias, id, n_known)
    n_rows = len(model.transformer.wte.weight)
    model.transformer.wte.num_embeddings = model.lm_head.out_features = n_rows


def _with_mean(weight: Tensor, id: int, n_known: int) -> nn.Parameter:
    n_rows = max(len(weight), id + 1)
    grown = torch.cat((weight, weight.new_zeros(n_rows - len(weight), *weight.shape[1:])))
    grown[id] = weight[: min(n_known, len(weight))].float().mean(0).to(weight.dtype)
    return nn.Parameter(grown, requires_grad=weight.requires_grad)

"""What every bar of the speed benchmark finetunes: a Llama of random weights and rows of instruction lengths, offline.

A row's length (prompt, answer and EOS) is lognormal with sigma 0.9, clipped to 16 … 1,024, some 245 tokens in the mean,
as LIMA's and Dolly's are; prompts take some 30 % of it. A word is a token, drawn so that its rank's logarithm is
uniform: a Zipf-like law, so that there is something to learn and an embedding is not read evenly. The same files for
the same name; id 0 pads and never occurs.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from lit_gpt.files import new_directory, write_json
from lit_gpt.random_base import write_random_weights

N_ROWS, N_VALIDATION = 1000, 16
SIGMA, MEDIAN = 0.9, 178  # of the lognormal; clipped, its mean is some 245
SHORTEST, LONGEST = 16, 1024
PROMPT_SHARE, PROMPT_SPREAD = 0.3, 0.15
SPECIAL = ("<pad>", "<s>", "</s>", "<unk>")


@dataclass(frozen=True)
class Shape:
    """A network, and what its share of the head makes it stand for."""

    n_layer: int
    n_embd: int
    n_head: int
    intermediate: int
    n_words: int

    @property
    def hf_config(self) -> Mapping[str, int]:
        return {
            "hidden_size": self.n_embd,
            "intermediate_size": self.intermediate,
            "num_hidden_layers": self.n_layer,
            "num_attention_heads": self.n_head,
            "num_key_value_heads": self.n_head,
            "max_position_embeddings": 4096,
            "vocab_size": self.n_words,
            "tie_word_embeddings": False,
            "bos_token_id": 1,
            "eos_token_id": 2,
        }


SHAPES = {
    "head": Shape(8, 512, 8, 1376, 32_000),  # the head is 39 % of the matrix products' weights, as in small models
    "body": Shape(8, 640, 10, 1728, 4096),  # 6 %, as in a 7B
    "tiny": Shape(2, 64, 2, 160, 256),  # for the tests
}


def write_fixture(directory: Path, name: str) -> Path:
    """`hf/`, a checkpoint directory, and `data/` with train.json and val.json; left alone where it is already."""
    if not directory.is_dir():
        with new_directory(directory) as temporary:
            shape = SHAPES[name]
            write_random_weights(temporary / "hf", shape.hf_config, torch.float32)
            _write_tokenizer(temporary / "hf", shape.n_words)
            (temporary / "data").mkdir()
            made = list(rows(N_ROWS + N_VALIDATION, shape.n_words, seed=0))
            write_json(temporary / "data/train.json", made[:N_ROWS])
            write_json(temporary / "data/val.json", made[N_ROWS:])
    return directory


def rows(n_rows: int, n_words: int, seed: int) -> Iterator[dict[str, str]]:
    """Alpaca rows; the number of words is the number of tokens, less the EOS."""
    draw = np.random.default_rng(seed)
    lengths = draw_lengths(draw, n_rows)
    shares = np.clip(draw.normal(PROMPT_SHARE, PROMPT_SPREAD, n_rows), 0.05, 0.9)
    for length, share in zip(lengths, shares, strict=True):
        n_prompt = min(max(4, int(length * share)), int(length) - 5)
        ranks = (n_words - len(SPECIAL)) ** draw.random(length - 1)
        words = [f"w{len(SPECIAL) + int(rank) - 1}" for rank in ranks]
        yield {"instruction": " ".join(words[:n_prompt]), "input": "", "output": " ".join(words[n_prompt:])}


def draw_lengths(draw: np.random.Generator, n_rows: int) -> np.ndarray:
    """Tokens of each row, int64 (n_rows,)."""
    return np.clip(draw.lognormal(np.log(MEDIAN), SIGMA, n_rows).round(), SHORTEST, LONGEST).astype(np.int64)


def _write_tokenizer(directory: Path, n_words: int) -> None:
    """Words are parted by blanks, and each is a token of its own: word k is id k."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    ids = {token: i for i, token in enumerate(SPECIAL)} | {f"w{i}": i for i in range(len(SPECIAL), n_words)}
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token="<unk>"))  # noqa: S106
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.add_special_tokens(list(SPECIAL))
    tokenizer.save(str(directory / "tokenizer.json"))
    names = dict(zip(("pad_token", "bos_token", "eos_token", "unk_token"), SPECIAL, strict=True))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "add_bos_token": False, "model_max_length": 4096}
    write_json(directory / "tokenizer_config.json", settings | names)
    write_json(directory / "generation_config.json", {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0})

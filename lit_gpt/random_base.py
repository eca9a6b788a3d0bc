"""A tiny base model with random weights and a tokenizer of its own, made on the spot.

It has learnt nothing: it shows that the machinery works, offline and in seconds, and tests use it. Llama
architecture, in Hugging Face layout. Its byte-level BPE (Sennrich et al. 2016, arXiv 1508.07909) is learnt from the
texts it is given.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, repeat
from pathlib import Path
from types import MappingProxyType

import torch
from torch import nn

from lit_gpt.checkpoint import empty_model
from lit_gpt.config import Config
from lit_gpt.example import user_message
from lit_gpt.export import save_hf_checkpoint
from lit_gpt.files import write_json
from lit_gpt.hf_config import config_from_hf
from lit_gpt.model import GPT
from lit_gpt.prompts import TEXT_STYLES
from lit_gpt.weight_files import Spec, write_sharded
from lit_gpt.weight_slots import hf_slots

Initialise = Callable[[GPT, int], None]  # a model and a seed

BOS, EOS = "<s>", "</s>"
N_REPEATS = 200  # of each template's words among the tokenizer's training texts
INIT_STD = 0.02  # GPT-2's, and Llama's default in Transformers
HF_CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 96,
    "intermediate_size": 256,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "num_key_value_heads": 3,
    "max_position_embeddings": 256,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "hidden_act": "silu",
    "attention_bias": False,
    "mlp_bias": False,
    "tie_word_embeddings": True,
    "bos_token_id": 0,
    "eos_token_id": 1,
}


def write_random_base(
    directory: Path,
    texts: Iterable[str],
    seed: int,
    vocab_size: int = 512,
    shape: Mapping[str, float] = MappingProxyType({}),
    initialise: Initialise | None = None,
) -> Path:
    """Write a checkpoint directory with random weights; the same one for the same arguments.

    `shape` replaces numbers of HF_CONFIG, by its names. Weights are normal with INIT_STD unless `initialise` sets them.
    """
    with tempfile.TemporaryDirectory() as staging:
        n_tokens = _write_tokenizer(Path(staging), texts, vocab_size)
        hf_config = {**HF_CONFIG, **shape, "vocab_size": n_tokens}
        write_json(Path(staging) / "config.json", hf_config)
        model = GPT(config_from_hf(hf_config))
        (initialise or _initialise)(model, seed)
        return save_hf_checkpoint(model, directory, Path(staging))


def write_random_weights(directory: Path, shape: Mapping[str, float], dtype: torch.dtype = torch.bfloat16) -> Config:
    """Write config and random weights of any size, one tensor at a time, without a tokenizer: to measure by.

    Norms are one, so that gradients have a size.
    """
    hf_config = {**HF_CONFIG, **shape}
    config = config_from_hf(hf_config)
    specs = {name: Spec(dtype, slot.shape) for name, slot in hf_slots(empty_model(config)).items()}
    generator = torch.Generator().manual_seed(0)
    directory.mkdir(parents=True)

    def draw(name: str) -> torch.Tensor:
        drawn = torch.randn(specs[name].shape, dtype=dtype, generator=generator) * INIT_STD
        return torch.ones_like(drawn) if name.endswith("norm.weight") else drawn

    write_sharded(directory, specs, draw)
    write_json(directory / "config.json", hf_config)
    return config


def _write_tokenizer(directory: Path, texts: Iterable[str], vocab_size: int) -> int:
    """tokenizer.json and its config; returns the number of tokens.

    A word is the same token wherever it stands: a blank is put before every line, and taken away when decoding.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    # never by a pattern of no width: tokenizers 0.23 loses count of the characters and panics
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Replace(Regex(r"\n(?=[^\n])"), "\n "),
            normalizers.Prepend(" "),
            normalizers.Replace(Regex(r"\A \n"), "\n"),
        ]
    )
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level])
    tokenizer.decoder = decoders.Sequence(
        [decoders.ByteLevel(), decoders.Replace("\n ", "\n"), decoders.Strip(" ", 1, 0)]
    )
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, special_tokens=[BOS, EOS], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(chain(texts, _template_texts()), trainer)
    tokenizer.save(str(directory / "tokenizer.json"))
    names = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": BOS, "eos_token": EOS, "add_bos_token": True}
    write_json(directory / "tokenizer_config.json", names)
    return tokenizer.get_vocab_size()


def _template_texts() -> Iterator[str]:
    """The prompt styles' own words, often enough that they become few tokens."""
    for style in TEXT_STYLES.values():
        for input in ("", "."):
            messages = (user_message(".", input), user_message(".", input))
            for segment in style.render(messages):
                yield from repeat(segment.text, N_REPEATS)


def _initialise(model: GPT, seed: int) -> None:
    """Normal weights of INIT_STD; norms stay as they are made (one)."""
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=INIT_STD, generator=generator)

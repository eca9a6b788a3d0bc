"""Config: read from config.json in both spellings and from cards; refuses what it would compute wrongly."""

from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from transformers import GPTNeoXConfig, LlamaConfig

from lit_gpt.config import Config
from lit_gpt.errors import UserError
from lit_gpt.hf_config import config_from_hf

LLAMA: dict[str, Any] = {
    "model_type": "llama",
    "hidden_size": 64,
    "intermediate_size": 172,
    "num_hidden_layers": 5,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "vocab_size": 512,
    "max_position_embeddings": 512,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "tie_word_embeddings": True,
    "hidden_act": "silu",
}
NEOX: dict[str, Any] = {
    "model_type": "gpt_neox",
    "hidden_size": 512,
    "intermediate_size": 2048,
    "num_hidden_layers": 6,
    "num_attention_heads": 8,
    "vocab_size": 50304,
    "max_position_embeddings": 2048,
    "layer_norm_eps": 1e-5,
    "rotary_pct": 0.25,
    "rotary_emb_base": 10000,
    "hidden_act": "gelu",
    "use_parallel_residual": True,
}


def test_a_llama() -> None:
    assert config_from_hf(LLAMA) == Config(
        family="llama",
        n_layer=5,
        n_head=8,
        n_query_groups=4,
        n_embd=64,
        head_size=8,
        intermediate_size=172,
        vocab_size=512,
        padded_vocab_size=512,
        block_size=512,
        norm="RMSNorm",
        norm_eps=1e-5,
        mlp="gated",
        activation="silu",
        rotary_percentage=1.0,
        rope_base=10000.0,
        tie_embeddings=True,
    )


def test_a_gpt_neox() -> None:
    config = config_from_hf(NEOX)
    assert (config.norm, config.mlp, config.activation) == ("LayerNorm", "plain", "gelu")
    assert (config.n_query_groups, config.head_size, config.rope_size) == (8, 64, 16)
    assert config.parallel_residual
    assert config.attention_bias
    assert config.mlp_bias
    assert not config.tie_embeddings


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (LLAMA | {"rope_theta": 5e5}, {"rope_type": "default", "rope_theta": 5e5}),
        (NEOX | {"rotary_emb_base": 300, "rotary_pct": 0.5}, {"rope_theta": 300.0, "partial_rotary_factor": 0.5}),
    ],
)
def test_transformers_5_spelling_says_the_same(old: dict[str, Any], new: dict[str, Any]) -> None:
    without = {key: value for key, value in old.items() if key not in ("rope_theta", "rotary_emb_base", "rotary_pct")}
    assert config_from_hf(without | {"rope_parameters": new}) == config_from_hf(old)
    assert config_from_hf(old | {"rope_parameters": new}) == config_from_hf(old)


@pytest.mark.parametrize("library", [LlamaConfig(), GPTNeoXConfig()], ids=["llama", "gpt_neox"])
def test_what_transformers_writes_is_read_and_its_defaults_are_ours(library: LlamaConfig | GPTNeoXConfig) -> None:
    written = library.to_dict()
    sizes = ("model_type", *(key for key in LLAMA if key.startswith(("num_", "hidden_size", "inter", "vocab", "max_"))))
    bare = {key: written[key] for key in sizes if key in written}
    assert config_from_hf(written) == config_from_hf(bare)


def test_a_padded_vocabulary() -> None:
    config = config_from_hf(LLAMA | {"padded_vocab_size": 576})
    assert (config.vocab_size, config.padded_vocab_size) == (512, 576)


@pytest.mark.parametrize(("wrong", "right"), [("qwen4", "qwen3"), ("gemma3", "gemma3_text"), ("lama", "llama")])
def test_an_unknown_family_is_told_the_nearest(wrong: str, right: str) -> None:
    with pytest.raises(UserError, match=rf"did you mean .*{right}\b"):
        config_from_hf(LLAMA | {"model_type": wrong})


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"model_type": "gptj"}, "model_type"),
        ({"model_type": None}, "model_type"),
        ({"pretraining_tp": 2}, "pretraining_tp"),
        ({"sliding_window": 4096}, "sliding_window"),
        ({"quantization_config": {"bits": 4}}, "quantization_config"),
        ({"hidden_act": "tanh"}, "hidden_act"),
        ({"rope_scaling": {"type": "dynamic", "factor": 2.0}}, "rope_scaling.type"),
        ({"rope_scaling": {"type": "linear", "factor": -2.0}}, "factor=-2.0"),
        ({"rope_scaling": {"type": "linear"}}, "factor"),
        ({"rope_scaling": {"type": "linear", "factor": 2.0}, "rope_condense_ratio": 4}, "rope_scaling."),
        ({"rope_scaling": {"rope_type": "llama3", "factor": 8.0}}, "low_freq_factor"),
        ({"rope_scaling": {"factor": 2.0}}, "rope_scaling.factor"),
        ({"rope_scaling": "linear"}, "rope_scaling"),
        ({"rope_parameters": {"rope_type": "yarn", "rope_theta": 1e4}}, "rope_parameters.rope_type"),
        ({"rope_parameters": {"full_attention": {"rope_theta": 1e4}}}, "rope_parameters.full_attention"),
        ({"rope_parameters": {"rope_type": "default", "rope_theta": 5e5}}, "rope_theta"),
        ({"partial_rotary_factor": 0.5}, "partial_rotary_factor"),
        ({"hidden_size": None}, "hidden_size"),
        ({"hidden_size": "64"}, "hidden_size"),
        ({"hidden_size": 64.0}, "hidden_size"),
        ({"num_hidden_layers": True}, "num_hidden_layers"),
        ({"tie_word_embeddings": 1}, "tie_word_embeddings"),
        ({"num_key_value_heads": 3}, "key/value heads"),
        ({"num_hidden_layers": 0}, "n_layer"),
        ({"vocab_size": -1}, "vocab_size"),
        ({"rms_norm_eps": float("nan")}, "norm_eps"),
        ({"head_dim": 7}, "even number"),
        ({"padded_vocab_size": 500}, "padded_vocab_size"),
    ],
)
def test_what_would_be_computed_wrongly_is_refused_by_name(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(UserError) as error:
        config_from_hf(LLAMA | changes)
    assert named in error.value.got


@pytest.mark.parametrize(
    "changes",
    [
        {"rope_scaling": None},
        {"rope_scaling": {"rope_type": "default"}},
        {"pretraining_tp": 1},
        {"sliding_window": None},
        {"attention_dropout": 0.1},
        {"num_key_value_heads": 4, "head_dim": None},
        {"auto_map": {"AutoModelForCausalLM": "evil.Model"}},
    ],
)
def test_what_leaves_the_network_as_it_is_is_accepted(changes: dict[str, Any]) -> None:
    assert config_from_hf(LLAMA | changes) == config_from_hf(LLAMA)


def test_checked_at_birth_and_frozen() -> None:
    config = config_from_hf(LLAMA)
    with pytest.raises(FrozenInstanceError):
        config.n_layer = 3  # type: ignore[misc]
    with pytest.raises(ValueError, match="activation"):
        Config("llama", 1, 1, 8, 8, 8, 8, activation="tanh")  # type: ignore[arg-type]


def test_rows_of_the_fused_projection() -> None:
    assert config_from_hf(LLAMA).qkv_rows == {"q": slice(0, 64), "k": slice(64, 96), "v": slice(96, 128)}

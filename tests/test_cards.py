"""Models known by name: their numbers give the published sizes, and a real checkpoint's tensors."""

import dataclasses
import json
from pathlib import Path

import pytest

from lit_gpt.cards import find_card, load_cards
from lit_gpt.checkpoint import empty_model
from lit_gpt.config import Config
from lit_gpt.errors import UserError
from lit_gpt.hf_config import config_from_hf
from lit_gpt.weight_slots import hf_slots

# Published counts: safetensors metadata on the hub; for Pythia the table of https://github.com/EleutherAI/pythia
PARAMETERS = {
    "meta-llama/Llama-2-7b-hf": 6_738_415_616,
    "meta-llama/Llama-2-13b-hf": 13_015_864_320,
    "meta-llama/Llama-2-70b-chat-hf": 68_976_648_192,
    "HuggingFaceTB/SmolLM2-135M": 134_515_008,
    "HuggingFaceTB/SmolLM2-360M": 361_821_120,
    "HuggingFaceTB/SmolLM2-1.7B-Instruct": 1_711_376_384,
    "TinyLlama/TinyLlama-1.1B-Chat-v1.0": 1_100_048_384,
    "mistralai/Mistral-7B-v0.1": 7_241_732_096,
    "meta-llama/Llama-3.2-1B": 1_235_814_400,
    "meta-llama/Llama-3.1-8B": 8_030_261_248,
    "Qwen/Qwen2.5-0.5B": 494_032_768,
    "Qwen/Qwen2.5-7B": 7_615_616_512,
    "Qwen/Qwen3-0.6B": 596_049_920,
    "google/gemma-2-2b": 2_614_341_888,
    "google/gemma-3-1b-pt": 999_885_952,
    "allenai/OLMo-2-1124-7B": 7_298_617_344,
    "allenai/OLMo-2-0425-1B": 1_484_916_736,
    "microsoft/Phi-3-mini-4k-instruct": 3_821_079_552,
    "microsoft/phi-1_5": 1_418_270_720,
    "microsoft/phi-2": 2_779_683_840,
    "bigcode/starcoder2-3b": 3_030_371_328,
    "openai-community/gpt2": 124_439_808,
    "tiiuae/falcon-7b": 6_921_720_704,
    "EleutherAI/pythia-70m": 70_426_624,
    "EleutherAI/pythia-160m-deduped": 162_322_944,
    "EleutherAI/pythia-410m": 405_334_016,
    "EleutherAI/pythia-1b": 1_011_781_632,
    "EleutherAI/pythia-1.4b": 1_414_647_808,
    "EleutherAI/pythia-2.8b": 2_775_208_960,
    "EleutherAI/pythia-6.9b": 6_857_302_016,
    "EleutherAI/pythia-12b": 11_846_072_320,
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_cards_have_the_published_number_of_parameters(name: str) -> None:
    assert find_card(name).config.n_parameters == PARAMETERS[name]


def networks() -> list[Config]:
    """Every card's network, of at most two layers, each once."""
    shallow = set()
    for card in load_cards().values():
        n_layer = min(card.config.n_layer, 2)
        shallow.add(dataclasses.replace(card.config, n_layer=n_layer, windows=card.config.windows[:n_layer]))
    return sorted(shallow, key=repr)


def test_sizes_are_counted_as_the_network_is_built() -> None:
    for config in networks():
        assert sum(parameter.numel() for parameter in empty_model(config).parameters()) == config.n_parameters, config


def test_every_card_is_a_config() -> None:
    assert len(load_cards()) >= 100
    for name, card in load_cards().items():
        assert card.config.block_size >= 1024, name
    assert {name for name, card in load_cards().items() if card.is_approved and not card.is_base} == set()


def test_an_unknown_card_names_the_nearest() -> None:
    with pytest.raises(UserError) as error:
        find_card("EleutherAI/pythia-70")
    assert "EleutherAI/pythia-70m" in error.value.do


def test_a_real_index_of_mistral_names_exactly_our_tensors(shared: Path) -> None:
    folder = shared / "data/tokenizers/mistral"
    config = config_from_hf(json.loads((folder / "mistral-7b-v0.1_config.json").read_text()))
    index = json.loads((folder / "mistral-7b-v0.1_pytorch_model.bin.index.json").read_text())
    assert set(index["weight_map"]) == set(hf_slots(empty_model(config)))
    assert config == find_card("mistralai/Mistral-7B-v0.1").config

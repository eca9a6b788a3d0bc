"""The network against itself in other arrangements: packed, cached, in parts; and what it refuses."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from lit_gpt.config import Config
from lit_gpt.kv_cache import KVCache
from lit_gpt.model import GPT, runs_of

LLAMA = Config(
    "llama", n_layer=2, n_head=6, n_query_groups=2, n_embd=48, intermediate_size=80, vocab_size=101, block_size=64
)
NEOX = replace(
    LLAMA,
    family="gpt_neox",
    n_query_groups=6,
    norm="LayerNorm",
    mlp="plain",
    activation="gelu",
    rotary_percentage=0.25,
    parallel_residual=True,
    attention_bias=True,
    mlp_bias=True,
)
CONFIGS = pytest.mark.parametrize("config", [LLAMA, NEOX], ids=["llama", "neox"])


def make_model(config: Config = LLAMA) -> GPT:
    """Random weights large enough that every part of the network shows in the logits."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = GPT(config)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, 1.0 if parameter.dim() == 1 else 0.0, 0.3)
    return model.eval()


def make_ids(n_rows: int = 1, n_tokens: int = 60, seed: int = 1) -> Tensor:
    return torch.randint(101, (n_rows, n_tokens), generator=torch.Generator().manual_seed(seed))


def gap(ours: Tensor, expected: Tensor) -> float:
    return float((ours - expected).abs().max() / expected.abs().max())


# ---- packed documents

LENGTHS = [7, 7, 7, 1, 20, 1, 1, 16]


def test_runs_join_consecutive_documents_of_one_length() -> None:
    assert runs_of(LENGTHS) == [(3, 7), (1, 1), (1, 20), (2, 1), (1, 16)]


@CONFIGS
def test_packed_documents_have_the_logits_they_have_alone(config: Config) -> None:
    model, ids_BT = make_model(config), make_ids()
    with torch.no_grad():
        packed_BTV = model(ids_BT, doc_lengths=LENGTHS)
        alone = [model(document) for document in ids_BT.split(LENGTHS, dim=1)]
    assert gap(packed_BTV, torch.cat(alone, dim=1)) < 1e-5


@CONFIGS
def test_packed_documents_have_the_gradients_they_have_alone(config: Config) -> None:
    weights_BTV = torch.randn(1, 60, 101, generator=torch.Generator().manual_seed(2))
    packed, alone = make_model(config), make_model(config)
    (packed(make_ids(), doc_lengths=LENGTHS) * weights_BTV).sum().backward()
    for ids_BT, part_BTV in zip(make_ids().split(LENGTHS, 1), weights_BTV.split(LENGTHS, 1), strict=True):
        (alone(ids_BT) * part_BTV).sum().backward()
    for (name, ours), expected in zip(packed.named_parameters(), alone.parameters(), strict=True):
        assert gap(ours.grad, expected.grad) < 1e-5, name


@CONFIGS
def test_a_changed_document_leaves_its_neighbours_bit_for_bit(config: Config) -> None:
    model, ids_BT = make_model(config), make_ids()
    changed_BT = ids_BT.clone()
    changed_BT[0, 22:42] = make_ids(1, 20, seed=3)
    with torch.no_grad():
        before, after = model(ids_BT, doc_lengths=LENGTHS), model(changed_BT, doc_lengths=LENGTHS)
    assert torch.equal(before[0, :22], after[0, :22])
    assert torch.equal(before[0, 42:], after[0, 42:])
    assert not torch.equal(before[0, 22:42], after[0, 22:42])


@pytest.mark.parametrize(
    ("shape", "lengths"), [((1, 10), [4, 5]), ((1, 10), [4, 7]), ((2, 5), [5, 5]), ((1, 10), [10, 0]), ((1, 10), [])]
)
def test_lengths_that_do_not_fit_are_refused(shape: tuple[int, int], lengths: list[int]) -> None:
    with pytest.raises(ValueError, match="documents of"):
        make_model()(make_ids(*shape), doc_lengths=lengths)


def test_a_packed_row_may_be_longer_than_the_context_but_no_document_may() -> None:
    model, ids_BT = make_model(), make_ids(1, 130)
    with torch.no_grad():
        packed_BTV = model(ids_BT, doc_lengths=[64, 64, 2])
        assert gap(packed_BTV[:, 64:128], model(ids_BT[:, 64:128])) < 1e-5
    with pytest.raises(ValueError, match="65 positions, but the context length is 64"):
        model(ids_BT, doc_lengths=[65, 65])


# ---- with a cache


@CONFIGS
@pytest.mark.parametrize("chunks", [[60], [1] * 60, [13, 1, 1, 20, 25]], ids=["at once", "one by one", "in chunks"])
def test_cached_decoding_equals_the_full_forward(config: Config, chunks: list[int]) -> None:
    model, ids_BT = make_model(config), make_ids(n_rows=3)
    cache = KVCache(config, batch_size=3, max_length=60)
    with torch.no_grad():
        cached_BTV = torch.cat([model(chunk, cache=cache) for chunk in ids_BT.split(chunks, 1)], dim=1)
        assert gap(cached_BTV, model(ids_BT)) < 1e-5
    assert cache.length == 60


def test_the_cache_holds_only_the_key_value_heads() -> None:
    cache = KVCache(LLAMA, batch_size=1, max_length=10)
    assert cache.k_LBGSD.shape == cache.v_LBGSD.shape == (2, 1, 2, 10, 8)


def test_a_full_cache_refuses_more() -> None:
    cache = KVCache(LLAMA, batch_size=1, max_length=10)
    with pytest.raises(ValueError, match="11 tokens, but the cache has room for 10"):
        make_model()(make_ids(1, 11), cache=cache)


def test_a_cache_counts_towards_the_context() -> None:
    model, cache = make_model(), KVCache(LLAMA, batch_size=1, max_length=100)
    with torch.no_grad():
        model(make_ids(1, 64), cache=cache)
        with pytest.raises(ValueError, match="65 positions, but the context length is 64"):
            model(make_ids(1, 1), cache=cache)


def test_a_cache_is_not_for_packed_rows() -> None:
    with pytest.raises(ValueError, match="one growing text"):
        make_model()(make_ids(), doc_lengths=LENGTHS, cache=KVCache(LLAMA, 1, 60))


# ---- the head


def test_logits_only_where_asked_and_in_that_order() -> None:
    model, ids_BT = make_model(), make_ids(n_rows=2, n_tokens=10)
    positions = torch.tensor([19, 0, 7, 7])
    with torch.no_grad():
        assert torch.allclose(model(ids_BT, logits_at=positions), model(ids_BT).flatten(0, 1)[positions], atol=1e-5)
    assert model(ids_BT, logits_at=positions[:0]).shape == (0, 101)


def test_padding_rows_of_the_vocabulary_have_no_logits() -> None:
    padded, plain = make_model(replace(LLAMA, padded_vocab_size=128)), make_model()
    tensors = padded.state_dict()
    cut = {name: tensor[:101] if tensor.size(0) == 128 else tensor for name, tensor in tensors.items()}
    plain.load_state_dict(cut)
    with torch.no_grad():
        assert padded(make_ids()).shape == (1, 60, 101)
        assert gap(padded(make_ids()), plain(make_ids())) < 1e-6
        assert padded(make_ids(), logits_at=torch.tensor([3])).shape == (1, 101)


def test_a_tied_head_is_the_embedding_and_stays_so() -> None:
    config = replace(LLAMA, tie_embeddings=True)
    model = make_model(config).to(torch.bfloat16)
    assert model.lm_head.weight is model.transformer.wte.weight
    with torch.device("meta"):
        empty = GPT(config)
    empty.to_empty(device="cpu")
    empty.tie_head()
    assert empty.lm_head.weight is empty.transformer.wte.weight


# ---- rotary tables


def test_nothing_of_the_rotary_tables_is_in_the_state_dict() -> None:
    model = make_model()
    with torch.no_grad():
        model(make_ids())
    assert not [name for name in model.state_dict() if "rot" in name or "cos" in name or "sin" in name]
    assert not list(model.buffers())


def test_tables_survive_a_meta_start_and_casts() -> None:
    source = make_model()
    with torch.device("meta"):
        model = GPT(LLAMA)
    model.to_empty(device="cpu").load_state_dict(source.state_dict())
    with torch.no_grad():
        expected_BTV = source(make_ids())
        model.to(torch.bfloat16)(make_ids())
        model.float().load_state_dict(source.state_dict())
        assert torch.equal(model(make_ids()), expected_BTV)


def test_training_after_generation() -> None:
    """Tables made in inference mode serve autograd too."""
    model = make_model()
    with torch.inference_mode():
        model(make_ids())
    model(make_ids()).sum().backward()
    assert model.transformer.h[0].attn.qkv.weight.grad.abs().sum() > 0


def test_over_long_input_is_refused() -> None:
    with pytest.raises(ValueError, match="65 positions, but the context length is 64"):
        make_model()(make_ids(1, 65))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_logits_come_in_the_models_own_dtype(dtype: torch.dtype) -> None:
    assert make_model().to(dtype)(make_ids()).dtype == dtype


def test_autocast_is_as_near_as_bf16() -> None:
    model = make_model()
    with torch.no_grad():
        expected_BTV = model(make_ids(), doc_lengths=LENGTHS)
        bf16_gap = gap(make_model().to(torch.bfloat16)(make_ids(), doc_lengths=LENGTHS).float(), expected_BTV)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits_BTV = model(make_ids(), doc_lengths=LENGTHS)
    assert gap(logits_BTV.detach().float(), expected_BTV) < 1.5 * bf16_gap
    logits_BTV.sum().backward()
    assert model.transformer.wte.weight.grad.isfinite().all()

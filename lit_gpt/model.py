"""GPT: the whole network of the Llama and GPT-NeoX families, in one sitting.

A decoder-only transformer (Vaswani et al. 2017, arXiv 1706.03762) with rotary positions (Su et al. 2021,
arXiv 2104.09864), grouped-query attention (Ainslie et al. 2023, arXiv 2305.13245), and, by config, RMSNorm
(arXiv 1910.07467) or LayerNorm, a gated MLP (arXiv 2002.05202) or a plain one, and a parallel residual.

Handled: batches, packed documents, a KV cache, a tied or untied head, padded vocabularies.
Not handled: dropout, sliding windows, scaled rotary embeddings, left-padded batches. Techniques such as LoRA
replace the nn.Linear children; this file knows none of them.

Dimensions
    B batch rows          T new tokens in a row      S tokens attended to, cached ones included (S >= T)
    N = B * T             C embedding width          V vocabulary
    H query heads         G key/value heads          D width of a head
    R half of a head's rotated width
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lit_gpt.config import Config
from lit_gpt.kv_cache import KVCache, LayerCache

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "silu": F.silu,
    "gelu": F.gelu,
    "gelu_tanh": partial(F.gelu, approximate="tanh"),
}


class GPT(nn.Module):
    """The network. `model(ids_BT)` gives logits_BTV over the real vocabulary.

    Building it under `torch.device("meta")` costs nothing; after `to_empty`, call `tie_head()`.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.transformer = Trunk(config)
        self.lm_head = nn.Linear(config.n_embd, config.padded_vocab_size, bias=False)
        self.rotary = Rotary(config)
        self.tie_head()

    def tie_head(self) -> None:
        """Let head and embedding share one parameter, where the config asks for it (`to_empty` parts them)."""
        if self.config.tie_embeddings:
            self.lm_head.weight = self.transformer.wte.weight

    def forward(
        self,
        ids_BT: Tensor,
        *,
        doc_lengths: Sequence[int] | None = None,
        cache: KVCache | None = None,
        logits_at: Tensor | None = None,
    ) -> Tensor:
        """Logits of the next token: logits_BTV, or logits_NV at the positions asked for.

        doc_lengths: the single row (B = 1) holds documents of these lengths, one after another. Positions restart
            at each, and attention never crosses from one to another.
        cache: the tokens follow those in the cache, which takes them in.
        logits_at: int64 positions in the flattened B * T, in any order; the head runs only there.
        ValueError: more than block_size positions, lengths that do not add up to T, or a full cache.
        """
        hidden_BTC = self.hidden(ids_BT, doc_lengths=doc_lengths, cache=cache)
        if logits_at is not None:
            return self.head(hidden_BTC.flatten(0, 1)[logits_at])
        return self.head(hidden_BTC)

    def hidden(
        self, ids_BT: Tensor, *, doc_lengths: Sequence[int] | None = None, cache: KVCache | None = None
    ) -> Tensor:
        """hidden_BTC, what the head reads: the last block's output after the final norm."""
        layout = self._lay_out(ids_BT, doc_lengths, cache)
        x_BTC = self.transformer.wte(ids_BT)
        for i, block in enumerate(self.transformer.h):
            x_BTC = block(x_BTC, layout, None if cache is None else cache.layer(i))
        if cache is not None:
            cache.advance(ids_BT.size(1))
        return self.transformer.ln_f(x_BTC)

    def head(self, hidden: Tensor) -> Tensor:
        """Logits (..., V) of hidden (..., C), without the rows that only pad the vocabulary."""
        return self.lm_head(hidden)[..., : self.config.vocab_size]

    def _lay_out(self, ids_BT: Tensor, doc_lengths: Sequence[int] | None, cache: KVCache | None) -> "Layout":
        n_rows, n_tokens = ids_BT.shape
        start = 0 if cache is None else cache.length
        if doc_lengths is None:
            runs = [(n_rows, n_tokens)]
        else:
            runs = runs_of(doc_lengths)
            if n_rows != 1 or sum(doc_lengths) != n_tokens or min(doc_lengths, default=0) < 1:
                raise ValueError(f"documents of {sum(doc_lengths)} tokens in a batch of {n_rows} x {n_tokens}")
            if cache is not None:
                raise ValueError("doc_lengths are for whole documents, a cache is for one growing text a row")
        longest = start + max(length for _, length in runs)
        if longest > self.config.block_size:
            raise ValueError(f"{longest} positions, but the context length is {self.config.block_size}")
        cos_SR, sin_SR = self.rotary.tables(longest, ids_BT.device)
        # Made on the CPU and sent at once: a packed row may hold hundreds of documents.
        ranges = [torch.arange(start, start + length, device="cpu").repeat(count) for count, length in runs]
        positions_N = torch.cat(ranges).to(ids_BT.device)
        return Layout(runs, cos_SR[positions_N], sin_SR[positions_N])


class Trunk(nn.Module):
    """Everything between the ids and the head: embedding, blocks, final norm."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.wte = nn.Embedding(config.padded_vocab_size, config.n_embd)
        self.h = nn.ModuleList(Block(config) for _ in range(config.n_layer))
        self.ln_f = make_norm(config)


@dataclass(frozen=True)
class Layout:
    """How the N tokens of one call lie in documents. A batch is a packed row whose documents are equally long."""

    runs: list[tuple[int, int]]  # how many documents of one length follow each other, and that length
    cos: Tensor  # (N, R), each token's rotation, as sin
    sin: Tensor


def runs_of(doc_lengths: Sequence[int]) -> list[tuple[int, int]]:
    """Consecutive documents of one length, to be attended to in one call: [3, 3, 5] -> [(2, 3), (1, 5)]."""
    return [(len(list(same)), length) for length, same in groupby(doc_lengths)]


class Block(nn.Module):
    """One layer: attention and MLP around the residual stream, in sequence or side by side."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.norm_1 = make_norm(config)
        self.attn = Attention(config)
        self.norm_2 = make_norm(config)
        self.mlp = GatedMLP(config) if config.mlp == "gated" else PlainMLP(config)
        self.parallel_residual = config.parallel_residual

    def forward(self, x_BTC: Tensor, layout: Layout, cache: LayerCache | None = None) -> Tensor:
        attended_BTC = self.attn(self.norm_1(x_BTC), layout, cache)
        if self.parallel_residual:
            return self.mlp(self.norm_2(x_BTC)) + attended_BTC + x_BTC
        x_BTC = attended_BTC + x_BTC
        return self.mlp(self.norm_2(x_BTC)) + x_BTC


class Attention(nn.Module):
    """Causal self-attention over each document by itself; `qkv` is one linear with plain [Q | K | V] rows."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.n_head, self.n_query_groups, self.head_size = config.n_head, config.n_query_groups, config.head_size
        n_heads = config.n_head + 2 * config.n_query_groups
        self.qkv = nn.Linear(config.n_embd, n_heads * config.head_size, bias=config.attention_bias)
        self.proj = nn.Linear(config.n_head * config.head_size, config.n_embd, bias=config.attention_bias)

    def forward(self, x_BTC: Tensor, layout: Layout, cache: LayerCache | None = None) -> Tensor:
        qkv_NHD = self.qkv(x_BTC).unflatten(-1, (-1, self.head_size)).flatten(0, 1)
        qk_NHD, v_NGD = qkv_NHD.split([self.n_head + self.n_query_groups, self.n_query_groups], dim=1)
        q_NHD, k_NGD = rotate(qk_NHD, layout.cos, layout.sin).split([self.n_head, self.n_query_groups], dim=1)
        y_NHD = attend_in_documents(q_NHD, k_NGD, v_NGD, layout.runs, cache)
        return self.proj(y_NHD.reshape(*x_BTC.shape[:2], -1))


def attend_in_documents(
    q_NHD: Tensor, k_NGD: Tensor, v_NGD: Tensor, runs: list[tuple[int, int]], cache: LayerCache | None
) -> Tensor:
    """The one attention seam: dense, packed and cached calls all come through here.

    Split, not sliced: the gradient of a split is one concatenation, that of a slice a whole row of zeros.
    """
    sizes = [count * length for count, length in runs]
    outputs = []
    for (count, length), *qkv in zip(runs, q_NHD.split(sizes), k_NGD.split(sizes), v_NGD.split(sizes), strict=True):
        q_BHTD, k_BGSD, v_BGSD = (x.unflatten(0, (count, length)).transpose(1, 2) for x in qkv)
        if cache is not None:
            k_BGSD, v_BGSD = cache.append(k_BGSD, v_BGSD)
        outputs.append(attend(q_BHTD, k_BGSD, v_BGSD).transpose(1, 2).flatten(0, 1))
    return outputs[0] if len(outputs) == 1 else torch.cat(outputs)


def attend(q_BHTD: Tensor, k_BGSD: Tensor, v_BGSD: Tensor) -> Tensor:
    """Causal attention of the last T of S positions, y_BHTD.

    enable_gqa lets the kernel share key/value heads instead of repeating them. Measured on one CPU core (torch 2.13,
    32 query and 4 key/value heads of 128, one token against 1,024, fp32): 1.0 ms against 5.8 ms for repeating.
    """
    n_new, n_seen = q_BHTD.size(2), k_BGSD.size(2)
    mask_TS = None
    if 1 < n_new < n_seen:  # a further chunk: SDPA's own causal flag would align it with the first positions
        mask_TS = torch.ones(n_new, n_seen, dtype=torch.bool, device=q_BHTD.device).tril(n_seen - n_new)
    return F.scaled_dot_product_attention(
        q_BHTD,
        k_BGSD,
        v_BGSD,
        attn_mask=mask_TS,
        is_causal=n_new == n_seen,
        enable_gqa=q_BHTD.size(1) != k_BGSD.size(1),
    )


class GatedMLP(nn.Module):
    """proj(act(fc_1(x)) * fc_2(x)), as Llama."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.fc_1 = nn.Linear(config.n_embd, config.intermediate_size, bias=config.mlp_bias)
        self.fc_2 = nn.Linear(config.n_embd, config.intermediate_size, bias=config.mlp_bias)
        self.proj = nn.Linear(config.intermediate_size, config.n_embd, bias=config.mlp_bias)
        self.activation = ACTIVATIONS[config.activation]

    def forward(self, x_BTC: Tensor) -> Tensor:
        return self.proj(self.activation(self.fc_1(x_BTC)) * self.fc_2(x_BTC))


class PlainMLP(nn.Module):
    """proj(act(fc(x))), as GPT-NeoX."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.fc = nn.Linear(config.n_embd, config.intermediate_size, bias=config.mlp_bias)
        self.proj = nn.Linear(config.intermediate_size, config.n_embd, bias=config.mlp_bias)
        self.activation = ACTIVATIONS[config.activation]

    def forward(self, x_BTC: Tensor) -> Tensor:
        return self.proj(self.activation(self.fc(x_BTC)))


def make_norm(config: Config) -> nn.Module:
    if config.norm == "RMSNorm":
        return RMSNorm(config.n_embd, config.norm_eps)
    return nn.LayerNorm(config.n_embd, eps=config.norm_eps)


class RMSNorm(nn.Module):
    """weight * x / rms(x). The division is in fp32 and cast back before the weight, as Llama's reference does.

    torch's own rms_norm rounds once, after the weight, and so differs in bf16.
    """

    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        x_fp32 = x.float()
        rms_inverse = torch.rsqrt(x_fp32.square().mean(-1, keepdim=True) + self.eps)
        return self.weight * (x_fp32 * rms_inverse).to(x.dtype)


class Rotary:
    """The cos and sin of every position's angles, in fp32, made on first use for a device and a length.

    Not a module and no buffers: casting the model, `to_empty` and the state dict leave them alone.
    """

    def __init__(self, config: Config) -> None:
        self.base, self.rope_size, self.block_size = config.rope_base, config.rope_size, config.block_size
        self._tables: dict[torch.device, tuple[Tensor, Tensor]] = {}

    def tables(self, n_positions: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """cos_SR and sin_SR for at least n_positions."""
        if device not in self._tables or self._tables[device][0].size(0) < n_positions:
            # Doubling keeps a text that grows token by token from making a table a token.
            self._tables[device] = self._make(min(2 * n_positions, self.block_size), device)
        return self._tables[device]

    def _make(self, n_positions: int, device: torch.device) -> tuple[Tensor, Tensor]:
        exponents_R = torch.arange(0, self.rope_size, 2, dtype=torch.float32, device=device) / self.rope_size
        positions_S = torch.arange(n_positions, dtype=torch.float32, device=device)
        angles_SR = positions_S[:, None] * (1.0 / self.base**exponents_R)
        return angles_SR.cos(), angles_SR.sin()


def rotate(x_NHD: Tensor, cos_NR: Tensor, sin_NR: Tensor) -> Tensor:
    """Turn dimension pairs (i, i + R) of each head by the token's angles; dimensions past 2 R pass through.

    Computed in fp32 whatever the dtype: bf16 has 8 bits, too few for an angle's sine times a sum.
    """
    n_half = cos_NR.size(-1)
    cos_N1R, sin_N1R = cos_NR[:, None], sin_NR[:, None]
    first, second, rest = x_NHD.split([n_half, n_half, x_NHD.size(-1) - 2 * n_half], dim=-1)
    first, second = first.float(), second.float()
    turned = torch.cat((first * cos_N1R - second * sin_N1R, second * cos_N1R + first * sin_N1R), dim=-1)
    return torch.cat((turned.to(x_NHD.dtype), rest), dim=-1)

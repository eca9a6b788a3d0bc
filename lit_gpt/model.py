"""GPT: the whole network of many families, in one sitting; what differs between them is numbers in Config.

A decoder-only transformer (Vaswani et al. 2017, arXiv 1706.03762) with rotary positions (Su et al. 2021,
arXiv 2104.09864) or learned ones, grouped-query attention (Ainslie et al. 2023, arXiv 2305.13245), and, by config,
RMSNorm (arXiv 1910.07467) or LayerNorm before or after each half of a block, a gated MLP (arXiv 2002.05202) or a plain
one, a parallel residual, norms of queries and keys (arXiv 2010.04245), capped scores (Gemma 2, arXiv 2408.00118) and
windows of attention (Mistral, arXiv 2310.06825).

Handled: batches, packed documents, a KV cache, a tied or untied head, padded vocabularies.
Not handled: dropout, left-padded batches, caches that forget what lies behind a window. Techniques such as LoRA
replace the nn.Linear children; this file knows none of them.

Dimensions
    B batch rows          T new tokens in a row      S tokens attended to, cached ones included (S >= T)
    N = B * T             C embedding width          V vocabulary
    H query heads         G key/value heads          D width of a head
    R half of a head's rotated width
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lit_gpt.config import Config, RopeScaling
from lit_gpt.kv_cache import KVCache, LayerCache

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "silu": F.silu,
    "relu": F.relu,
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
        self.lm_head = nn.Linear(config.n_embd, config.padded_vocab_size, bias=config.head_bias)
        self.rotary = Rotary(config, config.rope_base, config.rope_scaling)
        has_own = bool(config.window_rope_base)
        self.window_rotary = Rotary(config, config.window_rope_base) if has_own else self.rotary
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
        head: Callable[[Tensor], Tensor] | None = None,
    ) -> Tensor:
        """Logits of the next token: logits_BTV, or logits_NV at the positions asked for.

        doc_lengths: the single row (B = 1) holds documents of these lengths, one after another. Positions restart
            at each, and attention never crosses from one to another.
        cache: the tokens follow those in the cache, which takes them in.
        logits_at: int64 positions in the flattened B * T, in any order; the head runs only there.
        head: what reads the hidden states in the place of the model's own head; what it makes of them is returned.
        ValueError: more than block_size positions, lengths that do not add up to T, or a full cache.
        """
        hidden_BTC = self.hidden(ids_BT, doc_lengths=doc_lengths, cache=cache)
        head = head or self.head
        return head(hidden_BTC if logits_at is None else hidden_BTC.flatten(0, 1)[logits_at])

    def hidden(
        self, ids_BT: Tensor, *, doc_lengths: Sequence[int] | None = None, cache: KVCache | None = None
    ) -> Tensor:
        """hidden_BTC, what the head reads: the last block's output after the final norm."""
        layout = self._lay_out(ids_BT, doc_lengths, cache)
        x_BTC = self._embed(ids_BT, layout)
        for i, block in enumerate(self.transformer.h):
            x_BTC = block(x_BTC, layout, None if cache is None else cache.layer(i))
        if cache is not None:
            cache.advance(ids_BT.size(1))
        return self.transformer.ln_f(x_BTC)

    def _embed(self, ids_BT: Tensor, layout: "Layout") -> Tensor:
        x_BTC = self.transformer.wte(ids_BT)
        if self.config.embedding_scale != 1:
            x_BTC = x_BTC * torch.tensor(self.config.embedding_scale, dtype=x_BTC.dtype, device=x_BTC.device)
        if self.config.learned_positions:
            x_BTC = x_BTC + self.transformer.wpe(layout.positions).view_as(x_BTC)
        return x_BTC

    def head(self, hidden: Tensor) -> Tensor:
        """Logits (..., V) of hidden (..., C), without the rows that only pad the vocabulary."""
        return softcap(self.lm_head(hidden)[..., : self.config.vocab_size], self.config.logit_softcap)

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
        # Made on the CPU and sent at once: a packed row may hold hundreds of documents.
        ranges = [torch.arange(start, start + length, device="cpu").repeat(count) for count, length in runs]
        positions_N = torch.cat(ranges).to(ids_BT.device)
        turn = self.rotary.turn(positions_N, longest)
        is_same = self.window_rotary is self.rotary
        return Layout(runs, positions_N, turn, turn if is_same else self.window_rotary.turn(positions_N, longest))


class Trunk(nn.Module):
    """Everything between the ids and the head: embedding, blocks, final norm."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.wte = nn.Embedding(config.padded_vocab_size, config.n_embd)
        if config.learned_positions:
            self.wpe = nn.Embedding(config.block_size, config.n_embd)
        self.h = nn.ModuleList(Block(config, layer) for layer in range(config.n_layer))
        self.ln_f = make_norm(config)


Turn = tuple[Tensor, Tensor]  # cos_NR and sin_NR, by which each token's queries and keys are rotated


@dataclass(frozen=True)
class Layout:
    """How the N tokens of one call lie in documents. A batch is a packed row whose documents are equally long."""

    runs: list[tuple[int, int]]  # how many documents of one length follow each other, and that length
    positions: Tensor  # (N,), from 0 in each document
    turn: Turn
    window_turn: Turn  # in layers that see a window


def runs_of(doc_lengths: Sequence[int]) -> list[tuple[int, int]]:
    """Consecutive documents of one length, to be attended to in one call: [3, 3, 5] -> [(2, 3), (1, 5)]."""
    return [(len(list(same)), length) for length, same in groupby(doc_lengths)]


class Block(nn.Module):
    """One layer: attention and MLP around the residual stream, in sequence or side by side."""

    def __init__(self, config: Config, layer: int) -> None:
        super().__init__()
        self.norm_1 = make_norm(config) if config.pre_norm else nn.Identity()
        self.attn = Attention(config, config.window(layer))
        self.post_norm_1 = make_norm(config) if config.post_norm else nn.Identity()
        self.norm_2 = make_norm(config) if config.pre_norm and not config.shared_norm else nn.Identity()
        self.mlp = GatedMLP(config) if config.mlp == "gated" else PlainMLP(config)
        self.post_norm_2 = make_norm(config) if config.post_norm else nn.Identity()
        self.parallel_residual, self.shared_norm = config.parallel_residual, config.shared_norm

    def forward(self, x_BTC: Tensor, layout: Layout, cache: LayerCache | None = None) -> Tensor:
        normed_BTC = self.norm_1(x_BTC)
        attended_BTC = self.post_norm_1(self.attn(normed_BTC, layout, cache))
        if self.parallel_residual:
            return self.mlp(normed_BTC if self.shared_norm else self.norm_2(x_BTC)) + attended_BTC + x_BTC
        x_BTC = attended_BTC + x_BTC
        return self.post_norm_2(self.mlp(self.norm_2(x_BTC))) + x_BTC


class Attention(nn.Module):
    """Causal self-attention over each document by itself; `qkv` is one linear with plain [Q | K | V] rows."""

    def __init__(self, config: Config, window: int) -> None:
        super().__init__()
        self.n_head, self.n_query_groups, self.head_size = config.n_head, config.n_query_groups, config.head_size
        n_heads = config.n_head + 2 * config.n_query_groups
        self.qkv = nn.Linear(config.n_embd, n_heads * config.head_size, bias=config.attention_bias)
        self.proj = nn.Linear(config.n_head * config.head_size, config.n_embd, bias=config.proj_bias)
        self.q_norm, self.k_norm = (make_qk_norm(config, n) for n in (config.n_head, config.n_query_groups))
        self.norms_heads = config.qk_norm == "head"
        self.rule = Rule(config.attention_scale or config.head_size**-0.5, config.attention_softcap, window)

    def forward(self, x_BTC: Tensor, layout: Layout, cache: LayerCache | None = None) -> Tensor:
        q_NHD, k_NGD, v_NGD = self.turned(x_BTC, layout)
        y_NHD = attend_in_documents(q_NHD, k_NGD, v_NGD, layout.runs, self.rule, cache)
        return self.proj(y_NHD.reshape(*x_BTC.shape[:2], -1))

    def turned(self, x_BTC: Tensor, layout: Layout) -> tuple[Tensor, Tensor, Tensor]:
        """q_NHD, k_NGD and v_NGD, queries and keys at their positions."""
        qk_NHD, v_NGD = self.heads(x_BTC)
        turned_NHD = rotate(qk_NHD, *(layout.window_turn if self.rule.window else layout.turn))
        q_NHD, k_NGD = turned_NHD.split([self.n_head, self.n_query_groups], dim=1)
        return q_NHD, k_NGD, v_NGD

    def heads(self, x_BTC: Tensor) -> tuple[Tensor, Tensor]:
        """Queries and keys together, normed and not yet turned, and values: (N, H + G, D) and v_NGD."""
        qkv_NHD = self.qkv(x_BTC).unflatten(-1, (-1, self.head_size)).flatten(0, 1)
        qk_NHD, v_NGD = qkv_NHD.split([self.n_head + self.n_query_groups, self.n_query_groups], dim=1)
        return self._normed(qk_NHD), v_NGD

    def _normed(self, qk_NHD: Tensor) -> Tensor:
        if isinstance(self.q_norm, nn.Identity):
            return qk_NHD
        q_NHD, k_NGD = qk_NHD.split([self.n_head, self.n_query_groups], dim=1)
        if not self.norms_heads:
            q_NHD, k_NGD = (x.flatten(1) for x in (q_NHD, k_NGD))
        return torch.cat((self.q_norm(q_NHD), self.k_norm(k_NGD)), dim=1).view_as(qk_NHD)


@dataclass(frozen=True)
class Rule:
    """How one layer attends: scores are scaled, then capped; a window of 0 is none."""

    scale: float
    softcap: float
    window: int


def attend_in_documents(
    q_NHD: Tensor, k_NGD: Tensor, v_NGD: Tensor, runs: list[tuple[int, int]], rule: Rule, cache: LayerCache | None
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
        outputs.append(attend(q_BHTD, k_BGSD, v_BGSD, rule).transpose(1, 2).flatten(0, 1))
    return outputs[0] if len(outputs) == 1 else torch.cat(outputs)


def attend(q_BHTD: Tensor, k_BGSD: Tensor, v_BGSD: Tensor, rule: Rule) -> Tensor:
    """Causal attention of the last T of S positions, y_BHTD.

    enable_gqa lets the kernel share key/value heads instead of repeating them. Measured on one CPU core (torch 2.13,
    32 query and 4 key/value heads of 128, one token against 1,024, fp32): 1.0 ms against 5.8 ms for repeating.
    """
    n_new, n_seen = q_BHTD.size(2), k_BGSD.size(2)
    if rule.softcap:
        return attend_capped(q_BHTD, k_BGSD, v_BGSD, rule)
    mask_TS = None
    if 0 < rule.window < n_seen or 1 < n_new < n_seen:
        # for a further chunk, too: SDPA's own causal flag would align it with the first positions
        mask_TS = visible(n_new, n_seen, rule.window, q_BHTD.device)
    return F.scaled_dot_product_attention(
        q_BHTD,
        k_BGSD,
        v_BGSD,
        attn_mask=mask_TS,
        is_causal=mask_TS is None and n_new == n_seen,
        scale=rule.scale,
        enable_gqa=q_BHTD.size(1) != k_BGSD.size(1),
    )


def visible(n_new: int, n_seen: int, window: int, device: torch.device) -> Tensor:
    """mask_TS: what each of the last T of S positions sees: itself and those before it, `window` of them in all."""
    mask_TS = torch.ones(n_new, n_seen, dtype=torch.bool, device=device).tril(n_seen - n_new)
    return mask_TS.triu(n_seen - n_new - window + 1) if window else mask_TS


def attend_capped(q_BHTD: Tensor, k_BGSD: Tensor, v_BGSD: Tensor, rule: Rule) -> Tensor:
    """The same with capped scores, which no fused kernel computes: every score is in memory at once."""
    mask_TS = visible(q_BHTD.size(2), k_BGSD.size(2), rule.window, q_BHTD.device)
    n_shared = q_BHTD.size(1) // k_BGSD.size(1)
    k_BHSD, v_BHSD = (x.repeat_interleave(n_shared, dim=1) for x in (k_BGSD, v_BGSD))
    scores_BHTS = softcap(q_BHTD @ k_BHSD.transpose(-1, -2) * rule.scale, rule.softcap)
    shares_BHTS = scores_BHTS.masked_fill(~mask_TS, -math.inf).softmax(-1, dtype=torch.float32)
    return shares_BHTS.to(q_BHTD.dtype) @ v_BHSD


def softcap(x: Tensor, cap: float) -> Tensor:
    """cap * tanh(x / cap), or x where the cap is 0."""
    return torch.tanh(x / cap) * cap if cap else x


class GatedMLP(nn.Module):
    """proj(act(gate) * up), where `fc` is one linear with plain [gate | up] rows."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.fc = nn.Linear(config.n_embd, 2 * config.intermediate_size, bias=config.mlp_bias)
        self.proj = nn.Linear(config.intermediate_size, config.n_embd, bias=config.mlp_bias)
        self.activation = ACTIVATIONS[config.activation]

    def forward(self, x_BTC: Tensor) -> Tensor:
        gate_BTI, up_BTI = self.fc(x_BTC).chunk(2, dim=-1)
        return self.proj(self.activation(gate_BTI) * up_BTI)


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
    if config.norm == "LayerNorm":
        return nn.LayerNorm(config.n_embd, eps=config.norm_eps)
    return RMSNorm(config.n_embd, config.norm_eps, is_unit=config.norm == "UnitRMSNorm")


def make_qk_norm(config: Config, n_heads: int) -> nn.Module:
    """Of queries or keys: each head by itself, or all of them together."""
    if not config.qk_norm:
        return nn.Identity()
    size = config.head_size if config.qk_norm == "head" else n_heads * config.head_size
    return RMSNorm(size, config.norm_eps, is_unit=config.norm == "UnitRMSNorm")


class RMSNorm(nn.Module):
    """weight * x / rms(x), or (1 + weight) * x / rms(x) where the gain is told as its distance from one.

    The division is in fp32. It is cast back before the weight, as Llama's reference does, and after (1 + weight), as
    Gemma's. torch's own rms_norm rounds once, after the weight, and so differs in bf16.
    """

    def __init__(self, size: int, eps: float, is_unit: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(size) if is_unit else torch.ones(size))
        self.eps, self.is_unit = eps, is_unit

    def forward(self, x: Tensor) -> Tensor:
        x_fp32 = x.float()
        normed = x_fp32 * torch.rsqrt(x_fp32.square().mean(-1, keepdim=True) + self.eps)
        if self.is_unit:
            return (normed * (1 + self.weight.float())).to(x.dtype)
        return self.weight * normed.to(x.dtype)


class Rotary:
    """The cos and sin of every position's angles, in fp32, made on first use for a device and a length.

    Not a module and no buffers: casting the model, `to_empty` and the state dict leave them alone.
    """

    def __init__(self, config: Config, base: float, scaling: RopeScaling | None = None) -> None:
        self.base, self.scaling, self.rope_size, self.block_size = base, scaling, config.rope_size, config.block_size
        self._tables: dict[torch.device, Turn] = {}

    def turn(self, positions_N: Tensor, n_positions: int) -> Turn:
        """cos_NR and sin_NR of these positions, all below n_positions."""
        device = positions_N.device
        if device not in self._tables or self._tables[device][0].size(0) < n_positions:
            # Doubling keeps a text that grows token by token from making a table a token.
            self._tables[device] = self._make(min(2 * n_positions, self.block_size), device)
        cos_SR, sin_SR = self._tables[device]
        return cos_SR[positions_N], sin_SR[positions_N]

    def _make(self, n_positions: int, device: torch.device) -> Turn:
        exponents_R = torch.arange(0, self.rope_size, 2, dtype=torch.float32, device=device) / self.rope_size
        speeds_R = slowed(1.0 / self.base**exponents_R, self.scaling)
        positions_S = torch.arange(n_positions, dtype=torch.float32, device=device)
        angles_SR = positions_S[:, None] * speeds_R
        return angles_SR.cos(), angles_SR.sin()


def slowed(speeds_R: Tensor, scaling: RopeScaling | None) -> Tensor:
    """Radians a position for longer contexts: see RopeScaling."""
    if scaling is None:
        return speeds_R
    if not scaling.original_length:
        return speeds_R / scaling.factor
    turns_R = scaling.original_length * speeds_R / (2 * math.pi)
    kept_R = ((turns_R - scaling.low) / (scaling.high - scaling.low)).clamp(0, 1)
    return kept_R * speeds_R + (1 - kept_R) * speeds_R / scaling.factor


def rotate(x_NHD: Tensor, cos_NR: Tensor, sin_NR: Tensor) -> Tensor:
    """Turn dimension pairs (i, i + R) of each head by the token's angles; dimensions past 2 R pass through.

    Computed in fp32 whatever the dtype: bf16 has 8 bits, too few for an angle's sine times a sum.
    """
    n_half = cos_NR.size(-1)
    if not n_half:
        return x_NHD
    cos_N1R, sin_N1R = cos_NR[:, None], sin_NR[:, None]
    first, second, rest = x_NHD.split([n_half, n_half, x_NHD.size(-1) - 2 * n_half], dim=-1)
    first, second = first.float(), second.float()
    turned = torch.cat((first * cos_N1R - second * sin_N1R, second * cos_N1R + first * sin_N1R), dim=-1)
    return torch.cat((turned.to(x_NHD.dtype), rest), dim=-1)

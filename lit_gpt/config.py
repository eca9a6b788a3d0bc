"""Config: every number that decides what the network computes; no torch here.

Families differ in these numbers alone. Who reads them from where: hf_config.py.
"""

import math
from dataclasses import dataclass
from typing import Literal, get_args

Norm = Literal["RMSNorm", "UnitRMSNorm", "LayerNorm"]
Mlp = Literal["gated", "plain"]
Activation = Literal["silu", "relu", "gelu", "gelu_tanh"]
QkNorm = Literal["", "head", "full"]
WORDS = {"norm": Norm, "mlp": Mlp, "activation": Activation, "qk_norm": QkNorm}


@dataclass(frozen=True)
class RopeScaling:
    """How rotary angles are slowed for texts longer than those of pretraining.

    factor alone: positions are divided by it (https://kaiokendev.github.io/til, arXiv 2306.15595).
    With original_length: Llama 3.1's (arXiv 2407.21783; transformers, modeling_rope_utils.py): only the slow dimensions
    are divided, those of fewer than `low` turns in original_length tokens fully, of more than `high` turns not at all.
    """

    factor: float
    low: float = 0.0
    high: float = 0.0
    original_length: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.factor < math.inf or (self.original_length and not 0 < self.low < self.high < math.inf):
            raise ValueError(f"{self} is no way to slow rotary angles")


@dataclass(frozen=True)
class Config:
    """The shape of one network. Sizes are counts of units; 0 asks for the value in the comment."""

    family: str  # whose names its tensors have on disk: see weight_names.py
    n_layer: int
    n_head: int
    n_embd: int
    intermediate_size: int  # width of the MLP
    vocab_size: int
    block_size: int  # context length in tokens
    n_query_groups: int = 0  # n_head: key/value heads, each shared by n_head / n_query_groups query heads
    head_size: int = 0  # n_embd / n_head
    padded_vocab_size: int = 0  # vocab_size: rows of the embedding; logits of rows past vocab_size are cut
    tie_embeddings: bool = False  # the head's weight is the embedding's
    embedding_scale: float = 1.0

    norm: Norm = "RMSNorm"  # UnitRMSNorm: the gain is 1 + weight
    norm_eps: float = 1e-5
    pre_norm: bool = True  # of what attention and MLP read
    post_norm: bool = False  # of what they write
    parallel_residual: bool = False  # x + attn(norm_1(x)) + mlp(norm_2(x)), as GPT-NeoX
    shared_norm: bool = False  # in parallel, the MLP reads norm_1(x) too

    mlp: Mlp = "gated"  # proj(act(gate) * up), where fc(x) = [gate | up], or plain: proj(act(fc(x)))
    activation: Activation = "silu"

    attention_bias: bool = False  # of q, k and v
    proj_bias: bool = False
    mlp_bias: bool = False
    head_bias: bool = False

    qk_norm: QkNorm = ""  # RMS norm of queries and keys: of each head by itself, or of all heads together
    attention_scale: float = 0.0  # 1 / sqrt(head_size): of the scores
    attention_softcap: float = 0.0  # none: scores become cap * tanh(score / cap)
    logit_softcap: float = 0.0  # none
    windows: tuple[int, ...] = ()  # none: of each layer, how many tokens back it sees, itself included; 0 for all

    learned_positions: bool = False  # an embedding of positions, and no rotation
    rotary_percentage: float = 1.0  # share of each head that is rotated
    rope_base: float = 10000.0
    rope_scaling: RopeScaling | None = None
    window_rope_base: float = 0.0  # as the others: of layers with a window; not scaled

    def __post_init__(self) -> None:
        """Fill the zeros, then refuse what no network can be built from."""
        object.__setattr__(self, "n_query_groups", self.n_query_groups or self.n_head)
        object.__setattr__(self, "head_size", self.head_size or self.n_embd // max(self.n_head, 1))
        object.__setattr__(self, "padded_vocab_size", self.padded_vocab_size or self.vocab_size)
        object.__setattr__(self, "windows", tuple(self.windows))
        if isinstance(self.rope_scaling, dict):  # from lit_config.json
            object.__setattr__(self, "rope_scaling", RopeScaling(**self.rope_scaling))
        self._check_words()
        self._check_numbers()
        self._check_together()

    def _check_words(self) -> None:
        for name, words in WORDS.items():
            if getattr(self, name) not in get_args(words):
                raise ValueError(f"{name} is {getattr(self, name)!r}, not one of {', '.join(get_args(words))}")

    def _check_numbers(self) -> None:
        sizes = ("n_layer", "n_head", "n_query_groups", "n_embd", "head_size", "intermediate_size")
        for name in (*sizes, "vocab_size", "block_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, not a positive number")
        for name in ("norm_eps", "rope_base", "rotary_percentage", "embedding_scale"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} is {getattr(self, name)}, not a positive number")
        for name in ("attention_scale", "attention_softcap", "logit_softcap", "window_rope_base"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} is {getattr(self, name)}, a negative number")

    def _check_together(self) -> None:
        if self.n_head % self.n_query_groups:
            raise ValueError(f"{self.n_head} query heads do not share {self.n_query_groups} key/value heads evenly")
        if self.rotary_percentage > 1 or self.rope_size % 2:
            raise ValueError(f"{self.rotary_percentage} of a head of {self.head_size} is not an even number of dims")
        if self.padded_vocab_size < self.vocab_size:
            raise ValueError(f"padded_vocab_size {self.padded_vocab_size} is below vocab_size {self.vocab_size}")
        if self.windows and (len(self.windows) != self.n_layer or min(self.windows) < 0):
            raise ValueError(f"windows {self.windows} of {self.n_layer} layers")
        if not (self.pre_norm or self.post_norm) or (self.shared_norm and not self.parallel_residual):
            raise ValueError("a block without norms, or one norm shared by what comes one after the other")
        if self.parallel_residual and (self.post_norm or not self.pre_norm):
            raise ValueError("a parallel residual with norms of what is written")

    @property
    def rope_size(self) -> int:
        """Rotated dimensions of each head (rounded down, as GPT-NeoX does)."""
        return 0 if self.learned_positions else int(self.rotary_percentage * self.head_size)

    @property
    def qkv_rows(self) -> dict[str, slice]:
        """Where q, k and v lie in the rows of the fused projection: plain [Q | K | V]."""
        q, kv = self.n_head * self.head_size, self.n_query_groups * self.head_size
        return {"q": slice(0, q), "k": slice(q, q + kv), "v": slice(q + kv, q + 2 * kv)}

    @property
    def gated_rows(self) -> dict[str, slice]:
        """Where gate and up lie in the rows of a gated MLP's first linear: [gate | up]."""
        size = self.intermediate_size
        return {"gate": slice(0, size), "up": slice(size, 2 * size)}

    @property
    def n_parameters(self) -> int:
        """Of the network; a tied head is counted once."""
        norm = self.n_embd * (2 if self.norm == "LayerNorm" else 1)
        heads, groups = self.n_head * self.head_size, self.n_query_groups * self.head_size
        qk_norms = {"": 0, "head": 2 * self.head_size, "full": heads + groups}[self.qk_norm]
        attention = self.n_embd * (2 * heads + 2 * groups) + qk_norms
        attention += self.attention_bias * (heads + 2 * groups) + self.proj_bias * self.n_embd
        n_wide = self.intermediate_size * (3 if self.mlp == "gated" else 2)
        mlp = self.n_embd * n_wide + self.mlp_bias * (n_wide - self.intermediate_size + self.n_embd)
        norms = norm * (self.pre_norm * (2 - self.shared_norm) + 2 * self.post_norm)
        positions = self.learned_positions * self.block_size * self.n_embd
        head = (
            not self.tie_embeddings
        ) * self.padded_vocab_size * self.n_embd + self.head_bias * self.padded_vocab_size
        ends = self.padded_vocab_size * self.n_embd + positions + norm + head
        return self.n_layer * (attention + mlp + norms) + ends

    def window(self, layer: int) -> int:
        """How many tokens back a layer sees, itself included; 0 for all."""
        return self.windows[layer] if self.windows else 0

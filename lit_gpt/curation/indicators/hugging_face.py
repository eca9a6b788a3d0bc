"""The published scorers' own networks, by Transformers: needs `pip install 'lit-gpt[transformers]'`.

    YesNo            a T5 that answers yes-or-no questions: UniEval
    SequenceReward   a sequence classifier with one output: OpenAssistant's reward models
    SentenceEncoder  mean-pooled states of an encoder: SBERT's way

Causal models need none of this: lit_gpt.load reads a Hugging Face directory. Weights are safetensors on disk (nothing
is fetched here, no remote code runs); a network without them is refused by Transformers.
This is the one file of the library that imports Transformers.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch

from lit_gpt.curation.indicators.embeddings import Vectors, unit
from lit_gpt.curation.indicators.scores import Missing, Score
from lit_gpt.curation.texts import answer_of, first_request_of
from lit_gpt.errors import UserError
from lit_gpt.example import Example

BATCH_ROWS = 32
ADVICE = "pip install 'lit-gpt[transformers]'"


@dataclass(frozen=True)
class _Borrowed:
    """A network in eval mode and its tokenizer."""

    model: Any
    tokenizer: Any

    KIND: ClassVar[str]  # Transformers' name of what it is

    @classmethod
    def load(cls, directory: Path) -> Self:
        return cls(*_load(cls.KIND, directory))


def _load(kind: str, directory: Path) -> tuple[Any, Any]:
    try:
        import transformers
    except ModuleNotFoundError:
        raise UserError("a published scorer without Transformers", "the package transformers", ADVICE) from None
    if not directory.is_dir():
        raise UserError(f"{directory}, which is no directory", "a downloaded model", "download it first")
    own: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    model = getattr(transformers, kind).from_pretrained(directory, use_safetensors=True, **own)
    return model.eval(), transformers.AutoTokenizer.from_pretrained(directory, **own)


@dataclass(frozen=True)
class YesNo(_Borrowed):
    """Logits of Yes and No as the first token of the reply."""

    max_tokens: int = 1024

    KIND: ClassVar = "AutoModelForSeq2SeqLM"

    @torch.inference_mode()
    def __call__(self, texts: Sequence[str]) -> list[tuple[float, float]]:
        batch = self.tokenizer(
            list(texts), return_tensors="pt", padding=True, truncation=True, max_length=self.max_tokens
        )
        start_B1 = torch.full((len(texts), 1), self.model.config.decoder_start_token_id)
        logits_BV = self.model(**batch, decoder_input_ids=start_B1).logits[:, 0].float()
        yes, no = (self.tokenizer(word).input_ids[0] for word in ("Yes", "No"))
        return [(row[yes], row[no]) for row in logits_BV.tolist()]


@dataclass(frozen=True)
class SequenceReward(_Borrowed):
    """A reward model's score of a row; a row beyond its context is Missing, not cut."""

    max_tokens: int = 512

    KIND: ClassVar = "AutoModelForSequenceClassification"

    def scores(self, examples: Iterable[Example]) -> Iterator[Score]:
        examples = iter(examples)
        while window := list(islice(examples, BATCH_ROWS)):
            told = [(first_request_of(example), answer_of(example)) for example in window]
            encoded = [self.tokenizer(*pair) for pair in told]
            for example, one in zip(window, encoded, strict=True):
                yield example.id, self._score(one) if len(one.input_ids) <= self.max_tokens else Missing("too_long")

    @torch.inference_mode()
    def _score(self, encoded: Any) -> float:
        batch = {name: torch.tensor([ids]) for name, ids in encoded.items()}
        return float(self.model(**batch).logits[0, 0])


@dataclass(frozen=True)
class SentenceEncoder(_Borrowed):
    """An Embedder: the mean of the last states over real tokens, at length 1. Texts are cut at `max_tokens`."""

    max_tokens: int = 256

    KIND: ClassVar = "AutoModel"

    @property
    def name(self) -> str:
        return "sentence-encoder"

    @property
    def n_dims(self) -> int:
        return int(self.model.config.hidden_size)

    @torch.inference_mode()
    def embed(self, texts: Sequence[str]) -> Vectors:
        vectors = [np.zeros((0, self.n_dims), np.float32)]
        for start in range(0, len(texts), BATCH_ROWS):
            batch = self.tokenizer(
                list(texts[start : start + BATCH_ROWS]),
                return_tensors="pt",
                padding=True,
                truncation=True,
                max_length=self.max_tokens,
            )
            mask_BT1 = batch["attention_mask"][..., None].float()
            states_BTC = self.model(**batch).last_hidden_state.float()
            vectors.append(((states_BTC * mask_BT1).sum(1) / mask_BT1.sum(1).clamp(min=1)).numpy())
        return unit(np.concatenate(vectors))

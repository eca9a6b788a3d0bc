"""Every local indicator of a pool's rows, each computed once and kept as a file: what curation_recall.py judges."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lit_gpt.curation.indicators.embeddings import HashedNgrams, HiddenStates, Vectors, open_vectors, write_vectors
from lit_gpt.curation.indicators.gradients import gradient_features, matrix
from lit_gpt.curation.indicators.lexical import (
    count_words,
    mtld_scores,
    word_commonness_scores,
    word_entropy_scores,
)
from lit_gpt.curation.indicators.likelihoods import Reader, learnability_scores, length_scores, likelihoods
from lit_gpt.curation.indicators.neighbours import neighbour_distances
from lit_gpt.curation.indicators.ratings import Rater, deita_scores
from lit_gpt.curation.indicators.reward import reward_scores, train_reward_head
from lit_gpt.curation.indicators.scores import Score, prompt_text, whole_text, why_missing
from lit_gpt.data.store import read_examples
from lit_gpt.data.world.pairs import preference_pairs
from lit_gpt.example import Example
from lit_gpt.files import write_json
from lit_gpt.loading import load
from lit_gpt.progress import watched
from lit_gpt.prompts import TEXT_STYLES
from lit_gpt.studies.curation_recall_settings import RecallSettings
from lit_gpt.studies.workbench import PROMPT_STYLE, Workbench

GRADIENT_DIMS = 512
TARGET_SEED = 1  # beside the pool's: the targets' rows are not the pairs'


@dataclass(frozen=True)
class Pool:
    """The rows and what is computed of them; numbers are NaN where a scorer gave none."""

    study: RecallSettings
    bench: Workbench
    pool_dir: Path

    @cached_property
    def examples(self) -> list[Example]:
        return list(read_examples(self.pool_dir))

    @cached_property
    def reader(self) -> Reader:
        model, tokenizer = load(self.study.checkpoint_dir)
        return Reader(model, tokenizer, TEXT_STYLES[PROMPT_STYLE])

    @cached_property
    def targets(self) -> list[Example]:
        avoided = {prompt_text(example) for example in self.examples}
        pairs = preference_pairs(self.study.seed + TARGET_SEED, self.study.n_targets, avoided)
        return [better for better, _ in pairs]

    def scores(self, name: str) -> NDArray[np.float64]:
        """One indicator, (N,), from its file or computed; UserError never: these are the study's own rows."""
        path = self._path(name).with_suffix(".json")
        if not path.is_file():
            self._compute(name)
        return np.array([np.nan if value is None else value for value in json.loads(path.read_text())["scores"]])

    def all_missing(self) -> dict[str, dict[str, int]]:
        """How many rows have no score, by indicator and reason, for the indicators computed so far."""
        paths = sorted(self._path("any").parent.glob("*.json"))
        return {path.stem: json.loads(path.read_text())["missing"] for path in paths}

    def _compute(self, name: str) -> None:
        if name in ("perplexity", "ifd_loss", "ifd_ppl"):
            rows = list(likelihoods(self._watched(name), self.reader))
            for of in ("perplexity", "ifd_loss", "ifd_ppl"):
                self._keep(of, [(id, getattr(row, of)) for id, row in rows])
        else:
            self._keep(name, SCORERS[name](self))

    def _keep(self, name: str, scores: Iterator[Score] | list[Score]) -> None:
        values = [score for _, score in scores]
        reasons = [reason for score in values if (reason := why_missing(score))]
        numbers = [None if why_missing(score) else float(score) for score in values]
        counts = {reason: reasons.count(reason) for reason in sorted(set(reasons))}
        self._path(name).parent.mkdir(parents=True, exist_ok=True)
        write_json(self._path(name).with_suffix(".json"), {"missing": counts, "scores": numbers})

    def _watched(self, name: str) -> Iterator[Example]:
        return watched(self.examples, name, "row", len(self.examples))

    def _path(self, name: str) -> Path:
        return self.study.out_dir / "scores" / name

    def vectors(self, name: str) -> Vectors:
        """Embeddings (N, D) of whole rows, from their file or computed."""
        embedder = EMBEDDERS[name](self)
        path = self._path(embedder.name).with_suffix(".npy")
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            return write_vectors(path, map(whole_text, self._watched(name)), len(self.examples), embedder)
        return open_vectors(path)

    def target_vectors(self, name: str) -> Vectors:
        return EMBEDDERS[name](self).embed([whole_text(example) for example in self.targets])

    @cached_property
    def tuned(self) -> Reader:
        """The base after a short LoRA finetuning on the pool as it is."""
        run_dir = self.bench.train("learnability", self.pool_dir, self.study.seed)
        model, tokenizer = load(self.study.checkpoint_dir, run_dir / "final")
        return Reader(model, tokenizer, self.reader.style)

    def gradients(self) -> tuple[Vectors, Vectors]:
        """Gradient features of pool and targets under the tuned model."""
        found = []
        for name, rows in (("gradients", self.examples), ("target-gradients", self.targets)):
            path = self._path(name).with_suffix(".npy")
            if not path.is_file():
                told = watched(rows, name, "row", len(rows))
                _, features = matrix(gradient_features(told, self.tuned, GRADIENT_DIMS, self.study.seed))
                np.save(path, features)
            found.append(np.load(path))
        return found[0], found[1]


def _reward(pool: Pool) -> Iterator[Score]:
    avoided = {prompt_text(example) for example in pool.examples}
    pairs = preference_pairs(pool.study.seed, pool.study.n_pairs, avoided)
    head = train_reward_head(islice(pairs, pool.study.n_pairs), pool.reader)
    return reward_scores(pool._watched("local-reward"), pool.reader, head)


def _lengths(pool: Pool) -> Iterator[Score]:
    rows = length_scores(pool.examples, pool.reader.tokenizer, pool.reader.style)
    return ((id, float(n_output)) for id, _, n_output in rows)


def _distances(pool: Pool) -> Iterator[Score]:
    ids = (example.id for example in pool.examples)
    return zip(ids, neighbour_distances(pool.vectors("hashed"), 6).tolist(), strict=True)


EMBEDDERS: dict[str, Callable[[Pool], HashedNgrams | HiddenStates]] = {
    "hashed": lambda pool: HashedNgrams(),
    "states": lambda pool: HiddenStates(pool.reader.model, pool.reader.tokenizer, "position"),
}
SCORERS: dict[str, Callable[[Pool], Iterator[Score]]] = {
    "output_length": _lengths,
    "mtld": lambda pool: mtld_scores(pool.examples),
    "word_entropy": lambda pool: word_entropy_scores(pool.examples),
    "word_commonness": lambda pool: word_commonness_scores(pool.examples, count_words(pool.examples)),
    "knn_6": _distances,
    "local-reward": _reward,
    "learnability": lambda pool: learnability_scores(pool._watched("learnability"), pool.reader, pool.tuned),
    "deita": lambda pool: deita_scores(pool._watched("deita"), Rater(pool.reader.model, pool.reader.tokenizer)),
}

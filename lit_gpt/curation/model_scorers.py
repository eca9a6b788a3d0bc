"""Scores that a model of ours gives; the arithmetic is in `indicators/`.

The model is the one of --checkpoint_dir, whatever it is: which model scored stands in the table's name by the hashes of
its files.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from lit_gpt.curation.bench import Bench
from lit_gpt.curation.judging.local import model_name
from lit_gpt.curation.models import checkpoint_of, folder_identity, loaded, model_identity, reader_of
from lit_gpt.curation.scorers import OfRows
from lit_gpt.curation.scores import ScoreRows

if TYPE_CHECKING:
    from lit_gpt.curation.indicators.scores import Score
    from lit_gpt.example import Example

ADAPTER = "the directory of a LoRA adapter, such as out/lora/NAME/final"
PROJECTION_SEED = 0
WINDOW_ROWS = 512  # what likelihoods are read in: the same windows give the same bits


class OfAModel(OfRows):
    """What asks the model, a window of rows at a time."""

    SHARD_ROWS: ClassVar = WINDOW_ROWS
    NEEDS: ClassVar[tuple[str, ...]] = ("checkpoint_dir",)

    def identity(self, bench: Bench) -> dict[str, Any]:
        return model_identity(bench)


@dataclass(frozen=True)
class Learnability(OfAModel):
    """By how many nats a token a short finetuning lowers the loss of a row's answers.

    Args:
        tuned: the name under which its adapter is given: --given tuned=DIR
    """

    tuned: str = "tuned"

    NAME: ClassVar = "learnability"
    GIVEN: ClassVar = {"tuned": ADAPTER}

    def identity(self, bench: Bench) -> dict[str, Any]:
        return {**model_identity(bench), "adapter": folder_identity(bench.given(self.tuned, ADAPTER))}

    def start(self, bench: Bench) -> ScoreRows:
        from lit_gpt.curation.indicators.likelihoods import learnability_scores

        before, after = reader_of(bench), reader_of(bench, bench.given(self.tuned, ADAPTER))
        return lambda examples: learnability_scores(examples, before, after)


class OfAGrader(OfAModel):
    """What has the model of --checkpoint_dir grade rows: the expected digit from 1 to 6. DEITA's own scorers are such
    models; any other gives an opinion of its own. FORMULA is the indicator's name, fields are settings of its Rater."""

    FORMULA: ClassVar[str]

    def identity(self, bench: Bench) -> dict[str, Any]:
        bench.scored_by.add(model_name(checkpoint_of(bench)))
        return model_identity(bench)

    def start(self, bench: Bench) -> ScoreRows:
        from lit_gpt.curation.indicators import ratings

        rater = ratings.Rater(*loaded(bench), **asdict(self))  # type: ignore[call-overload]
        return partial(getattr(ratings, self.FORMULA), rater=rater)


@dataclass(frozen=True)
class DeitaGrades(OfAGrader):
    """DEITA's complexity times quality, added up over turns.

    Args:
        complexity_question: a published prompt for a grade of the request {instruction}, filled in as it stands; by
            default in words of ours, with the request fenced
        quality_question: the same of the reply {output}
    """

    complexity_question: str = ""
    quality_question: str = ""

    NAME: ClassVar = "deita_grades"
    VERSION: ClassVar = 2
    FORMULA: ClassVar = "deita_scores"


@dataclass(frozen=True)
class DeitaComplexity(OfAGrader):
    """DEITA's complexity alone: the grades of a row's requests, added up.

    Args:
        complexity_question: as of deita_grades
    """

    complexity_question: str = ""

    NAME: ClassVar = "deita_complexity"
    FORMULA: ClassVar = "complexity_scores"


@dataclass(frozen=True)
class DeitaQuality(OfAGrader):
    """DEITA's quality alone: the grades of a row's answers, added up.

    Args:
        quality_question: as of deita_grades
    """

    quality_question: str = ""

    NAME: ClassVar = "deita_quality"
    FORMULA: ClassVar = "quality_scores"


@dataclass(frozen=True)
class Influence(OfAModel):
    """LESS: how far a step on the row would lower the loss of --target_dir's rows; the mean over a category of these,
    the highest over categories. One checkpoint of the warm-up, gradients of its LoRA weights.

    Args:
        n_dims: that gradients are projected to
        warmup: the name under which the warm-up's adapter is given: --given warmup=DIR
        moments: the name under which that run's state/STEP/optimizer.safetensors is given, if it is; the rows'
            gradients are then those of Adam's step, as in the paper
    """

    n_dims: int = 512
    warmup: str = "warmup"
    moments: str = "moments"

    NAME: ClassVar = "influence"
    VERSION: ClassVar = 2
    NEEDS: ClassVar = ("checkpoint_dir", "target_dir")
    GIVEN: ClassVar = {"warmup": ADAPTER, "moments": "that run's state/STEP/optimizer.safetensors"}
    OPTIONAL: ClassVar = ("moments",)

    def identity(self, bench: Bench) -> dict[str, Any]:
        from lit_gpt.files import sha256_of

        moments = bench.settings.given_files.get(self.moments)
        return {
            **model_identity(bench),
            "adapter": folder_identity(bench.given(self.warmup, ADAPTER)),
            "moments": sha256_of(moments) if moments else "",
            "targets": bench.target_hash,
        }

    def start(self, bench: Bench) -> ScoreRows:
        from lit_gpt.curation.indicators.gradients import gradient_features, matrix, read_moments

        reader = reader_of(bench, bench.given(self.warmup, ADAPTER))
        given = bench.settings.given_files.get(self.moments)
        moments = read_moments(given) if given else None
        targets = list(bench.target_rows("gradients of the targets"))
        told, targets_QD = matrix(gradient_features(targets, reader, self.n_dims, PROJECTION_SEED))
        tasks = {example.id: example.category for example in targets}

        def score(examples: "list[Example]") -> "Iterator[Score]":
            from lit_gpt.curation.selection.targets import influence_scores

            found = gradient_features(examples, reader, self.n_dims, PROJECTION_SEED, moments)
            return influence_scores(found, targets_QD, [tasks[id] for id in told])

        return score

"""What the embedded default is worth: finetuning helps, trivial answers do not, and clean rows beat a random draw.

Three measurements on the instruction world: before_after.py, clean_or_random.py, and how well single indicators tell
the pool's defects (separability.py). Resumable: whatever lies in `out_dir` is not done again.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import islice
from math import exp
from pathlib import Path
from typing import Any

from lit_gpt.checkpoint import checkpoint_hashes
from lit_gpt.data.store import read_examples
from lit_gpt.evaluation.labels import read_defects
from lit_gpt.example import Example
from lit_gpt.files import write_json
from lit_gpt.likelihood import loglikelihood
from lit_gpt.loading import load
from lit_gpt.manifest import Manifest
from lit_gpt.progress import watched
from lit_gpt.prompts import TEXT_STYLES
from lit_gpt.studies.before_after import before_and_after
from lit_gpt.studies.clean_or_random import clean_or_random
from lit_gpt.studies.embedded_settings import StudySettings
from lit_gpt.studies.separability import CHANCE, answer_length, areas_by_defect, missed, type_token_ratio
from lit_gpt.studies.workbench import PROMPT_STYLE, Workbench
from lit_gpt.tokens.encode import encode_examples
from lit_gpt.training.lora_settings import LoraSettings
from lit_gpt.training.settings import ScheduleSettings

KIND = "study"
RESULTS = "results.json"


def study_embedded_default(study: StudySettings, schedule: ScheduleSettings, lora: LoraSettings) -> Path:
    """Measure everything; the directory that holds results.json."""
    bench = Workbench(study.out_dir, study.checkpoint_dir, schedule, lora)
    results = {
        "before_and_after": before_and_after(bench, study),
        "clean_or_random": clean_or_random(bench, study),
        "indicators": _indicators(bench, study),
        "settings": {"schedule": asdict(schedule), "lora": asdict(lora)},
    }
    write_json(study.out_dir / RESULTS, results)
    Manifest(KIND, checkpoint_hashes(study.checkpoint_dir), settings=results["settings"]).write(
        study.out_dir, [RESULTS]
    )
    return study.out_dir


def _indicators(bench: Workbench, study: StudySettings) -> dict[str, Any]:
    """For each indicator: the area under the curve by defect, and the defects it misses."""
    pool_dir = bench.world("pool-0", 0, n_rows=study.n_pool_rows, n_test=study.n_test, defects=True)
    defects = read_defects(pool_dir.with_name(f"{pool_dir.name}-labels"), "train")
    examples = list(islice(read_examples(pool_dir), study.n_indicator_rows))
    simple: dict[str, Callable[[Example], float]] = {"length": answer_length, "type_token_ratio": type_token_ratio}
    values = {name: {example.id: of(example) for example in examples} for name, of in simple.items()}
    values["perplexity"] = dict(_perplexities(bench, examples))
    areas = {name: areas_by_defect(by_id, defects) for name, by_id in values.items()}
    return {name: {"auc": by_defect, "missed": missed(by_defect)} for name, by_defect in areas.items()} | {
        "chance": list(CHANCE)
    }


def _perplexities(bench: Workbench, examples: list[Example]) -> Iterator[tuple[str, float]]:
    """Of each answer, under the base model, after its prompt."""
    model, tokenizer = load(bench.checkpoint_dir)
    encoded = encode_examples(examples, tokenizer, TEXT_STYLES[PROMPT_STYLE])
    for example, row in watched(encoded, "perplexity", "row", len(examples)):
        logprobs = loglikelihood(model, row.ids)
        answer = [logprob for logprob, is_answer in zip(logprobs.tolist(), row.is_answer[1:], strict=True) if is_answer]
        yield example.id, exp(-sum(answer) / len(answer))

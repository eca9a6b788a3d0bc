"""What recipes have to be given in the study of what curation finds: pools, targets, a warm-up, accuracies, a rule.

Each is made once under the study's folder.
"""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from lit_gpt.curation.bench import Bench
from lit_gpt.curation.finetune_table import read_finetunes
from lit_gpt.curation.recipes import Recipe, read_recipe
from lit_gpt.curation.rows import Pool
from lit_gpt.curation.rule import fit_rule
from lit_gpt.curation.rule_finetunes import Sampling, indicator_names, sample_finetunes
from lit_gpt.curation.settings import CurateSettings
from lit_gpt.data.store import read_examples
from lit_gpt.evaluation.results import ACCURACIES
from lit_gpt.files import write_bytes, write_json
from lit_gpt.studies.curation_recall_settings import RecallSettings
from lit_gpt.studies.workbench import PROMPT_STYLE, Workbench
from lit_gpt.training.lora_settings import LoraSettings
from lit_gpt.training.settings import ScheduleSettings

TARGETS_SEED, RULE_SEED = 1_000, 1_001  # no pool that is judged has one of these
PENALTY = 1.0  # the indicators of a few finetunes are nearly collinear


@dataclass(frozen=True)
class Inputs:
    study: RecallSettings
    bench: Workbench

    @classmethod
    def of(cls, study: RecallSettings) -> "Inputs":
        schedule = ScheduleSettings(max_steps=study.learn_steps, batch_size=16, learning_rate=1e-3)
        return cls(study, Workbench(study.out_dir, study.checkpoint_dir, schedule, LoraSettings()))

    def pool(self, seed: int) -> Path:
        n_rows, n_test = self.study.n_rows, self.study.n_tests
        return self.bench.world(f"pool-{seed}", seed, n_rows=n_rows, n_test=n_test, defects=True)

    @cached_property
    def targets(self) -> Path:
        """Sound rows of another world."""
        return self.bench.world("targets", TARGETS_SEED, n_rows=self.study.n_targets, n_test=1)

    @cached_property
    def test_prompts(self) -> Path:
        """What the pools' test rows ask, as a file to decontaminate against."""
        path = self.study.out_dir / "tests.jsonl"
        prompts = (example.messages[0].content for example in read_examples(self.pool(0), "test"))
        write_bytes(path, "".join(json.dumps({"prompt": prompt}) + "\n" for prompt in prompts).encode())
        return path

    def warmup(self, seed: int) -> Path:
        """A run over the pool as it is."""
        return self.bench.train(f"warmup-{seed}", self.pool(seed), seed)

    def accuracies(self, seed: int) -> Path:
        """Of each kind of task: the warmed-up model's, for the base answers nothing at all."""
        return self.bench.evaluate(f"warmup-{seed}", self.pool(seed), self.warmup(seed) / "final") / ACCURACIES

    @cached_property
    def rule(self) -> Path:
        """Fitted to finetunes on samples of a pool that is not judged."""
        path = self.study.out_dir / "rule.json"
        if not path.is_file():
            table = read_finetunes(self._finetunes(), None, "loss")
            fitted = fit_rule(table.names, table.indicators_NK, table.losses_N, penalty=PENALTY)
            write_json(path, fitted.record)
        return path

    def _finetunes(self) -> Path:
        recipe = read_recipe(self.study.recipes_dir / "instructmining-refit.yaml")
        settings = curate_settings(self, recipe, RULE_SEED)
        pool = Pool.of(settings.data_dir)
        bench = Bench(settings, len(pool.ids), recipe.scorers, recipe.embedders)
        sampling = Sampling(self.study.n_finetunes, None, (self.targets, "train", None))

        def train(data_dir: Path, run_dir: Path, seed: int) -> Path:
            return self.bench.train(run_dir.parent.name, data_dir, seed) / "final"

        return sample_finetunes(bench, pool.rows, indicator_names(recipe), sampling, train, self.study.out_dir)


def curate_settings(inputs: Inputs, recipe: Recipe, seed: int) -> CurateSettings:
    """As the command line would have them for this recipe and the pool of this seed."""
    needs_run = recipe.inputs & {"warmup", "tuned", "moments"}
    run_dir = inputs.warmup(seed) if needs_run else Path()
    given = {"warmup": run_dir / "final", "tuned": run_dir / "final"}
    if "moments" in recipe.inputs:
        given["moments"] = max((run_dir / "state").glob("step-*")) / "optimizer.safetensors"
    if "accuracies" in recipe.inputs:
        given["accuracies"] = inputs.accuracies(seed)
    if "rule" in recipe.inputs and seed != RULE_SEED:
        given["rule"] = inputs.rule
    return CurateSettings(
        data_dir=inputs.pool(seed),
        recipe=recipe.name,
        seed=seed,
        missing="drop",
        checkpoint_dir=inputs.study.checkpoint_dir,
        prompt_style=PROMPT_STYLE,
        target_dir=inputs.targets,
        given=[f"{name}={path}" for name, path in given.items() if name in recipe.inputs],
        against=[inputs.test_prompts],
        report=False,
    )

"""The embedded base model: trained here, by the loop that finetunes every weight, on documents of the world.

What it is for: LIMA's hypothesis (arXiv 2305.11206, section 2) on a scale of minutes. The base has met the skills in
documents; finetuning has only to teach it how instructions ask for them.
Kept beside the weights: every setting, the log of the losses, and a card with the held-out loss against n-grams.
"""

import json
from itertools import chain, islice
from pathlib import Path

import torch
import yaml

from lit_gpt.checkpoint import load_model
from lit_gpt.data.prepare import prepare_examples
from lit_gpt.data.settings import DataSettings
from lit_gpt.data.sources.world_documents import source
from lit_gpt.data.store import load_example_set
from lit_gpt.data.world.documents import ALL, documents
from lit_gpt.export import new_checkpoint, write_hf_files
from lit_gpt.manifest import read_manifest
from lit_gpt.random_base import write_random_base
from lit_gpt.studies.base_card import write_card
from lit_gpt.studies.base_settings import BaseSettings
from lit_gpt.studies.induction_start import start_with_induction
from lit_gpt.studies.ngrams import NGrams
from lit_gpt.tokens.prepare import Wanted, find_or_encode
from lit_gpt.tokens.store import TokenSet
from lit_gpt.training.journal import read_metrics
from lit_gpt.training.methods import Full
from lit_gpt.training.run import finetune
from lit_gpt.training.settings import JournalSettings, RunSettings, ScheduleSettings

# 5.3 million weights: the most that fit into 12 MB in bf16 beside a tokenizer, in shapes that two cores multiply well
SHAPE = {
    "hidden_size": 256,
    "intermediate_size": 704,
    "num_hidden_layers": 6,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "max_position_embeddings": 512,
    "rope_theta": 100_000.0,  # half of a head's pairs turn by less than two radians over the context
}
VOCAB_SIZE = 2048
TOKENIZER_DOCUMENTS = 20_000
WORDING_REPEATS = 30  # of each instruction among the tokenizer's texts, so that its words are tokens too
VALIDATION_SHARE = 0.004
NGRAM_ORDERS = (1, 5)


def train_tiny_base(settings: BaseSettings) -> Path:
    """Everything from documents to the finished model; returns its directory. Goes on where it was interrupted."""
    work = settings.work_dir
    random_base = _random_base(work / "random", settings.seed)
    data = DataSettings(destination_path=work / "documents", seed=settings.seed, val_split_fraction=VALIDATION_SHARE)
    data_dir = prepare_examples(source(settings.n_volumes), data)
    run_dir = finetune(Full(), _run(settings, random_base, data_dir), _schedule(settings), _journal())
    token_set = find_or_encode(data_dir, random_base, Wanted(prompt_style="raw"))
    return _export(settings.out_dir, random_base, run_dir, data_dir, ngram_losses(token_set), settings.device)


def ngram_losses(token_set: TokenSet) -> dict[int, float]:
    """The held-out loss of unigrams and 5-grams counted over all documents that the base reads."""
    losses = NGrams(token_set.split("train"), max(NGRAM_ORDERS), VOCAB_SIZE).losses(token_set.split("validation"))
    return {order: losses[order] for order in NGRAM_ORDERS}


def _random_base(directory: Path, seed: int) -> Path:
    if directory.exists():
        return directory
    wordings = (wording for kind in ALL for wording in kind.wordings for _ in range(WORDING_REPEATS))
    texts = chain(islice(documents(seed), TOKENIZER_DOCUMENTS), wordings)
    return write_random_base(directory, texts, seed, VOCAB_SIZE, SHAPE, start_with_induction)


def _run(settings: BaseSettings, random_base: Path, data_dir: Path) -> RunSettings:
    return RunSettings(
        checkpoint_dir=random_base,
        data_dir=data_dir,
        out_dir=settings.work_dir / "run",
        seed=settings.seed,
        precision="bf16-mixed",
        device=settings.device,
        compile=True,
        prompt_style="raw",
    )


def _schedule(settings: BaseSettings) -> ScheduleSettings:
    """Rates for a few million weights: ten times those of finetuning, decayed to almost nothing.

    Small batches: after 2 million tokens the loss is 1.25 with 2,048 tokens a step and 1.51 with 4,096, as fast.
    """
    return ScheduleSettings(
        epochs=1,
        max_time=settings.max_time,
        batch_size=4,
        micro_batch_size=4,
        learning_rate=1.5e-3,
        min_learning_rate=1e-5,
        warmup_steps=300,
        weight_decay=0.1,
        beta2=0.99,
    )


def _journal() -> JournalSettings:
    return JournalSettings(eval_every=2000, eval_rows=300, save_every=2000, log_every=80)


def _export(
    out_dir: Path, random_base: Path, run_dir: Path, data_dir: Path, ngrams: dict[int, float], device: str
) -> Path:
    model = load_model(run_dir / "best", dtype=torch.bfloat16, device="cpu")
    metrics = read_metrics(run_dir)
    documents_hash = load_example_set(data_dir).content_hash
    with new_checkpoint(out_dir, random_base, documents=documents_hash) as new:
        write_hf_files(model, new, random_base)
        (new / "training.yaml").write_text(_settings(run_dir / "hyperparameters.yaml"))
        (new / "training_log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in metrics))
        write_card(new, model, metrics, read_manifest(run_dir, "run").counts, ngrams, _machine(device))
    return out_dir


def _settings(path: Path) -> str:
    """The run's settings without the places of one machine."""
    settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    return yaml.safe_dump(
        {name: value for name, value in settings.items() if not name.endswith("_dir")}, sort_keys=False
    )


def _machine(device: str) -> str:
    """What it ran on, in words."""
    if device == "cuda" or (device == "auto" and torch.cuda.is_available()):
        return torch.cuda.get_device_name()
    return f"{torch.get_num_threads()} CPU cores"

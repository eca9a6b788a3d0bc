"""This repository's own finetuning run on the fixture, from prepared tokens to the last step: --fast true or false.

false is the naive way: module by module, all logits at once, every activation kept, adapters in fp32. --micro_blocks,
--quantize and --length are what one changes when memory runs out. What is measured is the run of finetune/lora.py, with
its journal and its validation; the loss on the validation rows must have fallen.
"""

import os
import sys

from meter import Meter, arguments


def main() -> None:
    given = arguments(fast="true", micro_blocks="2", quantize=None)
    from lit_gpt.data.settings import DataSettings
    from lit_gpt.data.sources.alpaca import source
    from lit_gpt.studies.speed.limit import share_of_limit
    from lit_gpt.tokens.prepare import prepare
    from lit_gpt.tokens.settings import TokenSettings
    from lit_gpt.training.journal import read_metrics
    from lit_gpt.training.lora_settings import LoraSettings
    from lit_gpt.training.methods import Lora
    from lit_gpt.training.run import finetune
    from lit_gpt.training.settings import JournalSettings, RunSettings, ScheduleSettings

    is_fast = given.fast == "true"
    data_dir = given.work_dir / f"data-{given.length}"
    if not data_dir.is_dir():
        tokens = TokenSettings(given.fixture / "hf", max_seq_length=given.length, prompt_style="raw")
        rows = DataSettings(source=str(given.fixture / "data/train.json"), destination_path=data_dir)
        prepare(source(), rows, tokens)
        os.execv(sys.executable, [sys.executable, *sys.argv])  # noqa: S606 - what preparing held is not training's
    settings = RunSettings(
        checkpoint_dir=given.fixture / "hf",
        data_dir=data_dir,
        out_dir=given.work_dir / "out",
        resume="never",
        precision={"fp32": "32-true", "bf16": "bf16-true"}[given.dtype],
        device="cpu",
        activation_checkpointing=given.checkpointing,
        quantize=given.quantize,
        chunked_loss=is_fast,
        lean_activations=is_fast,
        document_attention="auto" if is_fast else "plain",
    )
    schedule = ScheduleSettings(
        max_steps=given.steps,
        batch_size=2 * given.rows * given.accumulate,
        micro_batch_size=int(
            given.micro_blocks
        ),  # two of 1,024 tokens: the slots of a padded micro-batch of four mean rows
        learning_rate=given.learning_rate,
        warmup_steps=1,
        decay="constant",
    )
    lora = LoraSettings(
        lora_r=given.rank, lora_alpha=2 * given.rank, lora_dropout=0.0, lora_targets="q,k,v,o,mlp", lora_fused=is_fast
    )
    meter = Meter(given)
    out_dir = finetune(Lora(lora), settings, schedule, JournalSettings(eval_rows=4, eval_every=given.steps))
    records = read_metrics(out_dir)
    before, *_, after = (record["val_loss"] for record in records if "val_loss" in record)
    if not after < before:
        raise RuntimeError(f"the validation loss went from {before} to {after}")
    losses = [record["train_loss"] for record in records if "train_loss" in record]
    limit = share_of_limit(given.fixture / "hf", data_dir, given.rank, given.dtype)
    meter.line(bar="ours" if is_fast else "ours, plain", val_loss=[before, after], losses=losses, **limit)


if __name__ == "__main__":
    main()

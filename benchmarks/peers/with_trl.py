"""TRL's SFTTrainer with a peft LoRA on every linear: --batching padded, packed (best fit) or grouped (by length).

Pinned in benchmarks/requirements-bench-trl.txt. bf16 is its own way: base in bf16, adapters in fp32 under autocast.
Documents of a packed row are kept apart by their positions, through a dense mask on a CPU.
"""

import json

from meter import Meter, arguments

TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def main() -> None:
    given = arguments(batching="padded")
    import torch
    from datasets import Dataset, disable_progress_bars
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    disable_progress_bars()
    rows = json.loads((given.fixture / "data/train.json").read_text())
    is_packed, is_grouped = given.batching == "packed", given.batching == "grouped"
    config = SFTConfig(
        output_dir=str(given.work_dir / "out"),
        max_steps=given.steps,
        per_device_train_batch_size=2 if is_packed else given.rows,  # two rows of 1,024, filled
        gradient_accumulation_steps=given.accumulate,
        max_length=given.length,
        packing=is_packed,
        train_sampling_strategy="group_by_length" if is_grouped else "random",
        gradient_checkpointing=given.checkpointing,
        bf16=given.dtype == "bf16",
        use_cpu=True,
        learning_rate=given.learning_rate,
        warmup_steps=1,
        optim="adamw_torch",
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        logging_steps=given.steps,
    )
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[given.dtype]
    trainer = SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(given.fixture / "hf", dtype=dtype, attn_implementation="sdpa"),
        args=config,
        train_dataset=Dataset.from_list(
            [{"prompt": row["instruction"], "completion": " " + row["output"]} for row in rows]
        ),
        processing_class=AutoTokenizer.from_pretrained(given.fixture / "hf"),
        peft_config=LoraConfig(r=given.rank, lora_alpha=2 * given.rank, target_modules=TARGETS, task_type="CAUSAL_LM"),
    )
    meter = Meter(given)
    trainer.train()
    meter.line(bar=f"trl {given.batching}")


if __name__ == "__main__":
    main()

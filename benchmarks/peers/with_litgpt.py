"""litgpt's finetune_lora on the fixture: padded micro-batches, its own loss and its own LoRA on every linear.

Pinned in benchmarks/requirements-bench-litgpt.txt. The base is converted from the same weights, as its converter does
it; saving, merging and generating are left out.
"""

import shutil

from meter import Meter, arguments


def main() -> None:
    given = arguments()
    import litgpt.finetune.lora as finetune
    from litgpt.args import EvalArgs, TrainArgs
    from litgpt.data import JSON
    from litgpt.prompts import Default

    base = convert(given.fixture, given.work_dir / "base" / "fixture")
    finetune.merge_lora = lambda *args, **named: None
    finetune.save_hyperparameters = lambda *args, **named: None
    meter = Meter(given)
    finetune.setup(
        checkpoint_dir=base,
        out_dir=given.work_dir / "out",
        precision={"fp32": "32-true", "bf16": "bf16-true"}[given.dtype],
        lora_r=given.rank,
        lora_alpha=2 * given.rank,
        lora_dropout=0.0,
        lora_key=True,
        lora_projection=True,
        lora_mlp=True,
        data=JSON(given.fixture / "data", mask_prompt=True, prompt_style=Default(), num_workers=0),
        train=TrainArgs(
            save_interval=None,
            global_batch_size=given.rows * given.accumulate,
            micro_batch_size=given.rows,
            lr_warmup_steps=1,
            epochs=99,
            max_steps=given.steps,
            max_seq_length=given.length,
        ),
        eval=EvalArgs(interval=1 << 30, max_new_tokens=1, max_iters=1, final_validation=False),
        optimizer={"class_path": "torch.optim.AdamW", "init_args": {"lr": given.learning_rate}},
    )
    meter.line(bar="litgpt")


def convert(fixture, directory):  # type: ignore[no-untyped-def]
    """The fixture's base as litgpt keeps it."""
    import json

    import torch
    from litgpt import GPT, Config
    from litgpt.scripts.convert_hf_checkpoint import copy_weights_hf_llama
    from litgpt.utils import save_config
    from safetensors.torch import load_file

    if (directory / "lit_model.pth").exists():
        return directory
    theirs = json.loads((fixture / "hf/config.json").read_text())
    config = Config(
        name="fixture",
        block_size=theirs["max_position_embeddings"],
        n_layer=theirs["num_hidden_layers"],
        n_embd=theirs["hidden_size"],
        n_head=theirs["num_attention_heads"],
        n_query_groups=theirs["num_key_value_heads"],
        intermediate_size=theirs["intermediate_size"],
        vocab_size=theirs["vocab_size"],
        padded_vocab_size=theirs["vocab_size"],
        norm_eps=theirs["rms_norm_eps"],
        rotary_percentage=1.0,
        parallel_residual=False,
        bias=False,
        norm_class_name="RMSNorm",
        mlp_class_name="LLaMAMLP",
    )
    state = {}
    copy_weights_hf_llama(config, {}, state, load_file(fixture / "hf/model.safetensors"))
    GPT(config).load_state_dict(state)
    directory.mkdir(parents=True, exist_ok=True)
    for name in ("tokenizer.json", "tokenizer_config.json", "generation_config.json"):
        shutil.copy(fixture / "hf" / name, directory / name)
    save_config(config, directory)
    torch.save(state, directory / "lit_model.pth")
    return directory


if __name__ == "__main__":
    main()

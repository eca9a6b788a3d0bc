"""torchtune's single-device LoRA recipe: --batching padded or packed (greedy, rows of 1,024 filled up with padding).

Pinned in benchmarks/requirements-bench-torchtune.txt. Model, packing, loss and loop are torchtune's; the rows come
from here, as ids. Without CUDA its packed rows are kept apart by a dense mask.
"""

import json
import sys
import sysconfig
from pathlib import Path
from typing import Any

from meter import PAD, Meter, arguments

EOS = 2


def rows(tokenizer: object, path: str, length: int, is_packed: bool) -> object:
    """What the recipe asks for as a dataset."""
    from torch.utils.data import Dataset
    from torchtune.data import CROSS_ENTROPY_IGNORE_IDX
    from torchtune.datasets import PackedDataset

    encoded = [encode(row, length, CROSS_ENTROPY_IGNORE_IDX) for row in json.loads(Path(path).read_text())]

    class Rows(Dataset):
        def __len__(self) -> int:
            return len(encoded)

        def __getitem__(self, i: int) -> dict[str, list[int]]:
            return {name: list(values) for name, values in encoded[i].items()}

    return PackedDataset(Rows(), max_seq_len=length, padding_idx=PAD) if is_packed else Rows()


def encode(row: dict[str, str], length: int, ignored: int) -> dict[str, list[int]]:
    prompt, answer = ([int(word[1:]) for word in row[name].split()] for name in ("instruction", "output"))
    answer = [*answer, EOS]
    return {"tokens": (prompt + answer)[:length], "labels": ([ignored] * len(prompt) + answer)[:length]}


class Tokenizer:
    """What is asked of a tokenizer when the rows are ids already."""

    pad_id, eos_id, max_seq_len = PAD, EOS, None


def main() -> None:
    given = arguments(batching="padded")
    sys.modules["bar"] = sys.modules["__main__"]  # the recipe names components by import paths
    sys.path.insert(0, str(Path(sysconfig.get_path("purelib")) / "recipes"))
    from lora_finetune_single_device import LoRAFinetuneRecipeSingleDevice
    from omegaconf import OmegaConf

    config = OmegaConf.create(recipe_config(given))
    recipe = LoRAFinetuneRecipeSingleDevice(config)
    recipe.setup(config)
    recipe.save_checkpoint = lambda *args, **named: None
    meter = Meter(given)
    recipe.train()
    meter.line(bar=f"torchtune {given.batching}")


def model_config(given: Any) -> dict[str, Any]:
    """The fixture's network with LoRA on every linear of its blocks."""
    theirs = json.loads((given.fixture / "hf/config.json").read_text())
    return {
        "_component_": "torchtune.models.llama2.lora_llama2",
        "lora_attn_modules": ["q_proj", "k_proj", "v_proj", "output_proj"],
        "apply_lora_to_mlp": True,
        "lora_rank": given.rank,
        "lora_alpha": 2 * given.rank,
        "lora_dropout": 0.0,
        "vocab_size": theirs["vocab_size"],
        "num_layers": theirs["num_hidden_layers"],
        "num_heads": theirs["num_attention_heads"],
        "num_kv_heads": theirs["num_key_value_heads"],
        "embed_dim": theirs["hidden_size"],
        "intermediate_dim": theirs["intermediate_size"],
        "max_seq_len": theirs["max_position_embeddings"],
        "norm_eps": theirs["rms_norm_eps"],
    }


def recipe_config(given: Any) -> dict[str, Any]:
    """What torchtune's recipe reads from its YAML file."""
    is_packed, out = given.batching == "packed", str(given.work_dir / "out")
    checkpointer = {
        "_component_": "torchtune.training.FullModelHFCheckpointer",
        "checkpoint_dir": str(given.fixture / "hf"),
        "checkpoint_files": ["model.safetensors"],
        "output_dir": out,
        "model_type": "LLAMA2",
    }
    data = {"_component_": "bar.rows", "path": str(given.fixture / "data/train.json")}
    scheduler = {
        "_component_": "torchtune.training.lr_schedulers.get_cosine_schedule_with_warmup",
        "num_warmup_steps": 1,
    }
    return {
        "model": model_config(given),
        "checkpointer": checkpointer,
        "tokenizer": {"_component_": "bar.Tokenizer"},
        "dataset": data | {"length": given.length, "is_packed": is_packed},
        "optimizer": {"_component_": "torch.optim.AdamW", "fused": True, "lr": given.learning_rate},
        "lr_scheduler": scheduler,
        "loss": {"_component_": "torchtune.modules.loss.CEWithChunkedOutputLoss"},
        "metric_logger": {"_component_": "torchtune.training.metric_logging.DiskLogger", "log_dir": out},
        "output_dir": out,
        "device": "cpu",
        "dtype": given.dtype,
        "seed": 0,
        "shuffle": True,
        "batch_size": 2 if is_packed else given.rows,
        "gradient_accumulation_steps": given.accumulate,
        "max_steps_per_epoch": given.steps,
        "epochs": 1,
        "clip_grad_norm": None,
        "compile": False,
        "log_every_n_steps": 1,
        "log_peak_memory_stats": False,
        "resume_from_checkpoint": False,
        "save_adapter_weights_only": True,
        "enable_activation_checkpointing": given.checkpointing,
        "enable_activation_offloading": False,
    }


if __name__ == "__main__":
    main()

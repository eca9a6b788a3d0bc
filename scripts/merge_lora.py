"""Merge a LoRA adapter into its base: a plain Hugging Face directory that needs no adapter.

    python scripts/merge_lora.py --adapter_dir out/lora/lima/best --out_dir checkpoints/merged

The directory has config, weights, tokenizer, chat template and a card (README.md) that names base, data, licences and
results. Before it takes its name it is read again and its logits are compared. Prints the directory, which works
wherever a --checkpoint_dir is taken.
"""

from pathlib import Path

from lit_gpt.cli import run_command
from lit_gpt.discovery import only_checkpoint


def main(
    adapter_dir: Path,
    out_dir: Path,
    checkpoint_dir: Path | None = None,
    data_dir: Path | None = None,
    eval_dir: Path | None = None,
) -> Path:
    """Merge.

    Args:
        adapter_dir: the adapter, such as out/lora/lima/best
        out_dir: where the merged model goes
        checkpoint_dir: the base model; the default is the only one under checkpoints/
        data_dir: the data set it was trained on, for the card; the default is where the run says it lay
        eval_dir: evaluations for the card: one, or a folder of them, of which those of this adapter are taken
    """
    from lit_gpt.loading import merge_adapter
    from lit_gpt.model_card import Evidence, find_evaluations

    evaluations = find_evaluations(eval_dir or Path("out/eval"))
    return merge_adapter(checkpoint_dir or only_checkpoint(), adapter_dir, out_dir, Evidence(data_dir, evaluations))


if __name__ == "__main__":
    run_command(main, aliases={"lora_dir": "adapter_dir"})

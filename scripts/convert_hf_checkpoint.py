"""Convert a Hugging Face checkpoint, so that later starts are faster. Nothing else needs it.

    python scripts/convert_hf_checkpoint.py --checkpoint_dir checkpoints/ORG/NAME

Writes lit_model.safetensors and lit_config.json beside the files they come from.
"""

from pathlib import Path
from typing import Literal

from lit_gpt.cli import run_command
from lit_gpt.discovery import only_checkpoint


def main(
    checkpoint_dir: Path | None = None, dtype: Literal["as_is", "float32", "bfloat16", "float16"] = "as_is"
) -> Path:
    """Convert.

    Args:
        checkpoint_dir: the checkpoint; the default is the only one under checkpoints/
        dtype: the converted model's numbers; as_is keeps them
    """
    from lit_gpt.checkpoint import convert_hf_to_lit
    from lit_gpt.loading import DTYPES

    return convert_hf_to_lit(checkpoint_dir or only_checkpoint(), DTYPES.get(dtype))


if __name__ == "__main__":
    run_command(main)

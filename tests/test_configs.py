"""Settings files parse against the scripts they are for, and every flag of a run is an observable difference."""

import runpy
from pathlib import Path

from lit_gpt.cli import CommandLine

ROOT = Path(__file__).resolve().parents[1]


def lora_line() -> CommandLine:
    """The command line of finetune/lora.py."""
    return CommandLine(runpy.run_path(str(ROOT / "finetune" / "lora.py"))["main"], summary="LoRA")

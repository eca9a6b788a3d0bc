"""Which rows are prepared and where they go: settings light enough to be imported before parsing a command line."""

from dataclasses import dataclass
from pathlib import Path

from lit_gpt.errors import UserError


@dataclass(frozen=True, kw_only=True)
class DataSettings:
    """Reading a data set and splitting it.

    Args:
        source: a local file or folder, or a hub id (ORG/NAME); the default is the data set's own home on the hub
        revision: the hub commit, branch or tag to read; the default is the one this data set names
        destination_path: the folder of the prepared set
        seed: decides which rows are held out for validation
        val_split_fraction: share of the rows held out, at least 0 and below 1; 0 holds out none
    """

    source: str | None = None
    revision: str | None = None
    destination_path: Path
    seed: int = 42
    val_split_fraction: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.val_split_fraction < 1:
            raise UserError(
                f"--val_split_fraction {self.val_split_fraction}",
                "at least 0 and below 1",
                "choose e.g. 0.1, or 0 to train on every row",
            )
        for flag in ("source", "revision"):
            if getattr(self, flag) == "":
                raise UserError(f"--{flag} with nothing after it", "a value", f"give one, or leave --{flag} out")

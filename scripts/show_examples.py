"""Show training rows as the model reads them, with what it is trained on marked.

    python scripts/show_examples.py --checkpoint_dir checkpoints/ORG/NAME --data_dir data/lima

With --out the rows are written as JSON too, for scripts/write_report.py, and the file's path is printed last.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from lit_gpt.cli import run_command
from lit_gpt.errors import UserError


@dataclass(frozen=True)
class ShowSettings:
    """Which rows.

    Args:
        checkpoint_dir: the checkpoint whose tokenizer reads them
        data_dir: the prepared data set
        n_rows: how many, drawn at random
        seed: the same seed shows the same rows
        max_seq_length: longest row in tokens; the default is what was last prepared
        prompt_style: alpaca, chat or raw; the default is what was last prepared
        out: a JSON file to write them to
    """

    checkpoint_dir: Path
    data_dir: Path
    n_rows: int = 4
    seed: int = 0
    max_seq_length: int | None = None
    prompt_style: str | None = None
    out: Path | None = None

    def __post_init__(self) -> None:
        if self.n_rows < 1:
            raise UserError(f"--n_rows {self.n_rows}", "a number above 0", "correct --n_rows")


def main(show: ShowSettings) -> Path | None:
    from lit_gpt.files import write_json
    from lit_gpt.tokenizer import Tokenizer
    from lit_gpt.tokens.prepare import Wanted, find_or_encode
    from lit_gpt.tokens.samples import in_words, sample_rows

    wanted = Wanted(max_seq_length=show.max_seq_length, prompt_style=show.prompt_style)
    token_set = find_or_encode(show.data_dir, show.checkpoint_dir, wanted)
    samples = sample_rows(token_set, show.data_dir, Tokenizer(show.checkpoint_dir), show.n_rows, show.seed)
    print(*map(in_words, samples), sep="\n\n", file=sys.stderr if show.out else sys.stdout)
    if show.out is not None:
        show.out.parent.mkdir(parents=True, exist_ok=True)
        write_json(show.out, samples)
    return show.out


if __name__ == "__main__":
    run_command(main)

"""Show rows that a curation left out: which step, why, and what it saw.

python scripts/show_dropped.py --data_dir data/dolly-longest --n_rows 3
python scripts/show_dropped.py --data_dir data/dolly-longest --id dolly-000042
"""

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from lit_gpt.cli import run_command
from lit_gpt.errors import UserError


@dataclass(frozen=True)
class DroppedSettings:
    """Which rows.

    Args:
        data_dir: the curated set
        reason: those left out for this reason alone
        id: this row alone
        n_rows: at most so many, in the order of the pool
    """

    data_dir: Path
    reason: str | None = None
    id: str | None = None
    n_rows: int = 10

    def __post_init__(self) -> None:
        if self.n_rows < 1:
            raise UserError(f"--n_rows {self.n_rows}", "a number above 0", "correct --n_rows")


def main(show: DroppedSettings) -> None:
    import json

    from lit_gpt.data.subset import read_dropped

    wanted = (
        (example, against)
        for example, against in read_dropped(show.data_dir)
        if show.reason in (None, against["reason"]) and show.id in (None, example.id)
    )
    shown = list(islice(wanted, show.n_rows))
    if not shown:
        got = f"no row left out of {show.data_dir} with this --reason or --id"
        raise UserError(got, "one that stands in rejects.jsonl", "look there for reasons and ids")
    for example, against in shown:
        place = f"step {against['step']}, {against['step_name']}" if "step" in against else "left out"
        print(f"{example.id}  {place}: {against['reason']}. {against.get('meaning', '')}")
        print(f"  evidence: {json.dumps(against.get('evidence', {}), ensure_ascii=False)}")
        for message in example.messages:
            print(f"  {message.role}: {message.content}")
        print()


if __name__ == "__main__":
    run_command(main)

"""The command line that every prepare script shares: a source, where it goes, and how it becomes tokens."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from lit_gpt.cli import run_command
from lit_gpt.data.settings import DataSettings
from lit_gpt.data.source import Source
from lit_gpt.tokens.settings import TokenSettings

ALIASES = {"override_max_seq_length": "max_seq_length"}


def prepare_command(
    source: Callable[..., Source],
    summary: str,
    aliases: dict[str, str] | None = None,
    beside: Callable[..., object] | None = None,
    **defaults: Any,
) -> NoReturn:
    """Prepare what `source` describes; the function's own parameters become flags as well.

    `beside(data_dir, data, **options)` writes what belongs to the set and does not lie in it.
    """

    def main(data: DataSettings, tokens: TokenSettings, **options: Any) -> Path:
        from lit_gpt.tokens.prepare import prepare

        data_dir = prepare(source(**options), data, tokens)
        if beside is not None:
            beside(data_dir, data, **options)
        return data_dir

    run_command(main, options=source, summary=summary, defaults=defaults, aliases=ALIASES | (aliases or {}))

"""What CSV and parquet share: a table's column names."""

from collections.abc import Callable

from lit_gpt.errors import UserError

CheckColumns = Callable[[list[str], str], None]


def name_columns(names: list[str], file: str) -> list[str]:
    """Column names trimmed and in lower case; UserError when two become one."""
    columns = [name.strip().lower() for name in names]
    repeated = [name for name in columns if name and columns.count(name) > 1]
    if repeated:
        raise UserError(
            f"{file} with more than one column named {repeated[0]!r}", "a different name for each", "rename one of them"
        )
    return columns

"""From a command line to one library call: parse, run, tell how it ended.

Every script is a function whose parameters are settings dataclasses (their fields become flat flags) or
plain values, handed to `run_command`. Parsing is jsonargparse's, so `--config FILE.yaml` and
`--print_config` come with every command and an unknown key is an error. Exit codes: 0 success, 1 our own bug,
2 a user's mistake, 4 no space, memory or rights, 130 and 143 interrupted.
"""

import contextlib
import dataclasses
import errno
import inspect
import io
import itertools
import json
import os
import re
import signal
import sys
import time
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn, TextIO

from lit_gpt.errors import Interrupted, UserError, says_out_of_memory
from lit_gpt.usage import usage_error

Command = Callable[..., Path | None]
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
UNWRITABLE = {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG}
BEGAN_S = time.monotonic()  # the command's start: a script imports this module first


@dataclasses.dataclass(frozen=True)
class CommandLine:
    """A command and how its flags are made.

    command: the function to call; its parameters are settings dataclasses, taken apart into flags, or plain values.
    options: another function whose parameters become flags too; the command gets them as keywords.
    summary: what --help says first; the default is the docstring of the command's module.
    defaults: other defaults than the settings' own, by flag name.
    aliases: other spellings of a flag, e.g. {"lora_dir": "adapter_dir"}.
    """

    command: Command
    options: Callable[..., Any] | None = None
    summary: str = ""
    defaults: dict[str, Any] = dataclasses.field(default_factory=dict)
    aliases: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def settings(self) -> dict[str, type]:
        """The command's parameters that are settings dataclasses."""
        hints = typing.get_type_hints(self.command)
        return {n: hint for n, hint in hints.items() if isinstance(hint, type) and dataclasses.is_dataclass(hint)}

    @property
    def lists(self) -> dict[str, Any]:
        """The flags that take several values, as `--flag`, with the type of one."""
        hints = [hint for settings in self.settings.values() for hint in typing.get_type_hints(settings).items()]
        return {f"--{name}": typing.get_args(hint)[0] for name, hint in hints if typing.get_origin(hint) is list}

    @property
    def plain(self) -> list[str]:
        """The names of the flags that are plain values."""
        functions = [function for function in (self.command, self.options) if function]
        parameters = [p for function in functions for p in inspect.signature(function).parameters.values()]
        return [p.name for p in parameters if p.kind is not p.VAR_KEYWORD and p.name not in self.settings]


def run_command(command: Command, **line: Any) -> NoReturn:
    """Parse the command line, call `command`, print the path it returns, exit with the contract's code.

    `line` are the other fields of CommandLine.
    """
    sys.stderr = _Unbroken(sys.stderr)
    sys.exit(exit_code_of(lambda: _parse_and_call(CommandLine(command, **line), sys.argv[1:])))


def _parse_and_call(line: CommandLine, argv: list[str]) -> None:
    path = line.command(**parse(line, argv))
    if path is not None:
        print(path, flush=True)


class _Unbroken(io.TextIOBase):
    """stderr that may be closed, or read by somebody who went away, without ending the work it tells of."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):
            if self._stream is not None:
                self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            if self._stream is not None:
                self._stream.flush()

    def isatty(self) -> bool:
        return self._stream is not None and self._stream.isatty()

    def fileno(self) -> int:
        if self._stream is None:
            raise io.UnsupportedOperation("fileno")
        return self._stream.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8" if self._stream is None else self._stream.encoding


def exit_code_of(action: Callable[[], None]) -> int:
    """Run the action; turn what it raises into a message on stderr and an exit code."""
    try:
        with _raise_on_sigterm():
            action()
    except UserError as error:
        return _complain(str(error), 2)
    except Interrupted as error:
        return _complain(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _complain("interrupted", 128 + signal.SIGINT)
    except BrokenPipeError:
        # the reader of our output went away (`| head`): what was asked for is done, and nothing more can be said
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if not is_resource_error(error):
            raise
        return _complain(f"got:      {error}\nexpected: enough space, memory and rights\ndo this:  {_remedy(error)}", 4)
    return 0


def is_resource_error(error: BaseException) -> bool:
    """Whether the machine, rather than the user or we, is at fault."""
    if isinstance(error, MemoryError) or says_out_of_memory(str(error)):
        return True
    return _errno(error) in FULL | UNWRITABLE | {errno.ENOMEM}


def _errno(error: BaseException) -> int | None:
    """The operating system's number for it, also where a library (safetensors) only quotes it."""
    if isinstance(error, OSError):
        return error.errno
    quoted = re.search(r"\(os error (\d+)\)", str(error))
    return int(quoted[1]) if quoted else None


def _remedy(error: BaseException) -> str:
    if _errno(error) in UNWRITABLE:
        return "choose a folder that one can write to"
    if _errno(error) in FULL:
        return "free some disk space, or write elsewhere"
    return "use less memory: a smaller --micro_batch_size or --max_seq_length, --activation_checkpointing, --quantize"


def _complain(message: str, code: int) -> int:
    print(message, file=sys.stderr, flush=True)
    return code


@contextlib.contextmanager
def _raise_on_sigterm() -> Iterator[None]:
    def stop(number: int, frame: object) -> NoReturn:
        raise Interrupted(number)

    previous = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def parse(line: CommandLine, argv: list[str]) -> dict[str, Any]:
    """The command's arguments from its command line; UserError when that cannot be read."""
    from jsonargparse import ArgumentError

    parser = build_parser(line)
    try:
        values = parser.parse_args(_gather([_rename(argument, line.aliases) for argument in argv], line.lists))
    except ArgumentError as error:
        raise usage_error(str(error), sorted(flag.dest for flag in parser._actions)) from None
    arguments: dict[str, Any] = {name: values[name] for name in line.plain}
    for name, settings in line.settings.items():
        arguments[name] = settings(**{field.name: values[field.name] for field in dataclasses.fields(settings)})
    return arguments


def _gather(argv: list[str], lists: dict[str, Any]) -> list[str]:
    """`--flag a b` as the one value that the parser reads, `--flag ["a", "b"]`."""
    gathered: list[str] = []
    rest = list(argv)
    while rest:
        gathered.append(flag := rest.pop(0))
        values = list(itertools.takewhile(lambda value: not value.startswith("--"), rest)) if flag in lists else []
        if values and not values[0].startswith("["):
            quoted = [json.dumps(value) if lists[flag] is str else value for value in values]
            gathered.append(f"[{', '.join(quoted)}]")
            del rest[: len(values)]
    return gathered


def build_parser(line: CommandLine) -> Any:
    """A parser whose flags are the command's parameters."""
    from jsonargparse import ArgumentParser

    summary = line.summary or inspect.getdoc(sys.modules[line.command.__module__]) or ""
    also = "".join(f"\n\n--{alias} is another name for --{flag}." for alias, flag in line.aliases.items())
    parser = ArgumentParser(
        description=summary + also, exit_on_error=False, allow_abbrev=False, formatter_class=_formatter()
    )
    parser.add_argument("--config", action="config", help="a YAML file with any of these settings")
    for settings in line.settings.values():
        parser.add_class_arguments(settings, None)
    parser.add_function_arguments(line.command, None, skip=set(line.settings))
    if line.options:
        parser.add_function_arguments(line.options, None)
    parser.set_defaults(line.defaults)
    return parser


def _formatter() -> type:
    import argparse

    from jsonargparse import DefaultHelpFormatter

    return type("Formatter", (argparse.RawDescriptionHelpFormatter, DefaultHelpFormatter), {})


def _rename(argument: str, aliases: dict[str, str]) -> str:
    flag, equals, value = argument.partition("=")
    if not flag.startswith("--"):
        return argument
    return f"--{aliases.get(flag[2:], flag[2:])}{equals}{value}"

"""What jsonargparse says of a command line it cannot read, in our words: got, expected, do this."""

import re

from lit_gpt.errors import UserError, suggestion

UNKNOWN = re.compile(r"unrecognized arguments: (\S+)|Option '([^']+)' is not accepted")
MISSING_FILE = re.compile(r"File does not exist: '([^']+)'")
REQUIRED = re.compile(r"required: (.+)$")
NO_VALUE = re.compile(r"argument (--\w+)\S*: expected one argument")
WRONG_TYPE = re.compile(r'Parser key "([^"]+)":\s*Expected an? (.+)\. Got value: (.*)', re.DOTALL)
WRONG_UNION = re.compile(r'Parser key "([^"]+)":.*?Subtypes: [\[(]([^\n]*)[\])]\n.*?Given value: ([^\n]*)', re.DOTALL)


def usage_error(message: str, known: list[str]) -> UserError:
    """`known` are the names of the settings there are, for a suggestion."""
    if found := UNKNOWN.search(message):
        name = next(filter(None, found.groups())).partition("=")[0].lstrip("-")
        remedy = suggestion(name, known) or "see --help"
        return UserError(f"unknown setting: {name}", "a setting this command has", remedy)
    if found := MISSING_FILE.search(message):
        return UserError(f"--config {found[1]}, which does not exist", "a YAML file of settings", "check the path")
    if found := REQUIRED.search(message):
        flags = ", ".join(f"--{name.strip().lstrip('-')}" for name in found[1].split(","))
        return UserError(f"no {flags}", f"a value for {flags}", "give it; see --help")
    if found := NO_VALUE.search(message):
        return UserError(f"{found[1]} with nothing after it", "a value", f"give one, or leave {found[1]} out")
    if found := WRONG_TYPE.search(message) or WRONG_UNION.search(message):
        flag, expected, value = found.groups()
        return UserError(f"--{flag} {value.strip()}", _in_words(expected), "correct the value; see --help")
    return UserError(" ".join(message.split()), "a command line this command can read", "see --help")


def _in_words(types: str) -> str:
    """`typing.Literal['a', 'b']` as `one of 'a', 'b'`; `<class 'int'>` as `a value of type int`."""
    if choices := re.search(r"Literal\[(.*?)\]", types + "]"):
        return f"one of {choices[1]}"
    return "a value of type " + re.sub(r"<class '(\w+)'>", r"\1", types).replace("typing.", "")

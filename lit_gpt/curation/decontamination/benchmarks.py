"""Benchmarks as lists of items, from files on this disk as their authors publish them. Nothing is fetched.

A folder is looked through for the file names of LAYOUTS; gzip, bzip2 and zip are read as they are. A benchmark that is
not there is not there: the step says so and goes on, unless it was asked for by name. Any other file is read with the
usual names of fields for prompt and answer.
"""

import bz2
import csv
import io
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lit_gpt.data.reading import read_records
from lit_gpt.data.records import Reject
from lit_gpt.errors import UserError
from lit_gpt.files import open_bytes

PROMPT_FIELDS = ("prompt", "question", "instruction", "query", "ctx", "turns", "conversations", "text", "input")
ANSWER_FIELDS = ("answer", "output", "response", "canonical_solution", "code", "target", "completion", "best answer")
HELLASWAG_LINES = 6  # context, number of the right ending, four endings


@dataclass(frozen=True)
class Item:
    """A question of a benchmark. `options` help to tell short questions apart."""

    benchmark: str
    id: str
    prompts: tuple[str, ...]
    answers: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


Reader = Callable[[Path], Iterable[Mapping[str, Any]]]
Parse = Callable[[Mapping[str, Any]], tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]]


def read_benchmarks(folder: Path, wanted: Iterable[str] = ()) -> dict[str, list[Item]]:
    """The benchmarks found in a folder, by name; UserError where one of those wanted is not there."""
    if not folder.is_dir():
        raise UserError(f"--benchmarks_dir {folder}, which is no folder", "a folder of benchmarks", "check the path")
    names = tuple(wanted) or tuple(LAYOUTS)
    found = {name: _items(name, folder) for name in names}
    if absent := [name for name in wanted if not found[name]]:
        patterns = ", ".join(pattern for name in absent for pattern, _, _ in LAYOUTS[name])
        raise UserError(f"no {', '.join(absent)} in {folder}", f"a file like {patterns}", "put it there")
    return {name: items for name, items in found.items() if items}


def _items(name: str, folder: Path) -> list[Item]:
    items: list[Item] = []
    for pattern, reader, parse in LAYOUTS[name]:
        for path in sorted(folder.rglob(pattern)):
            items += (Item(name, f"{path.name}:{n}", *parse(r)) for n, r in enumerate(_read(path, reader)))
        if items:
            break  # the first form that is there: the others hold the same items
    return [item for item in items if item.prompts]


def read_file(path: Path) -> list[Item]:
    """The items of a file of the user's; UserError where no row has a prompt."""
    if not path.is_file():
        raise UserError(f"--against {path}, which does not exist", "a file of test prompts", "check the path")
    items = [Item(path.name, f"{path.name}:{n}", *usual_fields(r)) for n, r in enumerate(_read(path, records))]
    if not any(item.prompts for item in items):
        expected = f"a field named {', '.join(PROMPT_FIELDS)}, or messages"
        raise UserError(f"{path} without prompts", expected, "rename the field")
    return [item for item in items if item.prompts]


def _read(path: Path, reader: Reader) -> list[Mapping[str, Any]]:
    try:
        return list(reader(path))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, UnicodeDecodeError) as error:
        got = f"{path}, which cannot be read ({type(error).__name__}: {error})"
        raise UserError(got, "the benchmark as its authors publish it", "fetch it again") from None


def records(path: Path) -> Iterator[Mapping[str, Any]]:
    """Any file that data sets come in."""
    for record in read_records(path, lambda columns, file: None):
        if isinstance(record, Reject):
            raise ValueError(f"line {record.place.line}: {record.reason}")
        yield {key.lower(): value for key, value in record.fields.items()}


def examples_of_json(path: Path) -> Iterator[Mapping[str, Any]]:
    with open_bytes(path) as file:
        content = json.loads(file.read())
    yield from content["examples"]


def lines_of_six(path: Path) -> Iterator[Mapping[str, Any]]:
    with bz2.open(path, "rt", encoding="utf-8") if path.suffix == ".bz2" else open(path, encoding="utf-8") as file:
        lines = [line.rstrip("\n") for line in file]
    for start in range(0, len(lines) - HELLASWAG_LINES + 1, HELLASWAG_LINES):
        context, label, *endings = lines[start : start + HELLASWAG_LINES]
        yield {"ctx": context, "label": label, "endings": endings}


def zipped_tables(path: Path) -> Iterator[Mapping[str, Any]]:
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            if name.endswith("_test.csv"):
                yield from _questions_of(io.TextIOWrapper(archive.open(name), encoding="utf-8", newline=""))


def table(path: Path) -> Iterator[Mapping[str, Any]]:
    with open_bytes(path) as file:
        yield from _questions_of(io.TextIOWrapper(file, encoding="utf-8", newline=""))


def _questions_of(file: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    for question, *options, right in csv.reader(file):
        yield {"question": question, "options": options, "label": "ABCD".index(right)}


def usual_fields(record: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Prompts, answers and no options, from fields of the usual names; else what each side says in messages."""
    prompts = next((found for name in PROMPT_FIELDS if (found := texts(record.get(name)))), ())
    if not prompts and (messages := record.get("messages")):
        return _said(messages, "user"), _said(messages, "assistant"), ()
    instances = record.get("instances")
    inputs = (
        [texts(one.get("input")) for one in instances if isinstance(one, dict)] if isinstance(instances, list) else []
    )
    answers = next((found for name in ANSWER_FIELDS if (found := texts(record.get(name)))), ())
    if inputs and inputs[0]:
        prompts = (*(f"{prompt}\n\n{inputs[0][0]}" for prompt in prompts),)
    return prompts, answers, ()


def _said(messages: Any, role: str) -> tuple[str, ...]:
    turns = [turn for turn in messages if isinstance(turn, dict)] if isinstance(messages, list) else []
    return texts([turn.get("content") for turn in turns if turn.get("role") == role])


def texts(value: Any) -> tuple[str, ...]:
    """The texts of a field that holds one, or a list of them."""
    values = value if isinstance(value, list) else [value]
    return tuple(text for text in values if isinstance(text, str) and text.strip())


def multiple_choice(question: str, options: str) -> Parse:
    """Fields of those names; the right option is the answer."""

    def parse(record: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
        choices = texts(record.get(options))
        right = record.get("gold", record.get("label"))
        answer = choices[int(right) : int(right) + 1] if right is not None else ()
        prompts = texts(record.get(question))
        return tuple(prompt.removeprefix("Question: ") for prompt in prompts), answer, choices

    return parse


def bbq(record: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    return (f"{record['context']} {record['question']}",), (), ()


LAYOUTS: dict[str, tuple[tuple[str, Reader, Parse], ...]] = {
    "mmlu": (
        ("*mmlu*.zip", zipped_tables, multiple_choice("question", "options")),
        ("mmlu/**/*_test.csv", table, multiple_choice("question", "options")),
    ),
    "truthfulqa": (("TruthfulQA.csv*", records, usual_fields),),
    "hellaswag": (
        ("hellaswag_val*.jsonl*", records, multiple_choice("ctx", "endings")),
        ("hellaswag_val*.txt*", lines_of_six, multiple_choice("ctx", "endings")),
    ),
    "arc": (("arc_*.jsonl*", records, multiple_choice("query", "choices")),),
    "gsm8k": (("gsm8k/**/test.jsonl*", records, usual_fields),),
    "bbq": (("bbq/**/*.jsonl*", records, bbq),),
    "bbh": (("bbh/**/*.json*", examples_of_json, usual_fields),),
    "humaneval": (("HumanEval.jsonl*", records, usual_fields),),
    "mbpp": (("mbpp.jsonl*", records, lambda r: (texts(r.get("text")), texts(r.get("code")), ())),),
    "mt_bench": (("mt_bench/**/question.jsonl*", records, usual_fields),),
    "lima_test": (("lima_test_set.jsonl*", records, usual_fields),),
    "vicuna": (
        ("vicuna_test_set.jsonl*", records, usual_fields),
        ("vicuna_bench_question.jsonl*", records, usual_fields),
    ),
    "koala": (("koala_test_set.jsonl*", records, usual_fields),),
    "wizardlm": (("wizardlm_test_set.jsonl*", records, usual_fields),),
    "self_instruct_test": (
        ("sinstruct_test_set.jsonl*", records, usual_fields),
        ("user_oriented_instructions.jsonl*", records, usual_fields),
    ),
}

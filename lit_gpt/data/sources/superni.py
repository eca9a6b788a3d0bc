"""Super-Natural Instructions: 1,616 tasks of NLP data sets, each with a definition, examples and instances.

Home: https://github.com/allenai/natural-instructions, one JSON file a task (https://arxiv.org/abs/2204.07705); the
hub's Muennighoff/natural-instructions has the instances as flat rows. Licence: Apache-2.0; the data sets below keep
their own terms. Origin: human (people's data sets, definitions by 88 contributors).

One task (shortened), and one flat row:
    {"Definition": ["In this task, …"], "Positive Examples": [{"input": "…", "output": "…", "explanation": "…"}],
     "Instances": [{"id": "task002-…", "input": "Passage: …", "output": ["Oliver."]}], "Input_language": ["English"]}
    {"task_name": "task002_…", "definition": "In this task, …", "inputs": "Passage: …", "targets": "Oliver."}

Known traps
- Definition and output are a text in some files and a list in others; of several outputs the first is taken.
- 576 tasks translate or are in other languages than English; `--english_only true` leaves them out.
- Tasks of MMLU, BIG-bench and other benchmarks are among them, and two are SAMSum; a list of tasks is what to train on.
- A folder with `.train.json` and `.dev.json` files gives its training files alone.
- A few instances are in a task's positive examples too.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lit_gpt.data.formats import dialogue, optional_text_field, question_and_answer
from lit_gpt.data.source import Home, Layout, ParsedRow, Rejected, Source
from lit_gpt.errors import UserError
from lit_gpt.seeds import derive_seed

HOME = Home("Muennighoff/natural-instructions", ())
MAX_EXAMPLES = 2


def source(
    tasks: str = "", per_task_quota: int | None = None, n_examples: int = 0, english_only: bool = False
) -> Source:
    """Which tasks, and how they are asked.

    Args:
        tasks: names of tasks with commas between, or a file with one on each line; the default is all tasks
        per_task_quota: most rows from one task, drawn at random, the same ones every time; for native task files
        n_examples: positive examples between definition and input, 0 to 2
        english_only: leave out tasks with another language in question, answer or definition
    """
    if not 0 <= n_examples <= MAX_EXAMPLES:
        raise UserError(f"--n_examples {n_examples}", f"a number from 0 to {MAX_EXAMPLES}", "choose one of these")
    if per_task_quota is not None and per_task_quota < 1:
        raise UserError(f"--per_task_quota {per_task_quota}", "a number above 0", "leave it out for all rows")
    wanted = _read_tasks(tasks)

    def unfold(record: dict[str, Any], file: str) -> Iterator[dict[str, Any]]:
        task = str(record.get("task_name") or Path(file).name.partition(".")[0])
        if wanted and task not in wanted:
            raise Rejected("task_not_chosen")
        if "Instances" not in record:
            if per_task_quota is not None:
                raise UserError(f"--per_task_quota with flat rows ({file})", "native task files", "leave it out")
            yield {**record, "task": task}
            return
        if english_only and not _is_english(record):
            raise Rejected("other_language")
        yield from _instances(record, task, per_task_quota, n_examples)

    return Source(
        name="superni",
        home=HOME,
        licence="Apache-2.0",
        origin="human",
        parse=_parse,
        unfold=unfold,
        layout=Layout(one_object=True),
        forms=(("definition", "inputs", "targets"),),
        options={"tasks": sorted(wanted), "per_task_quota": per_task_quota, "n_examples": n_examples}
        | {"english_only": english_only},
    )


def _read_tasks(tasks: str) -> set[str]:
    """Names as they are given, or those of a file; a name may carry `.json`."""
    text = Path(tasks).read_text("utf-8") if tasks and Path(tasks).is_file() else tasks
    return {name.strip().removesuffix(".json") for name in text.replace(",", "\n").splitlines() if name.strip()}


def _is_english(record: dict[str, Any]) -> bool:
    fields = ("Input_language", "Output_language", "Instruction_language")
    return all(_first(record.get(name) or "English") == "English" for name in fields)


def _instances(task: dict[str, Any], name: str, quota: int | None, n_examples: int) -> Iterator[dict[str, Any]]:
    instances, examples = task["Instances"], task.get("Positive Examples") or []
    if not isinstance(instances, list) or not isinstance(examples, list):
        raise Rejected("non_text_value")
    definition = "\n\n".join([_text(_first(task.get("Definition"))), *map(_shown, examples[:n_examples])])
    drawn = sorted(range(len(instances)), key=lambda i: derive_seed("quota", name, i))[:quota]
    chosen = set(drawn)
    for i, instance in enumerate(instances):
        if not isinstance(instance, dict):
            raise Rejected("non_text_value")
        fields = {"definition": definition, "inputs": instance.get("input"), "targets": _first(instance.get("output"))}
        yield {**fields, "task": name, "is_over_quota": i not in chosen}


def _first(value: Any) -> Any:
    """A text, or the first of a list of texts."""
    return (value[0] if value else None) if isinstance(value, list) else value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Rejected("missing_field" if value is None else "non_text_value")
    return value


def _shown(example: Any) -> str:
    if not isinstance(example, dict):
        raise Rejected("non_text_value")
    return f"Input: {_text(example.get('input'))}\nOutput: {_text(_first(example.get('output')))}"


def _parse(record: dict[str, Any]) -> ParsedRow:
    if record.get("is_over_quota"):
        raise Rejected("over_quota")
    messages = question_and_answer(record, "definition", "inputs", "targets")
    return dialogue(messages, optional_text_field(record, "task"))

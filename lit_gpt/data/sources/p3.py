"""P3, the Public Pool of Prompts: rows of NLP data sets in wordings by people, the training data of T0.

Home: https://huggingface.co/datasets/bigscience/P3 (https://arxiv.org/abs/2110.08207), rendered; the wordings are the
templates of https://github.com/bigscience-workshop/promptsource. Licence: Apache-2.0 for the templates; each data set
below keeps its own terms. Origin: human.

Rows already rendered, by the names of the hub, of T5's tools and of OpenAI's finetuning files:
    {"inputs_pretokenized": "…", "targets_pretokenized": "…"}   {"inputs": "…", "targets": "…"}
    {"prompt": "Wall St. … Is this a piece of news regarding …?", "completion": "Business<|endoftext|>"}
Rows of the data set itself, which `--templates templates.yaml` words:
    {"text": "Wall St. Bears …", "label": 2}

Known traps
- All of P3 is very large; `--source FOLDER` takes the tasks you have.
- `<|endoftext|>` at the end of a completion is a mark of that file, not text; it is cut off.
- Templates are code (Jinja). They run in a sandbox, without files, imports or private names; a row that a template
  cannot word is rejected as `template_error`, one that it words without an answer as `no_answer`.
- Some templates turn the task around (write the article for this summary), so answers are not always what they seem.
- Some copies have tasks without answers (600 rows of trec in one at hand), which are dropped as `empty_output`.
- T0 was tested on tasks that P3 has too (e.g. ANLI, CB, COPA, HellaSwag).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lit_gpt.data.formats import dialogue, optional_text_field, question_and_answer
from lit_gpt.data.source import Home, ParsedRow, Rejected, Source
from lit_gpt.data.templates import Template, choose_templates, read_templates
from lit_gpt.seeds import derive_seed

HOME = Home("bigscience/P3", ())
PAIRS = (("inputs_pretokenized", "targets_pretokenized"), ("inputs", "targets"), ("prompt", "completion"))
END_MARK = "<|endoftext|>"


def source(templates: Path | None = None, template_names: str = "", every_template: bool = False) -> Source:
    """How rows are worded.

    Args:
        templates: a promptsource templates.yaml, to word the rows of its data set; the default reads worded rows
        template_names: names of its templates with commas between; the default is all of them
        every_template: word each row by every template; the default takes the templates in turn
    """
    chosen = choose_templates(read_templates(templates), template_names) if templates else []

    def unfold(record: dict[str, Any], file: str) -> Iterator[dict[str, Any]]:
        yield {"category": Path(file).name.partition(".")[0], **record}

    return Source(
        name="p3",
        home=HOME,
        licence="Apache-2.0",
        origin="human",
        parse=_word if chosen else _parse,
        unfold=_Wording(chosen, every_template) if chosen else unfold,
        forms=((),) if chosen else PAIRS,
        options={"templates": [template.id for template in chosen], "every_template": every_template},
    )


class _Wording:
    """Pairs each row with its templates; which one's turn it is follows from the row alone."""

    def __init__(self, templates: list[Template], every: bool) -> None:
        self._templates, self._every = templates, every

    def __call__(self, record: dict[str, Any], file: str) -> Iterator[dict[str, Any]]:
        for template in self._templates if self._every else [_turn(self._templates, record)]:
            yield {"row": record, "template": template}


def _turn(templates: list[Template], record: dict[str, Any]) -> Template:
    return templates[derive_seed("template", repr(sorted(record.items()))) % len(templates)]


def _word(record: dict[str, Any]) -> ParsedRow:
    template = record["template"]
    assert isinstance(template, Template)
    prompt, target = template.render(record["row"])
    row = {"instruction": prompt, "output": target}
    return dialogue(question_and_answer(row), f"{template.data_set}/{template.name}")


def _parse(record: dict[str, Any]) -> ParsedRow:
    for prompt, answer in PAIRS:
        if prompt in record:
            found = record.get(answer)
            output = found.removesuffix(END_MARK) if isinstance(found, str) else found
            fields = {"instruction": record[prompt], "output": output}
            return dialogue(question_and_answer(fields), optional_text_field(record, "category"))
    raise Rejected("missing_field")

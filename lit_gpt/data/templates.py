"""promptsource's templates: a row of a data set as a prompt and its answer (https://arxiv.org/abs/2202.01279).

A file has templates under unique ids, each a Jinja text with `|||` between prompt and answer, and perhaps answer
choices, with `|||` between them. Rendered in Jinja's sandbox, which has no files, imports or private names; here it
also refuses powers and long repetitions. A field that is not there is an error, not an empty text.
Differences to promptsource: `choice` is drawn from a seed that follows from the row, so that rendering repeats.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from lit_gpt.data.reasons import Rejected
from lit_gpt.errors import UserError, suggestion
from lit_gpt.seeds import derive_seed

if TYPE_CHECKING:
    from jinja2 import Environment

BAR = "|||"
BAR_IN_ROW = "3ed2dface8203c4c9dfb1a5dc58e41e0"  # stands for a bar in a row's own text while its template is split
MAX_REPEATED = 100_000


@dataclass(frozen=True)
class Template:
    """One wording of a data set's rows."""

    id: str
    name: str
    data_set: str
    jinja: str
    answer_choices: str = ""

    def render(self, row: dict[str, Any]) -> tuple[str, str]:
        """Prompt and answer; Rejected when the row does not fit the template, or gives no answer."""
        fields = _guarded(row)
        try:
            if self.answer_choices:
                fields["answer_choices"] = [c.strip() for c in self._rendered(self.answer_choices, fields).split(BAR)]
            parts = [part.replace(BAR_IN_ROW, BAR).strip() for part in self._rendered(self.jinja, fields).split(BAR)]
        except Exception:  # a template is somebody's program, and may fail in any way on a row
            raise Rejected("template_error") from None
        if len(parts) < 2 or not parts[1]:
            raise Rejected("no_answer")
        return parts[0], parts[1]

    def _rendered(self, text: str, fields: dict[str, Any]) -> str:
        seed = derive_seed("choice", self.id, repr(sorted(fields.items())))
        return str(_compiled(text).render(fields, _generator=Random(seed)))  # noqa: S311 (no secret is drawn)


def _guarded(value: Any) -> Any:
    """The row, with bars in its texts written in another way."""
    if isinstance(value, str):
        return value.replace(BAR, BAR_IN_ROW)
    if isinstance(value, dict):
        return {name: _guarded(inner) for name, inner in value.items()}
    return [_guarded(inner) for inner in value] if isinstance(value, list) else value


@cache
def _environment() -> "Environment":
    from jinja2 import StrictUndefined, pass_context
    from jinja2.exceptions import SecurityError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Sandbox(ImmutableSandboxedEnvironment):
        intercepted_binops = frozenset(["*", "**"])

        def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
            n_items = [len(side) for side in (left, right) if isinstance(side, str | list | tuple)]
            n_times = [side for side in (left, right) if isinstance(side, int)]
            if operator == "**" or (n_items and n_times and n_items[0] * n_times[0] > MAX_REPEATED):
                raise SecurityError("too large a result")
            return super().call_binop(context, operator, left, right)

    @pass_context
    def choice(context: Any, items: Sequence[Any]) -> Any:
        return context["_generator"].choice(items)

    environment = Sandbox(undefined=StrictUndefined, autoescape=False)
    environment.globals["zip"] = zip
    environment.filters |= {"choice": choice, "most_frequent": _most_frequent}
    return environment


@cache
def _compiled(text: str) -> Any:
    return _environment().from_string(text)


def _most_frequent(items: Sequence[Any]) -> list[Any]:
    """The items that are there most often."""
    counted = Counter(items).most_common()
    return [item for item, count in counted if count == counted[0][1]]


def read_templates(path: Path) -> list[Template]:
    """The templates of a file, in its order; UserError when it is none of promptsource's."""
    import yaml

    class Loader(yaml.SafeLoader):
        """Takes promptsource's two tags for plain mappings, and makes no objects."""

    def as_mapping(loader: Any, node: Any) -> Any:
        return loader.construct_mapping(node, deep=True)

    for tag in ("!Template", "!TemplateMetadata"):
        Loader.add_constructor(tag, as_mapping)
    try:
        content = Loader(path.read_text("utf-8")).get_single_data()
        data_set = "/".join(filter(None, (str(content["dataset"]), content.get("subset"))))
        return [
            Template(str(id), str(each["name"]), data_set, each["jinja"], each.get("answer_choices") or "")
            for id, each in content["templates"].items()
        ]
    except FileNotFoundError:
        raise UserError(f"--templates {path}, which does not exist", "a templates.yaml", "check the path") from None
    except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError, AttributeError) as error:
        problem = " ".join(str(error).split())[:200]
        raise UserError(
            f"{path}, which cannot be read ({problem})", "promptsource's templates.yaml", "get it again"
        ) from None


def choose_templates(templates: list[Template], names: str) -> list[Template]:
    """Those of the names given with commas between, or all of them."""
    by_name = {template.name: template for template in templates}
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    if not wanted:
        return templates
    for name in wanted:
        if name not in by_name:
            remedy = suggestion(name, by_name) or f"choose among {', '.join(by_name)}"
            raise UserError(f"--template_names {name}", "a template that the file has", remedy)
    return [by_name[name] for name in wanted]

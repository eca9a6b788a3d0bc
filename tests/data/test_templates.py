"""promptsource's templates: what they render, what they may not do, and that all of them can be read."""

import io
import tarfile

import pytest

from lit_gpt.data.source import Rejected
from lit_gpt.data.sources import p3
from lit_gpt.data.templates import Template, choose_templates, read_templates
from lit_gpt.errors import UserError
from tests.data.files import write
from tests.data.test_named_sources import read, texts

# the form of promptsource's files, with wordings of our own
YAML = """
dataset: news
subset: short
templates:
  id-1: !Template
    answer_choices: World ||| Sports
    id: id-1
    jinja: "Which section?\\n{{text}} ||| {{answer_choices[label]}}"
    metadata: !TemplateMetadata
      languages: [en]
    name: section
    reference: ''
  id-2: !Template
    answer_choices: null
    id: id-2
    jinja: "{% if label == 1 %}{{text}} ||| yes{% endif %}"
    metadata: !TemplateMetadata
      languages: [en]
    name: only_sports
    reference: ''
"""
ROWS = [{"text": "A goal!", "label": 1}, {"text": "A ||| vote.", "label": 0}]


@pytest.fixture
def templates(tmp_path):
    return write(tmp_path, "templates.yaml", YAML)


def test_rows_are_worded_by_every_template(templates, tmp_path):
    examples, rejects = read(p3.source(templates, every_template=True), ROWS, tmp_path)
    assert [(texts(example), example.category) for example in examples] == [
        (["Which section?\nA goal!", "Sports"], "news/short/section"),
        (["A goal!", "yes"], "news/short/only_sports"),
        (["Which section?\nA ||| vote.", "World"], "news/short/section"),
    ]
    assert [(reject.place.line, reject.place.part, reject.reason) for reject in rejects] == [(2, 2, "no_answer")]


def test_templates_take_turns_and_can_be_chosen(templates, tmp_path):
    rows = [{"text": f"row {i}", "label": 1} for i in range(40)]
    examples, _ = read(p3.source(templates), rows, tmp_path)
    assert len(examples) == 40
    assert {example.category for example in examples} == {"news/short/section", "news/short/only_sports"}
    assert examples == read(p3.source(templates), rows, tmp_path)[0]
    chosen, _ = read(p3.source(templates, template_names="only_sports"), rows, tmp_path)
    assert {example.category for example in chosen} == {"news/short/only_sports"}


def test_a_template_or_a_file_that_is_not_there(templates, tmp_path):
    with pytest.raises(UserError, match="sections") as error:
        p3.source(templates, template_names="sections")
    assert "did you mean section" in error.value.do
    with pytest.raises(UserError, match="does not exist"):
        read_templates(tmp_path / "none.yaml")
    for bad in ("[", "templates: 3", "dataset: x\ntemplates: !!python/object/apply:os.getcwd []"):
        with pytest.raises(UserError, match="cannot be read"):
            read_templates(write(tmp_path, "bad.yaml", bad))


@pytest.mark.parametrize(
    "jinja",
    [
        "{{ ''.__class__.__mro__ }} ||| a",
        "{{ text.__init__.__globals__ }} ||| a",
        "{% include 'secret' %} ||| a",
        "{{ 'x' * 10 ** 9 }} ||| a",
        "{{ 'x' * 100000000 }} ||| a",
        "{% for i in range(10 ** 9) %}x{% endfor %} ||| a",
        "{% for i in range(1000000000) %}x{% endfor %} ||| a",
        "{{ not_there }} ||| a",
        "{{ text[1000].x }} ||| a",
        "{{ 1 / 0 }} ||| a",
        "{% if %} ||| a",
    ],
)
def test_what_a_template_may_not_do_costs_the_row_alone(jinja):
    with pytest.raises(Rejected) as error:
        Template("id", "name", "set", jinja).render({"text": "t"})
    assert error.value.reason == "template_error"


def test_choices_are_drawn_from_the_row(tmp_path):
    template = Template("id", "name", "set", "{{ ['a', 'b', 'c'] | choice }} ||| {{ xs | most_frequent | join(',') }}")
    rows = [{"text": str(i), "xs": [1, 1, 2]} for i in range(30)]
    first, second = ([template.render(row) for row in rows] for _ in range(2))
    assert first == second
    assert {prompt for prompt, _ in first} == {"a", "b", "c"}
    assert {answer for _, answer in first} == {"1"}


def test_a_template_without_bars_has_no_answer():
    with pytest.raises(Rejected) as error:
        Template("id", "name", "set", "only a prompt").render({})
    assert error.value.reason == "no_answer"


def test_all_of_promptsources_files_are_read_and_a_real_row_rendered(shared, tmp_path):
    archive = shared / "data/instructions/promptsource/promptsource_templates.tar.gz"
    n_templates = 0
    with tarfile.open(archive) as tar:
        for member in tar.getmembers():
            if member.name.endswith("templates.yaml"):
                content = tar.extractfile(member)
                assert content is not None
                path = write(tmp_path, "templates.yaml", io.BytesIO(content.read()).getvalue())
                found = read_templates(path)
                n_templates += len(found)
                if member.name.endswith("/ag_news/templates.yaml"):
                    (chosen,) = choose_templates(found, "classify_with_choices_question_first")
    assert n_templates > 2_000
    prompt, answer = chosen.render({"text": "Stocks fell.", "label": 2})
    assert answer == "Business"
    assert "Stocks fell." in prompt


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.system", "!!python/object/new:os.system", "!Other"])
def test_a_templates_file_makes_no_objects(tmp_path, tag):
    mark = tmp_path / "was_run"
    path = write(tmp_path, "templates.yaml", f"dataset: a\ntemplates: {tag} ['touch {mark}']\n".encode())
    with pytest.raises(UserError, match="cannot be read"):
        read_templates(path)
    assert not mark.exists()

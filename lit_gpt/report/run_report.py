"""The report of a run: what it changed, how it was trained, on what, at what cost, and how to make it again.

Reads manifests, journals and evaluations alone, and writes one HTML file that needs nothing else. What is not there is
said to be missing; what was not given is said in one place near the end. Not covered: several runs side by side.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lit_gpt.files import write_bytes
from lit_gpt.report.answer_section import answer_section
from lit_gpt.report.cautions import cautions
from lit_gpt.report.costs import Assumptions
from lit_gpt.report.data_sections import Sample, data_section, read_samples, samples_section
from lit_gpt.report.evaluations import read_evaluation
from lit_gpt.report.formats import NOTHING, count, duration
from lit_gpt.report.headline import headline
from lit_gpt.report.markup import Child, Html, join
from lit_gpt.report.page import Section, page
from lit_gpt.report.parts import careful, code, key_values, note, paragraph
from lit_gpt.report.result_sections import Results, exact_match_section
from lit_gpt.report.run_record import RunRecord, read_run
from lit_gpt.report.trace_sections import environment_section, rerun_section, trace_section
from lit_gpt.report.training_sections import cost_section, curves_section, pace_section

REPORT = "report.html"  # in a run's directory
METHOD_WORDS = {
    "lora": "LoRA finetuning",
    "full": "full finetuning",
    "adapter": "LLaMA-Adapter finetuning",
    "adapter_v2": "LLaMA-Adapter V2 finetuning",
}


@dataclass(frozen=True)
class ReportInputs:
    """What a report is made from; all but the run may be missing.

    data_dir: the prepared data set; base: the base model's name; before, after: evaluation directories; samples: a JSON
    file of rows as the model reads them; commands: what to type to make it all again.
    """

    run_dir: Path
    data_dir: Path | None = None
    base: str = ""
    before: Path | None = None
    after: Path | None = None
    samples: Path | None = None
    commands: Sequence[str] = ()
    assumptions: Assumptions | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


def write_run_report(inputs: ReportInputs, out: Path) -> Path:
    """Write the report to `out`, whole or not at all, and return that path; UserError for inputs that are not sound."""
    text = run_report(inputs)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(out, text.encode())
    return out


def run_report(inputs: ReportInputs) -> str:
    """The report as the text of an HTML file."""
    run = read_run(inputs.run_dir, inputs.data_dir)
    results = Results(*(read_evaluation(path) if path else None for path in (inputs.before, inputs.after)))
    samples = read_samples(inputs.samples) if inputs.samples else None
    sections = [
        *([exact_match_section(results)] if results.either else []),
        curves_section(run),
        pace_section(run),
        data_section(run),
        *([samples_section(samples)] if samples else []),
        *([answer_section(results)] if results.either else []),
        cost_section(run, results, inputs.assumptions),
        environment_section(run, inputs.environment),
        rerun_section(run, inputs.commands),
        *_not_given(inputs, results, samples),
        trace_section(run, results),
    ]
    return page(_title(run), _lead(run, results, inputs), sections, _footer(run), kicker="Finetuning report")


def _not_given(inputs: ReportInputs, results: Results, samples: Sequence[Sample] | None) -> list[Section]:
    """What would be on this page if it had been given, and what gives it."""
    lacking: list[Child] = []
    flags = ""
    if results.either is None:
        lacking += ["no evaluation before or after (", code("python eval/exact_match.py"), ")"]
        flags += " --before DIR --after DIR"
    if not samples:
        lacking += [" and " if lacking else "", "no rows as the model reads them ("]
        lacking += [code("python scripts/show_examples.py --out samples.json"), ")"]
        flags += " --samples samples.json"
    if not lacking:
        return []
    again = code(f"python scripts/write_report.py --run_dir {inputs.run_dir}{flags}")
    line = paragraph("This page was given ", *lacking, ". With them, ", again, " writes it anew.")
    return [Section("not-given", "What was not given", line)]


def _data_name(run: RunRecord) -> str:
    return str(run.example_set.settings.get("name", "")) if run.example_set else ""


def _method(run: RunRecord) -> str:
    return METHOD_WORDS.get(run.method, run.method or "finetuning")


def _title(run: RunRecord) -> str:
    method = _method(run)
    on = f" on {_data_name(run)}" if _data_name(run) else ""
    return method[0].upper() + method[1:] + on


def _lead(run: RunRecord, results: Results, inputs: ReportInputs) -> Html:
    subject = f"After {_method(run)}" + (f" on {_data_name(run)}" if _data_name(run) else "")
    counts = run.manifest.counts if run.manifest else {}
    facts: dict[str, Child] = {
        "Base model": inputs.base or NOTHING,
        "Data": _data_name(run) or NOTHING,
        "Method": _method(run),
        "Training rows": count(counts.get("train_rows")),
        "Optimizer steps": count(counts.get("step")),
        "Training time": duration(run.elapsed_s),
    }
    unfinished = note("This run is not finished: what follows is what it has written so far.")
    parts = [headline(results, subject, run.metrics), careful(cautions(run, results)), key_values(facts)]
    return join([*parts, None if run.manifest else unfinished])


def _footer(run: RunRecord) -> str:
    made = f" Run {run.manifest.content_hash[:12]}, finished {run.manifest.created}." if run.manifest else ""
    return f"Rendered from manifests, journals and evaluations alone; this file loads nothing from anywhere.{made}"

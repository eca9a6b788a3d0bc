"""How training went: loss and learning rate against the step, time, speed, memory, and what they cost."""

from statistics import median

from lit_gpt.report.costs import Assumptions, cost_lines
from lit_gpt.report.formats import NOTHING, count, duration, significant
from lit_gpt.report.line_chart import Line, LineChart, describe
from lit_gpt.report.markup import Child, Html, join
from lit_gpt.report.metrics_file import Metrics
from lit_gpt.report.page import Section
from lit_gpt.report.parts import Column, heading, key_values, missing, note, paragraph, table
from lit_gpt.report.result_sections import Results
from lit_gpt.report.run_record import RunRecord

STEP = "optimizer step"
N_LINES_NAMED = 10
MEASURED_HOW = (
    "Training time includes validation. Tokens are counted in every epoch; tokens a second are all of them over all of "
    "the time, and the median over the logged steps alone. Peak memory is the GPU's, or on a CPU the process's."
)


def curves_section(run: RunRecord) -> Section:
    """The loss and the learning rate against the optimizer step."""
    anchor, title = "training", "Loss and learning rate"
    metrics = run.metrics
    if metrics is None:
        return Section(anchor, title, missing(f"There is no metrics.jsonl in {run.directory}."))
    train = Line("training loss", metrics.series("train_loss"))
    validation = Line("validation loss", metrics.series("val_loss"), "line-b", has_dots=True)
    marks = [(float(step), "resumed") for step in metrics.resumed_at]
    return Section(anchor, title, join([*_loss(train, validation, marks), *_rate(metrics, marks), *_gaps(metrics)]))


def _loss(train: Line, validation: Line, marks: list[tuple[float, str]]) -> list[Html]:
    parts = []
    lines = [line for line in (train, validation) if line.points]
    if lines:
        words = "; ".join(describe(line) for line in lines)
        chart = LineChart("Loss", STEP, "nats per target token", lines, marks)
        parts += [paragraph(words[0].upper() + words[1:] + "."), chart.render()]
    if not train.points:
        parts.append(missing("The journal holds no training loss."))
    if not validation.points:
        parts.append(missing("The journal holds no validation loss."))
    return parts


def _rate(metrics: Metrics, marks: list[tuple[float, str]]) -> list[Html]:
    rates = Line("learning rate", metrics.series("learning_rate"))
    if not rates.points:
        return [missing("The journal holds no learning rate.")]
    return [LineChart("Learning rate", STEP, "learning rate", [rates], marks).render()]


def _gaps(metrics: Metrics) -> list[Html]:
    """What was left out of the journal, if anything."""
    remarks = []
    if metrics.n_repeated:
        n = count(metrics.n_repeated)
        remarks.append(f"{n} records were written again, or undone, after a resume; the later ones are shown.")
    if metrics.is_torn:
        remarks.append("The last line of metrics.jsonl is half written and left out.")
    if metrics.unread_lines:
        named = ", ".join(map(str, metrics.unread_lines[:N_LINES_NAMED]))
        more = f" and {count(len(metrics.unread_lines) - N_LINES_NAMED)} more"
        more = more if len(metrics.unread_lines) > N_LINES_NAMED else ""
        remarks.append(f"Lines of metrics.jsonl that cannot be read and are left out: {named}{more}.")
    return [note(remark) for remark in remarks]


def cost_section(run: RunRecord, results: Results, assumed: Assumptions | None) -> Section:
    """Time, speed and memory as measured; energy, carbon dioxide and price as estimated."""
    anchor, title = "cost", "Time, memory and cost"
    if run.elapsed_s is None:
        return Section(anchor, title, missing("The journal holds no time, so nothing can be estimated."))
    measured = key_values(_measured(run, results))
    lines = cost_lines(run.elapsed_s, assumed)
    columns = [Column("quantity"), Column("estimate", True), Column("how")]
    estimates = table(
        columns, [(c.name, c.estimate, c.working) for c in lines], "Estimated for the training time alone"
    )
    parts: list[Child] = [measured, note(MEASURED_HOW), heading("Estimates"), estimates]
    if assumed is None:
        parts.append(note("Not estimated: nobody stated what the machine draws, emits or costs."))
    else:
        source = assumed.source or "not stated"
        parts.append(note(f"Nothing here was metered. Source of the assumptions: {source}"))
    return Section(anchor, title, join(parts))


def _measured(run: RunRecord, results: Results) -> dict[str, Child]:
    metrics = run.metrics or Metrics()
    speeds = [value for _, value in metrics.series("tokens_per_s")]
    typical = median(speeds) if speeds else None
    memory = max((value for _, value in metrics.series("peak_memory_gib")), default=None)
    overall = run.n_tokens / run.elapsed_s if run.n_tokens and run.elapsed_s else None
    return {
        "Training time": duration(run.elapsed_s),
        "Tokens trained on": count(run.n_tokens),
        "Tokens a second": count(overall),
        "Tokens a second, median step": count(typical),
        "Peak memory": f"{significant(memory, 3)} GiB" if memory else NOTHING,
        "Evaluation before": duration(results.before.elapsed_s if results.before else None),
        "Evaluation after": duration(results.after.elapsed_s if results.after else None),
    }

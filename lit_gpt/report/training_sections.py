"""How training went: loss and learning rate against the step, time, speed, memory, and what they cost."""

from statistics import median

from lit_gpt.report.costs import Assumptions, cost_lines
from lit_gpt.report.formats import NOTHING, count, duration, significant
from lit_gpt.report.line_chart import Line, LineChart, describe
from lit_gpt.report.markup import Child, Html, join
from lit_gpt.report.metrics_file import Metrics, number
from lit_gpt.report.page import Section
from lit_gpt.report.parts import Column, heading, key_values, missing, note, paragraph, table
from lit_gpt.report.result_sections import Results
from lit_gpt.report.run_record import RunRecord

STEP = "optimizer step"
N_LINES_NAMED = 10
MEASURED_HOW = (
    "Training time counts from the command's start, loading and validation included. Tokens are counted in every "
    "epoch; tokens a second are all of them over all of the time, and the median over the logged steps alone. Peak "
    "memory is the GPU's, or on a CPU the process's."
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
    curves = [*_loss(train, validation, marks), *_accuracy(run, metrics, marks), *_rate(metrics, marks)]
    return Section(anchor, title, join([*curves, *_gaps(metrics), *_skipped(metrics)]))


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


def _accuracy(run: RunRecord, metrics: Metrics, marks: list[tuple[float, str]]) -> list[Html]:
    """What a run with --plateau measures after each epoch."""
    shares = Line("token accuracy", metrics.series("token_accuracy"), has_dots=True)
    if not shares.points:
        return []
    chart = LineChart("Train token accuracy after each epoch", STEP, "share predicted right", [shares], marks)
    plateau = number(run.manifest.settings.get("plateau")) if run.manifest else None
    rule = f" A run ends after an epoch that raises it by less than {significant(plateau)}." if plateau else ""
    words = describe(shares)
    told = f"{words[0].upper()}{words[1:]}, over the same training rows each time.{rule}"
    return [paragraph(told), chart.render()]


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


def _skipped(metrics: Metrics) -> list[Html]:
    """Steps that changed nothing, with the rows to look at."""
    skipped = [event for event in metrics.events if event.get("event") == "skipped"]
    if not skipped:
        return []
    columns = [Column("step", True), Column("what it gave"), Column("rows")]
    lines = [(count(e["step"]), str(e.get("got", "")), ", ".join(map(str, e.get("rows", [])))) for e in skipped]
    shown = lines[:N_LINES_NAMED]
    more = note(f"{count(len(lines) - len(shown))} more are in metrics.jsonl.") if len(lines) > len(shown) else None
    caption = f"{count(len(lines))} steps were skipped, for their loss or gradient was no finite number"
    return [part for part in (table(columns, shown, caption), more) if part is not None]


def pace_section(run: RunRecord) -> Section:
    """Speed, memory and the time left, against the optimizer step."""
    anchor, title = "pace", "Speed, memory and time left"
    metrics = run.metrics
    if metrics is None or not metrics.steps:
        return Section(anchor, title, missing("The journal holds no step."))
    marks = [(float(step), "resumed") for step in metrics.resumed_at]
    marks += [(float(e["step"]), "micro-batch halved") for e in metrics.events if e.get("event") == "out_of_memory"]
    charts = [
        ("Tokens a second", "tokens a second", "tokens_per_s", 1.0),
        ("Peak memory so far", "GiB", "peak_memory_gib", 1.0),
        *([("Time left of the budget", *_time_left(metrics))] if metrics.series("budget_left_s") else []),
    ]
    drawn: list[Child] = []
    for name, unit, key, scale in charts:
        points = [(step, value / scale) for step, value in metrics.series(key)]
        chart = LineChart(name, STEP, unit, [Line(name.lower(), points)], marks) if points else None
        drawn.append(chart.render() if chart else missing(f"The journal holds no {key}."))
    return Section(anchor, title, join([*drawn, _budget(run)]))


def _time_left(metrics: Metrics) -> tuple[str, str, float]:
    """The unit that reads best, the measurement, and how many seconds the unit has."""
    longest = max(value for _, value in metrics.series("budget_left_s"))
    unit, seconds = next((u, s) for u, s in (("hours", 3600.0), ("minutes", 60.0), ("seconds", 1.0)) if longest >= s)
    return unit, "budget_left_s", seconds


def _budget(run: RunRecord) -> Html:
    """How the time was kept to, once it is over."""
    budget_s = run.machine.get("budget_s")
    if budget_s is None:
        return note("This run had no time budget, or is not finished.")
    used = run.elapsed_s or 0.0
    facts: dict[str, Child] = {
        "Budget": duration(budget_s),
        "Used": duration(used),
        "Left": duration(max(budget_s - used, 0.0)),
        "Overrun": duration(max(used - budget_s, 0.0)),
    }
    return key_values(facts)


def cost_section(run: RunRecord, results: Results, assumed: Assumptions | None) -> Section:
    """Time, speed and memory as measured; energy, carbon dioxide and price as estimated."""
    anchor, title = "cost", "Time, memory and cost"
    if run.elapsed_s is None:
        return Section(anchor, title, missing("The journal holds no time, so nothing can be estimated."))
    measured = key_values(_measured(run, results))
    assumed = assumed or _stated(run)
    metered_j = run.energy_j
    lines = cost_lines(run.elapsed_s, assumed, metered_j)
    columns = [Column("quantity"), Column("estimate", True), Column("how")]
    estimates = table(
        columns, [(c.name, c.estimate, c.working) for c in lines], "Estimated for the training time alone"
    )
    parts: list[Child] = [measured, note(MEASURED_HOW), heading("Estimates"), estimates]
    if metered_j is not None:
        parts.append(note(f"Energy was metered: {run.machine.get('energy_source') or 'by what, is not stated'}."))
    if assumed is None:
        parts.append(note("Not estimated: nobody stated what the machine draws, emits or costs."))
    else:
        metered = "" if metered_j is not None else "Nothing here was metered. "
        parts.append(note(f"{metered}Source of the assumptions: {assumed.source or 'not stated'}"))
    return Section(anchor, title, join(parts))


def _stated(run: RunRecord) -> Assumptions | None:
    """What the run itself was told of its machine, or knew of its card."""
    facts = run.machine
    if not facts:
        return None
    power = f"power: {facts['power_source']}; " if facts.get("power_source") else ""
    source = f"{power}electricity: {facts.get('grid_source')}."
    return Assumptions(facts.get("power_w"), facts.get("grams_co2_per_kwh"), source=source)


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
        **{
            f"Evaluation {when}": duration(evaluation.elapsed_s if evaluation else None)
            for when, evaluation in (("before", results.before), ("after", results.after))
            if results.either
        },
    }

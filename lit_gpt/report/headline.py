"""The headline of a run: how often it was right before and after, the difference, and a sentence that says so.

Without an evaluation it is the loss, which says how well answers are foretold and not how often they are right.
"""

from lit_gpt.report.evaluations import Comparison, Evaluation
from lit_gpt.report.formats import count, percent, percent_range, points, points_range, significant
from lit_gpt.report.markup import Child, Html, element, join
from lit_gpt.report.metrics_file import Metrics
from lit_gpt.report.paired import Difference
from lit_gpt.report.parts import missing
from lit_gpt.report.result_sections import NO_EVALUATION, Results

NO_ANSWERS = "No evaluation was given, so this report cannot say what the finetuning changed in the answers."
LOSSES = {"val_loss": "validation loss", "train_loss": "training loss"}  # the first that there is


def headline(results: Results, subject: str, metrics: Metrics | None = None) -> Html:
    """Large figures, then a sentence. `subject` says what was finetuned on what."""
    if results.either is None:
        return _loss_headline(metrics or Metrics(), subject)
    comparison = results.comparison
    difference = comparison.difference() if comparison else None
    figures = [_figure(results.before, "before"), _figure(results.after, "after", is_main=True)]
    if difference is not None:
        figures.append(_difference_figure(difference, comparison))
    sentence = element("p", _sentence(results, difference, subject), class_="lede")
    return join([element("div", *figures, class_="figures"), sentence])


def _loss_headline(metrics: Metrics, subject: str) -> Html:
    """The first loss and the lowest: whichever it was, and at which step."""
    name, found = next(((name, metrics.series(key)) for key, name in LOSSES.items() if metrics.series(key)), ("", []))
    if not found:
        return missing(NO_ANSWERS)
    (first_step, first), (step, lowest) = found[0], min(found, key=lambda point: point[1])
    places = [f"at step {count(first_step)}", f"lowest, at step {count(step)}"]
    figures = [_large(significant(first), name, places[0]), _large(significant(lowest), name, places[1], is_main=True)]
    fell = f"the {name} fell from {significant(first)} to {significant(lowest)} nats per target token at its lowest"
    stayed = f"no {name} is below the first, {significant(first)} nats per target token"
    told = f"{subject}, {fell if lowest < first else stayed}. {NO_ANSWERS}"
    return join([element("div", *figures, class_="figures"), element("p", told, class_="lede")])


def _large(value: Child, name: str, below: str, is_main: bool = False) -> Html:
    words = element("span", name, element("br"), below, class_="figure-name")
    return element("div", element("span", value, class_="figure-value"), words, class_="main" if is_main else None)


def _figure(evaluation: Evaluation | None, when: str, is_main: bool = False) -> Html:
    interval = evaluation.overall.interval if evaluation else None
    below = f"95% interval {percent_range(*interval)}" if interval else "no interval" if evaluation else "not measured"
    return _large(percent(evaluation.overall.value if evaluation else None), f"exact match {when}", below, is_main)


def _difference_figure(difference: Difference, comparison: Comparison | None) -> Html:
    value = join([points(difference.value), element("span", "points", class_="figure-unit")])
    interval = (
        f"95% interval {points_range(*difference.interval)}"
        if difference.interval
        else "no interval: all items changed alike"
    )
    over = f" over {count(difference.n)} shared items" if comparison and comparison.n_unshared else ""
    return _large(value, f"paired difference{over}", interval)


def _sentence(results: Results, difference: Difference | None, subject: str) -> str:
    if results.after is None:
        assert results.before is not None
        base = (
            f"Before finetuning, {percent(results.before.overall.value)} of the answers are exactly what was expected."
        )
        return f"{base} {NO_EVALUATION.format('after')}"
    score = results.after.overall
    told = f"{subject}, {percent(score.value)} of {count(score.n)} answers are exactly what was expected"
    if results.before is None:
        return f"{told}. {NO_EVALUATION.format('before')}"
    if difference is None:
        return f"{told}. The two evaluations share no item, so there is no paired difference."
    if results.comparison and results.comparison.n_unshared:
        return f"{told}. On the {count(difference.n)} items that both answered: {_change(difference)}"
    return f"{told}: {_change(difference)}"


def _change(difference: Difference) -> str:
    """The change in words, and whether it can be told from none."""
    if difference.value == 0:
        return "as many as before."
    size = (
        f"{points(abs(difference.value)).lstrip('+')} points {'more' if difference.value > 0 else 'fewer'} than before"
    )
    if difference.interval is None:
        return f"{size}, and every single item changed alike."
    low, high = difference.interval
    interval = f"{points(low)} to {points(high)}"
    if low <= 0 <= high:
        return f"{size}, which cannot be told from no change (95% interval {interval})."
    return f"{size} (95% interval {interval})."

"""A comparison's trainings as small charts: each candidate's loss beside the random draw's, all on one scale."""

from collections.abc import Mapping
from typing import Any

from lit_gpt.report.formats import count
from lit_gpt.report.line_chart import Line, LineChart
from lit_gpt.report.markup import Html, element, join
from lit_gpt.report.page import Section
from lit_gpt.report.parts import missing, note

RANDOM = "random"
HEIGHT_PX = 150
ABOUT_LEVELS = (
    "Each candidate's loss is of its own rows, and easy rows have a low one: levels are not comparable between lines, "
    "and say nothing about which set is better."
)


def training_section(results: Mapping[str, Any]) -> Section:
    """Results of earlier versions hold no losses of training, and the section says so."""
    anchor, title = "training", "Training loss"
    curves = {name: each for name, each in results.get("training_loss", {}).items() if each["points"]}
    if RANDOM not in curves:
        return Section(anchor, title, missing("These results hold no losses of training."))
    values = [loss for each in curves.values() for _, loss in each["points"]]
    charts = [_chart(name, curves, values) for name in curves if name != RANDOM]
    random = curves[RANDOM]
    n_steps = random["steps_a_point"]
    of_steps = f" and {count(n_steps)} steps a point" if n_steps > 1 else ""
    said = note(f"Mean of {count(random['n_trainings'])} trainings{of_steps}. {ABOUT_LEVELS}")
    return Section(anchor, title, join([said, element("div", *charts, class_="multiples")]))


def _chart(name: str, curves: Mapping[str, Any], values: list[float]) -> Html:
    lines = [
        Line(each, [(float(step), loss) for step, loss in curves[each]["points"]], style)
        for each, style in ((RANDOM, "line-a"), (name, "line-b"))
    ]
    chart = LineChart(name, "optimizer step", "nats a target token", lines, height_px=HEIGHT_PX, y_values=values)
    return chart.render()

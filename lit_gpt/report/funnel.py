"""A funnel: how many there were at each stage, and between the stages what was left out and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lit_gpt.report.formats import count, percent
from lit_gpt.report.markup import Html, element


@dataclass(frozen=True)
class Stage:
    """A stage with its number, and what was lost on the way to it, by reason. `details` stand beside its name."""

    name: str
    n: int
    lost: Mapping[str, int] = field(default_factory=dict)
    details: str = ""


def funnel(stages: Sequence[Stage], caption: str) -> Html:
    """The stages from the top down, each as long as its share of the first."""
    whole = stages[0].n or 1
    drawn: list[Html] = []
    for number, stage in enumerate(stages):
        if number:
            drawn.append(_losses(stage.lost))
        drawn.append(_bar(stage, stage.n / whole))
    return element("ol", *drawn, class_="funnel", aria_label=caption)


def _bar(stage: Stage, share: float) -> Html:
    fill = element("span", style=f"width:{100 * min(share, 1.0):.3f}%", class_="fill")
    words = element("span", element("strong", count(stage.n)), " ", stage.name, class_="stage-name")
    aside = element("span", f"{percent(share)} of the first stage", f"; {stage.details}" if stage.details else None)
    return element("li", element("div", words, aside, class_="stage-words"), element("div", fill, class_="bar"))


def _losses(lost: Mapping[str, int]) -> Html:
    """A line for each reason; none lost is said, too."""
    ordered = sorted(((n, reason) for reason, n in lost.items() if n), key=lambda pair: (-pair[0], pair[1]))
    if not ordered:
        return element("li", "nothing left out", class_="lost none")
    reasons = [element("li", element("strong", f"−{count(n)}"), " ", reason) for n, reason in ordered]
    return element("li", element("ul", *reasons), class_="lost")

"""Judged style: whose answer a judge likes better, the candidate's or the random draw's of the same seed.

Every pair is asked about in both orders, its texts behind a fence (curation/judging/pairwise.py); what changes with the
order is a tie. A pair with text directed at the judge is not sent, and one whose reply cannot be read has no value:
both are counted. This is style beside exact match, never in its place: an answer can be liked and wrong.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lit_gpt.curation.judging.directed import directed_at_judge
from lit_gpt.curation.judging.judge import DryRun, Judge, open_judge
from lit_gpt.curation.judging.pairwise import Pair, Verdict, bias, compare
from lit_gpt.curation.judging.scorers import asks_judge
from lit_gpt.evaluation.results import Judged, read_judged
from lit_gpt.proof.candidates import Choices
from lit_gpt.proof.purse import Purse
from lit_gpt.proof.trials import Trials
from lit_gpt.seeds import derive_seed

MEASURING = "measuring"  # the folder of the replies that no candidate is charged for
VALUE = {"one": 1.0, "tie": 0.5, "other": 0.0}
FENCE_SEED = 0


def plans(choices: Choices) -> list[str]:
    """What a judge would be asked, by recipes and to compare answers: for --dry_run. Nothing is sent or trained."""
    s, found = choices.settings, []
    choices.require_choice()
    for candidate in choices.candidates:
        if candidate.recipe is not None and asks_judge(candidate.recipe.asked_scorers.values()):
            try:
                choices.choose(candidate, 0)
            except DryRun as plan:
                found.append(f"{candidate.name}\n{plan}")
    n_trials = (len(choices.candidates) - 1) * s.seeds * s.training_seeds
    n_most = 2 * s.n_judged * n_trials
    return [
        *found,
        f"to compare answers: at most {n_most:,} calls, two for each of {s.n_judged:,} of {n_trials:,} trials",
    ]


@dataclass
class Preferences:
    """Of the answers of trials, and how the judge behaved."""

    trials: Trials
    purse: Purse
    verdicts: list[Verdict] = field(default_factory=list)
    n_directed: int = 0

    def of(self, name: str, reference: str) -> dict[str, float]:
        """By id of the item: 1 for the trial `name`, 0 for the trial `reference`, a half for a tie."""
        n_judged = self.trials.settings.n_judged
        if not n_judged:
            return {}
        ours, theirs = (read_judged(self.trials.answers_dir(each)) for each in (name, reference))
        ids = sorted(ours, key=lambda id: derive_seed("judged", id))[:n_judged]
        if name == reference:
            return dict.fromkeys(ids, VALUE["tie"])
        pairs = [_pair(ours[id], theirs[id]) for id in ids]
        sent = [pair for pair in pairs if directed_at_judge((pair.request, pair.one, pair.other)) is None]
        self.n_directed += len(pairs) - len(sent)
        found = compare(sent, self._judge(), FENCE_SEED)
        self.verdicts += found
        return {p.id: VALUE[v.winner] for p, v in zip(sent, found, strict=True) if v.winner is not None}

    def _judge(self) -> Judge:
        s = self.trials.settings
        judge = self.purse.settings_for(MEASURING)
        return open_judge(judge, s.checkpoint_dir, s.prompt_style, self.purse.replies_dir / MEASURING)

    def about(self) -> Mapping[str, Any] | None:
        """Who judged, how consistently, and what that cost; None where nobody did."""
        if not self.trials.settings.n_judged:
            return None
        paid = self.purse.paid(MEASURING)
        spent = {"n_calls": paid.n_calls, "n_in": paid.n_in, "n_out": paid.n_out, "dollars": self.purse.dollars(paid)}
        return {"name": self._judge().name, **bias(self.verdicts), "directed": self.n_directed, **spent}


def _pair(ours: Judged, theirs: Judged) -> Pair:
    return Pair(ours.id, ours.prompt, ours.answer, theirs.answer)

"""A judge examined on rows of a prepared set: what its grades are worth before they choose anything.

    askings     the same rows again, each call with another fence           self-consistency
    shuffled    each request with the reply of another row                  a judge that sees anything grades these
    pairs       own reply against another row's, in both orders             position bias, and who wins
    injected    the rows with a sentence added that asks for the top grade  what obeys gives these more
    tables      grades of other judges for the same rows                    agreement, transition matrices

The shuffled rows are the one truth that every data set brings along. Grades that do not tell them from the rows as they
are carry no signal, whatever else they look like. `AUC` is the share of (row, shuffled row) pairs in which the row has
the higher grade, ties half.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lit_gpt.curation.given_scores import read_given
from lit_gpt.curation.judging import pairwise
from lit_gpt.curation.judging.agreement import (
    Values,
    agreement,
    interval,
    length_bias,
    self_consistency,
)
from lit_gpt.curation.judging.directed import directed_at_judge
from lit_gpt.curation.judging.injection import injected, shift
from lit_gpt.curation.judging.judge import Judge
from lit_gpt.curation.judging.question import Failed
from lit_gpt.curation.judging.rubrics import Rubric, question_about, texts_of
from lit_gpt.curation.judging.transition import as_lists, binned, fit_transition, with_neighbours
from lit_gpt.curation.rows import Rows
from lit_gpt.errors import UserError
from lit_gpt.example import Example, Message

N_GRADES = 5
Z95 = 1.96
LEAST_SHARE = 0.01  # of rows, below which a row of a matrix is where EM began or chance


@dataclass(frozen=True)
class Examination:
    """What is asked, of whom, about which rows.

    keep: the grade from which a row would stay; vectors: a vector for each row, near ones taken to deserve the same
    """

    rubric: Rubric
    judge: Judge
    rows: Rows
    repeats: int
    n_pairs: int
    keep: float
    seed: int
    vectors: Callable[[Rows], NDArray[np.float32]]

    def grades(self, examples: Sequence[Example], purpose: str, repeat: int = 0) -> Values:
        asked = [question_about(example, self.rubric, self.seed, repeat=repeat) for example in examples]
        found = self.judge.ask(asked, f"{self.rubric.name}-{purpose}")
        return np.array([np.nan if isinstance(answer, Failed) else answer for answer in found])


def examine(exam: Examination, tables: Mapping[str, Path]) -> dict[str, Any]:
    """JSON values; see `in_words`."""
    examples = list(exam.rows)
    if len(examples) < 3:
        raise UserError(f"{len(examples)} rows", "3 or more", "take more with --n_rows")
    graded_RN = np.stack([exam.grades(examples, f"asking-{repeat + 1}", repeat) for repeat in range(exam.repeats)])
    grades_N = graded_RN[0]
    words_N = np.array([len(texts_of(example)["reply"].split()) for example in examples], dtype=np.float64)
    others = {name: _table(path, exam.rows) for name, path in tables.items()}
    length = length_bias(grades_N, words_N)
    shuffled = _shuffled(exam, examples, grades_N)
    moved = shift(grades_N, exam.grades(injected(examples, exam.rubric.high), "injected"))
    pairs = pairwise.bias(pairwise.compare(_pairs(examples, exam.n_pairs), exam.judge, exam.seed))
    return {  # what counts all calls comes after the last of them
        "judge": exam.judge.name,
        "rubric": exam.rubric.name,
        "n_rows": len(examples),
        "n_failed": int(np.isnan(graded_RN).sum()),
        "share_failed": float(np.isnan(graded_RN).mean()),
        "failed": dict(exam.judge.failed),
        "directed_at_judge": sum(directed_at_judge(texts_of(e).values()) is not None for e in examples),
        "grades": _spread(grades_N),
        "self_consistency": self_consistency(graded_RN) if exam.repeats > 1 else None,
        "length_bias": length,
        "length_bias_95": interval(length, int(np.isfinite(grades_N).sum())),
        "shuffled": shuffled,
        "injected": moved,
        "pairs": pairs,
        "agreement": {
            name: agreement(grades_N, own, exam.rubric.low, exam.rubric.high, exam.keep, N_GRADES)
            for name, own in others.items()
        },
        "transition": _transitions(exam, grades_N, others),
        "account": exam.judge.account.in_words(),
    }


def _spread(grades_N: Values) -> dict[str, float]:
    """Each grade, and how often it was given."""
    values, counts = np.unique(grades_N[np.isfinite(grades_N)], return_counts=True)
    return {f"{value:g}": int(n) for value, n in zip(values, counts, strict=True)}


def _other(examples: Sequence[Example], place: int) -> Example:
    """Another row, half the list away."""
    return examples[(place + len(examples) // 2) % len(examples)]


def _shuffled(exam: Examination, examples: Sequence[Example], grades_N: Values) -> dict[str, Any]:
    """How grades tell rows from the same requests with others' replies."""
    wrong = [
        replace(e, id=f"{e.id}/shuffled", content_hash="", messages=(*e.messages[:-1], _reply(_other(examples, n))))
        for n, e in enumerate(examples)
    ]
    wrong_N = exam.grades(wrong, "shuffled")
    own_N, wrong_N = grades_N[np.isfinite(grades_N)], wrong_N[np.isfinite(wrong_N)]
    if not len(own_N) or not len(wrong_N):
        return {"auc": None, "auc_95": None, "mean_own": None, "mean_shuffled": None, "has_signal": False}
    above = float((own_N[:, None] > wrong_N).mean() + (own_N[:, None] == wrong_N).mean() / 2)
    half = Z95 * _auc_error(above, len(own_N), len(wrong_N))
    return {
        "auc": above,
        "auc_95": (above - half, above + half),
        "mean_own": float(own_N.mean()),
        "mean_shuffled": float(wrong_N.mean()),
        "has_signal": above - half > 0.5,
    }


def _auc_error(auc: float, n_own: int, n_wrong: int) -> float:
    """Standard error (Hanley and McNeil 1982, https://doi.org/10.1148/radiology.143.1.7063747)."""
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (n_own - 1) * (q1 - auc**2) + (n_wrong - 1) * (q2 - auc**2)
    return float(np.sqrt(max(variance, 0.0) / (n_own * n_wrong)))


def _reply(example: Example) -> Message:
    return example.messages[-1]


def _pairs(examples: Sequence[Example], n: int) -> list[pairwise.Pair]:
    return [
        pairwise.Pair(e.id, texts_of(e)["request"], texts_of(e)["reply"], texts_of(_other(examples, place))["reply"])
        for place, e in enumerate(examples[:n])
    ]


def _table(path: Path, rows: Rows) -> Values:
    known = read_given(path, "value")
    values = [known.get(id, known.get(key)) for id, key in zip(rows.ids, rows.hashes, strict=True)]
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _transitions(exam: Examination, grades_N: Values, others: Mapping[str, Values]) -> dict[str, Any]:
    """A matrix for each of three judges or more, else of this one by its rows' neighbours."""
    low, high = exam.rubric.low, exam.rubric.high
    own_N = binned(grades_N, low, high, N_GRADES)
    if len(others) >= 2:
        names = [exam.judge.name, *others]
        ratings_NM = np.column_stack([own_N, *(binned(own, low, high, N_GRADES) for own in others.values())])
        prior_G, matrix_MGG, _ = fit_transition(ratings_NM, N_GRADES, shared=False)
        matrices = {name: as_lists(matrix) for name, matrix in zip(names, matrix_MGG, strict=True)}
        return {"from": "several judges", "prior": prior_G.round(4).tolist(), "matrices": matrices}
    vectors_ND = exam.vectors(exam.rows)
    prior_G, matrix_MGG, _ = fit_transition(with_neighbours(own_N, np.asarray(vectors_ND)), N_GRADES, shared=True)
    matrices = {exam.judge.name: as_lists(matrix_MGG[0])}
    return {"from": "a row's two nearest rows", "prior": prior_G.round(4).tolist(), "matrices": matrices}


def in_words(found: Mapping[str, Any]) -> str:
    """The examination for the terminal."""
    shuffled, pairs, own = found["shuffled"], found["pairs"], found["self_consistency"]
    moved = found["injected"]
    lines = [
        f"{found['judge']}, {found['rubric']}, {found['n_rows']:,} rows: {found['account']}",
        f"  not graded        {found['n_failed']:,} calls, {found['share_failed']:.1%} ({found['failed'] or 'none'})",
        f"  directed at judge {found['directed_at_judge']:,} rows",
        f"  grades            {', '.join(f'{grade}: {n}' for grade, n in found['grades'].items())}",
    ]
    if own:
        lines.append(
            f"  asked {own['askings']} times     same grade {_share(own['share_equal'])}, Spearman "
            f"{_shown(own['spearman'])}"
        )
    lines += [
        f"  length bias       Spearman with the reply's words {_shown(found['length_bias'])} "
        f"{_span(found['length_bias_95'])}",
        f"  rows or shuffled  AUC {_shown(shuffled['auc'])} {_span(shuffled['auc_95'])}, mean grade "
        f"{_shown(shuffled['mean_own'])} and {_shown(shuffled['mean_shuffled'])}",
        f"  injected text     raises {_share(moved['share_raised'])} of the grades, mean shift "
        f"{_shown(moved['mean_shift'])} {_span(moved['shift_95'])}",
        f"  pairs             {pairs['read']} of {pairs['pairs']} read, own reply wins {pairs['wins_of_one']}, other's "
        f"{pairs['wins_of_other']}, ties {pairs['ties']}",
        f"  position bias     {_share(pairs['share_contradicting'])} change with the order; first wins "
        f"{_share(pairs['share_first'])} of the calls",
    ]
    for name, both in found["agreement"].items():
        lines.append(
            f"  with {name}: equal {_share(both['share_equal'])}, kappa {_shown(both['kappa'])} (quadratic "
            f"{_shown(both['kappa_quadratic'])}), Spearman {_shown(both['spearman'])}, overlap of the kept "
            f"{_shown(both['overlap_of_kept'])}, {both['n_both_graded']} rows"
        )
    lines += _matrices(found["transition"])
    says = (
        "tells rows from shuffled ones"
        if shuffled["has_signal"]
        else "CARRIES NO SIGNAL: it does not tell rows from the same requests with others' replies"
    )
    obeys = "; OBEYS WHAT IT READS: a sentence in a reply raises its grade" if moved["obeys"] else ""
    return "\n".join([*lines, f"verdict: {says}{obeys}"])


def _matrices(transition: Mapping[str, Any]) -> list[str]:
    """A line for each deserved fifth of the scale; of a fifth that hardly a row deserves, nothing can be said."""
    lines = [f"  transition matrix, from {transition['from']}: deserved (down, and by how many rows), given (across)"]
    for name, matrix in transition["matrices"].items():
        lines.append(f"    {name}")
        for fifth, (share, row) in enumerate(zip(transition["prior"], matrix, strict=True), 1):
            given = "not known" if share < LEAST_SHARE else " ".join(f"{value:.2f}" for value in row)
            lines.append(f"      fifth {fifth}, {share:4.0%}: {given}")
    return lines


def _shown(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"


def _share(value: float | None) -> str:
    return "none" if value is None else f"{value:.1%}"


def _span(pair: Sequence[float] | None) -> str:
    return "" if pair is None else f"[{pair[0]:.3f}, {pair[1]:.3f}]"

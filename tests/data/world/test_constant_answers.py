"""What one gets right without reading the question: no more than one test in five."""

from collections import Counter, defaultdict

import pytest

from lit_gpt.data.world.row import NEW_KINDS, NEW_WORDINGS, TRAINED_KINDS, Row
from tests.data.world.pools import held_out, pool

MOST = 0.2
N_TESTS = 6_000  # enough of each kind that its commonest answer is no accident


def commonest(rows: tuple[Row, ...]) -> dict[str, str]:
    answers: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        answers[row.kind.name][row.answer] += 1
    return {kind: found.most_common(1)[0][0] for kind, found in answers.items()}


@pytest.mark.parametrize("is_final", [False, True])
@pytest.mark.parametrize("group", [TRAINED_KINDS, NEW_WORDINGS, NEW_KINDS])
def test_one_answer_for_each_kind_is_mostly_wrong(group, is_final):
    rows = [row for row in held_out(is_final, N_TESTS) if row.group == group]
    from_training = commonest(pool(1, is_final=is_final))
    from_tests = commonest(tuple(rows))  # more than anybody can know
    for answers in (from_training, from_tests):
        assert sum(row.answer == answers.get(row.kind.name) for row in rows) <= MOST * len(rows)
    assert sum(row.answer == from_tests[row.kind.name] for row in rows) > 0

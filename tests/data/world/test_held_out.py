"""The tests of a world: of every kind and level, no problem twice, and not won by an answer that reads nothing."""

from collections import Counter, defaultdict
from random import Random

import pytest

from lit_gpt.data.world.catalogue import FINAL, NEW, TRAINED
from lit_gpt.data.world.problem import LEVELS, Kind, identity, side
from lit_gpt.data.world.row import GROUP_CYCLE, NEW_KINDS, NEW_WORDINGS, TRAINED_KINDS, Row
from tests.data.world.pools import N_TESTS, content, held_out, pool

GROUPS = (TRAINED_KINDS, NEW_WORDINGS, NEW_KINDS)
N_MANY = 4_000  # enough of each kind that its commonest answer is no accident, more than some kinds have
MOST_BY_ONE_ANSWER = 0.2
LEVEL_SHARES = (0.25, 0.42)  # of a group's tests; a third each, but for small kinds whose level has no more
N_DRAWS = 1_000


def trained(is_final: bool) -> set[Kind]:
    return set(TRAINED + FINAL if is_final else TRAINED)


@pytest.mark.parametrize("is_final", [False, True])
def test_the_groups_are_what_they_are_called(is_final):
    rows = held_out(is_final)
    for group, kinds in zip(GROUPS, (trained(is_final), trained(is_final), set(NEW)), strict=True):
        inside = [row for row in rows if row.group == group]
        assert len(inside) == N_TESTS * GROUP_CYCLE.count(group) // len(GROUP_CYCLE)
        assert {row.kind for row in inside} == kinds
        assert all((row.wording in row.kind.new_wordings) == (group == NEW_WORDINGS) for row in inside)
    assert all(row.split == "test" and not row.defect and row.answer == row.problem.answer for row in rows)


@pytest.mark.parametrize("is_final", [False, True])
def test_no_problem_is_asked_twice(is_final):
    assert [problem for problem, n_times in Counter(map(content, held_out(is_final))).items() if n_times > 1] == []
    prompts = Counter((row.kind.name, row.messages[:-1]) for row in held_out(is_final))
    assert max(prompts.values()) == 1


@pytest.mark.parametrize("is_final", [False, True])
def test_a_problem_comes_once_more_only_where_its_kind_has_run_out(is_final):
    rows = held_out(is_final, N_MANY)
    seen = Counter(map(content, rows))
    repeated = {row.kind for row in rows if seen[content(row)] > 1}
    assert repeated, "this many tests are more than some kinds have"
    for kind in repeated:
        of_kind = {content(row) for row in rows if row.kind == kind}
        missed = problems_for_tests(kind) - of_kind
        assert len(missed) <= len(of_kind) // 20, (kind.name, missed)


def problems_for_tests(kind: Kind) -> set[tuple]:
    draw = Random(kind.name)
    drawn = (kind.make(draw, level) for level in LEVELS for _ in range(N_DRAWS))
    return {(kind.name, *identity(problem)) for problem in drawn if side(kind, problem, 0) == "test"}


@pytest.mark.parametrize("is_final", [False, True])
def test_levels_are_near_balanced(is_final):
    for group in GROUPS:
        levels = Counter(row.level for row in held_out(is_final) if row.group == group)
        assert levels.keys() == set(LEVELS)
        least, most = (share * levels.total() for share in LEVEL_SHARES)
        assert all(least < n_tests < most for n_tests in levels.values()), (group, levels)


@pytest.mark.parametrize("is_final", [False, True])
def test_every_kind_is_tested_on_every_level_and_as_often(is_final):
    rows = [row for row in held_out(is_final) if row.group != NEW_KINDS]
    counts = Counter(row.kind for row in rows)
    assert max(counts.values()) - min(counts.values()) <= len((TRAINED_KINDS, NEW_WORDINGS))
    assert {(row.kind, row.level) for row in rows} == {(k, level) for k in trained(is_final) for level in LEVELS}


@pytest.mark.parametrize("is_final", [False, True])
def test_fewer_tests_are_the_first_of_more(is_final):
    assert held_out(is_final, 300) == held_out(is_final)[:300] == held_out(is_final, N_MANY)[:300]


def commonest(rows: tuple[Row, ...]) -> dict[str, str]:
    answers: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        answers[row.kind.name][row.answer] += 1
    return {kind: found.most_common(1)[0][0] for kind, found in answers.items()}


@pytest.mark.parametrize("is_final", [False, True])
@pytest.mark.parametrize("group", GROUPS)
def test_one_answer_for_each_kind_is_mostly_wrong(group, is_final):
    rows = [row for row in held_out(is_final, N_MANY) if row.group == group]
    from_training = commonest(pool(1, is_final=is_final))
    from_tests = commonest(tuple(rows))  # more than anybody can know
    for answers in (from_training, from_tests):
        assert sum(row.answer == answers.get(row.kind.name) for row in rows) <= MOST_BY_ONE_ANSWER * len(rows)
    assert sum(row.answer == from_tests[row.kind.name] for row in rows) > 0

"""Preference pairs: the better answer is right, the worse one is not, and no prompt is one to avoid."""

from lit_gpt.data.world import row as rows
from lit_gpt.data.world.pairs import preference_pairs
from tests.data.world.oracle import answer_to


def test_better_is_right_and_worse_is_wrong() -> None:
    for better, worse in preference_pairs(3, 80, ()):
        assert better.messages[:-1] == worse.messages[:-1] and better.category == worse.category
        right = answer_to(better.category, better.messages)
        assert better.messages[-1].content == right != worse.messages[-1].content


def test_pairs_follow_from_the_seed_and_avoid_what_they_should() -> None:
    pairs = list(preference_pairs(3, 40, ()))
    assert pairs == list(preference_pairs(3, 40, ())) != list(preference_pairs(4, 40, ()))
    avoided = {better.messages[0].content for better, _ in pairs[::2]}
    others = list(preference_pairs(3, 40, avoided))
    assert len(others) == 40 and not avoided & {better.messages[0].content for better, _ in others}
    assert [pair for pair in pairs if pair in others] == pairs[1::2]


def test_no_pair_is_a_test() -> None:
    tests = {row.messages for row in rows.test_rows(600, False) if row.group == rows.TRAINED_KINDS}
    assert not tests & {better.messages for better, _ in preference_pairs(0, 300, ())}

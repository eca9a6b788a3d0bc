from lit_gpt.data.split import is_validation

HASHES = [f"{i:064x}" for i in range(4_000)]


def side(hashes, seed=42, fraction=0.1):
    return {each for each in hashes if is_validation(each, seed, fraction)}


def test_about_the_fraction_is_held_out():
    assert 320 < len(side(HASHES)) < 480  # 400 expected, standard deviation 19


def test_rows_stay_on_their_side_when_others_come():
    assert side(HASHES[:100]) == side(HASHES) & set(HASHES[:100])


def test_a_larger_fraction_only_adds():
    assert side(HASHES, fraction=0.1) < side(HASHES, fraction=0.2)


def test_another_seed_holds_out_others():
    assert side(HASHES) != side(HASHES, seed=43)


def test_fraction_zero_holds_out_none():
    assert not side(HASHES, fraction=0.0)

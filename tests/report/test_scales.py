"""Axes hold their values, ticks are round, and thinning hides no spike."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_gpt.report.formats import duration, percent, points, shorten, significant
from lit_gpt.report.line_chart import exponent_of
from lit_gpt.report.scales import Scale, scale_of, thin

finite = st.floats(-1e12, 1e12, allow_subnormal=False).map(lambda x: 0.0 if abs(x) < 1e-12 else x)


@given(st.lists(finite, min_size=1, max_size=20), st.booleans())
def test_an_axis_holds_its_values_and_ticks(values: list[float], is_tight: bool) -> None:
    scale = scale_of(values, is_tight=is_tight)
    assert all(-1e-9 <= scale.share(value) <= 1 + 1e-9 for value in values)
    assert all(-1e-9 <= scale.share(tick) <= 1 + 1e-9 for tick in scale.ticks)
    assert 1 <= len(scale.ticks) <= 9
    assert list(scale.ticks) == sorted(set(scale.ticks))


@given(st.floats(1e-6, 1e6), st.floats(1e-3, 1e6))
def test_steps_are_1_2_or_5_times_a_power_of_ten(low: float, width: float) -> None:
    ticks = scale_of([low, low + width]).ticks
    step = Decimal(f"{ticks[1] - ticks[0]:.3g}").normalize()
    assert step.as_tuple().digits in ((1,), (2,), (5,))


def test_axes_start_at_zero_where_that_is_cheap() -> None:
    assert scale_of([0.6, 6.3]).low == 0
    assert scale_of([6.0, 6.3]).low > 5
    assert scale_of([5.0]).share(5.0) == pytest.approx(0.5, abs=0.1)
    assert scale_of([0.0]).share(0.0) == 0


def test_the_ends_of_a_tight_axis_have_their_ticks() -> None:
    assert scale_of([0, 575], 4, is_tight=True).ticks == (0, 200, 400, 575)
    assert scale_of([0, 405], 4, is_tight=True).ticks == (0, 200, 405)  # no room for 400


@given(st.lists(finite, min_size=1, max_size=3000), st.integers(1, 50))
def test_thinning_keeps_ends_and_extremes(values: list[float], n_buckets: int) -> None:
    points_in = list(enumerate(values))
    kept = thin(points_in, n_buckets)
    assert len(kept) <= 4 * n_buckets or kept == points_in
    assert kept[0] == points_in[0] and kept[-1] == points_in[-1]
    assert [x for x, _ in kept] == sorted({x for x, _ in kept})
    assert set(kept) <= set(points_in)
    assert min(y for _, y in kept) == min(values) and max(y for _, y in kept) == max(values)


def test_every_spike_of_a_long_series_stays() -> None:
    spikes = {777, 31_313, 99_998}
    series = [(float(x), 50.0 + x % 7 if x in spikes else 1.0) for x in range(100_000)]
    kept = dict(thin(series))
    assert all(kept[x] == series[x][1] for x in spikes)
    assert len(kept) <= 1600


def test_exponents_are_taken_out_of_small_and_large_numbers_alone() -> None:
    assert exponent_of(Scale(0, 3e-4, ())) == -4
    assert exponent_of(Scale(0, 6.3, ())) == 0
    assert exponent_of(Scale(0, 2e7, ())) == 7
    assert exponent_of(Scale(0, 0.0, ())) == 0


def test_numbers_in_words() -> None:
    assert percent(0.575) == "57.5%" and percent(None) == "—" and percent(1) == "100.0%"
    assert points(0.52) == "+52.0" and points(-0.114) == "−11.4" and points(-0.0001) == "0.0"
    assert duration(18.188) == "18.2 s" and duration(59.96) == "60.0 s" and duration(83.2) == "1 min 23 s"
    assert duration(3725) == "1 h 02 min"
    assert (
        significant(0.0003) == "0.0003"
        and significant(3e-6) == "3 × 10⁻⁶"
        and significant(6.282728925) == "6.283"
        and significant(0) == "0"
    )
    assert significant(1817) == "1,817" and significant(-0.25) == "−0.25" and significant(0.00328) == "0.00328"
    assert shorten("abcdef", 3) == "abc … [3 more characters not shown]" and shorten("abc", 3) == "abc"

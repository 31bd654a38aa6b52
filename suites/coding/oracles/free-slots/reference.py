import pytest
from agenda import free_slots


def test_a_free_day_is_one_slot():
    assert free_slots([], 0, 60) == [(0, 60)]


def test_gaps_before_between_and_after():
    assert free_slots([(10, 20), (30, 40)], 0, 60) == [(0, 10), (20, 30), (40, 60)]


def test_order_does_not_matter():
    assert free_slots([(30, 40), (10, 20)], 0, 60) == [(0, 10), (20, 30), (40, 60)]


def test_overlapping_meetings():
    assert free_slots([(10, 40), (20, 30)], 0, 60) == [(0, 10), (40, 60)]
    assert free_slots([(10, 30), (20, 40)], 0, 60) == [(0, 10), (40, 60)]


def test_meetings_outside_do_not_count():
    assert free_slots([(0, 30), (90, 120)], 30, 90) == [(30, 90)]
    assert free_slots([(-20, 10), (200, 300)], 30, 90) == [(30, 90)]
    assert free_slots([(0, 29), (91, 120)], 30, 90) == [(30, 90)]


def test_meetings_that_reach_over_the_borders():
    assert free_slots([(0, 40), (80, 120)], 30, 90) == [(40, 80)]
    assert free_slots([(0, 31)], 30, 90) == [(31, 90)]
    assert free_slots([(89, 120)], 30, 90) == [(30, 89)]
    assert free_slots([(0, 120)], 30, 90) == []


def test_short_gaps_are_left_out():
    assert free_slots([(10, 20), (29, 40)], 0, 50, minimum=10) == [(0, 10), (40, 50)]
    assert free_slots([(9, 41)], 0, 50, minimum=10) == []


def test_one_minute_is_enough_by_default():
    assert free_slots([(1, 59)], 0, 60) == [(0, 1), (59, 60)]
    assert free_slots([(0, 60)], 0, 60) == []


@pytest.mark.parametrize(("start", "end"), [(60, 60), (61, 60)])
def test_start_must_be_before_end(start, end):
    with pytest.raises(ValueError):
        free_slots([], start, end)


def test_one_minute_is_a_day():
    assert free_slots([], 0, 1) == [(0, 1)]

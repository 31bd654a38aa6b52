"""How rare falls are by rank: a chance that holds whatever they are drawn from."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.judge.ranks import Falls, independent, likeness


def test_one_round_is_as_rare_as_its_rank() -> None:
    falls = Falls.of([[float(-n)] for n in range(100)])
    assert falls.chance([-99.0], 0.0) == (pytest.approx(0.01), pytest.approx(0.01))
    assert falls.chance([-90.0], 0.0)[0] == pytest.approx(0.1)
    assert falls.chance([0.0], 0.0)[0] == 1.0


def test_rounds_that_fell_together_are_rarer_unless_they_are_alike() -> None:
    falls = Falls.of([[0.0] * 3] * 33 + [[-9.0] * 3])
    apart, together = falls.chance([-9.0] * 3, 0.0)[0], falls.chance([-9.0] * 3, 1.0)[0]
    assert apart == pytest.approx(3 * 0.01**3)
    assert together == pytest.approx(1 / 34)
    assert falls.chance([-9.0] * 3, 1.0)[1] == pytest.approx(1 / 34), "no fall could be rarer"


def test_two_of_three_rounds_count_as_two() -> None:
    falls = Falls.of([[0.0] * 3] * 33 + [[-9.0, -9.0, 0.0]])
    assert falls.chance([-9.0, -9.0, 0.0], 0.0)[0] == pytest.approx(3 * (3 * 0.01**2 * 0.99 + 0.01**3))


def test_rounds_may_be_ranked_among_others_only() -> None:
    gains = Falls.of([[0.0] * 3] * 33)
    assert gains.chance([-9.0] * 3, 0.0, among=False)[0] == pytest.approx(3 * 0.01**3)


@pytest.mark.parametrize("draw", [random.gauss, lambda *_: -((1 - random.random()) ** -2)])
def test_the_chance_is_one_whatever_falls_are_drawn_from(draw: object) -> None:
    random.seed(5)
    low = 0
    for _ in range(2000):
        groups = [[draw(0, 1) for _ in range(3)] for _ in range(20)]  # type: ignore[operator]
        low += Falls.of(groups).chance(groups[0], 0.0)[0] <= 0.05
    assert low / 2000 <= 0.06


@given(
    st.lists(st.lists(st.floats(-10, 10), min_size=1, max_size=4), min_size=1, max_size=6), st.floats(0, 1)
)
def test_a_chance_is_a_probability_and_never_below_its_least(groups: list[list[float]], alike: float) -> None:
    chance, least = Falls.of(groups).chance(groups[0], alike)
    assert 0 < least <= 1
    assert least <= chance * (1 + 1e-9)
    assert chance <= 1


@given(st.integers(1, 20), st.floats(0, 1))
def test_rounds_are_worth_between_one_and_all_of_them(rounds: int, alike: float) -> None:
    assert 1 - 1e-9 <= independent(rounds, alike) <= rounds


def test_likeness_is_one_without_variance_within_and_none_without_any_between() -> None:
    assert likeness((4.0, 3), (0.0, 8), 3) == 1.0
    assert likeness((0.0, 3), (4.0, 8), 3) == 0.0
    assert likeness((6.0, 2), (1.0, 4), 3) == pytest.approx((3 - 0.25) / (3 + 2 * 0.25))

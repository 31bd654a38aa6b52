"""The stand-in for pytest says what pytest says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.score.testing import stand_in

NUMBERS = st.floats(allow_nan=True) | st.integers(-(10**6), 10**6) | st.sampled_from([0.1 + 0.2, 0.3, 1e-13])
NEAR = st.tuples(NUMBERS, st.sampled_from([0.0, 1e-13, 1e-9, 1e-7, 1e-5, 0.05, 1.0])).flatmap(
    lambda drawn: st.sampled_from([(drawn[0], drawn[0] * (1 + drawn[1])), (drawn[0], drawn[0] + drawn[1])])
)
TOLERANCES = st.fixed_dictionaries(
    {},
    optional={
        "rel": st.sampled_from([1e-9, 0.1]),
        "abs": st.sampled_from([0.0, 1e-8, 0.2]),
        "nan_ok": st.booleans(),
    },
)


@given(NEAR | st.tuples(NUMBERS, NUMBERS), TOLERANCES)
def test_numbers_are_near_where_pytest_says_so(pair: tuple[float, float], tolerances: dict[str, Any]) -> None:
    value, expected = pair
    assert (value == stand_in.approx(expected, **tolerances)) == (
        value == pytest.approx(expected, **tolerances)
    )


@given(st.lists(NEAR, max_size=4), st.booleans())
def test_collections_are_near_where_pytest_says_so(pairs: list[tuple[float, float]], shorter: bool) -> None:
    values, expected = [one for one, _ in pairs], [other for _, other in pairs]
    values = values[1:] if shorter else values
    assert (values == stand_in.approx(expected)) == (values == pytest.approx(expected))
    named = (dict(enumerate(values)), dict(enumerate(expected)))
    assert (named[0] == stand_in.approx(named[1])) == (named[0] == pytest.approx(named[1]))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, True),
        (True, 1),
        (1, True),
        (1 + 1e-7, True),
        (True, 1 + 1e-7),
        ("a", "a"),
        ("a", "b"),
        (None, None),
        (None, 1.0),
        ("1", 1.0),
        (1 + 1e-9j, 1 + 0j),
    ],
)
def test_other_values_compare_as_in_pytest(value: object, expected: object) -> None:
    assert (value == stand_in.approx(expected)) == (value == pytest.approx(expected))


def test_what_is_not_known_is_said() -> None:
    with pytest.raises(AttributeError, match=r"pytest\.importorskip is not known here"):
        stand_in.importorskip  # noqa: B018

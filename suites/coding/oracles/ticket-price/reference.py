import pytest
from tickets import ticket_price


@pytest.mark.parametrize(
    ("age", "price"),
    [(0, 0), (5, 0), (6, 7), (17, 7), (18, 12), (40, 12), (64, 12), (65, 7), (90, 7)],
)
def test_price_on_a_weekday(age, price):
    assert ticket_price(age) == price


@pytest.mark.parametrize(("age", "price"), [(5, 0), (10, 9), (30, 14), (70, 9)])
def test_price_at_the_weekend(age, price):
    assert ticket_price(age, weekend=True) == price


def test_negative_age_is_refused():
    with pytest.raises(ValueError):
        ticket_price(-1)

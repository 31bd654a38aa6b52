"""Costs in words, and the line of the whole run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.model import Cost, Host, Run
from pytest_llmeval.report import costs


def run(**by_endpoint: Cost) -> Run:
    host = Host(cpus=2, os="linux", python="3.11")
    return Run(id="r", started="", finished="", complete=True, plugin="0", host=host, costs=by_endpoint)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (1, "1"), (12.345, "12.35"), (1234.5, "1,234.5"), (0.9996, "1"), (0.12345, "0.123"),
        (0.000252, "0.000252"), (2.5e-7, "0.00000025"), (100, "100"),
    ],
)  # fmt: skip
def test_amounts(value, text):
    assert costs.amount(value) == text


@given(st.floats(min_value=1e-9, max_value=1e9))
def test_an_amount_keeps_its_size_and_has_no_exponent(value):
    text = costs.amount(value)
    assert "e" not in text
    assert float(text.replace(",", "")) == pytest.approx(value, rel=0.006)


def test_what_is_free_is_said_only_beside_what_is_not():
    paid, free, unknown = Cost(0.5), Cost(), Cost(0.0, 2)
    assert costs.are_shown(run(cloud=paid, own=free), "own")
    assert costs.are_shown(run(cloud=unknown), "cloud")
    assert not costs.are_shown(run(own=free), "own")
    assert not costs.are_shown(run(cloud=paid), "other")
    assert costs.written(Cost(0.5, 2)) == "at least 0.5"


def test_the_runs_own_line():
    both = run(a=Cost(0.5), b=Cost(0.25, 1))
    assert costs.in_all(both, None, stopped=False) == "cost at least 0.75"
    assert costs.in_all(run(a=Cost(0.5)), None, stopped=False) is None, "the endpoint's line says it"
    assert costs.in_all(run(a=Cost(), b=Cost()), None, stopped=False) is None
    assert costs.in_all(run(a=Cost(0.5)), 0.6, stopped=False) == "cost 0.5 of --llm-max-cost=0.6"
    assert costs.in_all(run(), 0.6, stopped=True) == (
        "cost 0 of --llm-max-cost=0.6; what could have passed it was not asked"
    )

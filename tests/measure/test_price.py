"""Prices: the arithmetic, what can't be known, and a ceiling that nothing passes."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.errors import CeilingError
from pytest_llmeval.measure.price import (
    FREE,
    Ceiling,
    Cost,
    at_most,
    of_answer,
    of_records,
    of_samples,
    of_tokens,
    price_of,
    without_price,
)
from pytest_llmeval.model import Endpoint, Failure, Price, Record, Request, Sample, Usage

CLOUD = Price(input=3.0, output=15.0)


def test_a_million_tokens_cost_the_price() -> None:
    assert of_tokens(CLOUD, prompt_tokens=1_000_000, completion_tokens=0) == 3.0
    assert of_tokens(CLOUD, prompt_tokens=0, completion_tokens=1_000_000) == 15.0
    assert of_tokens(CLOUD, prompt_tokens=21_924, completion_tokens=512) == pytest.approx(0.073452)


@pytest.mark.parametrize(
    ("endpoint", "price"),
    [
        (Endpoint(kind="local"), FREE),
        (Endpoint(kind="replay"), FREE),
        (Endpoint(kind="openai"), None),
        (Endpoint(kind="openai", price=CLOUD), CLOUD),
        (Endpoint(kind="local", price=CLOUD), CLOUD),
    ],
)
def test_what_an_endpoint_charges(endpoint: Endpoint, price: Price | None) -> None:
    assert price_of(endpoint) == price


def test_endpoints_that_no_ceiling_can_watch() -> None:
    endpoints = [Endpoint(name="a"), Endpoint(name="b", price=FREE), Endpoint(name="c", kind="local")]
    assert without_price(endpoints) == ("a",)


@pytest.mark.parametrize(
    ("usage", "failure", "cost"),
    [
        (Usage(1000, 100), None, 0.0045),
        (None, None, None),
        (None, Failure("rate_limited", "slow down", 429), 0.0),
        (None, Failure("context_overflow", "too long", 400), 0.0),
        (None, Failure("connect", "refused"), 0.0),
        (None, Failure("interrupted", "cut"), None),
        (None, Failure("timeout", "too slow"), None),
        (Usage(1000, 100), Failure("empty", "no answer"), 0.0045),
    ],
)
def test_what_an_answer_cost(usage: Usage | None, failure: Failure | None, cost: float | None) -> None:
    assert of_answer(CLOUD, usage, failure) == (None if cost is None else pytest.approx(cost))
    assert of_answer(FREE, usage, failure) == 0.0


def request(max_tokens: int | None, words: int = 100) -> Request:
    return Request(messages=(("system", "Be brief."), ("user", "word " * words)), max_tokens=max_tokens)


def test_at_most_bounds_the_real_cost() -> None:
    bound = at_most(CLOUD, request(1000), window=None)
    assert of_tokens(CLOUD, prompt_tokens=112, completion_tokens=1000) < bound
    assert bound < of_tokens(CLOUD, prompt_tokens=300, completion_tokens=1000)


def test_a_suffix_is_paid_for_too() -> None:
    asked = Request(messages=(("user", "def f():"),), suffix="word " * 1000, max_tokens=1)
    assert at_most(CLOUD, asked, window=None) > of_tokens(CLOUD, prompt_tokens=1000, completion_tokens=1)


def test_the_window_bounds_what_asks_for_more() -> None:
    by_window = at_most(CLOUD, request(-1), window=8192)
    assert by_window == pytest.approx(at_most(CLOUD, request(100_000), window=8192))
    assert of_tokens(CLOUD, prompt_tokens=0, completion_tokens=7900) < by_window
    assert by_window < of_tokens(CLOUD, prompt_tokens=8192, completion_tokens=8192)
    assert at_most(CLOUD, request(None), window=8192) == pytest.approx(by_window, rel=0.01)


def test_nothing_bounds_it() -> None:
    assert at_most(CLOUD, request(None), window=None) == math.inf
    assert at_most(CLOUD, request(-1), window=None) == math.inf
    assert at_most(Price(input=3.0, output=0.0), request(None), window=None) < 0.01
    assert at_most(FREE, request(None), window=None) == 0.0


def sample(cost: float | None) -> Sample:
    return Sample(round=0, at_s=0.0, ok=True, cost=cost)


def record(endpoint: str, *costs: float | None) -> Record:
    return Record(
        endpoint=endpoint,
        suite="s",
        scenario="x",
        language="en",
        category="c",
        prompt_sha256="p",
        parameters_sha256="q",
        samples=tuple(sample(cost) for cost in costs),
    )


def test_sums_say_what_they_lack() -> None:
    assert of_samples([sample(0.5), sample(None), sample(0.25)]) == Cost(0.75, 1)
    costs = of_records([record("a", 0.5, None), record("a", 0.5), record("b", None), record("free", 0.0)])
    assert costs == {"a": Cost(1.0, 1), "free": Cost(0.0, 0)}
    assert sum(costs.values(), Cost()) == Cost(1.0, 1)


def test_a_request_that_could_pass_the_ceiling_is_refused() -> None:
    ceiling = Ceiling(1.0).reserve(0.4).settle(0.4, 0.3).reserve(0.5)
    assert (ceiling.spent, ceiling.reserved) == (0.3, 0.5)
    with pytest.raises(CeilingError) as refused:
        ceiling.reserve(0.25)
    assert refused.value.what == (
        "0.3 of --llm-max-cost=1 is spent, up to 0.5 more is under way, "
        "and the next request may cost up to 0.25"
    )
    assert ceiling.reserve(0.2).reserved == pytest.approx(0.7)
    with pytest.raises(CeilingError, match="nothing bounds what the next request may cost"):
        ceiling.reserve(math.inf)


def test_what_can_not_be_known_was_the_most() -> None:
    assert Ceiling(1.0).reserve(0.4).settle(0.4, None).spent == 0.4


def test_free_requests_pass_a_ceiling_of_nothing() -> None:
    assert Ceiling(0.0).reserve(0.0).settle(0.0, 0.0) == Ceiling(0.0)


@given(
    st.floats(0.01, 10), st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=50), st.integers(1, 8)
)
def test_nothing_passes(limit: float, requests: list[tuple[float, float]], parallel: int) -> None:
    """Whatever requests of whatever bounds, with so many at once: what they cost stays below the limit."""
    ceiling = Ceiling(limit)
    under_way: list[tuple[float, float]] = []
    for bound, share in requests:
        try:
            ceiling = ceiling.reserve(bound)
        except CeilingError:
            assert ceiling.spent + ceiling.reserved + bound > limit
        else:
            under_way.append((bound, bound * share))
        if len(under_way) >= parallel:
            ceiling = ceiling.settle(*under_way.pop(0))
        assert ceiling.spent + ceiling.reserved <= limit * 1.000001
    for bound, cost in under_way:
        ceiling = ceiling.settle(bound, cost)
    assert ceiling.spent <= limit * 1.000001
    assert ceiling.reserved == pytest.approx(0.0, abs=1e-9)

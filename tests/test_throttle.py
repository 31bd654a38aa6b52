"""The throttling proxy: it is as slow as ordered, and changes nothing else."""

from __future__ import annotations

import itertools
import statistics
import time

import httpx
import mock_server
import pytest
import throttle
from hypothesis import given
from hypothesis import strategies as st

CHAT = {"messages": [{"role": "user", "content": "Go."}], "stream": True, "max_tokens": 100}


@pytest.fixture(scope="module")
def mock():
    """40 tokens 10 ms apart, the first after 60 ms."""
    with mock_server.running(tokens=40, gap_s=0.010, ttft_s=0.060) as url:
        yield url


def stream(client: httpx.Client, url: str) -> tuple[list[float], list[str]]:
    """When text came, in seconds since the request, and the lines of the answer without their random id."""
    begin = time.perf_counter()
    at: list[float] = []
    lines: list[str] = []
    with client.stream("POST", f"{url}/v1/chat/completions", json=CHAT) as response:
        for line in response.iter_lines():
            lines.append(line.partition('"choices"')[2])
            if throttle.TEXT.search(line.encode()):
                at.append(time.perf_counter() - begin)
    return at, lines


def median_gap(at: list[float]) -> float:
    return statistics.median(later - earlier for earlier, later in itertools.pairwise(at))


def test_half_the_speed_and_the_same_bytes(mock):
    with throttle.running(mock, factor=2) as slow, httpx.Client(trust_env=False) as client:
        at, lines = stream(client, mock)
        for _ in range(2):  # the second request on the same connection is slowed just so
            slow_at, slow_lines = stream(client, slow)
            assert slow_lines == lines
            assert len(slow_at) == 40
            assert slow_at[-1] - slow_at[0] == pytest.approx(2 * (at[-1] - at[0]), rel=0.1)
            assert median_gap(slow_at) == pytest.approx(2 * median_gap(at), rel=0.15)
            assert slow_at[0] < 0.2


def test_a_later_first_token_at_full_speed(mock):
    slow = throttle.running(mock, factor=1, ttft_factor=3)
    with slow as url, httpx.Client(trust_env=False) as client:
        at, _ = stream(client, url)
        assert 0.17 < at[0] < 0.4
        assert median_gap(at) == pytest.approx(0.010, rel=0.2)


def test_other_answers_pass(mock):
    with throttle.running(f"{mock}/v1", factor=50) as url, httpx.Client(trust_env=False) as client:
        assert url.endswith("/v1")
        begin = time.perf_counter()
        assert client.get(f"{url}/models").json()["data"]
        assert time.perf_counter() - begin < 1


def test_a_client_that_leaves_is_left(mock):
    mock_server.control(mock, reset=True)
    with throttle.running(mock, factor=2) as url, httpx.Client(trust_env=False) as client:
        with client.stream("POST", f"{url}/v1/chat/completions", json=CHAT) as response:
            next(response.iter_lines())
        deadline = time.monotonic() + 5
        while not (log := mock_server.log(mock)) or not log[-1]["aborted"]:
            assert time.monotonic() < deadline, "the server behind was not told"
            time.sleep(0.02)


def test_no_server_behind():
    with throttle.running("http://127.0.0.1:9", factor=2) as url, pytest.raises(httpx.HTTPError):
        httpx.get(url, trust_env=False)


@pytest.mark.parametrize("wrong", [{"factor": 0.5}, {"ttft_factor": 0.0}])
def test_faster_is_refused(wrong):
    with pytest.raises(ValueError, match="have not come yet"):
        throttle.Throttle("http://127.0.0.1:9", **wrong)


@pytest.mark.parametrize("upstream", ["https://example.invalid", "localhost:8000", ""])
def test_wrong_upstreams_are_refused(upstream):
    with pytest.raises(ValueError, match="http:// URL"):
        throttle.Throttle(upstream)


@given(
    st.lists(st.tuples(st.floats(0.001, 10), st.booleans()), min_size=1, max_size=20),
    st.floats(1, 20),
    st.floats(1, 20),
)
def test_the_schedule(reads, factor, ttft_factor):
    schedule = throttle.Stretch(100.0, factor=factor, ttft_factor=ttft_factor)
    now, came, left = 100.0, [], []
    for gap, text in reads:
        now += gap
        leaves = schedule.leave(
            now, b'{"delta": {"content": "x"}}' if text else b'{"delta": {"content": ""}}'
        )
        assert leaves >= now - 1e-9
        if text or came:
            came.append(now)
            left.append(leaves)
    if came:
        assert left[0] - 100 == pytest.approx((came[0] - 100) * ttft_factor)
        assert left[-1] - left[0] == pytest.approx((came[-1] - came[0]) * factor)

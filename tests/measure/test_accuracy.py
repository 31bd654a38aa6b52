"""Measured figures against those that follow from the mock server's own stamps of what it sent when.

A busy machine may delay any single read by tens of milliseconds, so each figure is the median of several
streams; those whose own lag monitor voids them are left out.
"""

from __future__ import annotations

import asyncio
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Any

import mock_server
import pytest

from pytest_llmeval.measure import timing
from pytest_llmeval.measure.endpoints.openai import OpenAIClient
from pytest_llmeval.model import Endpoint, Facts, Request

if TYPE_CHECKING:
    from pytest_llmeval.model import Response, Timing

pytestmark = pytest.mark.alone
ASKED = Request(messages=(("user", "hello"),))
ROUNDS = 5


def measured(url: str, **behaviour: Any) -> list[tuple[Response, Timing, list[float]]]:
    """Rounds: the response, its figures, and when its text was sent (seconds after the request came)."""
    mock_server.control(url, **behaviour)

    async def main() -> list[Response]:
        client = OpenAIClient(Endpoint(url=url), facts=Facts(kind="openai", model="mock"))
        responses = [await client.stream(ASKED) for _ in range(ROUNDS)]
        await client.aclose()
        return responses

    rounds = []
    for response, entry in zip(asyncio.run(main()), mock_server.log(url), strict=True):
        assert response.failure is None
        sent = [(at - entry["received_ns"]) / 1e9 for at in entry["sent_ns"]]
        if response.lag_s is not None and response.lag_s < 0.005:
            rounds.append((response, timing.of(response), sent))
    if len(rounds) < 3:
        pytest.fail("this machine is too busy to measure on: the lag monitor voided the streams")
    return rounds


def typical(values: list[float | None]) -> float:
    known = [value for value in values if value is not None]
    assert known
    return median(known)


def test_ttft_is_that_of_the_first_text_not_of_the_role(mock: str) -> None:
    rounds = measured(mock, ttft_s=0.05, tokens=10)
    errors = [figures.ttft_s - sent[0] if figures.ttft_s else None for _, figures, sent in rounds]
    assert 0 < typical(errors) < 0.002
    first_chunks = [figures.first_chunk_s for _, figures, _ in rounds]
    assert typical(first_chunks) < 0.01


def test_gaps_and_tpot_with_a_stall(mock: str) -> None:
    rounds = measured(mock, tokens=100, gap_s=0.002, stall_every=40, stall_s=0.06)
    for figure, true in (
        ("gap_p50_s", median),
        ("gap_max_s", max),
        ("gap_p99_s", lambda gaps: sorted(gaps)[-2]),
        ("tpot_s", lambda gaps: sum(gaps) / len(gaps)),
    ):
        errors = []
        for _, figures, sent in rounds:
            gaps = [after - before for before, after in pairwise(sent)]
            errors.append(abs(getattr(figures, figure) - true(gaps)))
        assert median(errors) < 0.001, figure
    assert typical([figures.gap_p99_s for _, figures, _ in rounds]) > 0.06


def test_a_late_usage_chunk_counts_for_nothing_but_tokens(mock: str) -> None:
    for response, figures, sent in measured(mock, tokens=10, usage_delay_s=0.1):
        assert (figures.completion_tokens, figures.tokens_from) == (10, "usage")
        assert figures.latency_s is not None
        assert figures.latency_s < sent[-1] + 0.05
        assert (response.ended_ns - response.started_ns) / 1e9 > 0.1


def test_several_tokens_an_event_are_counted_by_usage(mock: str) -> None:
    rounds = measured(mock, tokens=40, tokens_per_event=4, gap_s=0.004)
    for response, figures, _ in rounds:
        assert (len(response.chunks), figures.completion_tokens) == (10, 40)
    assert typical([figures.tpot_s for _, figures, _ in rounds]) == pytest.approx(9 * 0.004 / 39, rel=0.15)


def test_without_usage_events_are_counted_and_that_is_said(mock: str) -> None:
    for _, figures, _ in measured(mock, tokens=12, usage="none"):
        assert (figures.completion_tokens, figures.tokens_from) == (12, "events")


def test_reasoning_comes_before_content(mock: str) -> None:
    for response, figures, sent in measured(mock, tokens=5, reasoning_tokens=5, gap_s=0.01):
        assert (response.reasoning, response.text) == ("hm " * 5, "tok " * 5)
        assert figures.ttft_s is not None
        assert figures.ttfc_s is not None
        assert figures.ttfc_s - figures.ttft_s == pytest.approx(sent[5] - sent[0], abs=0.01)

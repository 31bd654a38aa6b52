"""Telemetry of a real llama.cpp server: counters against answers, memory against the arithmetic."""

from __future__ import annotations

import asyncio
import sys

import pytest

from pytest_llmeval.measure import engine, shapes, weights
from pytest_llmeval.measure.endpoints import connect
from pytest_llmeval.measure.telemetry import choose, summary
from pytest_llmeval.measure.telemetry.steps import MemorySteps
from pytest_llmeval.model import Endpoint, Facts, Request

pytest.importorskip("xllamacpp", reason="needs pytest-llmeval-suite[local]")
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.alone,
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]
ROUNDS = 3


def test_a_server_of_ours(tmp_path) -> None:
    model = weights.resolve("smollm2")
    with engine.start(model, log=tmp_path / "log", threads=1) as server:
        endpoint = Endpoint(name="local", url=server.url, model=model.model)
        facts = Facts(kind="local", server=server.launch.identity, model=model.model, here=True)
        choice = choose.sources(endpoint, facts, group=server.pid)
        steps = MemorySteps()
        steps.take("loaded", choice.sources)
        sampler = choice.sampler()
        assert sampler is not None

        async def cells():
            client = connect(endpoint)
            await client.describe()
            await client.stream(Request(messages=(("user", "Hello"),), max_tokens=1))
            steps.take("ready", choice.sources)
            for number in range(ROUNDS):
                request = Request(messages=(("user", f"Count to {number + 50}."),), max_tokens=60 + number)
                await asyncio.to_thread(sampler.start)
                response = await client.stream(request)
                yield response, await asyncio.to_thread(sampler.stop)
            await client.aclose()

        async def gathered():
            return [cell async for cell in cells()]

        answers = asyncio.run(gathered())
        sampler.close()
    for response, seen in answers:
        assert response.usage is not None
        assert seen.total["generation_tokens_total"] == response.usage.completion_tokens
        assert seen.peak["requests_running"] == 1.0
        assert seen.missed == 0
        gap_s = (response.chunks[-1].at_ns - response.chunks[0].at_ns) / 1e9 / (len(response.chunks) - 1)
        assert seen.mean["server_tpot_s"] == pytest.approx(gap_s, rel=0.25)
        assert seen.cpu_s < 0.05 * seen.wall_s + 0.01
    whole = summary.of_cells(seen for _, seen in answers)
    assert whole is not None
    told = steps.beside(whole).steps
    assert list(told) == ["loaded", "ready", "peak"]
    shape = shapes.read(model.path)
    needed = shape.weights_bytes + shape.cache_bytes(engine.CONTEXT_WINDOW)
    peak = told["peak"]["process_memory_bytes"]
    assert needed < peak < needed + 200e6  # and the program, its buffers, Python
    assert told["loaded"]["process_memory_bytes"] <= told["ready"]["process_memory_bytes"] <= peak

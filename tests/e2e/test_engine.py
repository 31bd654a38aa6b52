"""The embedded engine with a real model: SmolLM2, 98 MB, fetched once."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import statistics
import subprocess
import sys
import time
from collections import deque
from pathlib import Path

import httpx
import pytest
import throttle

from pytest_llmeval.measure import engine, shapes, timing, weights
from pytest_llmeval.measure.endpoints import connect
from pytest_llmeval.measure.recording import Recorder
from pytest_llmeval.model import Endpoint, Facts, Request, Response

pytest.importorskip("xllamacpp", reason="needs pytest-llmeval-suite[local]")
pytestmark = pytest.mark.e2e

ROOT = Path(engine.__file__).parents[2]
COUNT = {
    "messages": [{"role": "user", "content": "Count from one to fifty in words."}],
    "max_tokens": 64,
    "temperature": 0,
    "cache_prompt": False,
    "stream": True,
}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("engine")
    with engine.start(weights.resolve("smollm2"), log=folder / "local.log", parallel=2, threads=1) as server:
        yield server


def token_times(url: str) -> list[float]:
    times: list[float] = []
    with httpx.stream(
        "POST", f"{url}/v1/chat/completions", json=COUNT, timeout=60, trust_env=False
    ) as answer:
        times += [time.perf_counter() for line in answer.iter_lines() if throttle.TEXT.search(line.encode())]
    return times


def median_gap(times: list[float]) -> float:
    return statistics.median(later - earlier for earlier, later in itertools.pairwise(times))


def test_it_serves_the_model_under_its_name(served):
    [model] = httpx.get(f"{served.url}/v1/models", trust_env=False).json()["data"]
    assert model["id"] == "smollm2-135m-instruct"
    assert model["meta"]["n_ctx"] == engine.CONTEXT_WINDOW  # for each of the two streams
    assert served.launch.identity.startswith("llama.cpp xllamacpp-20")
    assert served.launch.identity.endswith(", 1 thread")
    assert 0 < served.cold_start_s < 60
    assert "listening on" in served.tail()
    assert not served.launch.announce.exists()


@pytest.mark.alone
def test_it_streams_and_can_be_slowed_to_half(served):
    """Interleaved, so that a busy machine hits both: A B A B."""
    with throttle.running(served.url, factor=2) as slow:
        gaps = [(median_gap(token_times(served.url)), median_gap(token_times(slow))) for _ in range(2)]
    ratio = statistics.median(slowed / plain for plain, slowed in gaps)
    assert 1.5 < ratio < 2.7


def test_a_recorded_stream_replays_to_the_same_figures(served, tmp_path):
    request = Request(messages=(("user", "Say hello in Korean."),), max_tokens=16)

    async def ask(endpoint: Endpoint, **options: object) -> tuple[Facts, Response]:
        client = connect(endpoint, **options)  # type: ignore[arg-type] - a test's own options
        try:
            return await client.describe(), await client.stream(request)
        finally:
            await client.aclose()

    live = Endpoint(kind="local", url=served.url)
    facts, _ = asyncio.run(ask(live))
    assert (facts.model, facts.quantization) == ("smollm2-135m-instruct", "Q4_1")
    assert (facts.context_window, facts.here) == (engine.CONTEXT_WINDOW, True)
    _, answered = asyncio.run(ask(live, facts=facts, on_tape=Recorder(tmp_path, facts)))
    assert (answered.failure, answered.cache, answered.transport) == (None, "cold", "measured")
    _, replayed = asyncio.run(ask(Endpoint(kind="replay", path=str(tmp_path))))
    assert replayed.text == answered.text
    assert replayed.transport == "replay"
    assert timing.of(replayed) == timing.of(answered)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_kv_cache_is_as_large_as_fit_says(served, tmp_path):
    """The same engine with one stream instead of two: what is missing is one stream's cache."""
    model = weights.resolve("smollm2")
    with engine.start(model, log=tmp_path / "log", parallel=1, threads=1) as single:
        measured = peak_bytes(served.pid) - peak_bytes(single.pid)
    predicted = shapes.read(model.path).cache_bytes(engine.CONTEXT_WINDOW)
    assert measured == pytest.approx(predicted, rel=0.15)


def peak_bytes(pid: int) -> int:
    """The most memory that a process held."""
    [line] = [
        line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM")
    ]
    return int(line.split()[1]) * 1024


def test_an_unusable_file_is_explained(tmp_path):
    path = tmp_path / "broken.gguf"
    path.write_bytes(b"GGUF" + bytes(4000))
    with pytest.raises(
        engine.server.ServerError, match=r"local model broken: the server ended[\s\S]*bad GGUF"
    ):
        engine.start(weights.resolve(str(path)), log=tmp_path / "log")


PARENT = """
import sys, time
from pathlib import Path
from pytest_llmeval.measure import engine, shapes, timing, weights
from pytest_llmeval.measure.endpoints import connect
from pytest_llmeval.measure.recording import Recorder
from pytest_llmeval.model import Endpoint, Facts, Request, Response
server = engine.start(weights.resolve("smollm2"), log=Path(sys.argv[1]), threads=1)
print(server.pid, server.url, flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("end", ["SIGKILL", "SIGINT"])
def test_it_goes_when_its_parent_goes_in_the_middle_of_a_stream(tmp_path, end):
    command = [sys.executable, "-c", PARENT, str(tmp_path / "log")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as parent:
        try:
            assert parent.stdout is not None
            url = parent.stdout.readline().split()[1]
            body = {**COUNT, "max_tokens": 4000, "ignore_eos": True}
            with httpx.stream(
                "POST", f"{url}/v1/chat/completions", json=body, timeout=60, trust_env=False
            ) as answer:
                lines = answer.iter_lines()
                next(lines)
                parent.send_signal(signal.Signals[end])
                with pytest.raises(httpx.HTTPError):
                    deque(lines, maxlen=0)
        finally:
            parent.kill()
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, trust_env=False)

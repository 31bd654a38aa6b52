"""vLLM on a CPU, for real: beside llama.cpp in one run, and what it says, counts, refuses and stops.

``tox -e e2e-vllm`` installs it (3.5 GB) and runs this; by hand: ``tests/e2e/vllm/install.py FOLDER``, then
``LLMEVAL_E2E_VLLM=FOLDER pytest tests/e2e/test_vllm.py``. Five to ten minutes on two cores.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import httpx
import pytest
from msgspec import structs

from pytest_llmeval import settings
from pytest_llmeval.measure import managed, server, timing
from pytest_llmeval.measure.endpoints import connect
from pytest_llmeval.measure.telemetry import choose
from pytest_llmeval.model import Endpoint, Request, Response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from pytest_llmeval.measure.endpoints.protocol import Client
    from pytest_llmeval.model import Facts

Result = TypeVar("Result")

FOLDER = os.environ.get("LLMEVAL_E2E_VLLM")  # at import: tests see none of the machine's settings
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.alone,
    pytest.mark.skipif(
        FOLDER is None, reason="needs vLLM: LLMEVAL_E2E_VLLM=FOLDER, made by tests/e2e/vllm/install.py"
    ),
]
BOTH = ("vllm", "llamacpp")
WINDOW = 2048
LONG = "Summarise this. " + " ".join(
    f"Box {number} is small, of dark wood, with a lid." for number in range(40)
)
STORY = Request(messages=(("user", "Write a very long story about the sea."),), max_tokens=1500)
HELLO = Request(messages=(("user", "Say hello."),), max_tokens=8)


# -- one run, two servers ----------------------------------------------------------------------------------


def test_both_servers_in_one_run_and_never_at_once(pytester: pytest.Pytester) -> None:
    """The same weights: the same tokens are counted, and both write a Fibonacci function that works."""
    shutil.copy(Path(FOLDER or "") / "llmeval.toml", pytester.path)
    chosen = [f"--llm-endpoint={name}" for name in BOTH]
    done = pytester.runpytest_subprocess(
        *chosen, "--llm-suite=smoke", "-n0", "-Wignore::pytest.PytestWarning"
    )
    done.assert_outcomes(passed=8)
    last = json.loads((pytester.path / ".llmeval" / "last-run.json").read_text("utf-8"))
    run: dict[str, Any] = json.loads((pytester.path / last["run"]).read_text("utf-8"))
    assert [run["endpoints"][name]["server"].split(" ")[0] for name in BOTH] == ["vllm", "llama.cpp"]
    assert {name: run["servers"][name]["starts"] for name in BOTH} == dict.fromkeys(BOTH, 1)
    samples = {name: samples_of(run, name) for name in BOTH}
    for every in samples.values():
        assert {(one["ok"], one["cache"], one["cached_tokens"]) for one in every} == {(True, "cold", 0)}
    counted = [{(one["scenario"], one["prompt_tokens"]) for one in samples[name]} for name in BOTH]
    assert counted[0] == counted[1]
    assert {
        one["score"]["correctness"]
        for name in BOTH
        for one in samples[name]
        if one["scenario"] == "fibonacci"
    } == {10.0}
    spans = sorted(
        (min(times), max(times)) for times in ([one["at_s"] for one in every] for every in samples.values())
    )
    assert spans[0][1] < spans[1][0]
    for name in BOTH:
        told = run["telemetry"][name]
        assert told["total"]["generation_tokens_total"] == sum(
            one["completion_tokens"] for one in samples[name]
        )
        assert told["steps"]["loaded"]["process_memory_bytes"] > 500e6
        assert told["mean"]["prefix_cache_hit_rate"] == 0.0


def samples_of(run: dict[str, Any], endpoint: str) -> list[dict[str, Any]]:
    return [
        {**sample, "scenario": cell["scenario"]}
        for cell in run["cells"]
        if cell["endpoint"] == endpoint
        for sample in cell["samples"]
    ]


# -- what vLLM says, counts, refuses and stops -------------------------------------------------------------


@pytest.fixture(scope="module")
def vllm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """The project file's vLLM, up and warm."""
    found = settings.resolve({"endpoint": ["vllm"]}, environ={}, rootdir=Path(FOLDER or ""))
    [endpoint] = found.endpoints
    with server.start(managed.launch_of(endpoint, log=tmp_path_factory.mktemp("vllm") / "log")) as up:
        reached = structs.replace(endpoint, url=up.url, server=None)
        using(reached, lambda client: client.stream(HELLO))
        yield reached


def using(endpoint: Endpoint, act: Callable[[Client], Awaitable[Result]], **options: Any) -> Result:
    async def main() -> Result:
        client = connect(endpoint, **options)
        try:
            return await act(client)
        finally:
            await client.aclose()

    return asyncio.run(main())


def facts_of(endpoint: Endpoint) -> Facts:
    return using(endpoint, lambda client: client.describe())


def ask(endpoint: Endpoint, text: str, max_tokens: int = 8, **options: Any) -> Response:
    request = Request(messages=(("user", text),), max_tokens=max_tokens)
    return using(endpoint, lambda client: client.stream(request), **options)


def figure(endpoint: Endpoint, name: str) -> float:
    """A series of its ``/metrics``, summed over its labels."""
    lines = httpx.get(f"{endpoint.url}/metrics", trust_env=False).text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"vllm:{name}{{"))


def test_it_says_what_it_is(vllm: Endpoint) -> None:
    facts = facts_of(vllm)
    assert (facts.server, facts.model, facts.context_window) == ("vllm 0.32.0", "qwen", WINDOW)
    assert facts.here


def test_a_salt_defeats_the_prefix_cache(vllm: Endpoint) -> None:
    """Interleaved: the warm prompt is found from its second round on, the cold one never."""
    cold, warm = [], []
    for _ in range(3):
        cold.append(ask(vllm, LONG))
        warm.append(ask(structs.replace(vllm, cache="warm"), LONG))
    assert [(one.cache, one.usage and one.usage.cached_tokens) for one in cold] == [("cold", 0)] * 3
    found = [one.usage.cached_tokens or 0 for one in warm if one.usage]
    assert found[0] == 0
    assert min(found[1:]) > 256
    slowest_warm = max(timing.of(one).ttft_s or 0 for one in warm[1:])
    assert min(timing.of(one).ttft_s or 0 for one in cold) > 2 * slowest_warm


def test_an_answer_cut_off_by_us_stops_there_and_is_counted_by_vllm(vllm: Endpoint) -> None:
    """As Ctrl-C does: the partial answer has the last event's usage (``continuous_usage_stats``)."""
    before = figure(vllm, "generation_tokens_total")

    async def cut(client: Client) -> Response:
        await client.describe()
        task = asyncio.create_task(client.stream(STORY))
        await asyncio.sleep(2.0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as cancelled:
            await task
        partial: Response = cancelled.value.args[0]
        return partial

    partial = using(vllm, cut)
    give_up = time.monotonic() + 5
    while figure(vllm, "num_requests_running") and time.monotonic() < give_up:
        time.sleep(0.05)
    assert figure(vllm, "num_requests_running") == 0
    assert partial.failure is not None
    assert partial.failure.kind == "interrupted"
    assert partial.usage is not None
    assert 0 < partial.usage.completion_tokens <= figure(vllm, "generation_tokens_total") - before < 200


def test_its_metrics_are_those_of_the_answer(vllm: Endpoint) -> None:
    sampler = choose.sources(vllm, facts_of(vllm)).sampler()
    assert sampler is not None
    sampler.start()
    response = ask(vllm, "Count from one to twenty in words.", max_tokens=40)
    seen = sampler.stop()
    sampler.close()
    assert response.usage is not None
    assert seen.total["generation_tokens_total"] == response.usage.completion_tokens
    assert seen.peak["requests_running"] == 1.0
    assert seen.peak["kv_cache_usage"] > 0
    assert {"preemptions_total", "server_queue_s_sum"} <= seen.total.keys()
    figures = timing.of(response)
    assert figures.ttft_s is not None
    assert figures.tpot_s is not None
    assert 0.5 * figures.ttft_s < seen.mean["server_ttft_s"] < figures.ttft_s + 0.05
    assert seen.mean["server_tpot_s"] == pytest.approx(figures.tpot_s, rel=0.25)


def test_a_model_that_it_does_not_serve(vllm: Endpoint) -> None:
    wrong = structs.replace(facts_of(vllm), model="other")
    failure = ask(vllm, "Hello", facts=wrong).failure
    assert failure is not None
    assert (failure.kind, failure.status) == ("http_4xx", 404)
    assert "other" in failure.message


def test_a_prompt_longer_than_the_window(vllm: Endpoint) -> None:
    failure = ask(vllm, LONG * 5).failure
    assert failure is not None
    assert (failure.kind, failure.status, failure.context_window) == ("context_overflow", 400, WINDOW)
    assert failure.prompt_tokens == WINDOW + 1  # it stops counting there


def test_more_tokens_than_the_window_are_asked_for_once_more_and_fewer(vllm: Endpoint) -> None:
    """The project file may name a window that is larger than what the server was started with."""
    statuses: list[int] = []
    response = ask(
        vllm,
        "Say hello.",
        max_tokens=8192,
        facts=structs.replace(facts_of(vllm), context_window=32768),
        on_tape=lambda _request, tape, *_: statuses.append(tape.status),
    )
    assert response.failure is None
    assert response.finish_reason == "stop"
    assert statuses == [400, 200]

"""Every fault of the table, asked as a run asks: its kind and sentence, what is kept, what it may take."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fault_server
import pytest
from faults import TABLE, Fault

from pytest_llmeval import evaluate
from pytest_llmeval.errors import EndpointError
from pytest_llmeval.measure.endpoints import connect, probe
from pytest_llmeval.model import AnswerSpec, Endpoint, Facts, Parameters, Scenario, Timeouts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmeval.evaluate import Outcome

SCENARIO = Scenario(
    suite="s", id="hello", category="chat", prompt={"en": "Say hello."}, answer=AnswerSpec(code=None)
)


@pytest.fixture(scope="module")
def faulty() -> Iterator[str]:
    """The URL of the fault server."""
    with fault_server.running() as url:
        yield url


def ask(endpoint: Endpoint, timeout_s: float = 20.0, **known: Any) -> Outcome:
    """One round of one cell at this endpoint, assessed without an analyser: its answers are not scored."""

    async def main() -> Outcome:
        client = connect(endpoint, facts=Facts(kind=endpoint.kind, model=endpoint.model), **known)
        cell = evaluate.Cell(
            endpoint="bad",
            scenario=SCENARIO,
            language="en",
            parameters=Parameters(max_tokens=64),
            rounds=1,
            timeout_s=timeout_s,
        )
        try:
            asking = await evaluate.ask(client, cell, started_unix=time.time())
        finally:
            await client.aclose()
        analyser: Any = None
        return evaluate.assess(cell, asking.asked, analyser)

    return asyncio.run(main())


def memory_mib(name: str) -> float:
    """``VmRSS`` or ``VmHWM`` (its peak) of this process."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{name}:")[2].split()[0]) / 1024


def resets_peak() -> bool:
    """Start the measurement of this process's peak anew; False where the kernel can't or won't."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


@pytest.mark.parametrize("fault", TABLE, ids=lambda fault: fault.slug)
def test_what_becomes_of_it(fault: Fault, faulty: str) -> None:
    measured = resets_peak()
    before_mib = memory_mib("VmRSS") if measured else 0.0
    started = time.perf_counter()
    outcome = ask(Endpoint(kind=fault.api, url=f"{faulty}/{fault.slug}", model="m"), fault.timeout_s)
    took_s = time.perf_counter() - started

    (sample,) = outcome.record.samples
    error = sample.error
    assert (error.kind if error else None) == fault.kind, error
    if error is not None:
        assert fault.said in error.message
        assert len(error.message) < 1000
        assert not sample.ok
        assert sample.ttft_s is None
    if fault.kept is not None:
        assert "".join(answer.text for answer in outcome.answers) == fault.kept
    assert sample.retries == fault.requests - 1
    asked = [one for one in fault_server.log(faulty) if one["name"] == fault.slug]
    assert len(asked) == fault.requests
    assert took_s < fault.seconds
    if measured:
        assert memory_mib("VmHWM") - before_mib < fault.mib


def test_a_server_that_describes_itself_so_is_refused_in_words(
    faulty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same answers to the question which models there are."""
    monkeypatch.setattr(probe, "ANSWER_S", 0.5)

    async def refused(fault: Fault) -> None:
        client = connect(Endpoint(url=f"{faulty}/get/{fault.slug}", timeouts=Timeouts(connect_s=0.5)))
        with pytest.raises(EndpointError) as met:
            await client.describe()
        await client.aclose()
        assert len(str(met.value)) < 2000

    async def main() -> None:
        await asyncio.gather(*(refused(fault) for fault in TABLE if fault.mib <= 64))

    asyncio.run(main())

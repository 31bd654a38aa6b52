"""Load and cold cells, from asking a real socket to the record in the run file."""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from statistics import median
from typing import TYPE_CHECKING, Any

import mock_server
import pytest

from pytest_llmeval import evaluate, wire
from pytest_llmeval.errors import NotMeasurableError
from pytest_llmeval.measure import endpoints, server
from pytest_llmeval.measure.rounds import Restarted
from pytest_llmeval.model import SLO, Endpoint, LoadPlan, Parameters, Record, Scenario
from pytest_llmeval.score.analyser import Analyser

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_llmeval.measure.endpoints.protocol import Client

LOAD = LoadPlan(requests=6, concurrency=3)


def cell(rounds: int = 2, slo: SLO = SLO(), **known: Any) -> evaluate.Cell:  # noqa: B008  (frozen)
    scenario = Scenario(suite="s", id="x", prompt={"en": "Say hello."}, **known)
    parameters = Parameters(temperature=0.0, seed=0, max_tokens=20)
    return evaluate.Cell(
        endpoint="mock", scenario=scenario, language="en", parameters=parameters, rounds=rounds, slo=slo
    )


def measure(url: str, cell: evaluate.Cell, finally_: Any = None, **options: Any) -> Record:
    """The cell's record, as it comes out of a run file."""

    async def go() -> evaluate.Asking:
        client = endpoints.connect(Endpoint(name="mock", url=url))
        try:
            return await evaluate.ask(client, cell, started_unix=time.time(), **options)
        finally:
            await client.aclose()
            if finally_ is not None:
                await finally_()

    asking = asyncio.run(go())
    assert not asking.interrupted
    with Analyser() as analyser:
        outcome = evaluate.assess(cell, asking.asked, analyser)
    return wire.build(wire.plain(outcome.record), Record)


def test_a_load_cells_rounds_are_batches(mock: str) -> None:
    record = measure(mock, cell(load=LOAD))
    asked = [(one.round, one.request) for one in record.samples]
    assert asked == [(batch, number) for batch in (0, 1) for number in range(6)]
    assert all(one.ok and one.ttft_s and one.completion_tokens == 20 for one in record.samples)
    assert [(load.round, load.requests, load.concurrency, load.errors) for load in record.load] == [
        (0, 6, 3, 0),
        (1, 6, 3, 0),
    ]
    for load in record.load:
        assert load.wall_s
        assert load.load_tps == pytest.approx(6 * 20 / load.wall_s)
    good = [load.load_tps for load in record.load if load.void is None and load.load_tps]
    assert record.figure("load_tps") == (median(good) if good else None)
    prompts = [one["body"]["messages"][-1]["content"] for one in mock_server.log(mock)]
    assert len(prompts) == 3 + 12, "the warm-up is three requests, and not in the record"


def test_what_is_asked_makes_the_hash(mock: str) -> None:
    plain, load = measure(mock, cell(1)), measure(mock, cell(1, load=LOAD))
    assert plain.prompt_sha256 == load.prompt_sha256
    assert plain.parameters_sha256 != load.parameters_sha256


def test_the_policys_limits_hold_where_the_scenario_has_none(mock: str) -> None:
    never = SLO(ttft_s=1e-6)
    assert measure(mock, cell(1, load=LOAD)).load[0].goodput_rps is None
    assert measure(mock, cell(1, load=LOAD, slo=never)).load[0].goodput_rps == 0.0
    own = LoadPlan(requests=6, concurrency=3, slo=SLO(ttft_s=60.0))
    (load,) = measure(mock, cell(1, load=own, slo=never)).load
    assert load.goodput_rps == load.request_rps


def test_a_failing_request_of_a_batch_is_a_failing_sample(mock: str) -> None:
    mock_server.control(mock, error_after=5)
    record = measure(mock, cell(1, load=LOAD))
    assert [one.error.kind for one in record.samples if one.error] == ["interrupted"] * 6
    assert record.load[0].errors == 6
    assert [one.partial_tokens for one in record.samples] == [5] * 6


def test_a_cold_start_needs_a_server_of_ours(mock: str) -> None:
    with pytest.raises(
        NotMeasurableError, match=r"the run itself starts, or on an Ollama .* mock is neither"
    ):
        measure(mock, cell(cold=True))
    assert mock_server.log(mock) == []


class Ours:
    """A server of ours: a real process that says 503 for a while, then answers."""

    def __init__(self, log: Path) -> None:
        self.port = free_port()
        self.log = log
        self.starts = 0
        self.server: server.Server | None = None
        self.client: Client | None = None

    async def restart(self) -> Restarted:
        await self.stop()
        options = (f"--port={self.port}", "--loading-s=0.3", "--ttft-s=0.1")
        launch = server.Launch(
            name="mock",
            command=(sys.executable, mock_server.__file__, *options),
            log=self.log,
            url=f"http://127.0.0.1:{self.port}",
            grace_s=1.0,
        )
        self.starts += 1
        self.server = await asyncio.to_thread(server.start, launch)
        self.client = endpoints.connect(Endpoint(name="mock", url=self.server.url))
        return Restarted(self.client, self.server.cold_start_s)

    async def stop(self) -> None:
        if self.client is not None:
            await self.client.aclose()
        if self.server is not None:
            self.server.stop()


def test_a_cold_cell_starts_the_server_anew_for_each_round(tmp_path: Path) -> None:
    ours = Ours(tmp_path / "log.txt")
    record = measure("http://127.0.0.1:1", cell(cold=True), restart=ours.restart, finally_=ours.stop)
    assert ours.starts == 2
    assert [one.round for one in record.samples] == [0, 1]
    for one in record.samples:
        assert one.ok, one.error
        assert one.cold_start_s is not None
        assert 0.3 < one.cold_start_s < 10
        assert one.cold_ttft_s is not None
        assert one.ttft_s is not None
        assert one.cold_ttft_s >= one.ttft_s >= 0.09
    assert record.figure("cold_start_s", void=True) is not None
    assert record.load == ()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port

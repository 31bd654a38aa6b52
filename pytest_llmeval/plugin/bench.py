"""The measuring bench of one process: an event loop, one client per endpoint, one analyser.

Created at the first cell and closed at the end of the run.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from msgspec import structs

from pytest_llmeval import evaluate, settings
from pytest_llmeval.errors import EndpointError
from pytest_llmeval.measure import turns
from pytest_llmeval.measure.endpoints import connect
from pytest_llmeval.measure.recording import Recorder
from pytest_llmeval.model import Failure
from pytest_llmeval.score.analyser import Analyser

from . import progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_llmeval.measure.endpoints.protocol import Client
    from pytest_llmeval.model import Endpoint, Facts, Scenario

    from .context import Context


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's where the extra ``[fast]`` is installed: less client CPU per token."""
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


class Bench:
    """Measures and scores cells, one after another."""

    def __init__(self, context: Context) -> None:
        self.settings = context.settings
        self.started_unix = context.started_unix
        self.desk = context.desk
        self.locks = context.locks
        self.runner = asyncio.Runner(loop_factory=_loop_factory())
        self.analyser = Analyser()
        self.clients: dict[str, Client] = {}
        self.kinds = context.kinds
        self.progress = progress.on(context.config, quiet=context.is_worker)

    def run(
        self, endpoint: Endpoint, scenario: Scenario, language: str, *, nodeid: str | None
    ) -> evaluate.Outcome:
        """Measure one cell. A dead endpoint is an outcome too: one failed sample with the reason."""
        cell = evaluate.Cell(
            endpoint=endpoint.name,
            scenario=scenario,
            language=language,
            parameters=settings.sampling(self.settings, scenario, endpoint),
            rounds=self.settings.rounds,
            timeout_s=self.settings.timeout_s,
            nodeid=nodeid,
        )
        with self.progress.cell(cell) as shown:
            try:
                first = endpoint.name not in self.clients
                client = self._client(endpoint)
            except EndpointError as error:
                return evaluate.unreached(
                    cell, Failure("connect", str(error)), started_unix=self.started_unix
                )
            asking = self.runner.run(
                evaluate.ask(
                    client,
                    cell,
                    started_unix=self.started_unix,
                    warmup=self.settings.warmup if first else 0,
                    turn=turns.turn(self.locks, _turn_key(endpoint), slots=endpoint.concurrency),
                    on_round=shown.on_round,
                )
            )
        return evaluate.assess(cell, asking.asked, self.analyser, interrupted=asking.interrupted)

    def _client(self, endpoint: Endpoint) -> Client:
        if endpoint.name not in self.clients:
            opened = self.desk.open(endpoint.name)
            self.clients[endpoint.name] = connect(
                structs.replace(endpoint, url=opened.url),
                api_key=self.settings.secrets.get(endpoint.name),
                facts=opened.facts,
                on_tape=self._recorder(endpoint, opened.facts),
                kinds=self.kinds,
            )
        return self.clients[endpoint.name]

    def _recorder(self, endpoint: Endpoint, facts: Facts) -> Recorder | None:
        """``--llm-record=FOLDER``: one endpoint's exchanges in it, several endpoints' in a folder each."""
        folder = self.settings.record
        if folder is None:
            return None
        if len(self.settings.endpoints) > 1:
            folder /= endpoint.name
        return Recorder(folder, facts, secrets=tuple(self.settings.secrets.values()))

    def close(self) -> None:
        """Close connections, loop and the analyser's process."""
        try:
            for client in self.clients.values():
                self.runner.run(client.aclose())
        finally:
            self.clients.clear()
            self.runner.close()
            self.analyser.close()


def _turn_key(endpoint: Endpoint) -> str:
    """Engines that we start ourselves share this machine's cores, so they share one turn."""
    return "local" if endpoint.kind == "local" else endpoint.name

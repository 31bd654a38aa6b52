"""The endpoints as one process speaks with them: a client each, and the telemetry of its cells."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from msgspec import structs

from pytest_llmeval.language import N_, _
from pytest_llmeval.measure import endpoints, price
from pytest_llmeval.measure.discreet import Discreet
from pytest_llmeval.measure.endpoints.protocol import Unloads
from pytest_llmeval.measure.ledger import Ledger, Metered
from pytest_llmeval.measure.recording import Recorder
from pytest_llmeval.measure.rounds import Restarted
from pytest_llmeval.measure.telemetry import choose
from pytest_llmeval.secret import Blotter

from . import elsewhere, hosting

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from pytest_llmeval.measure.endpoints import Factory
    from pytest_llmeval.measure.endpoints.protocol import Client
    from pytest_llmeval.measure.exchange import OnTape
    from pytest_llmeval.measure.rounds import Restart
    from pytest_llmeval.measure.telemetry.sampler import Sampler
    from pytest_llmeval.model import Endpoint, Facts, Telemetry
    from pytest_llmeval.settings import Settings

    from .context import Context
    from .desk import Opened


def connect(
    settings: Settings,
    endpoint: Endpoint,
    *,
    locks: Path,
    facts: Facts | None = None,
    on_tape: OnTape | None = None,
    kinds: Mapping[str, Factory] | None = None,
) -> Client:
    """A client with the endpoint's key, told to nobody else, below the run's cost ceiling if there is one.

    Raises ``EndpointError``; its ``stream`` may raise ``CeilingError``.
    """
    key = settings.secrets.get(endpoint.name)
    client = endpoints.connect(endpoint, api_key=key, facts=facts, on_tape=on_tape, kinds=kinds)
    if blotter := Blotter(settings.secrets.values()):
        client = Discreet(client, blotter)
    charged = price.price_of(endpoint)
    if settings.max_cost is None or charged is None or charged == price.FREE:
        return client
    window = facts.context_window if facts else endpoint.context_window
    return Metered(client, Ledger(locks, settings.max_cost), charged, name=endpoint.name, window=window)


class Line:
    """``opened`` is how the desk opened it; a server that was started again makes a new line.

    ``on_unrecorded`` is told of an answer that ``--llm-record`` could not write.
    """

    def __init__(
        self,
        settings: Settings,
        endpoint: Endpoint,
        opened: Opened,
        *,
        locks: Path,
        on_unrecorded: Callable[[OSError], None],
        kinds: Mapping[str, Factory] | None = None,
    ) -> None:
        self.opened = opened
        self.is_fresh = True
        """Whether nothing was asked yet."""
        endpoint = structs.replace(endpoint, url=opened.url)
        on_tape = _recorder(settings, endpoint, opened.facts, on_unrecorded)
        self.client = connect(
            settings, endpoint, locks=locks, facts=opened.facts, on_tape=on_tape, kinds=kinds
        )
        self._sampler = choose.sources(
            endpoint,
            opened.facts,
            api_key=settings.secrets.get(endpoint.name),
            group=opened.group,
            environment=hosting.environment(endpoint),
        ).sampler()

    @property
    def unload(self) -> Restart | None:
        """Has the server drop its model; None for one that can't."""
        bare = self.client
        while isinstance(bare, Metered | Discreet):
            bare = bare.client
        return partial(self._unloaded, bare) if isinstance(bare, Unloads) else None

    async def _unloaded(self, bare: Unloads) -> Restarted:
        await bare.unload()
        return Restarted(self.client, None)

    def window(self) -> Window:
        """For one cell."""
        return Window(self._sampler)

    async def close(self) -> None:
        """Close connections and sources."""
        if self._sampler is not None:
            self._sampler.close()
        await self.client.aclose()


class Window:
    """The telemetry of one cell, from ``begin`` to the end of its turn."""

    def __init__(self, sampler: Sampler | None) -> None:
        self.telemetry: Telemetry | None = None
        self._sampler = sampler
        self._is_open = False

    def begin(self) -> None:
        """Before every round; the first one opens it. Nothing of this process streams now."""
        if self._sampler is not None and not self._is_open:
            self._sampler.start()
            self._is_open = True

    @asynccontextmanager
    async def inside(self, turn: AbstractAsyncContextManager[object]) -> AsyncIterator[None]:
        """The turn, with the last reading before it ends: afterwards the server may be somebody else's."""
        async with turn:
            try:
                yield
            finally:
                if self._sampler is not None and self._is_open:
                    self.telemetry = self._sampler.stop()


class Lines:
    """The line to every endpoint that this process has asked.

    ``unrecorded``: why answers were not recorded, a sentence each.
    """

    def __init__(self, context: Context, runner: asyncio.Runner) -> None:
        self.unrecorded: list[str] = []
        self._settings = context.settings
        self._desk = context.desk
        self._locks = context.locks
        self._kinds = context.kinds
        self._is_elsewhere = context.is_elsewhere
        self._runner = runner
        self._lines: dict[str, Line] = {}

    def to(self, name: str) -> Line:
        """The line to an endpoint, which is opened, or opened anew. Raises ``EndpointError``."""
        if self._is_elsewhere:
            elsewhere.refuse_pinned(self._settings.endpoint(name))
        opened = self._desk.open(name)
        line = self._lines.get(name)
        if line is None or line.opened.start != opened.start:
            if line is not None:
                self._runner.run(self._lines.pop(name).close())
            line = self._lines[name] = self._line(name, opened)
        return line

    def restart(self, name: str, line: Line) -> Restart | None:
        """How a cold start is made: our own server is started anew, another drops its model if it can."""
        if line.opened.start:
            return partial(self._started_anew, name)
        return line.unload

    def close(self) -> None:
        """Close every connection."""
        while self._lines:
            _, line = self._lines.popitem()
            self._runner.run(line.close())

    async def _started_anew(self, name: str) -> Restarted:
        """A line of its own to the endpoint's server after a start of its own."""
        await self._lines.pop(name).close()
        try:
            opened = await asyncio.to_thread(self._desk.restart, name)
        except asyncio.CancelledError:  # Ctrl-C: nobody is to wait for a start to its end
            self._desk.close()
            raise
        line = self._lines[name] = self._line(name, opened)
        line.is_fresh = False
        return Restarted(line.client, opened.cold_start_s)

    def _line(self, name: str, opened: Opened) -> Line:
        return Line(
            self._settings,
            self._settings.endpoint(name),
            opened,
            locks=self._locks,
            on_unrecorded=self._note_unrecorded,
            kinds=self._kinds,
        )

    def _note_unrecorded(self, error: OSError) -> None:
        template = N_("{folder}: {why}: an answer is not recorded (--llm-record)")
        self.unrecorded.append(_(template, folder=self._settings.record, why=error.strerror))


def _recorder(
    settings: Settings, endpoint: Endpoint, facts: Facts, on_unwritten: Callable[[OSError], None]
) -> Recorder | None:
    """``--llm-record=FOLDER``: one endpoint's exchanges in it, several endpoints' in a folder each."""
    folder = settings.record
    if folder is None:
        return None
    if len(settings.endpoints) > 1:
        folder /= endpoint.name
    return Recorder(folder, facts, secrets=tuple(settings.secrets.values()), on_unwritten=on_unwritten)

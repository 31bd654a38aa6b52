"""The measuring bench of one process: an event loop, one line to every endpoint, one analyser.

Created at the first cell and closed at the end of the run.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager, suppress
from functools import cached_property, partial
from typing import TYPE_CHECKING

from msgspec import structs

from pytest_llmeval import evaluate, settings
from pytest_llmeval.errors import CeilingError, EndpointError
from pytest_llmeval.measure import price, turns
from pytest_llmeval.measure.rounds import Restarted
from pytest_llmeval.model import Failure
from pytest_llmeval.score.analyser import Analyser
from pytest_llmeval.score.sandbox import choice

from . import progress
from .desk import exclusive_groups
from .lines import Line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_llmeval.measure.endpoints.protocol import Client, OnRead
    from pytest_llmeval.measure.rounds import Asked, Restart
    from pytest_llmeval.model import Endpoint, Scenario
    from pytest_llmeval.score.sandbox.protocol import Sandbox

    from .context import Context
    from .lines import Unload, Window
    from .progress import Shown

BROKEN = frozenset({"connect", "interrupted", "timeout"})
"""Failures that the death of a server looks like."""


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
        self.kinds = context.kinds
        self.runner = asyncio.Runner(loop_factory=_loop_factory())
        self.analyser = Analyser()
        self.lines: dict[str, Line] = {}
        self.exclusive = exclusive_groups(context.settings)
        self.progress = progress.on(context.config, quiet=context.is_worker)
        self.spent: CeilingError | None = None
        """The ceiling that ended a cell: none that costs anything follows."""

    def run(
        self,
        endpoint: Endpoint,
        scenario: Scenario,
        language: str,
        *,
        nodeid: str | None,
        rounds: int | None = None,
    ) -> evaluate.Outcome:
        """Measure one cell. A dead endpoint is an outcome too: one failed sample with the reason.

        ``rounds``: how many, where that is not the run's own number.

        Raises ``NotMeasurableError`` for a cell that has no meaning here, and ``CeilingError`` for one that
        could cost more than what is left.
        """
        cell = evaluate.Cell(
            endpoint=endpoint.name,
            scenario=scenario,
            language=language,
            parameters=settings.sampling(self.settings, scenario, endpoint),
            rounds=rounds or settings.rounds(self.settings, scenario),
            timeout_s=self.settings.timeout_s,
            nodeid=nodeid,
            slo=self.settings.policy.slo,
            price=price.price_of(endpoint),
            form=endpoint.form,
        )
        if self.spent is not None and cell.price != price.FREE:
            raise self.spent
        with self.progress.cell(cell) as shown, self._parked(endpoint.name):
            try:
                line = self._line(endpoint)
            except EndpointError as error:
                return evaluate.unreached(
                    cell, Failure("connect", str(error)), started_unix=self.started_unix
                )
            window = line.window()
            try:
                asking = self.runner.run(self._ask(endpoint, line, cell, shown, window))
            except CeilingError as error:
                self.spent = error
                raise
            asked = asking.asked if asking.interrupted else self._with_deaths(endpoint.name, asking.asked)
            self.spent = asking.stopped or self.spent
        sandbox = self.sandbox if scenario.is_executed else None
        outcome = evaluate.assess(cell, asked, self.analyser, sandbox, interrupted=asking.interrupted)
        return structs.replace(
            outcome,
            record=structs.replace(outcome.record, telemetry=window.telemetry),
            stopped=str(asking.stopped) if asking.stopped else None,
        )

    async def _ask(
        self, endpoint: Endpoint, line: Line, cell: evaluate.Cell, shown: Shown, window: Window
    ) -> evaluate.Asking:
        def on_round(number: int) -> OnRead | None:
            if not cell.scenario.cold:  # a server that goes has no steps to follow
                window.begin()
            return shown.on_round(number)

        by_itself = cell.scenario.cold or cell.scenario.load is not None
        waited_for = turns.alone if by_itself else turns.turn
        turn = waited_for(self.locks, _turn_key(endpoint), slots=endpoint.concurrency)
        warmup, line.is_fresh = self.settings.warmup if line.is_fresh else 0, False
        return await evaluate.ask(
            line.client,
            cell,
            started_unix=self.started_unix,
            warmup=warmup,
            turn=window.inside(turn),
            on_round=on_round,
            restart=self._restart(endpoint, line),
        )

    @cached_property
    def sandbox(self) -> Sandbox:
        """What answers are executed in, chosen before the first of them."""
        return choice.usable(self.settings.sandbox)

    # -- lines ---------------------------------------------------------------------------------------------

    @contextmanager
    def _parked(self, name: str) -> Iterator[None]:
        """The endpoint is needed for the length of the block."""
        try:
            yield
        finally:
            if name in self.exclusive:
                with suppress(EndpointError):  # the run is over
                    self.desk.park()

    def _line(self, endpoint: Endpoint) -> Line:
        opened = self.desk.open(endpoint.name)
        line = self.lines.get(endpoint.name)
        if line is None or line.opened.start != opened.start:
            if line is not None:
                self.runner.run(self.lines.pop(endpoint.name).close())
            line = self.lines[endpoint.name] = Line(
                self.settings, endpoint, opened, locks=self.locks, kinds=self.kinds
            )
        return line

    def _restart(self, endpoint: Endpoint, line: Line) -> Restart | None:
        """How a cold start is made: our own server is started anew, another drops its model if it can."""
        if line.opened.start:
            return partial(self._started_anew, endpoint)
        return partial(_unloaded, line.client, unload) if (unload := line.unload) else None

    async def _started_anew(self, endpoint: Endpoint) -> Restarted:
        """A line of its own to the endpoint's server after a start of its own."""
        await self.lines.pop(endpoint.name).close()
        try:
            opened = await asyncio.to_thread(self.desk.restart, endpoint.name)
        except asyncio.CancelledError:  # Ctrl-C: nobody is to wait for a start to its end
            self.desk.close()
            raise
        line = Line(self.settings, endpoint, opened, locks=self.locks, kinds=self.kinds)
        line.is_fresh = False
        self.lines[endpoint.name] = line
        return Restarted(line.client, opened.cold_start_s)

    def _with_deaths(self, name: str, asked: tuple[Asked, ...]) -> tuple[Asked, ...]:
        """What broke because the server died says so: the last failure at length, with the server's log."""
        broken = [one for one in asked if one.response.failure and one.response.failure.kind in BROKEN]
        if not broken or (obituary := self.desk.obituary(name)) is None:
            return asked
        said = {id(one): obituary.splitlines()[0] for one in broken} | {id(broken[-1]): obituary}
        return tuple(_with_reason(one, said.get(id(one))) for one in asked)

    def close(self) -> None:
        """Close connections, loop and the analyser's process."""
        try:
            while self.lines:
                _, line = self.lines.popitem()
                self.runner.run(line.close())
        finally:
            self.runner.close()
            self.analyser.close()


def _with_reason(asked: Asked, reason: str | None) -> Asked:
    failure = asked.response.failure
    if reason is None or failure is None:
        return asked
    failure = structs.replace(failure, message=f"{failure.message}; {reason}")
    return structs.replace(asked, response=structs.replace(asked.response, failure=failure))


async def _unloaded(client: Client, unload: Unload) -> Restarted:
    await unload()
    return Restarted(client, None)


def _turn_key(endpoint: Endpoint) -> str:
    """Engines that we start ourselves share this machine's cores, so they share one turn."""
    return "local" if endpoint.kind == "local" else endpoint.name

"""The measuring bench of one process: an event loop, one line to every endpoint, one analyser.

Created at the first cell and closed at the end of the run.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack, contextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from msgspec import structs

from pytest_llmeval import evaluate, settings, values
from pytest_llmeval.errors import CeilingError, EndpointError, OutOfTimeError
from pytest_llmeval.measure import price
from pytest_llmeval.model import Failure
from pytest_llmeval.score.analyser import Analyser
from pytest_llmeval.score.sandbox import choice

from . import progress
from .desk import exclusive_groups
from .lines import Line, Lines
from .slots import turn_name, while_scoring

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pytest_llmeval.measure.endpoints.protocol import OnRead
    from pytest_llmeval.measure.rounds import Asked
    from pytest_llmeval.model import Endpoint, Scenario
    from pytest_llmeval.score.sandbox.protocol import Sandbox

    from .context import Context
    from .lines import Window
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


class Talk(NamedTuple):
    """One cell's way to its endpoint."""

    cell: evaluate.Cell
    line: Line
    window: Window


class Bench:
    """Measures and scores cells, one after another."""

    def __init__(self, context: Context) -> None:
        self.settings = context.settings
        self.started_unix = context.started_unix
        self.began_s = context.began_s
        self.desk = context.desk
        self.take_turns = context.take_turns
        self.held_while_scoring = (
            while_scoring(context.settings) if context.is_worker and not context.is_elsewhere else {}
        )
        self.runner = asyncio.Runner(loop_factory=_loop_factory())
        self.gives_way = context.is_worker
        """Whether other processes may measure while this one scores."""
        self.analyser = Analyser(gives_way=self.gives_way)
        self.lines = Lines(context, self.runner)
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
        """Measure one cell, in turn with the run's reference where there is one.

        ``rounds``: how many, where that is not the run's own number. A dead endpoint is an outcome too: one
        failed sample with the reason. Raises ``NotMeasurableError`` for a cell that has no meaning here, and
        ``CeilingError`` for one that could cost more than what is left.
        """
        cells = [self._cell(endpoint, scenario, language, nodeid=nodeid, rounds=rounds)]
        if self.settings.reference is not None:
            other = self.settings.endpoint(self.settings.reference)
            cells.append(self._cell(other, scenario, language, rounds=rounds, against=endpoint.name))
        self._refuse_late()
        if self.spent is not None and any(cell.price != price.FREE for cell in cells):
            raise self.spent
        self.lines.unrecorded.clear()
        with self.progress.cell(cells[0]) as shown, self._parked(endpoint.name):
            talks = []
            for cell in cells:
                try:
                    line = self.lines.to(cell.endpoint)
                except EndpointError as error:
                    return self._unreached(cells, cell, error)
                talks.append(Talk(cell, line, line.window()))
            try:
                askings = self.runner.run(self._ask(talks, shown))
            except CeilingError as error:
                self.spent = error
                raise
            if askings[0].interrupted:
                self.desk.hold_on()
            askings = tuple(map(self._with_deaths, cells, askings))
            self.spent = askings[0].stopped or self.spent
        with self._quiet():
            outcomes = [self._outcome(talk, asking) for talk, asking in zip(talks, askings, strict=True)]
        faults = dict.fromkeys([*self.lines.unrecorded, *(fault for one in outcomes for fault in one.faults)])
        other_outcome = outcomes[1] if len(outcomes) > 1 else None
        return structs.replace(outcomes[0], reference=other_outcome, faults=tuple(faults))

    def _cell(
        self,
        endpoint: Endpoint,
        scenario: Scenario,
        language: str,
        *,
        rounds: int | None,
        nodeid: str | None = None,
        against: str | None = None,
    ) -> evaluate.Cell:
        return evaluate.Cell(
            endpoint=endpoint.name,
            scenario=scenario,
            language=language,
            parameters=settings.sampling(self.settings, scenario, endpoint),
            rounds=rounds or settings.rounds(self.settings, scenario),
            timeout_s=self.settings.timeout_s,
            nodeid=nodeid,
            slo=self.settings.policy.slo,
            price=price.price_of(endpoint),
            form=self._form(endpoint),
            against=against,
        )

    def _form(self, endpoint: Endpoint) -> dict[str, object]:
        """What makes its questions others; endpoints that are compared are each asked in their own way."""
        if self.settings.reference is None:
            return endpoint.form
        return {name: value for name, value in endpoint.form.items() if name == "cache"}

    def _unreached(
        self, cells: Sequence[evaluate.Cell], dead: evaluate.Cell, error: EndpointError
    ) -> evaluate.Outcome:
        """Of a pair, the other one is not asked: alone its figures would say nothing."""
        failed = evaluate.unreached(dead, Failure("connect", str(error)), started_unix=self.started_unix)
        if dead is cells[0]:
            return failed
        return evaluate.Outcome(evaluate.record(cells[0], ()), (), reference=failed)

    async def _ask(self, talks: Sequence[Talk], shown: Shown) -> tuple[evaluate.Asking, ...]:
        scenario = talks[0].cell.scenario
        by_itself = scenario.cold or scenario.load is not None
        endpoints = [self.settings.endpoint(talk.cell.endpoint) for talk in talks]
        slots = {turn_name(endpoint): endpoint.concurrency for endpoint in endpoints}
        turn = self.take_turns(slots, alone_there=by_itself)
        for talk in talks:
            turn = talk.window.inside(turn)
        questions = [self._question(talk, shown) for talk in talks]
        return await evaluate.ask_in_turn(questions, started_unix=self.started_unix, turn=turn)

    def _question(self, talk: Talk, shown: Shown) -> evaluate.Question:
        def on_round(number: int) -> OnRead | None:
            self._refuse_late()
            if not talk.cell.scenario.cold:  # a server that goes has no steps to follow
                talk.window.begin()
            return shown.on_round(number)

        line, is_cold = talk.line, talk.cell.scenario.cold
        warmup = self.settings.warmup if line.is_fresh and not is_cold else 0
        line.is_fresh = line.is_fresh and is_cold
        return evaluate.Question(
            client=line.client,
            cell=talk.cell,
            warmup=warmup,
            on_round=on_round,
            restart=self.lines.restart(talk.cell.endpoint, line),
        )

    def _outcome(self, talk: Talk, asking: evaluate.Asking) -> evaluate.Outcome:
        cell = talk.cell
        sandbox = self.sandbox if cell.scenario.is_executed else None
        outcome = evaluate.assess(cell, asking.asked, self.analyser, sandbox, interrupted=asking.interrupted)
        return structs.replace(
            outcome,
            record=structs.replace(outcome.record, telemetry=talk.window.telemetry),
            stopped=asking.stopped,
        )

    @contextmanager
    def _quiet(self) -> Iterator[None]:
        """The turn was given back when the streams had ended, so that another worker measures meanwhile."""
        if not self.held_while_scoring:
            yield
            return
        held = AsyncExitStack()
        turn = self.take_turns(self.held_while_scoring, alone_there=True)
        with suppress(OSError):  # a disk without room for a lock costs others some quiet, and not this cell
            self.runner.run(held.enter_async_context(turn))
        try:
            yield
        finally:
            self.runner.run(held.aclose())

    def _refuse_late(self) -> None:
        """Raises ``OutOfTimeError`` once the run has taken the time that it may."""
        limit_s = self.settings.max_time_s
        if limit_s is not None and time.monotonic() >= self.began_s + limit_s:
            raise OutOfTimeError(f"the {values.duration(limit_s)} of --llm-max-time are over")

    @cached_property
    def sandbox(self) -> Sandbox:
        """What answers are executed in, chosen before the first of them."""
        return choice.usable(self.settings.sandbox, gives_way=self.gives_way)

    @contextmanager
    def _parked(self, name: str) -> Iterator[None]:
        """The endpoint is needed for the length of the block."""
        try:
            yield
        finally:
            if name in self.exclusive:
                with suppress(EndpointError):  # the run is over
                    self.desk.park()

    def _with_deaths(self, cell: evaluate.Cell, asking: evaluate.Asking) -> evaluate.Asking:
        """What broke because the server died says so: the last failure at length, with the server's log."""
        failures = [(one, one.response.failure) for one in asking.asked]
        broken = [one for one, failure in failures if failure and failure.kind in BROKEN]
        if asking.interrupted or not broken or (obituary := self.desk.obituary(cell.endpoint)) is None:
            return asking
        said = {id(one): obituary.splitlines()[0] for one in broken} | {id(broken[-1]): obituary}
        return asking._replace(asked=tuple(_with_reason(one, said.get(id(one))) for one in asking.asked))

    def close(self) -> None:
        """Close connections, loop and the analyser's process."""
        try:
            self.lines.close()
        finally:
            self.runner.close()
            self.analyser.close()


def _with_reason(asked: Asked, reason: str | None) -> Asked:
    failure = asked.response.failure
    if reason is None or failure is None:
        return asked
    failure = structs.replace(failure, message=f"{failure.message}; {reason}")
    return structs.replace(asked, response=structs.replace(asked.response, failure=failure))

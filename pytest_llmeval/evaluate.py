"""One cell: ask, stamp, extract, score -> Record. The one place that knows both measuring and scoring.

Two steps, because nothing may be analysed while a stream of this process runs: ``ask`` talks to the endpoint,
``assess`` turns what came back into a record.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import itertools
import time
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import Struct, field, structs

from . import hashes, wire
from .errors import CeilingError, NotMeasurableError
from .measure import price, rounds, throughput, timing
from .measure.rounds import Asked, Plan, Side
from .model import (
    SLO,
    Failure,
    Load,
    Parameters,
    Price,
    Record,
    Request,
    Response,
    Sample,
    Scenario,
    Score,
)
from .score import rubric

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .measure.endpoints.protocol import Client, OnRead
    from .measure.rounds import Restart
    from .score.analyser import Analyser
    from .score.sandbox.protocol import Sandbox


class Cell(Struct, frozen=True, kw_only=True):
    """What is asked of whom. ``parameters`` are resolved: every field but ``max_tokens`` is set.

    ``slo``: the policy's limits of a load whose scenario has none of its own.
    ``price``: None leaves costs out. ``form``: ``Endpoint.form``. ``against``: of a reference, the endpoint
    that it is asked in turn with.
    """

    endpoint: str
    scenario: Scenario
    language: str
    parameters: Parameters
    rounds: int = 3
    timeout_s: float = 120.0
    nodeid: str | None = None
    slo: SLO = SLO()
    price: Price | None = None
    form: dict[str, object] = field(default_factory=dict)
    against: str | None = None

    def request(self) -> Request:
        """The cell's one request; its rounds repeat it."""
        system = (("system", self.scenario.system),) if self.scenario.system else ()
        return Request(
            messages=(*system, ("user", self.scenario.prompt[self.language])),
            suffix=self.scenario.suffix,
            temperature=self.parameters.temperature or 0.0,
            seed=self.parameters.seed,
            max_tokens=self.parameters.max_tokens,
            timeout_s=self.timeout_s,
        )

    def plan(self, warmup: int = 0, restart: Restart | None = None) -> Plan:
        """How its rounds are asked. Raises ``NotMeasurableError`` for a cold start that nobody can make."""
        if self.scenario.cold and restart is None:
            raise NotMeasurableError(
                "a cold start is measured on a server that the run itself starts, or on an Ollama of "
                f'kind = "ollama", and {self.endpoint} is neither'
            )
        return Plan(
            rounds=self.rounds,
            warmup=warmup,
            load=self.scenario.load,
            restart=restart if self.scenario.cold else None,
            seed=self.parameters.seed or 0,
        )


class AnswerText(Struct, frozen=True, omit_defaults=True):
    """A line of ``answers.jsonl`` without its cell. ``request``: its number in a load's batch."""

    round: int
    text: str
    reasoning: str
    request: int | None = None


class Outcome(Struct, frozen=True):
    """What one cell yielded. ``interrupted``: it was cut off, and its last sample is a partial one.

    ``stopped``: why some of its rounds were not asked. ``reference``: that of the endpoint which
    was asked in turn with it.
    """

    record: Record
    answers: tuple[AnswerText, ...]
    interrupted: bool = False
    stopped: CeilingError | None = None
    reference: Outcome | None = None

    @property
    def both(self) -> tuple[Outcome, ...]:
        """Itself and its reference, as far as they were asked."""
        every = (self, *([self.reference] if self.reference else []))
        return tuple(one for one in every if one.record.samples)


class Asking(NamedTuple):
    """What asking a cell came to. ``interrupted``: cancelled; ``stopped``: ended by a ceiling of the run."""

    asked: tuple[Asked, ...]
    interrupted: bool = False
    stopped: CeilingError | None = None


class Question(NamedTuple):
    """A cell, and who answers it. ``restart`` is for cold cells."""

    client: Client
    cell: Cell
    warmup: int = 0
    on_round: Callable[[int], OnRead | None] | None = None
    restart: Restart | None = None

    def side(self) -> Side:
        """As ``rounds`` asks it. Raises ``NotMeasurableError``."""
        return Side(
            client=self.client,
            request=self.cell.request(),
            plan=self.cell.plan(self.warmup, self.restart),
            asked=[],
            on_round=self.on_round,
        )


async def ask(
    client: Client,
    cell: Cell,
    *,
    started_unix: float,
    turn: AbstractAsyncContextManager[object] | None = None,
    **known: Any,
) -> Asking:
    """``ask_in_turn`` of one question alone; ``known`` are fields of ``Question``."""
    question = Question(client=client, cell=cell, **known)
    (asking,) = await ask_in_turn((question,), started_unix=started_unix, turn=turn)
    return asking


async def ask_in_turn(
    questions: Sequence[Question],
    *,
    started_unix: float,
    turn: AbstractAsyncContextManager[object] | None = None,
) -> tuple[Asking, ...]:
    """Ask every round of every question inside the endpoints' turn: A B B A …; what each came to.

    Cold cells without a ``restart`` raise ``NotMeasurableError``. A cancellation ends the cells, not the
    caller: the partial answer is the last one, and the caller, who knows why it was cancelled, raises again.
    Where the cost ceiling ends them, whole rounds are kept; without one, ``CeilingError`` is raised.
    """
    sides = [question.side() for question in questions]
    try:
        async with turn or nullcontext():
            await rounds.ask_in_turn(sides, started_unix=started_unix)
    except asyncio.CancelledError:
        if not any(side.asked for side in sides):
            sides[0].asked.append(Asked(0, time.time() - started_unix, rounds.unsent()))
        return tuple(Asking(tuple(side.asked), interrupted=True) for side in sides)
    except CeilingError as stop:
        kept = [_whole_rounds(side.asked, side.plan) for side in sides]
        if not any(kept):
            raise
        return tuple(Asking(whole, stopped=stop) for whole in kept)
    return tuple(Asking(tuple(side.asked)) for side in sides)


def _whole_rounds(asked: Sequence[Asked], plan: Plan) -> tuple[Asked, ...]:
    """Without the batch of a load that was not asked to its end: its figures would mean nothing."""
    if plan.load is None:
        return tuple(asked)
    batches = [tuple(batch) for _, batch in itertools.groupby(asked, key=lambda one: one.round)]
    return tuple(one for batch in batches if len(batch) == plan.load.requests for one in batch)


def assess(
    cell: Cell,
    asked: Sequence[Asked],
    analyser: Analyser,
    sandbox: Sandbox | None = None,
    *,
    interrupted: bool = False,
) -> Outcome:
    """Score every answer and put the record together. Byte-identical answers are scored once."""

    @functools.cache
    def score(text: str, cut_off: bool) -> tuple[Score, tuple[str, ...]]:
        return rubric.score(cell.scenario, cell.language, text, analyser, sandbox, cut_off=cut_off)

    def scored(response: Response) -> tuple[Score | None, tuple[str, ...]]:
        if response.failure is not None:
            return None, ()
        return score(_whole(cell.scenario, cell.language, response.text), response.finish_reason == "length")

    samples = tuple(_sample(one, cell, *scored(one.response)) for one in asked)
    answers = tuple(
        AnswerText(one.round, wire.text(one.response.text), wire.text(one.response.reasoning), one.request)
        for one in asked
        if one.response.chunks
    )
    return Outcome(record(cell, samples, _load(cell, asked)), answers, interrupted)


def _whole(scenario: Scenario, language: str, text: str) -> str:
    """What is scored: code that fills a gap together with what stands around it, else the answer alone."""
    if scenario.suffix is None or scenario.answer.code is None:
        return text
    return scenario.prompt[language] + text + scenario.suffix


def rescored(
    record: Record,
    scenario: Scenario,
    texts: Mapping[str, str],
    analyser: Analyser,
    sandbox: Sandbox | None = None,
) -> Record:
    """The record with the answers of its good samples scored anew, as the scenario says now.

    ``texts``: ``answer_sha256`` -> the answer. Raises ``KeyError`` where one is missing.
    """

    @functools.cache
    def score(text: str, cut_off: bool) -> tuple[Score, tuple[str, ...]]:
        whole = _whole(scenario, record.language, text)
        return rubric.score(scenario, record.language, whole, analyser, sandbox, cut_off=cut_off)

    def again(sample: Sample) -> Sample:
        if not sample.ok or sample.answer_sha256 is None:
            return sample
        scored, reasons = score(texts[sample.answer_sha256], sample.finish_reason == "length")
        return structs.replace(sample, score=scored, reasons=reasons)

    return structs.replace(
        record,
        checks_sha256=hashes.checks_sha256(scenario),
        samples=tuple(again(sample) for sample in record.samples),
    )


def _load(cell: Cell, asked: Sequence[Asked]) -> tuple[Load, ...]:
    """The figures of every batch that was asked."""
    plan = cell.scenario.load
    if plan is None:
        return ()
    batches = itertools.groupby(asked, key=lambda one: one.round)
    return tuple(
        structs.replace(
            throughput.figures([one.reply for one in batch], plan, batch=number, slo=cell.slo),
            against=cell.against,
        )
        for number, batch in batches
    )


def unreached(cell: Cell, failure: Failure, *, started_unix: float) -> Outcome:
    """The outcome of a cell whose endpoint could not be reached at all: one failed sample."""
    at_s, cost = round(time.time() - started_unix, 3), None if cell.price is None else 0.0
    sample = Sample(round=0, at_s=at_s, ok=False, error=failure, cost=cost, against=cell.against)
    return Outcome(record(cell, (sample,)), ())


def record(cell: Cell, samples: tuple[Sample, ...], load: tuple[Load, ...] = ()) -> Record:
    """The record of a cell with these samples."""
    scenario = cell.scenario
    return Record(
        endpoint=cell.endpoint,
        suite=scenario.suite,
        scenario=scenario.id,
        language=cell.language,
        category=scenario.category,
        prompt_sha256=hashes.prompt_sha256(scenario, cell.language),
        parameters_sha256=hashes.parameters_sha256(
            temperature=cell.parameters.temperature or 0.0,
            seed=cell.parameters.seed,
            max_tokens=cell.parameters.max_tokens,
            load=scenario.load,
            cold=scenario.cold,
            form=cell.form,
        ),
        checks_sha256=hashes.checks_sha256(scenario),
        gate=scenario.gate,
        samples=samples,
        temperature=cell.parameters.temperature or 0.0,
        nodeid=cell.nodeid,
        load=load,
    )


def _sample(asked: Asked, cell: Cell, score: Score | None, reasons: tuple[str, ...]) -> Sample:
    response = asked.response
    figures = timing.of(response)
    failed = response.failure is not None
    if response.finish_reason == "length":
        reasons = (*reasons, f"cut off after {figures.completion_tokens} tokens (finish_reason: length)")
    reasons += response.notes
    return Sample(
        round=asked.round,
        request=asked.request,
        against=cell.against,
        at_s=round(asked.at_s, 3),
        ok=not failed,
        finish_reason=response.finish_reason,
        answer_sha256=sha256(response.text) if response.chunks and not failed else None,
        queue_s=None if asked.request is None else throughput.queue_s(response),
        delay_s=None if asked.scheduled_ns is None else asked.reply.delay_s,
        cold_start_s=asked.cold_start_s,
        cold_ttft_s=asked.cold_ttft_s,
        client_lag_s=response.lag_s,
        cache=response.cache,
        transport=response.transport,
        retries=response.retries,
        void=_void(response, figures.gap_p50_s),
        score=score,
        reasons=reasons,
        error=response.failure,
        partial_tokens=figures.completion_tokens if failed else None,
        cost=None if cell.price is None else price.of_answer(cell.price, response.usage, response.failure),
        **({} if failed else structs.asdict(figures)),
    )


MIN_LAG_LIMIT_S = 0.005


def _void(response: Response, gap_p50_s: float | None) -> str | None:
    """Why the timings say more about this client than about the server; None when they don't.

    The limit is a tenth of the median gap or 5 ms, whichever is larger.
    """
    limit = max(MIN_LAG_LIMIT_S, (gap_p50_s or 0.0) / 10)
    if response.lag_s is None or response.lag_s <= limit:
        return None
    return f"the client's event loop lagged {response.lag_s * 1e3:.1f} ms (limit {limit * 1e3:.1f} ms)"


def sha256(text: str) -> str:
    """Of an answer, as samples hold it."""
    return hashlib.sha256(wire.text(text).encode()).hexdigest()

"""One cell: ask, stamp, extract, score -> Record. The one place that knows both measuring and scoring.

Two steps, because nothing may be analysed while a stream of this process runs: ``ask`` talks to the endpoint,
``assess`` turns what came back into a record.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING

from msgspec import Struct, structs

from . import scenarios, wire
from .measure import timing
from .model import SCORES, Failure, Parameters, Record, Request, Response, Sample, Scenario, Score
from .score import rubric

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .measure.endpoints.protocol import Client, OnRead
    from .score.analyser import Analyser

WARMUP_PROMPT = "Say hello."
"""Not the cell's prompt: warming up with it would fill the prefix cache that the first round must find
cold.
"""
WARMUP_TOKENS = 8
END_OF_CELL = frozenset({"connect", "timeout"})
"""After one of these the cell's other rounds would only wait as long again."""


class Cell(Struct, frozen=True, kw_only=True):
    """What is asked of whom. ``parameters`` are resolved: every field but ``max_tokens`` is set."""

    endpoint: str
    scenario: Scenario
    language: str
    parameters: Parameters
    rounds: int = 3
    timeout_s: float = 120.0
    nodeid: str | None = None

    def request(self) -> Request:
        """The cell's one request; its rounds repeat it."""
        system = (("system", self.scenario.system),) if self.scenario.system else ()
        return Request(
            messages=(*system, ("user", self.scenario.prompt[self.language])),
            temperature=self.parameters.temperature or 0.0,
            seed=self.parameters.seed,
            max_tokens=self.parameters.max_tokens,
            timeout_s=self.timeout_s,
        )


class Asked(Struct, frozen=True):
    """One round's response; ``at_s`` is when it was asked, in seconds since the run started."""

    round: int
    at_s: float
    response: Response


class AnswerText(Struct, frozen=True):
    """A line of ``answers.jsonl`` without its cell."""

    round: int
    text: str
    reasoning: str = ""


class Outcome(Struct, frozen=True):
    """What one cell yielded. ``interrupted``: it was stopped, and its last sample is a partial one."""

    record: Record
    answers: tuple[AnswerText, ...]
    interrupted: bool = False


async def warm_up(client: Client, requests: int, *, timeout_s: float) -> None:
    """Short requests whose figures are thrown away; a failure shows again in the measured rounds."""
    request = Request(messages=(("user", WARMUP_PROMPT),), max_tokens=WARMUP_TOKENS, timeout_s=timeout_s)
    for _ in range(requests):
        response = await client.stream(request)
        if response.failure is not None:
            return


async def ask(
    client: Client,
    cell: Cell,
    *,
    started_unix: float,
    warmup: int = 0,
    turn: AbstractAsyncContextManager[object] | None = None,
    on_round: Callable[[int], OnRead | None] | None = None,
) -> tuple[tuple[Asked, ...], bool]:
    """Ask every round inside the endpoint's turn; ``(rounds, interrupted)``.

    A cancellation ends the cell, not the caller: the partial answer is the last round, and the caller, who
    knows why it was cancelled, raises again.
    """
    asked: list[Asked] = []
    request = cell.request()
    at_s = time.time() - started_unix
    try:
        async with turn or nullcontext():
            await warm_up(client, warmup, timeout_s=cell.timeout_s)
            for number in range(cell.rounds):
                at_s = time.time() - started_unix
                response = await client.stream(request, on_round(number) if on_round else None)
                asked.append(Asked(number, at_s, response))
                if response.failure is not None and response.failure.kind in END_OF_CELL:
                    break
    except asyncio.CancelledError as cancelled:
        asked.append(Asked(len(asked), at_s, _partial(cancelled)))
        return tuple(asked), True
    return tuple(asked), False


def _partial(cancelled: asyncio.CancelledError) -> Response:
    """The response as far as it came: a client hands it over as the cancellation's argument."""
    if cancelled.args and isinstance(cancelled.args[0], Response):
        return cancelled.args[0]
    now = time.perf_counter_ns()
    return Response(
        started_ns=now, ended_ns=now, failure=Failure("interrupted", "interrupted before it was sent")
    )


def assess(cell: Cell, asked: Sequence[Asked], analyser: Analyser, *, interrupted: bool = False) -> Outcome:
    """Score every answer and put the record together. Byte-identical answers are scored once."""
    scored: dict[str, tuple[Score, tuple[str, ...]]] = {}

    def score(text: str) -> tuple[Score, tuple[str, ...]]:
        if text not in scored:
            scored[text] = rubric.score(cell.scenario, cell.language, text, analyser)
        return scored[text]

    samples = tuple(
        _sample(one, *(score(one.response.text) if one.response.failure is None else (None, ())))
        for one in asked
    )
    answers = tuple(
        AnswerText(one.round, wire.text(one.response.text), wire.text(one.response.reasoning))
        for one in asked
        if one.response.chunks
    )
    return Outcome(record(cell, samples), answers, interrupted)


def unreached(cell: Cell, failure: Failure, *, started_unix: float) -> Outcome:
    """The outcome of a cell whose endpoint could not be reached at all: one failed sample."""
    sample = Sample(round=0, at_s=round(time.time() - started_unix, 3), ok=False, error=failure)
    return Outcome(record(cell, (sample,)), ())


def record(cell: Cell, samples: tuple[Sample, ...]) -> Record:
    """The record of a cell with these samples."""
    scenario = cell.scenario
    return Record(
        endpoint=cell.endpoint,
        suite=scenario.suite,
        scenario=scenario.id,
        language=cell.language,
        category=scenario.category,
        prompt_sha256=scenarios.prompt_sha256(scenario, cell.language),
        parameters_sha256=scenarios.parameters_sha256(
            temperature=cell.parameters.temperature or 0.0,
            seed=cell.parameters.seed,
            max_tokens=cell.parameters.max_tokens,
        ),
        samples=samples,
        nodeid=cell.nodeid,
    )


def _sample(asked: Asked, score: Score | None, reasons: tuple[str, ...]) -> Sample:
    response = asked.response
    figures = timing.of(response)
    failed = response.failure is not None
    if response.finish_reason == "length":
        reasons = (*reasons, f"cut off after {figures.completion_tokens} tokens (finish_reason: length)")
    return Sample(
        round=asked.round,
        at_s=round(asked.at_s, 3),
        ok=not failed,
        finish_reason=response.finish_reason,
        answer_sha256=_sha256(response.text) if response.chunks and not failed else None,
        client_lag_s=response.lag_s,
        cache=response.cache,
        transport=response.transport,
        retries=response.retries,
        void=_void(response, figures.gap_p50_s),
        score=score,
        reasons=reasons,
        error=response.failure,
        partial_tokens=figures.completion_tokens if failed else None,
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


def _sha256(text: str) -> str:
    return hashlib.sha256(wire.text(text).encode()).hexdigest()


def broken_floors(scenario: Scenario, record: Record) -> tuple[str, ...]:
    """A sentence for every floor of the scenario that the record does not keep.

    A floor bounds scores and rates from below, and times (``*_s``) from above.
    """
    sentences = []
    for metric, floor in scenario.floor.items():
        value = record.figure(metric)
        if value is None:
            sentences.append(f"{metric} has a floor of {floor:g} but was not measured")
        elif metric.endswith("_s") and value > floor:
            sentences.append(f"{metric} is {value:.3g} s, over the scenario's limit of {floor:g} s")
        elif not metric.endswith("_s") and value < floor:
            sentences.append(f"{metric} is {value:.3g}, under the scenario's floor of {floor:g}")
    return tuple(sentences)


class Answer:
    """What ``llm.ask`` returns: the first round's text and code, the cell's figures and scores.

    Figures are medians over the rounds, scores means; a figure that was not measured is ``None``.
    """

    def __init__(self, outcome: Outcome, code: str | None) -> None:
        self.record = outcome.record
        self.text = outcome.answers[0].text if outcome.answers else ""
        self.reasoning = outcome.answers[0].reasoning if outcome.answers else ""
        self.code = code

    @property
    def ttft_s(self) -> float | None:
        """Seconds to the first non-empty content or reasoning."""
        return self.record.figure("ttft_s")

    @property
    def tpot_s(self) -> float | None:
        """Seconds per output token after the first."""
        return self.record.figure("tpot_s")

    @property
    def output_tps(self) -> float | None:
        """Tokens per second of the stream."""
        return self.record.figure("output_tps")

    @property
    def latency_s(self) -> float | None:
        """Seconds to the last token."""
        return self.record.figure("latency_s")

    @property
    def finish_reason(self) -> str | None:
        """Of the first round: ``stop``, ``length`` …"""
        return self.record.samples[0].finish_reason

    @property
    def score(self) -> Score:
        """The mean over the rounds of every score that all rounds have; parts are the first round's."""
        first = next((sample.score for sample in self.record.samples if sample.score is not None), Score())
        return Score(parts=first.parts, **{name: self.record.figure(name) for name in SCORES})

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the first round's score is what it is."""
        return self.record.samples[0].reasons

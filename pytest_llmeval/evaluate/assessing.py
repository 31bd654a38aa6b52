"""From responses to a record: byte-identical answers are scored once."""

from __future__ import annotations

import functools
import hashlib
import itertools
import time
from typing import TYPE_CHECKING

from msgspec import structs

from pytest_llmeval import hashes, wire
from pytest_llmeval.errors import LLMEvalError, lack_of
from pytest_llmeval.measure import ceiling, price, throughput, timing
from pytest_llmeval.measure.quiet import STOPPED_S
from pytest_llmeval.model import (
    Failure,
    Load,
    Record,
    Response,
    Sample,
    Scenario,
    Score,
)
from pytest_llmeval.score import rubric

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_llmeval.measure.rounds import Asked
    from pytest_llmeval.score.analyser import Analyser
    from pytest_llmeval.score.sandbox.protocol import Sandbox

from .cell import AnswerText, Cell, Outcome


def assess(
    cell: Cell,
    asked: Sequence[Asked],
    analyser: Analyser,
    sandbox: Sandbox | None = None,
    *,
    interrupted: bool = False,
) -> Outcome:
    """Score every answer and put the record together. Byte-identical answers are scored once.

    Where this machine can't score one, what was measured is kept, and ``Outcome.faults`` says why.
    """
    faults: list[str] = []

    @functools.cache
    def score(text: str, cut_off: bool) -> tuple[Score, tuple[str, ...]]:
        return rubric.score(cell.scenario, cell.language, text, analyser, sandbox, cut_off=cut_off)

    def scored(response: Response) -> tuple[Score | None, tuple[str, ...]]:
        if response.failure is not None or faults:
            return None, ()
        try:
            text = whole(cell.scenario, cell.language, response.text)
            return score(text, response.finish_reason == "length")
        except (LLMEvalError, OSError) as error:
            if (lack := lack_of(error)) is None:
                raise
            faults.append(lack)
            return None, ()

    samples = tuple(_sample(one, cell, *scored(one.response)) for one in asked)
    answers = tuple(
        AnswerText(one.round, wire.text(one.response.text), wire.text(one.response.reasoning), one.request)
        for one in asked
        if one.response.chunks
    )
    return Outcome(record(cell, samples, _load(cell, asked)), answers, interrupted, faults=tuple(faults))


def whole(scenario: Scenario, language: str, text: str) -> str:
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
        return rubric.score(
            scenario,
            record.language,
            whole(scenario, record.language, text),
            analyser,
            sandbox,
            cut_off=cut_off,
        )

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
    batches = [tuple(batch) for _, batch in itertools.groupby(asked, key=lambda one: one.round)]
    return tuple(
        structs.replace(
            throughput.figures(
                [one.reply for one in batch], plan, batch=batch[0].round, slo=cell.slo, busy=batch[0].busy
            ),
            against=cell.against,
        )
        for batch in batches
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
        void=_void(response, figures.gap_p50_s) or ceiling.void(None, asked.busy),
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
    if response.lag_s > STOPPED_S:
        return f"this client stood still for {response.lag_s:.1f} s: it was stopped, or its machine slept"
    return f"the client's event loop lagged {response.lag_s * 1e3:.1f} ms (limit {limit * 1e3:.1f} ms)"


def sha256(text: str) -> str:
    """Of an answer, as samples hold it."""
    return hashlib.sha256(wire.text(text).encode()).hexdigest()

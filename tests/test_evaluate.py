"""One cell, from asking to its record: what is asked in which order, kept, scored once, and not believed."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, get_args

import pytest
from msgspec import structs

from pytest_llmeval import evaluate, hashes
from pytest_llmeval.errors import AnalyserError
from pytest_llmeval.measure.rounds import WARMUP_PROMPT, WARMUP_TOKENS, Asked
from pytest_llmeval.model import (
    AnswerSpec,
    Chunk,
    ErrorKind,
    Failure,
    LoadPlan,
    Parameters,
    ProseCheck,
    Record,
    Request,
    Response,
    Scenario,
    Usage,
)
from pytest_llmeval.score.analysis import Analysis

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from pytest_llmeval.evaluate import Outcome

MS = 1_000_000
CODE = "```python\ndef add(a, b):\n    return a + b\n```\n"
SCENARIO = Scenario(
    suite="s",
    id="add",
    category="algorithm",
    prompt={"en": "Write add.", "ko": "add를 작성해 줘."},
    answer=AnswerSpec(code="python", requires=("add(a, b)",)),
)


def cell(**known: Any) -> evaluate.Cell:
    fixed: dict[str, Any] = {"endpoint": "box", "scenario": SCENARIO, "language": "en"}
    fixed["parameters"] = Parameters(temperature=0.5, seed=7, max_tokens=64)
    return evaluate.Cell(**fixed | known)


def response(text: str = "", *, gap_ms: float = 10, tokens: int = 4, **known: Any) -> Response:
    """An answer in reads ``gap_ms`` apart, the first of them 100 ms after the request."""
    start = 5_000 * MS
    parts = [text, *[""] * (tokens - 1)]
    chunks = tuple(
        Chunk(start + round((100 + gap_ms * number) * MS), part) for number, part in enumerate(parts)
    )
    fixed: dict[str, Any] = {
        "started_ns": start,
        "ended_ns": chunks[-1].at_ns,
        "chunks": chunks,
        "finish_reason": "stop",
        "usage": Usage(10, tokens),
    }
    return Response(**fixed | known)


class Client:
    """Gives its answers one after another, for ever the last; what is a number of seconds is waited for."""

    def __init__(self, *answers: Response | Failure | float) -> None:
        self.answers = list(answers or [response(CODE)])
        self.requests: list[Request] = []

    async def stream(self, request: Request, on_read: object = None) -> Response:
        self.requests.append(request)
        if request.messages[-1][1] == WARMUP_PROMPT:
            return response("Hello")
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Failure):
            return response("half", failure=answer)
        if isinstance(answer, float):
            try:
                await asyncio.sleep(answer)
            except asyncio.CancelledError as cancelled:
                failure = Failure("interrupted", "the run was interrupted")
                raise asyncio.CancelledError(response("par", tokens=2, failure=failure)) from cancelled
            return response(CODE)
        return answer

    @property
    def prompts(self) -> list[str]:
        return [request.messages[-1][1] for request in self.requests]


def ask(client: Any, cell: evaluate.Cell, *, cancel_after_s: float | None = None, **options: Any) -> Any:
    async def go() -> Any:
        task = asyncio.create_task(evaluate.ask(client, cell, started_unix=time.time() - 50, **options))
        if cancel_after_s is not None:
            await asyncio.sleep(cancel_after_s)
            task.cancel()
        return await asyncio.wait_for(task, 30)

    return asyncio.run(go())


class Analyser:
    """Says the same of every snippet and remembers each."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def analyse(self, code: str) -> Analysis:
        self.seen.append(code)
        return Analysis(statements=10, maintainability=60.0, pylint_score=10.0)


def assess(asked: Any, cell: evaluate.Cell, analyser: Any = None, **options: Any) -> Outcome:
    scoring: Any = analyser or Analyser()
    return evaluate.assess(cell, asked, scoring, **options)


def assessed(*responses: Response) -> Record:
    """The record of a cell whose rounds got these."""
    return assess([Asked(number, 1.0, one) for number, one in enumerate(responses)], cell()).record


# -- asking ------------------------------------------------------------------------------------------------


def test_the_request_is_the_scenarios_in_the_cells_language() -> None:
    request = cell(language="ko", timeout_s=9.0).request()
    assert request.messages == (("user", "add를 작성해 줘."),)
    assert (request.temperature, request.seed, request.max_tokens) == (0.5, 7, 64)
    assert request.timeout_s == 9.0
    system = Scenario(suite="s", id="x", prompt={"en": "?"}, system="Be brief.")
    assert cell(scenario=system).request().messages == (("system", "Be brief."), ("user", "?"))
    assert cell(parameters=Parameters()).request().temperature == 0.0


def test_rounds_repeat_one_request_after_a_warm_up_that_is_another() -> None:
    client = Client()
    asking = ask(client, cell(rounds=3), warmup=2)
    assert client.prompts == [WARMUP_PROMPT] * 2 + ["Write add."] * 3
    assert {one.max_tokens for one in client.requests[:2]} == {WARMUP_TOKENS}
    assert [one.seed for one in client.requests[2:]] == [7, 8, 9], (
        "sampled: the same seed would draw the same"
    )
    assert len({structs.replace(one, seed=0) for one in client.requests[2:]}) == 1
    assert [one.round for one in asking.asked] == [0, 1, 2]
    assert not asking.interrupted
    assert all(50 <= one.at_s < 80 for one in asking.asked)


def test_code_that_fills_a_gap_is_scored_with_what_stands_around_it() -> None:
    gap = {"suite": "s", "id": "x", "prompt": {"en": "def add(a, b):"}, "suffix": "\n\nprint(add(1, 2))\n"}
    code = Scenario(**gap, answer=AnswerSpec(code="python"))  # type: ignore[arg-type]
    assert cell(scenario=code).request().suffix == "\n\nprint(add(1, 2))\n"
    asked, analyser = [Asked(0, 1.0, response("\n    return a + b"))], Analyser()
    assess(asked, cell(scenario=code), analyser)
    assert analyser.seen == ["def add(a, b):\n    return a + b\n\nprint(add(1, 2))\n"]
    checked = ProseCheck(contains=("print",))
    prose = Scenario(**gap, prose_checks=(checked,))  # type: ignore[arg-type]
    (sample,) = assess(asked, cell(scenario=prose)).record.samples
    assert sample.score is not None
    assert sample.score.correctness == 0, "of prose the answer alone is read"


def test_what_a_client_found_strange_is_a_reason() -> None:
    (sample,) = assessed(response("x", notes=("the count is strange",))).samples
    assert "the count is strange" in sample.reasons


def test_no_warm_up_where_none_is_asked_for() -> None:
    client = Client()
    ask(client, cell(rounds=1))
    assert client.prompts == ["Write add."]


@pytest.mark.parametrize("kind", get_args(ErrorKind))
def test_a_server_that_is_gone_is_not_asked_again(kind: ErrorKind) -> None:
    client = Client(response(CODE), Failure(kind, "x"), response(CODE))
    asking = ask(client, cell(rounds=4))
    assert len(asking.asked) == (2 if kind in {"connect", "timeout"} else 4)
    samples = assess(asking.asked, cell()).record.samples
    assert [one.ok for one in samples][:2] == [True, False]
    assert samples[1].error == Failure(kind, "x")


def test_every_round_has_its_reader() -> None:
    rounds: list[int] = []

    def on_round(number: int) -> Callable[[int, bytes], bool]:
        rounds.append(number)
        return lambda stamp_ns, read: False

    ask(Client(), cell(rounds=3), warmup=1, on_round=on_round)
    assert rounds == [0, 1, 2]


def test_all_of_a_cell_is_asked_in_one_turn() -> None:
    client = Client()
    held: list[int] = []

    @asynccontextmanager
    async def turn() -> AsyncIterator[None]:
        held.append(len(client.requests))
        yield
        held.append(len(client.requests))

    ask(client, cell(rounds=2), warmup=1, turn=turn())
    assert held == [0, 3]


# -- an interruption ---------------------------------------------------------------------------------------


def test_an_interruption_keeps_what_was_whole_and_what_had_arrived() -> None:
    client = Client(response(CODE), 20.0)
    asking = ask(client, cell(rounds=3), cancel_after_s=0.2)
    assert asking.interrupted
    outcome = assess(asking.asked, cell(), interrupted=True)
    assert outcome.interrupted
    whole, partial = outcome.record.samples
    assert whole.ok
    assert (partial.round, partial.ok, partial.partial_tokens) == (1, False, 2)
    assert partial.error is not None
    assert partial.error.kind == "interrupted"
    assert (partial.ttft_s, partial.score) == (None, None)
    assert [answer.text for answer in outcome.answers] == [CODE, "par"]


def test_an_interruption_while_others_have_the_turn_is_a_sample_that_was_never_sent() -> None:
    @asynccontextmanager
    async def never() -> AsyncIterator[None]:
        await asyncio.sleep(20)
        yield

    client = Client()
    asking = ask(client, cell(), turn=never(), cancel_after_s=0.1)
    assert client.requests == []
    assert asking.interrupted
    (sample,) = assess(asking.asked, cell(), interrupted=True).record.samples
    assert sample.error == Failure("interrupted", "interrupted before it was sent")
    assert (sample.ok, sample.at_s > 50, sample.partial_tokens) == (False, True, None)


# -- scoring -----------------------------------------------------------------------------------------------


def test_identical_answers_are_scored_once() -> None:
    analyser = Analyser()
    other = CODE.replace("a + b", "b + a")
    texts = (CODE, CODE, other, CODE)
    asked = [Asked(number, 0.0, response(text)) for number, text in enumerate(texts)]
    samples = assess(asked, cell(rounds=4), analyser).record.samples
    assert len(analyser.seen) == 2
    assert all(one.score is not None and one.score.quality for one in samples)
    assert samples[0].score == samples[1].score == samples[3].score
    assert len({one.answer_sha256 for one in samples}) == 2


def test_a_failed_answer_is_not_scored() -> None:
    analyser = Analyser()
    failed = response(CODE, failure=Failure("interrupted", "gone", status=200))
    (sample,) = assess([Asked(0, 0.0, failed)], cell(), analyser).record.samples
    assert analyser.seen == []
    assert (sample.score, sample.answer_sha256, sample.latency_s) == (None, None, None)
    assert sample.partial_tokens == 4


@pytest.mark.parametrize(
    ("lack", "told"),
    [
        (AnalyserError("the analyser can't be started"), "the analyser can't be started"),
        (OSError(errno.ENOSPC, "No space left on device", "/tmp/x"), "/tmp/x: No space left on device"),
        (OSError(errno.EMFILE, "Too many open files"), "Too many open files"),
    ],
)
def test_what_was_measured_is_kept_where_nothing_can_be_scored(lack: Exception, told: str) -> None:
    class Lacking(Analyser):
        def analyse(self, code: str) -> Analysis:
            super().analyse(code)
            raise lack

    analyser = Lacking()
    asked = [Asked(number, 0.0, response(f"{CODE}#{number}")) for number in range(3)]
    outcome = assess(asked, cell(rounds=3), analyser)
    assert outcome.faults == (told,)
    assert len(analyser.seen) == 1, "a machine that lacks something is not asked again and again"
    assert [(one.ok, one.score, one.latency_s is None) for one in outcome.record.samples] == [
        (True, None, False)
    ] * 3
    assert len(outcome.answers) == 3


def test_a_mistake_of_ours_is_no_lack() -> None:
    class Broken(Analyser):
        def analyse(self, code: str) -> Analysis:
            raise FileNotFoundError(errno.ENOENT, "No such file")

    with pytest.raises(FileNotFoundError):
        assess([Asked(0, 0.0, response(CODE))], cell(), Broken())


def test_an_answer_that_was_cut_off_says_so() -> None:
    record = assessed(response(CODE, finish_reason="length"), response(CODE))
    cut, whole = record.samples
    assert "cut off after 4 tokens (finish_reason: length)" in cut.reasons
    assert not any("cut off" in reason for reason in whole.reasons)


def test_what_a_model_can_emit_and_no_file_can_hold() -> None:
    prose = Scenario(suite="s", id="x", prompt={"en": "?"})
    outcome = assess([Asked(0, 0.0, response("a\ud800"))], cell(scenario=prose))
    assert outcome.answers[0].text == "a\ufffd"
    assert outcome.record.samples[0].answer_sha256 == hashlib.sha256("a\ufffd".encode()).hexdigest()


# -- the record --------------------------------------------------------------------------------------------


def test_the_record_says_what_was_asked_and_what_came() -> None:
    one = cell(nodeid="s.eval.yaml::add[box-ko]", language="ko")
    record = assess([Asked(0, 1.23456, response(CODE, transport="measured", cache="cold"))], one).record
    assert (record.endpoint, record.key, record.category) == ("box", "s/add/ko", "algorithm")
    assert record.nodeid == "s.eval.yaml::add[box-ko]"
    assert record.prompt_sha256 == hashes.prompt_sha256(SCENARIO, "ko")
    assert record.parameters_sha256 == hashes.parameters_sha256(temperature=0.5, seed=7, max_tokens=64)
    (sample,) = record.samples
    assert (sample.at_s, sample.finish_reason) == (1.235, "stop")
    assert (sample.transport, sample.cache) == ("measured", "cold")
    assert (sample.prompt_tokens, sample.completion_tokens, sample.tokens_from) == (10, 4, "usage")
    assert sample.ttft_s == pytest.approx(0.1)
    assert sample.latency_s == pytest.approx(0.13)
    assert sample.output_tps == pytest.approx(100)
    assert sample.partial_tokens is None


def test_the_record_says_whether_its_scores_are_judged() -> None:
    for gate in (True, False):
        one = cell(scenario=structs.replace(SCENARIO, gate=gate))
        assert assess([Asked(0, 0.0, response(CODE))], one).record.gate is gate


@pytest.mark.parametrize(
    ("gap_ms", "lag_s", "limit"),
    [
        (10, None, None),
        (10, 0.005, None),
        (10, 0.0051, "5.1 ms (limit 5.0 ms)"),
        (200, 0.02, None),
        (200, 0.021, "21.0 ms (limit 20.0 ms)"),
        (1, 0.0049, None),
    ],
)
def test_a_client_that_lagged_is_not_believed(gap_ms: float, lag_s: float | None, limit: str | None) -> None:
    """The limit is 5 ms, or a tenth of the median gap where that is more; a lag at the limit still counts."""
    (sample,) = assessed(response(CODE, gap_ms=gap_ms, lag_s=lag_s)).samples
    assert sample.void == (None if limit is None else f"the client's event loop lagged {limit}")
    assert sample.client_lag_s == lag_s
    assert sample.ttft_s is not None, "the figure is kept, and not judged"


def test_requests_of_a_batch_at_the_clients_ceiling_are_not_believed() -> None:
    answers = [Asked(0, 0.0, response(CODE), request=number, busy=0.9) for number in range(2)]
    record = assess(
        answers, cell(scenario=structs.replace(SCENARIO, load=LoadPlan(requests=2, concurrency=2)))
    ).record
    assert {sample.void for sample in record.samples} == {"the client itself was busy 90% of the time"}
    (batch,) = record.load
    assert batch.client_busy == 0.9
    assert batch.void is not None
    assert batch.void.startswith(
        "the client itself was busy 90% of the time: one process of it ends at about"
    )


def test_an_endpoint_that_cannot_be_reached_is_a_failed_sample() -> None:
    failure = Failure("connect", "nothing listens")
    outcome = evaluate.unreached(cell(), failure, started_unix=time.time() - 3)
    (sample,) = outcome.record.samples
    assert (sample.ok, sample.error, outcome.answers) == (False, failure, ())
    assert 3 <= sample.at_s < 10
    assert outcome.record.prompt_sha256 == hashes.prompt_sha256(SCENARIO, "en")

"""Python callables of every form as endpoints, and a real LangChain chat model where it is installed."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_llmeval.errors import EndpointError
from pytest_llmeval.measure import timing
from pytest_llmeval.measure.endpoints import connect
from pytest_llmeval.model import Endpoint, Request, Response, Usage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

ASKED = Request(messages=(("system", "be brief"), ("user", "hello")), max_tokens=8, temperature=0.5)
APP = "app_under_test"


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """An empty module that a test fills."""
    module = ModuleType(APP)
    monkeypatch.setitem(sys.modules, APP, module)
    return module


def ask(name: str, request: Request = ASKED, **options: Any) -> Response:
    async def main() -> Response:
        client = connect(Endpoint(name="x", kind="function", call=f"{APP}:{name}"))
        response = await client.stream(request, **options)
        await client.aclose()
        return response

    return asyncio.run(asyncio.wait_for(main(), 20))


def returns(prompt: str) -> str:
    return f"<{prompt}>"


def yields(prompt: str) -> Iterator[str]:
    for piece in ("<", prompt, ">"):
        time.sleep(0.02)
        yield piece


async def returns_later(prompt: str) -> str:
    await asyncio.sleep(0.01)
    return f"<{prompt}>"


async def yields_later(prompt: str) -> AsyncIterator[str]:
    for piece in ("<", prompt, ">"):
        await asyncio.sleep(0.02)
        yield piece


def returns_a_coroutine(prompt: str) -> Any:
    return returns_later(prompt)


def returns_an_async_generator(prompt: str) -> Any:
    return yields_later(prompt)


def returns_a_message(prompt: str) -> Any:
    return SimpleNamespace(content=[{"type": "text", "text": "<"}, prompt, {"type": "image"}, {"text": ">"}])


def returns_a_dict(prompt: str) -> Any:
    return {"content": f"<{prompt}>", "usage_metadata": {"input_tokens": 7, "output_tokens": 3}}


class CallableObject:
    def __call__(self, prompt: str) -> str:
        return f"<{prompt}>"


def names_its_parameter_freely(question: str) -> str:
    return f"<{question}>"


def takes_more(*, prompt: str, **rest: Any) -> str:
    assert not rest
    return f"<{prompt}>"


FORMS = [
    returns,
    yields,
    returns_later,
    yields_later,
    returns_a_coroutine,
    returns_an_async_generator,
    returns_a_message,
    returns_a_dict,
    CallableObject(),
    names_its_parameter_freely,
    takes_more,
]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: getattr(form, "__name__", type(form).__name__))
def test_every_form_answers(app: ModuleType, form: Any) -> None:
    app.form = form  # type: ignore[attr-defined]
    response = ask("form")
    assert response.failure is None
    assert (response.text, response.transport) == ("<hello>", "function")
    assert response.started_ns <= response.chunks[0].at_ns <= response.ended_ns


@pytest.mark.parametrize("form", [yields, yields_later])
def test_what_is_yielded_is_stamped_as_it_comes(app: ModuleType, form: Any) -> None:
    app.form = form  # type: ignore[attr-defined]
    figures = timing.of(ask("form"))
    assert figures.ttft_s is not None
    assert figures.gap_p50_s is not None
    assert 0.015 < figures.ttft_s < 0.5
    assert 0.015 < figures.gap_p50_s < 0.5
    assert (figures.completion_tokens, figures.tokens_from) == (3, "events")


def test_parameters_get_what_they_are_named_for(app: ModuleType) -> None:
    def target(
        messages: Any, system: str, temperature: float, max_tokens: int, seed: int, other: int = 3
    ) -> str:
        return repr((messages, system, temperature, max_tokens, seed, other))

    app.target = target  # type: ignore[attr-defined]
    messages = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hello"}]
    assert ask("target").text == repr((messages, "be brief", 0.5, 8, 0, 3))


def test_an_object_deep_in_a_module(app: ModuleType) -> None:
    app.deep = SimpleNamespace(er=returns)  # type: ignore[attr-defined]
    assert ask("deep.er").text == "<hello>"


class Runnable:
    """The part of LangChain's interface that is used, with its habits about usage and reasoning."""

    async def astream(self, messages: list[tuple[str, str]]) -> AsyncIterator[Any]:
        assert messages == [("system", "be brief"), ("user", "hello")]
        yield SimpleNamespace(content="", additional_kwargs={"reasoning_content": "hm"})
        yield SimpleNamespace(content="hi", usage_metadata={"input_tokens": 5, "output_tokens": 1})
        yield SimpleNamespace(
            content="",
            usage_metadata={"input_tokens": 0, "output_tokens": 2},
            response_metadata={"finish_reason": "stop"},
        )


def test_a_runnable_is_streamed(app: ModuleType) -> None:
    app.model = Runnable()  # type: ignore[attr-defined]
    response = ask("model")
    assert (response.text, response.reasoning) == ("hi", "hm")
    assert (response.usage, response.finish_reason) == (Usage(5, 3), "stop")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # it leaves its sockets open
def test_a_real_langchain_model(app: ModuleType, mock: str) -> None:
    langchain_openai = pytest.importorskip("langchain_openai", reason="langchain-openai is not installed")
    app.model = langchain_openai.ChatOpenAI(  # type: ignore[attr-defined]
        base_url=f"{mock}/v1", api_key="none", model="mock", max_tokens=8, stream_usage=True
    )
    response = ask("model")
    assert response.failure is None
    assert (response.text, response.finish_reason) == ("tok " * 8, "length")
    assert response.usage is not None
    assert response.usage.completion_tokens == 8


# -- going wrong -------------------------------------------------------------------------------------------


class RateLimited(Exception):
    status_code = 429


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (ZeroDivisionError("oops"), "interrupted", "app_under_test:target raised ZeroDivisionError: oops"),
        (TimeoutError("upstream"), "timeout", "app_under_test:target timed out: upstream"),
        (RateLimited("slow down"), "rate_limited", "slow down"),
    ],
)
@pytest.mark.parametrize("form", ["sync", "async"])
def test_what_it_raises_is_a_failure_and_what_came_is_kept(
    app: ModuleType, form: str, error: Exception, kind: str, said: str
) -> None:
    def target(prompt: str) -> Iterator[str]:
        yield "partial"
        raise error

    async def async_target(prompt: str) -> AsyncIterator[str]:
        yield "partial"
        raise error

    app.target = target if form == "sync" else async_target  # type: ignore[attr-defined]
    response = ask("target")
    assert response.failure is not None
    assert (response.failure.kind, response.failure.message, response.text) == (kind, said, "partial")


@pytest.mark.parametrize("error", [SystemExit(3), StopIteration("nothing left")])
def test_what_would_end_more_than_a_call_is_its_failure_too(app: ModuleType, error: BaseException) -> None:
    """``sys.exit()`` would end pytest, and no future takes a ``StopIteration``: it would never be done."""

    def target(prompt: str) -> str:
        raise error

    app.target = target  # type: ignore[attr-defined]
    response = ask("target")
    assert response.failure is not None
    assert response.failure.kind == "interrupted"
    assert type(error).__name__ in response.failure.message


def test_no_text_is_an_empty_answer(app: ModuleType) -> None:
    for result in (None, "", [], iter([]), 5):
        app.target = lambda prompt, result=result: result  # type: ignore[attr-defined]
        response = ask("target")
        assert response.failure is not None
        assert response.failure.kind == "empty", result


@pytest.mark.parametrize("form", ["sync", "async"])
def test_one_that_hangs_times_out_and_holds_nothing_up(app: ModuleType, form: str) -> None:
    release = threading.Event()

    def target(prompt: str) -> Iterator[str]:
        yield "partial"
        release.wait(20)
        yield "too late"

    async def async_target(prompt: str) -> AsyncIterator[str]:
        yield "partial"
        await asyncio.sleep(20)

    app.target = target if form == "sync" else async_target  # type: ignore[attr-defined]
    seen: list[bytes] = []
    begin = time.monotonic()
    hasty = Request(messages=ASKED.messages, timeout_s=0.1)
    response = ask("target", hasty, on_read=lambda _, data: seen.append(data))
    assert time.monotonic() - begin < 5
    assert response.failure is not None
    assert response.failure.kind == "timeout"
    assert "did not finish within 0.1 s" in response.failure.message
    release.set()
    time.sleep(0.05)
    assert (response.text, seen) == ("partial", [b"partial"])


def test_on_read_can_stop_it(app: ModuleType) -> None:
    app.target = yields  # type: ignore[attr-defined]
    response = ask("target", on_read=lambda _, data: data == b"hello")
    assert response.failure is not None
    assert response.failure.kind == "interrupted"
    assert response.text == "<hello"


def test_a_cancellation_carries_the_partial_answer(app: ModuleType) -> None:
    app.target = yields_later  # type: ignore[attr-defined]

    async def main() -> Response:
        client = connect(Endpoint(kind="function", call=f"{APP}:target"))
        asked = asyncio.ensure_future(client.stream(ASKED))
        await asyncio.sleep(0.05)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError) as met:
            await asked
        response = met.value.args[0]
        assert isinstance(response, Response)
        return response

    response = asyncio.run(main())
    assert response.failure is not None
    assert response.text.startswith("<")


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (None, "needs the callable"),
        ("app_under_test", "needs the callable"),
        ("no_such_module_here:x", "No module named 'no_such_module_here'"),
        ("app_under_test:nothing", "has no attribute 'nothing'"),
        ("app_under_test:__name__", "neither callable nor has it astream"),
    ],
)
def test_what_can_not_be_imported_is_said(app: ModuleType, call: str | None, said: str) -> None:
    with pytest.raises(EndpointError, match=said):
        asyncio.run(connect(Endpoint(name="x", kind="function", call=call)).describe())


def test_a_module_that_exits_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "exits_at_import.py").write_text("raise SystemExit('usage: app CONFIG')\n")
    monkeypatch.setattr(sys, "path", [*sys.path])
    client = connect(Endpoint(kind="function", call="exits_at_import:answer", path=str(tmp_path)))
    with pytest.raises(EndpointError, match="SystemExit: usage: app CONFIG"):
        asyncio.run(client.describe())


def test_the_folder_where_pytest_runs_is_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    (tmp_path / "found_in_cwd.py").write_text("def answer(prompt):\n    return prompt\n")
    client = connect(Endpoint(kind="function", call="found_in_cwd:answer"))
    assert asyncio.run(client.describe()).model == "found_in_cwd:answer"

"""A Python callable as the thing under test: an application, an agent, a LangChain chat model.

``call = "package.module:name"`` names a function or an object, imported where pytest runs. A function gets
what its parameters are named for (``prompt``, ``suffix``, ``messages``, ``system``, ``temperature``,
``max_tokens``, ``seed``, ``model``); its first required parameter of another name gets the prompt. It may be
sync or async, and return or yield texts, or objects with ``content``. An object with ``astream`` (LangChain's
Runnable) is streamed.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import inspect
import sys
import threading
import time
from collections.abc import AsyncIterable, Awaitable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_llmeval.errors import EndpointError
from pytest_llmeval.measure import exchange, failures
from pytest_llmeval.measure.quiet import Quiet
from pytest_llmeval.measure.tape import Tape
from pytest_llmeval.model import Chunk, Facts, Failure, Response, Usage

from .http import values

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_llmeval.model import Endpoint, Request

    from .protocol import OnRead


class FunctionClient:
    """``protocol.Client`` of a callable in this process. Its stamps are taken when a text is handed over."""

    def __init__(self, endpoint: Endpoint, *, facts: Facts | None = None, **_: Any) -> None:
        if not endpoint.call or ":" not in endpoint.call:
            raise EndpointError(
                "a function endpoint needs the callable that it asks",
                where=endpoint.name or None,
                hint='like call = "package.module:name"',
            )
        self.endpoint = endpoint
        self._call = endpoint.call
        self._facts = facts
        self._target: Any = None
        self._quiet: Quiet | None = None

    async def describe(self) -> Facts:
        """Import the callable. Raises ``EndpointError`` if that fails."""
        if self._target is None:
            self._target = _imported(self._call, self.endpoint.name, self.endpoint.path)
        return self._facts or Facts(
            kind=self.endpoint.kind, model=self.endpoint.model or self._call, here=True
        )

    async def stream(self, request: Request, on_read: OnRead | None = None) -> Response:
        """Call it with one request. Raises ``UsageError`` for a bad one."""
        exchange.validate(request, self.endpoint.name)
        try:
            await self.describe()
        except EndpointError as error:
            return exchange.unasked(Failure("connect", str(error)))
        if request.suffix is not None and "suffix" not in _arguments(self._target, values(request, None)):
            return exchange.unasked(exchange.no_suffix(f"{self._call} has no parameter of this name"))
        if self._quiet is None:
            self._quiet = Quiet(asyncio.get_running_loop())
        answer = _Answer(Tape(on_read=on_read))
        try:
            with self._quiet.stream(answer.tape):
                async with asyncio.timeout(request.timeout_s) as limit:
                    await answer.gather(self._target, request, self.endpoint.model)
        except TimeoutError as error:
            said = (
                f"did not finish within {request.timeout_s:g} s" if limit.expired() else f"timed out: {error}"
            )
            return answer.response(Failure("timeout", f"{self._call} {said}"))
        except asyncio.CancelledError as error:
            error.args = (answer.response(Failure("interrupted", "the run was interrupted")),)
            raise
        except (Exception, SystemExit) as error:  # noqa: BLE001  whatever the callable raises is its answer
            return answer.response(_failure(self._call, error))
        return answer.response()

    async def aclose(self) -> None:
        """Nothing to close: the callable is its owner's."""


class _Answer:
    """What a callable has handed over so far. A sync one fills it from a thread of its own."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.chunks: list[Chunk] = []
        self.usage: Usage | None = None
        self.finish_reason: str | None = None
        self._closed = threading.Event()

    async def gather(self, target: Any, request: Request, model: str | None) -> None:
        """Call the target and take everything that it yields."""
        known = values(request, model)
        self.tape.start()
        try:
            if hasattr(target, "astream"):
                result: Any = target.astream(list(request.messages))
            elif inspect.iscoroutinefunction(target) or inspect.isasyncgenfunction(target):
                result = target(**_arguments(target, known))
            else:
                result = await _in_thread(self._run, target, _arguments(target, known))
            while isinstance(result, Awaitable):
                result = await result
            if isinstance(result, AsyncIterable):
                async for piece in result:
                    if self._take(piece):
                        break
            elif result is not None:
                await _in_thread(self._drain, result)
        finally:
            self._closed.set()
            self.tape.ended_ns = time.perf_counter_ns()

    def response(self, failure: Failure | None = None) -> Response:
        """The response to what was taken."""
        chunks, tape = tuple(self.chunks), self.tape
        if failure is None and tape.stopped is not None:
            failure = Failure("interrupted", "reading was stopped before the answer's end")
        if failure is None and not chunks:
            failure = Failure("empty", "the callable handed over no text")
        return Response(
            started_ns=tape.started_ns,
            ended_ns=max(tape.ended_ns, chunks[-1].at_ns if chunks else tape.started_ns),
            chunks=chunks,
            first_chunk_ns=chunks[0].at_ns if chunks else None,
            finish_reason=self.finish_reason,
            usage=self.usage,
            failure=failure,
            transport="function",
            lag_s=tape.lag_s,
        )

    def _run(self, target: Callable[..., Any], arguments: dict[str, Any]) -> Any:
        """In a thread: call, and take a sync result; an async one is handed back."""
        result = target(**arguments)
        if isinstance(result, Awaitable | AsyncIterable) or result is None:
            return result
        self._drain(result)
        return None

    def _drain(self, result: Any) -> None:
        if (
            isinstance(result, str | Mapping)
            or hasattr(result, "content")
            or not isinstance(result, Iterable)
        ):
            self._take(result)
            return
        for piece in result:
            if self._take(piece):
                return

    def _take(self, piece: Any) -> bool:
        """Keep one piece. True: no more are wanted."""
        now_ns = time.perf_counter_ns()
        if self._closed.is_set():  # timed out or cancelled; a thread can't be stopped otherwise
            return True
        content, reasoning = _text(piece), _reasoning(piece)
        if isinstance(piece, Mapping):
            usage, about = piece.get("usage_metadata"), piece.get("response_metadata")
        else:
            usage, about = getattr(piece, "usage_metadata", None), getattr(piece, "response_metadata", None)
        if isinstance(usage, Mapping):
            self.usage = _added(self.usage, usage)
        if isinstance(about, Mapping) and isinstance(about.get("finish_reason"), str):
            self.finish_reason = about["finish_reason"]
        if not content and not reasoning:
            return False
        self.chunks.append(Chunk(now_ns, content, reasoning))
        return self.tape.add(now_ns, (content or reasoning).encode("utf-8", "replace"))


async def _in_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    """As ``asyncio.to_thread``, in a thread that nothing waits for at exit: a callable may hang for ever."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[tuple[Any, BaseException | None]] = loop.create_future()

    def settle(result: Any, error: BaseException | None) -> None:
        if not done.done():  # else timed out or cancelled
            done.set_result((result, error))  # as a result: no future takes a StopIteration for an exception

    def run() -> None:
        result, error = None, None
        try:
            result = function(*arguments)
        except BaseException as raised:  # noqa: BLE001  raised again where it is awaited
            error = raised
        with contextlib.suppress(RuntimeError):  # the loop is closed, and nobody waits
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, name="llmeval-function", daemon=True).start()
    result, error = await done
    if error is not None:
        raise error
    return result


def _imported(call: str, where: str, folder: str | None) -> Any:
    """The object at ``package.module:name.of.attribute``.

    ``folder`` and the working directory are put on the path, last.
    """
    module, _, names = call.partition(":")
    for place in (folder, str(Path.cwd())):
        if place is not None and place not in sys.path:
            sys.path.append(place)
    try:
        found: Any = importlib.import_module(module)
        for name in names.split("."):
            found = getattr(found, name)
    except (Exception, SystemExit) as error:
        raise EndpointError(
            f"{call} can't be imported: {type(error).__name__}: {error}",
            where=where or None,
            hint='write call = "package.module:name"; the folder of llmeval.toml is searched too',
        ) from error
    if not callable(found) and not hasattr(found, "astream"):
        raise EndpointError(f"{call} is neither callable nor has it astream", where=where or None)
    return found


def _arguments(target: Callable[..., Any], known: dict[str, Any]) -> dict[str, Any]:
    """The keyword arguments that a callable asks for by its parameters' names."""
    try:
        parameters = inspect.signature(target).parameters.values()
    except (TypeError, ValueError):
        return {"prompt": known["prompt"]}
    by_name = [one for one in parameters if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]
    arguments = {one.name: known[one.name] for one in by_name if one.name in known}
    if not {"prompt", "messages"} & arguments.keys():
        free = next((one.name for one in by_name if one.default is one.empty and one.name not in known), None)
        if free is not None:
            arguments[free] = known["prompt"]
    return arguments


def _text(piece: Any) -> str:
    """The text of a piece: itself, its ``content``, or the texts of a list of parts (LangChain)."""
    if isinstance(piece, str):
        return piece
    content = piece.get("content") if isinstance(piece, Mapping) else getattr(piece, "content", None)
    if isinstance(content, list):
        parts = [part if isinstance(part, str) else _part(part) for part in content]
        return "".join(parts)
    return content if isinstance(content, str) else ""


def _part(part: Any) -> str:
    text = part.get("text") if isinstance(part, Mapping) else None
    return text if isinstance(text, str) else ""


def _reasoning(piece: Any) -> str:
    extra = getattr(piece, "additional_kwargs", None)
    for name in ("reasoning_content", "reasoning"):
        if isinstance(extra, Mapping) and isinstance(extra.get(name), str):
            return str(extra[name])
    return ""


def _added(usage: Usage | None, more: Mapping[str, Any]) -> Usage | None:
    """LangChain's counts, which add up over the pieces."""
    prompt, completion = more.get("input_tokens"), more.get("output_tokens")
    if not (isinstance(prompt, int) and isinstance(completion, int) and prompt >= 0 and completion >= 0):
        return usage
    if usage is not None:
        prompt, completion = prompt + usage.prompt_tokens, completion + usage.completion_tokens
    return Usage(prompt, completion)


def _failure(call: str, error: BaseException) -> Failure:
    """The failure behind an exception; those of HTTP clients carry a status."""
    status = getattr(error, "status_code", None)
    if isinstance(status, int) and 400 <= status < 600:
        return failures.of_error({"error": str(error)}, status=status)
    return Failure("interrupted", f"{call} raised {type(error).__name__}: {error}")

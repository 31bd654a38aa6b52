"""Any server with OpenAI's API: vLLM, llama.cpp, SGLang, TGI, LM Studio, Ollama, the cloud.

``api`` is the route. The completions route knows no messages: it gets their texts as one prompt, and a
``suffix`` where a gap is to be filled (many servers refuse one, and say so).
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any, Literal, Unpack

from msgspec import structs

from pytest_llmeval import wire
from pytest_llmeval.errors import EndpointError
from pytest_llmeval.measure import budget, exchange, stream, timing
from pytest_llmeval.measure.exchange import Channel, Options
from pytest_llmeval.model import Failure

from . import probe

if TYPE_CHECKING:
    from pytest_llmeval.model import Endpoint, Facts, Request, Response

    from .protocol import OnRead

_OPTIONAL = ("stream_options", "seed", "cache_salt")
"""Fields that some servers refuse, as Mistral's does a ``seed``, and an answer can do without."""
_ATTEMPTS = 3 + len(_OPTIONAL)
"""The request, and one more for each thing that an answer may teach."""
_IGNORED = (
    "llama.cpp ignores one: write the model's own tokens into the prompt, like "
    "<|fim_prefix|>…<|fim_suffix|>…<|fim_middle|>"
)
"""Seen with xllamacpp 2026.10: the same answer with any suffix, and none of its tokens counted."""


class OpenAIClient:
    """``protocol.Client`` of an OpenAI-compatible endpoint. With ``facts`` nothing is probed."""

    def __init__(self, endpoint: Endpoint, *, facts: Facts | None = None, **options: Unpack[Options]) -> None:
        self.endpoint = endpoint
        self._base = probe.base_of(probe.url_of(endpoint))
        self._channel = Channel(self._base.api, endpoint.timeouts, **options)
        self._completes = endpoint.api == "completions"
        self._url = self._base.path("completions" if self._completes else "chat/completions")
        self._facts = facts
        self._prompt_tokens: dict[tuple[tuple[str, str], ...], int] = {}
        self._refused: set[str] = set()
        self._limit_name = "max_tokens"

    async def describe(self) -> Facts:
        """Ask the server once what it is; see ``probe``."""
        if self._facts is None:
            ask = probe.Probe(self._channel, self._base, self.endpoint.timeouts.connect_s)
            self._facts = await probe.describe(ask, self.endpoint)
        return self._facts

    async def stream(self, request: Request, on_read: OnRead | None = None) -> Response:
        """Send one request; again, if a refusal teaches how. Raises ``UsageError`` for a bad request."""
        exchange.validate(request, self.endpoint.name)
        if self._completes:
            request = plain(request)
        elif request.suffix is not None:
            return exchange.unasked(exchange.no_suffix('the chat API has none: set api = "completions"'))
        try:
            facts = await self.describe()
        except EndpointError as error:
            return exchange.unasked(Failure("connect", str(error)))
        if "suffix" in dict(request.messages) and _is("llama.cpp", facts):
            return exchange.unasked(exchange.no_suffix(_IGNORED))
        limit = self._limit(request, facts)
        for _ in range(_ATTEMPTS - 1):
            response, refusal = await self._ask(request, facts, limit, on_read)
            if response.failure is None or not refusal:
                return response
            again = self._lesson(response.failure, refusal, request, facts, limit)
            if again is None:
                return response
            limit = again[0]
        return (await self._ask(request, facts, limit, on_read))[0]

    async def aclose(self) -> None:
        """Close every connection. Safe to call twice."""
        await self._channel.aclose()

    async def _ask(
        self, request: Request, facts: Facts, limit: int | None, on_read: OnRead | None
    ) -> tuple[Response, bytes]:
        """One exchange: the response, and the body of an error answer."""
        body = self._body(request, facts, limit)
        response, refusal = await self._channel.ask(self._url, body, request, stream.assemble, on_read)
        if response.usage is not None:
            self._prompt_tokens[request.messages] = response.usage.prompt_tokens
        return self._judged(response, facts), refusal

    def _body(self, request: Request, facts: Facts, limit: int | None) -> dict[str, Any]:
        vllm = _is("vllm", facts)
        body: dict[str, Any] = {
            "model": facts.model,
            **_asked(request, completes=self._completes),
            "temperature": request.temperature,
            "stream": True,
        }
        if request.seed is not None and "seed" not in self._refused:
            body["seed"] = request.seed
        if limit is not None:
            body[self._limit_name] = limit
        if "stream_options" not in self._refused:
            body["stream_options"] = {"include_usage": True}
            if vllm:
                body["stream_options"]["continuous_usage_stats"] = True
        if self._cache(facts) == "cold":
            body |= {"cache_salt": secrets.token_hex(16)} if vllm else {"cache_prompt": False}
        return body

    def _cache(self, facts: Facts) -> Literal["cold", "warm", "unknown"]:
        """Prefix caches are defeated without touching the prompt, where the server has a way."""
        if self.endpoint.cache == "warm":
            return "warm"
        salted = _is("vllm", facts) and "cache_salt" not in self._refused
        return "cold" if salted or _is("llama.cpp", facts) else "unknown"

    def _judged(self, response: Response, facts: Facts) -> Response:
        """The response with what its client knows: the cache, and whether the right model answered."""
        cache = self._cache(facts)
        if cache == "cold" and response.usage is not None and response.usage.cached_tokens:
            cache = "warm"
        failure, miscount = response.failure, timing.miscount(response, facts.server)
        seedless = "the server takes no seed: asked again, it may answer otherwise"
        told = (miscount, seedless if "seed" in self._refused else None)
        notes = tuple(note for note in told if note and failure is None)
        if failure is None and response.model and facts.model and not _same(facts.model, response.model):
            message = (
                f"{facts.model!r} was asked for, {response.model!r} answered: correct the endpoint's `model`"
            )
            failure = Failure("malformed", message, status=200)
        return structs.replace(response, cache=cache, failure=failure, notes=notes)

    # -- what an answer teaches ----------------------------------------------------------------------------

    def _limit(self, request: Request, facts: Facts) -> int | None:
        return budget.max_tokens(
            request.max_tokens, window=facts.context_window, prompt_tokens=self._count(request)
        )

    def _count(self, request: Request) -> int:
        """The prompt's tokens as the server once counted them, else an estimate."""
        counted = self._prompt_tokens.get(request.messages)
        if counted is None:
            counted = budget.estimate_tokens(text for _, text in request.messages)
        return counted

    def _lesson(
        self, failure: Failure, refusal: bytes, request: Request, facts: Facts, limit: int | None
    ) -> tuple[int | None] | None:
        """The token limit for another try, in a tuple; None when the refusal is final."""
        if failure.kind == "context_overflow":
            if failure.prompt_tokens is not None:
                self._prompt_tokens[request.messages] = failure.prompt_tokens
            window = _told_window(failure, facts, limit)
            self._facts = structs.replace(facts, context_window=window)  # the next prompt is fitted at once
            # vLLM refuses a max_tokens beyond its window before it has counted the prompt
            fitting = budget.corrected(limit, window=window, prompt_tokens=self._count(request))
            return None if fitting is None or fitting == limit else (fitting,)
        if failure.kind != "http_4xx":
            return None
        named = {name for name in _OPTIONAL if re.search(rf"\b{name}\b".encode(), refusal)}
        if named - self._refused:
            self._refused |= named
            return (limit,)
        if b"max_completion_tokens" in refusal and self._limit_name == "max_tokens":
            self._limit_name = "max_completion_tokens"  # OpenAI's reasoning models know no other
            return (limit,)
        return None


def _told_window(failure: Failure, facts: Facts, limit: int | None) -> int | None:
    """The window behind a refusal. vLLM 0.14 told what ``max_tokens`` leaves of it (vllm issue 33418)."""
    told, known = failure.context_window, facts.context_window
    if told is None or (known is not None and limit is not None and told == known - limit):
        return known
    return told


def plain(request: Request) -> Request:
    """The request as the completions API takes it: system text and prompt as one text, then the suffix."""
    prompt = "\n\n".join(text for _, text in request.messages)
    texts = {"prompt": prompt, "suffix": request.suffix}
    messages = tuple((name, text) for name, text in texts.items() if text is not None)
    return structs.replace(request, messages=messages, suffix=None)


def _asked(request: Request, *, completes: bool) -> dict[str, Any]:
    texts = [(role, wire.text(text)) for role, text in request.messages]
    return (
        dict(texts) if completes else {"messages": [{"role": role, "content": text} for role, text in texts]}
    )


def _is(server: str, facts: Facts) -> bool:
    return facts.server is not None and facts.server.split(" ")[0] == server


def _same(asked: str, answered: str) -> bool:
    """Whether two names may mean one model: ``gpt-4o-2024-08-06``, ``qwen:latest``, ``models/qwen``."""
    one, other = (name.lower().rstrip("/").rpartition("/")[2] for name in (asked, answered))
    return one.startswith(other) or other.startswith(one)

"""Any service that takes JSON by POST: an application, a gateway, a workflow engine.

The endpoint's ``request`` is the body as a ``template``, its ``text`` says where in the answer the text is
(``freeform``)::

    [endpoints.compose]
    kind = "http"
    url = "http://localhost:8080/api/workflows/runs"
    request = { input = { prompt = "{prompt}", temperature = "{temperature}" }, output_only = true }
    text = "text"
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

import httpx
from msgspec import structs

from pytest_llmeval import template, wire
from pytest_llmeval.errors import EndpointError
from pytest_llmeval.measure import exchange, freeform
from pytest_llmeval.measure.budget import AS_MUCH_AS_FITS
from pytest_llmeval.measure.exchange import Channel, Options
from pytest_llmeval.measure.route import is_loopback
from pytest_llmeval.model import Facts

if TYPE_CHECKING:
    from pytest_llmeval.model import Endpoint, Request, Response

    from .protocol import OnRead


class HTTPClient:
    """``protocol.Client`` of a JSON service. ``facts`` are what it is said to be.

    What its requests do is not known: none is sent twice.
    """

    def __init__(self, endpoint: Endpoint, *, facts: Facts | None = None, **options: Unpack[Options]) -> None:
        self.endpoint = endpoint
        self._template = _checked(endpoint)
        self._url = httpx.URL(endpoint.url or "")
        self._channel = Channel(self._url, endpoint.timeouts, safe=False, **options)
        self._assemble = freeform.Reader(endpoint.text)
        self._facts = facts

    async def describe(self) -> Facts:
        """What is configured: a service of this kind has no way to say more. Nothing is sent."""
        return self._facts or Facts(
            kind=self.endpoint.kind,
            model=self.endpoint.model,
            context_window=self.endpoint.context_window,
            here=is_loopback(self._url),
        )

    async def stream(self, request: Request, on_read: OnRead | None = None) -> Response:
        """Send one request. Raises ``UsageError`` for a bad one."""
        exchange.validate(request, self.endpoint.name)
        if request.suffix is not None and "suffix" not in template.placeholders(self._template):
            return exchange.unasked(
                exchange.no_suffix("the endpoint's request has no {suffix}: say where it goes")
            )
        body = template.fill(self._template, values(request, self.endpoint.model))
        response, _ = await self._channel.ask(self._url, body, request, self._assemble, on_read)
        return structs.replace(response, cache="warm" if self.endpoint.cache == "warm" else "unknown")

    async def aclose(self) -> None:
        """Close every connection. Safe to call twice."""
        await self._channel.aclose()


def values(request: Request, model: str | None) -> dict[str, Any]:
    """What the placeholders stand for. ``prompt`` is the last message, ``system`` the system's."""
    messages = [{"role": role, "content": wire.text(text)} for role, text in request.messages]
    system = [message["content"] for message in messages if message["role"] == "system"]
    limit = request.max_tokens
    return {
        "prompt": messages[-1]["content"],
        "suffix": None if request.suffix is None else wire.text(request.suffix),
        "system": "\n\n".join(system) or None,
        "messages": messages,
        "model": model,
        "temperature": request.temperature,
        "max_tokens": None if limit == AS_MUCH_AS_FITS else limit,
        "seed": request.seed,
    }


def _checked(endpoint: Endpoint) -> dict[str, Any]:
    """The template. Raises ``EndpointError`` for an endpoint that can't work."""
    where = endpoint.name or None
    try:
        url = httpx.URL(endpoint.url or "")
    except httpx.InvalidURL as error:
        raise EndpointError(f"its url is none: {error}", where=where) from None
    if url.scheme not in ("http", "https") or not url.host:
        raise EndpointError(
            "an http endpoint needs the url that its requests are posted to",
            where=where,
            hint='like url = "http://localhost:8080/api/workflows/runs"',
        )
    if not template.placeholders(endpoint.request) & {"prompt", "messages"}:
        raise EndpointError(
            "an http endpoint needs a request with the prompt in it",
            where=where,
            hint='like request = { input = { prompt = "{prompt}" } }',
        )
    return endpoint.request or {}

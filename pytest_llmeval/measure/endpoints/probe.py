"""What a server says about itself: which one it is, its models, its context window.

Asked in this order: ``/v1/models`` (``owned_by`` tells vLLM and llama.cpp), then ``/version`` of vLLM,
``/props`` of llama.cpp, ``/api/version`` and ``/api/show`` of Ollama; anything else is a plain
OpenAI-compatible server.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

import httpx
from msgspec import Struct

from pytest_llmeval.errors import EndpointError
from pytest_llmeval.measure import exchange, failures
from pytest_llmeval.measure.route import is_loopback
from pytest_llmeval.measure.tape import Tape
from pytest_llmeval.model import Facts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_llmeval.model import Endpoint

ANSWER_S = 15.0
"""For one answer about models or versions; they take milliseconds."""
LOADING_POLL_S = 0.25


class Base(Struct, frozen=True):
    """Where an OpenAI-compatible API lies: ``api`` with ``/v1`` or another version, ``root`` without."""

    api: httpx.URL
    root: httpx.URL

    def path(self, suffix: str) -> httpx.URL:
        """A URL below the API: ``path("chat/completions")``."""
        return self.api.copy_with(path=f"{self.api.path}/{suffix}")

    def beside(self, suffix: str) -> httpx.URL:
        """A URL beside it: ``beside("version")``."""
        return self.root.copy_with(path=f"{self.root.path.rstrip('/')}/{suffix}")


def base_of(url: str) -> Base:
    """The API behind what a user wrote: with or without ``/v1``, or the whole URL of a route.

    Raises ``EndpointError`` if it is no http(s) URL.
    """
    try:
        parsed = httpx.URL(url.strip())
    except httpx.InvalidURL as error:
        raise EndpointError(f"this is no URL: {error}", where=url, hint=_EXAMPLE) from None
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise EndpointError("this is no http:// or https:// URL", where=url, hint=_EXAMPLE)
    segments = [segment for segment in parsed.path.split("/") if segment]
    for route in (["chat", "completions"], ["completions"], ["models"]):
        if segments[-len(route) :] == route:
            segments = segments[: -len(route)]
            break
    versioned = any(segment[:1] == "v" and segment[1:2].isdigit() for segment in segments)
    api = segments if versioned else [*segments, "v1"]
    root = api[:-1] if api[-1][:1] == "v" and api[-1][1:2].isdigit() else api
    bare = parsed.copy_with(query=None, fragment=None)
    return Base(*(bare.copy_with(path="/" + "/".join(path)) for path in (api, root)))


_EXAMPLE = "write it like http://localhost:8000/v1"


async def describe(
    client: httpx.AsyncClient, base: Base, endpoint: Endpoint, *, connect_s: float = 30.0
) -> Facts:
    """What the endpoint is. A server that is still loading its model is waited for, within ``connect_s``.

    Raises ``EndpointError``: not reachable, refused, no model, or several and none chosen.
    """
    probe = _Probe(client, base, connect_s)
    cards = await probe.models()
    card = _chosen(cards, endpoint, base) if cards is not None else {}
    model = endpoint.model or card.get("id")
    if model is None:
        raise EndpointError(
            "the server has no list of models",
            where=str(base.path("models")),
            hint="name the model with --llm-model=NAME, or `model` in llmeval.toml",
        )
    found = await probe.server(card, model)
    return Facts(
        kind=endpoint.kind,
        server=found.get("server"),
        model=model,
        quantization=found.get("quantization"),
        context_window=endpoint.context_window or found.get("context_window"),
        here=is_loopback(base.api),
    )


def _chosen(cards: Sequence[dict[str, Any]], endpoint: Endpoint, base: Base) -> dict[str, Any]:
    """The card of the endpoint's model: the configured one, or the only one."""
    where = str(base.path("models"))
    if not cards:
        raise EndpointError("the server offers no model", where=where, hint="load a model into it first")
    offered = ", ".join(str(card["id"]) for card in cards)
    if endpoint.model is not None:
        for card in cards:
            aliases = card.get("aliases")
            if endpoint.model == card["id"] or (isinstance(aliases, list) and endpoint.model in aliases):
                return card
        raise EndpointError(
            f"the server does not offer the model {endpoint.model!r}",
            where=where,
            hint=f"it offers: {offered}",
        )
    if len(cards) > 1:
        raise EndpointError(
            f"the server offers {len(cards)} models: {offered}",
            where=where,
            hint="choose one with --llm-model=NAME, or `model` in llmeval.toml",
        )
    return cards[0]


class _Probe:
    def __init__(self, client: httpx.AsyncClient, base: Base, connect_s: float) -> None:
        self._client = client
        self._base = base
        self._connect_s = connect_s

    async def models(self) -> list[dict[str, Any]] | None:
        """The entries of ``/v1/models``; None where the server has no such list."""
        url = self._base.path("models")
        response = await self._get(url)
        if response.status_code in (404, 405, 501):
            return None
        if response.status_code >= 400:
            raise _refused(response, url)
        data = _json(response)
        listed = data.get("data") if isinstance(data, dict) else None
        if not isinstance(listed, list):
            raise EndpointError(
                f"this does not look like an OpenAI-compatible server: {response.text[:80]!r}",
                where=str(url),
                hint="check host, port and path of the URL",
            )
        return [card for card in listed if isinstance(card, dict) and isinstance(card.get("id"), str)]

    async def server(self, card: dict[str, Any], model: str) -> dict[str, Any]:
        """``server``, ``quantization`` and ``context_window``, as far as they can be learned."""
        owner = card.get("owned_by")
        if owner == "vllm":
            version = _text(await self._json(self._base.beside("version")), "version")
            return {"server": _named("vllm", version), "context_window": _number(card, "max_model_len")}
        if owner == "llamacpp":
            props = await self._json(self._base.beside("props"))
            window = _number(props.get("default_generation_settings"), "n_ctx")
            return {
                "server": _named("llama.cpp", _text(props, "build_info")),
                "quantization": _text(card.get("meta"), "ftype") or _text(props, "model_ftype"),
                "context_window": window or _number(card.get("meta"), "n_ctx"),
            }
        if version := _text(await self._json(self._base.beside("api/version")), "version"):
            show = await self._json(self._base.beside("api/show"), {"model": model})
            return {
                "server": _named("ollama", version),
                "quantization": _text(show.get("details"), "quantization_level"),
            }
        return {
            "server": owner if owner == "sglang" else None,
            "context_window": _number(card, "max_model_len"),
        }

    async def _get(self, url: httpx.URL) -> httpx.Response:
        """The answer, once the server has loaded its model or the time for connecting is over."""
        give_up = time.monotonic() + self._connect_s
        while True:
            try:
                response = await self._send(url)
            except httpx.TransportError as error:
                failure = exchange.failure_of(error, url, Tape())
                raise EndpointError(failure.message, where=str(url), hint=_HOW_TO_START) from error
            if response.status_code != 503 or time.monotonic() > give_up:
                return response
            await asyncio.sleep(LOADING_POLL_S)

    async def _json(self, url: httpx.URL, body: dict[str, str] | None = None) -> dict[str, Any]:
        """A JSON object, or an empty one for whatever goes wrong: these are extras."""
        try:
            response = await self._send(url, body)
        except httpx.TransportError:
            return {}
        data = _json(response) if response.status_code == 200 else None
        return data if isinstance(data, dict) else {}

    async def _send(self, url: httpx.URL, body: dict[str, str] | None = None) -> httpx.Response:
        tape = Tape(connect_s=self._connect_s, total_s=max(ANSWER_S, self._connect_s), first_read_s=ANSWER_S)
        return await self._client.request(
            "GET" if body is None else "POST", url, json=body, extensions={"tape": tape}
        )


_HOW_TO_START = "start it, or name another with --llm-endpoint=URL"


def _refused(response: httpx.Response, url: httpx.URL) -> EndpointError:
    failure = failures.of_answer(response.status_code, response.content)
    hint = "look into the server's log"
    if response.status_code in (401, 403):
        hint = "name the key's environment variable as `api_key_env`; for a bare URL set LLMEVAL_API_KEY"
    return EndpointError(f"HTTP {response.status_code}: {failure.message}", where=str(url), hint=hint)


def _json(response: httpx.Response) -> Any:
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError):
        return None


def _named(server: str, version: str | None) -> str:
    return f"{server} {version}" if version else server


def _text(data: Any, name: str) -> str | None:
    value = data.get(name) if isinstance(data, dict) else None
    return value if isinstance(value, str) and value else None


def _number(data: Any, name: str) -> int | None:
    value = data.get(name) if isinstance(data, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None

"""What a server says about itself: which one it is, its models, its context window.

Asked in this order: ``/v1/models`` (``owned_by`` tells vLLM and llama.cpp), then ``/version`` of vLLM,
``/props`` of llama.cpp, ``/api/version`` and ``/api/show`` of Ollama; anything else is a plain
OpenAI-compatible server.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
from msgspec import Struct

from pytest_llmeval.errors import EndpointError
from pytest_llmeval.measure import compression, exchange, failures, foreign
from pytest_llmeval.measure.received import start_of
from pytest_llmeval.measure.route import is_loopback
from pytest_llmeval.measure.tape import Tape
from pytest_llmeval.model import Facts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_llmeval.measure.exchange import Channel
    from pytest_llmeval.model import Endpoint

ANSWER_S = 15.0
"""For one answer about models or versions; they take milliseconds."""
LOADING_POLL_S = 0.25
MOST_LISTED = 30
"""Models that a sentence names."""
_NO_BUILD = "b0-unknown"
"""What llama.cpp says that was built outside its own git checkout, as wheels are."""


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


def url_of(endpoint: Endpoint) -> str:
    """What the user wrote. Raises ``EndpointError`` if that is nothing."""
    if not endpoint.url:
        raise EndpointError("the endpoint has no url", where=endpoint.name or None)
    return endpoint.url


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


async def describe(probe: Probe, endpoint: Endpoint) -> Facts:
    """What the endpoint is. A server that is still loading its model is waited for.

    Raises ``EndpointError``: not reachable, refused, no model, or several and none chosen.
    """
    base = probe.base
    cards = await probe.models()
    card = _chosen(cards, endpoint, base) if cards is not None else {}
    model = endpoint.model or card.get("id")
    if model is None:
        raise EndpointError(
            "the server has no list of models",
            where=str(base.path("models")),
            hint="name the model with --llm-model=NAME, or `model` in llmeval.toml",
        )
    found = await _server(probe, card, model)
    asked, told = endpoint.context_window, found.get("context_window")
    return Facts(
        kind=endpoint.kind,
        server=found.get("server"),
        model=model,
        quantization=found.get("quantization"),
        context_window=(told or asked) if endpoint.kind == "local" else (asked or told),
        here=is_loopback(base.api),
    )


def chosen_name(model: str | None, offered: Sequence[str], where: httpx.URL) -> str:
    """The configured model, if it is offered, else the only one. Raises ``EndpointError`` listing them."""
    listed = ", ".join(name[: foreign.LONGEST_NAME] for name in offered[:MOST_LISTED])
    listed += ", …" if len(offered) > MOST_LISTED else ""
    if not offered:
        raise EndpointError("the server offers no model", where=str(where), hint="load a model into it first")
    if model is not None and model not in offered:
        raise EndpointError(
            f"the server does not offer the model {model!r}", where=str(where), hint=f"it offers: {listed}"
        )
    if model is None and len(offered) > 1:
        raise EndpointError(
            f"the server offers {len(offered)} models: {listed}",
            where=str(where),
            hint="choose one with --llm-model=NAME, or `model` in llmeval.toml",
        )
    return model or offered[0]


def _chosen(cards: Sequence[dict[str, Any]], endpoint: Endpoint, base: Base) -> dict[str, Any]:
    """The card of the endpoint's model, which may be named by an alias."""
    for card in cards:
        aliases = card.get("aliases")
        if isinstance(aliases, list) and endpoint.model in aliases:
            return card
    name = chosen_name(endpoint.model, [card["id"] for card in cards], base.path("models"))
    return next(card for card in cards if card["id"] == name)


async def _server(probe: Probe, card: dict[str, Any], model: str) -> dict[str, Any]:
    """``server``, ``quantization`` and ``context_window``, as far as they can be learned."""
    owner, beside = card.get("owned_by"), probe.base.beside
    if owner == "vllm":
        version = text_of(await probe.optional(beside("version")), "version")
        return {"server": _named("vllm", version), "context_window": count_of(card, "max_model_len")}
    if owner == "llamacpp":
        props = await probe.optional(beside("props"))
        build = text_of(props, "build_info")
        window = count_of(props.get("default_generation_settings"), "n_ctx")
        return {
            "server": _named("llama.cpp", None if build == _NO_BUILD else build),
            "quantization": text_of(card.get("meta"), "ftype") or text_of(props, "model_ftype"),
            "context_window": window or count_of(card.get("meta"), "n_ctx"),
        }
    if version := text_of(await probe.optional(beside("api/version")), "version"):
        show = await probe.optional(beside("api/show"), {"model": model})
        return {
            "server": _named("ollama", version),
            "quantization": text_of(show.get("details"), "quantization_level"),
        }
    return {"server": owner if owner == "sglang" else None, "context_window": count_of(card, "max_model_len")}


class Probe:
    """Questions to one server, each with a short time for its answer.

    ``connect_s`` bounds connecting, and waiting for a model that is still being loaded.
    """

    def __init__(self, channel: Channel, base: Base, connect_s: float) -> None:
        self.base = base
        self._channel = channel
        self._connect_s = connect_s

    async def models(self) -> list[dict[str, Any]] | None:
        """The entries of ``/v1/models`` that have a usable ``id``; None where the server has no such list."""
        url = self.base.path("models")
        response = await self._loaded(url)
        if response.status in (404, 405, 501):
            return None
        data = _checked(response, url)
        listed = data.get("data") if isinstance(data, dict) else None
        if not isinstance(listed, list):
            raise EndpointError(
                f"this does not look like an OpenAI-compatible server: {start_of(response.body)}",
                where=str(url),
                hint="check host, port and path of the URL",
            )
        return [card for card in listed if isinstance(card, dict) and foreign.identifier(card.get("id"))]

    async def required(self, url: httpx.URL, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """A JSON object that there must be. Raises ``EndpointError``."""
        data = _checked(await self._loaded(url, body), url)
        return data if isinstance(data, dict) else {}

    async def optional(self, url: httpx.URL, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """A JSON object, or an empty one for whatever goes wrong."""
        try:
            response = await self._send(url, body)
        except httpx.RequestError:
            return {}
        data = foreign.decoded(response.body) if response.status == 200 else None
        return data if isinstance(data, dict) else {}

    async def _loaded(self, url: httpx.URL, body: dict[str, Any] | None = None) -> _Answer:
        """The answer, once the server has loaded its model or the time for connecting is over."""
        give_up = time.monotonic() + self._connect_s
        while True:
            try:
                response = await self._send(url, body)
            except httpx.RequestError as error:
                failure = exchange.failure_of(error, url, Tape())
                raise EndpointError(failure.message, where=str(url), hint=_HOW_TO_START) from error
            if response.status != 503 or time.monotonic() > give_up:
                return response
            await asyncio.sleep(LOADING_POLL_S)

    async def _send(self, url: httpx.URL, body: dict[str, Any] | None = None) -> _Answer:
        tape = Tape(
            connect_s=self._connect_s,
            total_s=max(ANSWER_S, self._connect_s),
            first_read_s=ANSWER_S,
            max_bytes=foreign.MOST_BYTES,
        )
        await self._channel.send(url, body, tape)
        compression.unpack(tape)
        return _Answer(tape.status, b"".join(data for _, data in tape.reads))


class _Answer(NamedTuple):
    status: int
    body: bytes


_HOW_TO_START = "start it, or name another with --llm-endpoint=URL"


def _checked(response: _Answer, url: httpx.URL) -> Any:
    """The decoded body; ``EndpointError`` for an error status."""
    if response.status < 400:
        return foreign.decoded(response.body)
    failure = failures.of_answer(response.status, response.body)
    hint = "look into the server's log"
    if response.status in (401, 403):
        hint = "name the key's environment variable as `api_key_env`; for a bare URL set LLMEVAL_API_KEY"
    raise EndpointError(f"HTTP {response.status}: {failure.message}", where=str(url), hint=hint)


def _named(server: str, version: str | None) -> str:
    return f"{server} {version}" if version else server


def text_of(data: Any, name: str) -> str | None:
    """A field that is a text and not empty, of what may be anything."""
    return foreign.name(data.get(name)) if isinstance(data, dict) else None


def count_of(data: Any, name: str) -> int | None:
    """A field that is a whole number above 0, of what may be anything."""
    return foreign.count(data.get(name)) or None if isinstance(data, dict) else None

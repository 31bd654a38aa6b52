"""Clients, one implementation a file, looked up by the configuration's ``kind``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_llmeval.errors import EndpointError

if TYPE_CHECKING:
    from pytest_llmeval.measure.exchange import OnTape
    from pytest_llmeval.model import Endpoint, Facts

    from .protocol import Client

Factory = Callable[..., "Client"]
"""``factory(endpoint, api_key=..., facts=...)`` -> ``protocol.Client``. With ``facts`` nothing is probed."""


def connect(
    endpoint: Endpoint,
    *,
    api_key: str | None = None,
    facts: Facts | None = None,
    on_tape: OnTape | None = None,
    kinds: Mapping[str, Factory] | None = None,
) -> Client:
    """A client for the endpoint; nothing is sent yet. ``kinds`` are those that others have registered.

    ``on_tape`` is called with every exchange, by kinds that speak HTTP. Raises ``EndpointError`` for an
    unknown kind, a missing or bad URL, or unusable recordings.
    """
    if kinds and endpoint.kind in kinds:
        return kinds[endpoint.kind](endpoint, api_key=api_key, facts=facts)
    factory = _KINDS.get(endpoint.kind)
    if factory is None:
        known = ", ".join(sorted({*_KINDS, *(kinds or ())}))
        raise EndpointError(
            f"there is no endpoint kind {endpoint.kind!r}",
            where=endpoint.name or None,
            hint=f"known kinds: {known}",
        )
    return factory(endpoint, api_key=api_key, facts=facts, on_tape=on_tape)


def _openai(endpoint: Endpoint, **options: Any) -> Client:
    from .openai import OpenAIClient

    return OpenAIClient(endpoint, **options)


def _replay(endpoint: Endpoint, *, facts: Facts | None = None, **options: Any) -> Client:
    from msgspec import structs

    from pytest_llmeval.measure import recording

    from . import replay
    from .openai import OpenAIClient

    if not endpoint.path:
        raise EndpointError(
            "a replay endpoint needs the folder of its recordings", where=endpoint.name or None
        )
    recordings = recording.load(Path(endpoint.path))
    return OpenAIClient(
        structs.replace(endpoint, url=replay.URL, api="completions" if recordings.completes else "chat"),
        facts=facts or replay.facts(recordings),
        transport=replay.ReplayTransport(recordings),
        **options,
    )


def _function(endpoint: Endpoint, **options: Any) -> Client:
    from .function import FunctionClient

    return FunctionClient(endpoint, **options)


def _http(endpoint: Endpoint, **options: Any) -> Client:
    from .http import HTTPClient

    return HTTPClient(endpoint, **options)


def _ollama(endpoint: Endpoint, **options: Any) -> Client:
    from .ollama import OllamaClient

    return OllamaClient(endpoint, **options)


_KINDS: dict[str, Factory] = {
    "function": _function,
    "http": _http,
    "ollama": _ollama,
    "openai": _openai,
    "local": _openai,  # whoever started its server filled in the URL
    "replay": _replay,
}

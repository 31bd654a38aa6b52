"""Which sources an endpoint has, and why it lacks the others."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from msgspec import Struct

from . import nvml, process, prometheus
from .gpu import Dcgm
from .ollama import Ollama
from .page import Page
from .protocol import Source
from .sampler import Sampler

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_llmeval.model import Endpoint, Facts

OWN_KINDS = ("replay", "function")
"""Kinds without a server: there is nothing beside the stream to look at."""
_KNOWN = {"vllm": "vllm", "llama.cpp": "llama.cpp", "xllamacpp": "llama.cpp", "sglang": "sglang"}


class Choice(Struct, frozen=True):
    """``absent``: source -> one line why it is not there."""

    sources: tuple[Source, ...] = ()
    absent: dict[str, str] = {}

    def sampler(self) -> Sampler | None:
        """Ready to be started; None where there is nothing to sample."""
        return Sampler(self.sources, self.absent) if self.sources else None


def sources(
    endpoint: Endpoint,
    facts: Facts,
    *,
    api_key: str | None = None,
    group: int | None = None,
    environment: Mapping[str, str] | None = None,
) -> Choice:
    """The sources of an endpoint that answered. Nothing is asked yet.

    ``endpoint.url`` is where it answers. ``group``: the process group of a server of ours, ``environment``
    what it was started with.
    """
    if facts.kind in OWN_KINDS:
        return Choice()
    chosen: list[Source] = [process.Client()]
    absent: dict[str, str] = {}
    for name, found in (
        ("server", _server(endpoint, facts, api_key)),
        ("gpu", _gpu(endpoint, facts, environment or {})),
        ("process", process.Group(group) if group is not None else "not a server that this run started"),
    ):
        if isinstance(found, str):
            absent[name] = found
        else:
            chosen.append(found)
    return Choice(tuple(chosen), absent)


def _server(endpoint: Endpoint, facts: Facts, api_key: str | None) -> Source | str:
    server = (facts.server or "").partition(" ")[0].lower()
    rules = prometheus.RULES.get(_KNOWN.get(server, ""))
    if endpoint.metrics is not None:
        every = tuple(rule for family in prometheus.RULES.values() for rule in family)
        own = endpoint.url is not None and _origin(endpoint.metrics) == _origin(endpoint.url)
        return prometheus.Prometheus(Page(endpoint.metrics, api_key=api_key if own else None), rules or every)
    if endpoint.url is None:
        return "this endpoint has no URL"
    if server == "ollama":
        return Ollama(Page(f"{_origin(endpoint.url)}/api/ps", api_key=api_key), facts.model)
    if rules is not None:
        return prometheus.Prometheus(Page(f"{_origin(endpoint.url)}/metrics", api_key=api_key), rules)
    return f'{facts.server or "this server"} tells no metrics that we know; metrics = "URL" names a page'


def _gpu(endpoint: Endpoint, facts: Facts, environment: Mapping[str, str]) -> Source | str:
    if endpoint.gpu_metrics is not None:
        return Dcgm(Page(endpoint.gpu_metrics))
    if facts.here:
        devices = nvml.visible(environment.get("CUDA_VISIBLE_DEVICES"))
        return "CUDA_VISIBLE_DEVICES hides every GPU from the server" if devices == () else nvml.Nvml(devices)
    return 'the server runs elsewhere; gpu_metrics = "http://HOST:9400/metrics" names its DCGM exporter'


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, "", "", ""))

"""Which sources an endpoint gets, and the line for each that it does not."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_llmeval.measure.telemetry.choose import sources
from pytest_llmeval.measure.telemetry.gpu import Dcgm
from pytest_llmeval.measure.telemetry.nvml import Nvml
from pytest_llmeval.measure.telemetry.ollama import Ollama
from pytest_llmeval.measure.telemetry.process import Client, Group
from pytest_llmeval.measure.telemetry.prometheus import Prometheus
from pytest_llmeval.model import Endpoint, Facts


def kinds(**facts: Any) -> dict[str, Any]:
    choice = sources(Endpoint(name="a", url="http://h:1/v1"), Facts(kind="openai", **facts))
    return {type(source).__name__: source for source in choice.sources} | choice.absent


@pytest.mark.parametrize(
    ("server", "kind"),
    [
        ("vllm 0.32.0", Prometheus),
        ("llama.cpp b11434", Prometheus),
        ("xllamacpp 2026.10 (1 thread)", Prometheus),
        ("sglang 0.5", Prometheus),
        ("ollama 0.9", Ollama),
    ],
)
def test_servers_that_we_know(server: str, kind: type) -> None:
    choice = sources(Endpoint(url="http://h:1/v1"), Facts(kind="openai", server=server, here=True), group=7)
    assert [type(source) for source in choice.sources] == [Client, kind, Nvml, Group]
    assert choice.absent == {}


def test_a_server_elsewhere_that_we_do_not_know() -> None:
    choice = sources(Endpoint(url="https://api.example.com/v1"), Facts(kind="openai"))
    assert [type(source) for source in choice.sources] == [Client]
    assert set(choice.absent) == {"server", "gpu", "process"}
    assert "metrics = " in choice.absent["server"]
    assert "gpu_metrics = " in choice.absent["gpu"]


def test_exporters_by_url() -> None:
    endpoint = Endpoint(
        url="http://h:1/v1", metrics="http://h:1/metrics", gpu_metrics="http://other:9400/metrics"
    )
    choice = sources(endpoint, Facts(kind="openai", here=True))
    assert [type(source) for source in choice.sources] == [Client, Prometheus, Dcgm]


@pytest.mark.parametrize("kind", ["replay", "function"])
def test_nothing_beside_a_stream_without_a_server(kind: str) -> None:
    choice = sources(Endpoint(kind=kind), Facts(kind=kind))
    assert choice.sources == ()
    assert choice.sampler() is None


PAGE = b"vllm:num_requests_running 1\nllamacpp:requests_deferred 2\n"


@pytest.mark.parametrize(
    ("url", "server", "metrics", "path", "has_key"),
    [
        ("{own}/v1", "vllm 0.32.0", None, "/metrics", True),
        ("{own}", "llama.cpp b1", None, "/metrics", True),
        ("{own}/v1", None, "{own}/own/page", "/own/page", True),
        ("http://elsewhere:1/v1", None, "{own}/page", "/page", False),
    ],
)
def test_the_key_goes_to_the_endpoint_only(
    pages, url: str, server: str | None, metrics: str | None, path: str, has_key: bool
) -> None:
    pages.respond = lambda path: (200, PAGE)
    endpoint = Endpoint(url=url.format(own=pages.url), metrics=metrics and metrics.format(own=pages.url))
    choice = sources(endpoint, Facts(kind="openai", server=server), api_key="secret")
    sampler = choice.sampler()
    assert sampler is not None
    sampler.start()
    seen = sampler.stop()
    sampler.close()
    assert {asked.partition("?")[0] for asked in pages.paths} == {path}
    assert all(("authorization" in headers) == has_key for headers in pages.headers)
    assert {"requests_running", "requests_waiting"} & set(seen.peak)
    assert "server" not in seen.absent


def test_the_gpus_that_a_server_was_given(gpus) -> None:
    gpus(4)
    choice = sources(
        Endpoint(url="http://127.0.0.1:1"),
        Facts(kind="openai", here=True),
        environment={"CUDA_VISIBLE_DEVICES": "3"},
    )
    (source,) = [source for source in choice.sources if source.name == "gpu"]
    assert source.read()()["gpu_memory_used_bytes"] == 4e9
    source.close()


def test_a_server_that_sees_no_gpu(gpus) -> None:
    gpus(4)
    choice = sources(
        Endpoint(url="http://127.0.0.1:1"),
        Facts(kind="openai", here=True),
        environment={"CUDA_VISIBLE_DEVICES": "-1"},
    )
    assert [source.name for source in choice.sources] == ["client"]
    assert choice.absent["gpu"] == "CUDA_VISIBLE_DEVICES hides every GPU from the server"

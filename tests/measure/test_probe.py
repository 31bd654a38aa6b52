"""What servers say about themselves: URLs, models, versions, windows, from real transcripts."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import aclosing
from typing import Any

import httpx
import mock_server
import pytest

from pytest_llmeval.errors import EndpointError
from pytest_llmeval.measure.endpoints import probe
from pytest_llmeval.measure.exchange import Channel
from pytest_llmeval.model import Endpoint, Facts

Routes = dict[str, tuple[int, Any]]


def describe(routes: Routes, **endpoint: Any) -> Facts:
    """Probe a server that knows these paths (status, JSON or bytes) and nothing else."""

    def answer(request: httpx.Request) -> httpx.Response:
        status, body = routes.get(request.url.path, (404, {"detail": "Not Found"}))
        return httpx.Response(status, content=body if isinstance(body, bytes) else json.dumps(body).encode())

    async def main() -> Facts:
        url = endpoint.pop("url", "http://127.0.0.1:8000")
        base, named = probe.base_of(url), Endpoint(name="x", url=url, **endpoint)
        channel = Channel(base.api, transport=httpx.MockTransport(answer))
        return await probe.describe(probe.Probe(channel, base, 1), named)

    return asyncio.run(main())


def models(*ids: str, **card: Any) -> Routes:
    return {"/v1/models": (200, {"object": "list", "data": [{"id": name, **card} for name in ids]})}


# -- URLs --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "api", "root"),
    [
        ("http://host:8000", "http://host:8000/v1", "http://host:8000/"),
        ("http://host:8000/", "http://host:8000/v1", "http://host:8000/"),
        ("http://host:8000/v1", "http://host:8000/v1", "http://host:8000/"),
        (" http://host:8000/v1/ ", "http://host:8000/v1", "http://host:8000/"),
        ("http://host/v1/chat/completions", "http://host/v1", "http://host/"),
        ("http://host/v1/models", "http://host/v1", "http://host/"),
        ("https://host/llm", "https://host/llm/v1", "https://host/llm"),
        (
            "https://api.groq.invalid/openai/v1",
            "https://api.groq.invalid/openai/v1",
            "https://api.groq.invalid/openai",
        ),
        ("https://host/api/paas/v4", "https://host/api/paas/v4", "https://host/api/paas"),
        ("https://host/v1beta/openai/", "https://host/v1beta/openai", "https://host/v1beta/openai"),
        ("http://[::1]:8000/v1?x=y#z", "http://[::1]:8000/v1", "http://[::1]:8000/"),
    ],
)
def test_what_a_user_writes_leads_to_the_api(url: str, api: str, root: str) -> None:
    base = probe.base_of(url)
    assert (str(base.api), str(base.root)) == (api, root)
    assert str(base.path("chat/completions")) == f"{api}/chat/completions"
    assert str(base.beside("version")) == f"{root.rstrip('/')}/version"


@pytest.mark.parametrize(
    "url", ["", "localhost:8000", "ftp://host", "http://", "http://host:port", "unix:/run/x"]
)
def test_what_is_no_url_is_said_to_be_none(url: str) -> None:
    with pytest.raises(EndpointError, match="http://localhost:8000/v1"):
        probe.base_of(url)


# -- real servers ------------------------------------------------------------------------------------------


def real(transcript: Any, server: str) -> Routes:
    cases = {"/v1/models": "01_models", "/version": "03_version", "/props": "05_props"}
    answers = {path: transcript(f"{server}/{case}") for path, case in cases.items()}
    return {path: (answer.status, answer.body) for path, answer in answers.items()}


def test_vllm(transcript: Any) -> None:
    assert describe(real(transcript, "vllm")) == Facts(
        kind="openai",
        server="vllm 0.32.0",
        model="qwen2.5-coder-0.5b-instruct",
        context_window=2048,
        here=True,
    )


def test_llama_cpp(transcript: Any) -> None:
    facts = describe(real(transcript, "llama.cpp"), url="http://gpu.invalid:8080/v1")
    assert (facts.model, facts.context_window, facts.here) == ("qwen2.5-coder-0.5b-instruct", 2048, False)
    assert facts.quantization == "Q4_K - Medium"
    assert facts.server is not None
    assert facts.server.startswith("llama.cpp")


def test_a_llama_cpp_that_knows_no_build_of_its_own() -> None:
    """Wheels are built outside its git checkout, and say ``b0-unknown``."""
    routes = models("qwen", owned_by="llamacpp")
    for build, server in (("b11434-5a2f", "llama.cpp b11434-5a2f"), ("b0-unknown", "llama.cpp")):
        assert describe(routes | {"/props": (200, {"build_info": build})}).server == server


def test_ollama() -> None:
    routes = models("qwen:7b", owned_by="library")
    routes["/api/version"] = (200, {"version": "0.12.1"})
    routes["/api/show"] = (200, {"details": {"quantization_level": "Q4_K_M"}})
    facts = describe(routes)
    assert (facts.server, facts.quantization, facts.context_window) == ("ollama 0.12.1", "Q4_K_M", None)


def test_anything_else_is_plain() -> None:
    assert describe(models("gpt-x", owned_by="system"), url="https://api.invalid") == Facts(
        kind="openai", model="gpt-x"
    )
    assert describe(models("m", owned_by="sglang", max_model_len=9)).context_window == 9


def test_a_configured_window_is_believed_first() -> None:
    assert describe(models("m", owned_by="vllm", max_model_len=9), context_window=7).context_window == 7


def test_an_engine_of_ours_is_started_with_it_and_says_what_the_model_took(transcript: Any) -> None:
    facts = describe(
        real(transcript, "llama.cpp"), url="http://127.0.0.1:8080/v1", kind="local", context_window=65536
    )
    assert facts.context_window == 2048


# -- choosing a model --------------------------------------------------------------------------------------


def test_a_configured_model_must_be_offered() -> None:
    assert describe(models("a", "b"), model="b").model == "b"
    assert describe(models("a", aliases=["c"]), model="c").model == "c"
    with pytest.raises(EndpointError, match=r"does not offer the model 'z'[^$]*it offers: a, b"):
        describe(models("a", "b"), model="z")


def test_several_models_ask_for_a_choice() -> None:
    with pytest.raises(EndpointError, match=r"offers 2 models: a, b[^$]*--llm-model=NAME"):
        describe(models("a", "b"))


def test_no_model_at_all() -> None:
    with pytest.raises(EndpointError, match="offers no model"):
        describe(models())


@pytest.mark.parametrize("name", ["", "\ud83d", "m" * 1001, 5, None, ["m"]])
def test_what_cannot_be_sent_back_is_no_model(name: Any) -> None:
    assert describe({"/v1/models": (200, {"data": [{"id": name}, {"id": "m" * 1000}]})}).model == "m" * 1000


def test_a_server_without_a_list_needs_a_configured_model() -> None:
    assert describe({}, model="m").model == "m"
    with pytest.raises(EndpointError, match="no list of models"):
        describe({})


# -- going wrong -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (401, {"error": {"message": "no key"}}, r"HTTP 401: no key[^$]*api_key_env"),
        (500, b"<h1>Oops</h1>", r"HTTP 500: Oops[^$]*server's log"),
        (200, b"<html>Log in</html>", "does not look like an OpenAI-compatible server"),
        (200, {"data": "x"}, "does not look like an OpenAI-compatible server"),
        (200, b"[1]", "does not look like an OpenAI-compatible server"),
    ],
)
def test_refusals_say_what_to_do(status: int, body: Any, said: str) -> None:
    with pytest.raises(EndpointError, match=said):
        describe({"/v1/models": (status, body)})


@pytest.mark.parametrize("junk", [None, [], {}, "x", -5, {"version": 5, "meta": [], "max_model_len": "many"}])
def test_junk_in_the_extras_is_left_out(junk: Any) -> None:
    for owner in ("vllm", "llamacpp", "library"):
        routes = models("m", owned_by=owner, meta=junk, max_model_len=junk, aliases=junk)
        for path in ("/version", "/props", "/api/version", "/api/show"):
            routes[path] = (200, junk)
        facts = describe(routes)
        assert (facts.model, facts.context_window, facts.quantization) == ("m", None, None)


def test_a_model_that_is_still_loading_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "LOADING_POLL_S", 0.02)

    async def main(url: str, connect_s: float) -> Facts:
        base = probe.base_of(url)
        async with aclosing(Channel(base.api)) as channel:
            return await probe.describe(probe.Probe(channel, base, connect_s), Endpoint(url=url))

    with mock_server.running(loading_s=1.0) as url:
        mock_server.control(url, reset=True, loading_s=60.0)
        with pytest.raises(EndpointError, match="HTTP 503: Loading model"):
            asyncio.run(main(url, 0.1))
        mock_server.control(url, reset=True)
        begin = time.monotonic()
        assert asyncio.run(main(url, 10)).model == "mock"
        assert time.monotonic() - begin > 0.8
